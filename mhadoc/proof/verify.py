"""Verification: every rule and claim of a spec against the real module, case by case."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace

import torch

from mhadoc.catalog import spec, specs_in, specs_of
from mhadoc.errors import SubjectError
from mhadoc.language import Mismatch, ModuleSpec, Parameter, Requirement
from mhadoc.proof.cache import is_ours
from mhadoc.proof.covering import covering
from mhadoc.proof.ledgers import Statement
from mhadoc.proof.look import look, look_at_examples
from mhadoc.proof.nearest import beside
from mhadoc.proof.observe import Bench, as_started, usable
from mhadoc.proof.refute import refutation
from mhadoc.proof.report import Refutation, Report
from mhadoc.proof.sound import demand_soundness
from mhadoc.proof.subjects import drop_in
from mhadoc.proof.sweep import Progress, exhaust, silent
from mhadoc.proof.symbolic import prove_all_sizes
from mhadoc.proof.tally import Tally
from mhadoc.proof.twins import surviving_claims

__all__ = ["verify"]


@as_started()
def verify(
    target: object = None,
    *,
    subject: object = None,
    exhaustive: bool = False,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: Progress = silent,
    fresh: bool = False,
) -> Report:
    """Check every rule and claim of one spec, or of all, against the installed torch.

    ``target`` is a name, a spec, ``"package.module:SPEC"``, ``"package.module"`` for all specs in
    it, or None for all of torch's; ``subject`` another class that claims to be a drop-in for the
    target, or its path ``"package.module:Class"``. The cases are a covering set,
    or all of them with ``exhaustive``: then in the processes of the ``executor``, if there is one,
    and from where an earlier run was cut off, unless it is to begin ``fresh``; ``progress`` is told
    how many cases of how many are done. ``device`` is torch's name of one.
    Raises UnknownNameError for a target that has no spec, SpecError for a spec that contradicts
    itself, SubjectError for a subject that can be no drop-in for the target, and DeviceError for a
    device that cannot be used.
    """
    begun = time.perf_counter()
    if subject is not None and target is None:
        raise SubjectError("a subject needs a target: what it claims to be a drop-in for")
    targets = _targets(target)
    other = drop_in(subject, targets)
    total, refutations = Tally(), list[Refutation]()
    all_sizes: dict[str, str] = {}
    for found in targets:
        demand_soundness(found)
        bench = Bench(found, other, usable(device))
        if exhaustive:
            tally = exhaust(bench, executor=executor, fresh=fresh, progress=progress)
        else:
            tally = look(bench, covering(found))
        refuted, proved = _settled(bench, tally)
        total.add(tally)
        refutations += refuted
        all_sizes.update(proved)
    report = _report(targets, total, device, begun)
    report = replace(report, refutations=tuple(refutations), all_sizes=all_sizes)
    return report if other is not None else beside(report, targets)


def _targets(target: object) -> tuple[ModuleSpec, ...]:
    if target is None:
        return specs_of()
    return specs_in(target) if isinstance(target, str) else (spec(target),)


def _report(targets: Sequence[ModuleSpec], total: Tally, device: str, begun: float) -> Report:
    """Return what was looked at, and when; what came out is still missing."""
    return Report(
        torch_version=torch.__version__,
        device=device,
        rules=sum(len(found.rules) for found in targets),
        claims=sum(len(found.claims) for found in targets),
        cases=total.cases,
        seconds=time.perf_counter() - begun,
        held=dict(total.held),
    )


def _settled(bench: Bench, tally: Tally) -> tuple[list[Refutation], Mapping[str, str]]:
    """Add examples and sizes to what the cases showed: all refutations, and what is proved."""
    alone = bench.subject is None
    if alone:
        look_at_examples(bench.spec, tally)
    refuted = [refutation(bench, name, *why) for name, why in tally.refuted.items()]
    refuted += _doubtful(bench, tally) if alone else ()
    sizes = prove_all_sizes(bench.spec, subject=bench.subject, known=tally.refuted)
    return [*refuted, *sizes.refutations, *(sizes.missing if alone else ())], sizes.texts


def _doubtful(bench: Bench, tally: Tally) -> Iterator[Refutation]:
    """Iterate over what is not known to hold: no case tried it, or its check cannot fail."""
    spec, plainest = bench.spec, bench.spec.cases.plainest()
    doubts = {}
    for stated in spec.statements:
        if not _tried(spec, stated, tally.held):
            never = Mismatch("a case in which this can be tried", "no case meets its `when`")
            doubts[spec.address(stated)] = never
    if not is_ours(spec):  # of ours, tests try all twins
        for claim, twin in surviving_claims(spec):
            passes = Mismatch("a check that refutes its false twin", f"it passes: {twin}")
            doubts.setdefault(claim, passes)
    for address, doubt in doubts.items():
        if address not in tally.refuted:
            yield refutation(bench, address, plainest, doubt, shrink=False)


def _tried(spec: ModuleSpec, stated: Statement, held: Mapping[str, int]) -> bool:
    """Tell whether a statement was tried, or is one that is only told."""
    if isinstance(stated, Parameter):  # that it is missing where it should be, holds anywhere
        return bool(spec.cases.where(stated.when))
    if isinstance(stated, Requirement) and stated.example is None and stated.breaks is None:
        return True
    return spec.address(stated) in held
