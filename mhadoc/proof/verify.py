"""Verification: every rule and claim of a spec against the real module, case by case."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

import torch

from mhadoc.catalog import spec, specs
from mhadoc.language import Argument, Case, Claim, Input, Mismatch, Parameter
from mhadoc.language.compiled import truth
from mhadoc.proof.checks import (
    check_call,
    check_case,
    check_class,
    check_mistake,
    check_requirement,
    speaks_of,
    unexpected_state,
)
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench, Observation
from mhadoc.proof.report import Refutation, Report

__all__ = ["Tally", "verify"]


@dataclass
class Tally:
    """What has been found so far: in how many cases each statement held, and where not."""

    held: Counter[str] = field(default_factory=Counter)
    refuted: dict[str, tuple[Case, Mismatch]] = field(default_factory=dict)
    cases: int = 0

    def note(self, statement: str, case: Case, mismatch: Mismatch | None) -> None:
        """Count a check that held; of those that did not, keep the smallest case."""
        if mismatch is None:
            self.held[statement] += 1
        elif statement not in self.refuted or _size(case) < _size(self.refuted[statement][0]):
            self.refuted[statement] = (case, mismatch)

    def add(self, other: Tally) -> None:
        """Take in what another tally found."""
        self.held += other.held
        self.cases += other.cases
        for statement, (case, mismatch) in other.refuted.items():
            self.note(statement, case, mismatch)


def _size(case: Case) -> tuple[int, Case]:
    return case.distance, case


def verify(
    target: object = None,
    *,
    subject: object = None,
    exhaustive: bool = False,
    device: str = "cpu",
    executor: Executor | None = None,
) -> Report:
    """Check every rule and claim of one spec, or of all, against the installed torch.

    ``target`` is a name, a spec, or None for all; ``subject`` another class that claims to be a
    drop-in for the target. The cases are a covering set, or all of them with ``exhaustive``.
    Raises UnknownNameError for a target that has no spec.
    """
    begun = time.perf_counter()
    targets = [spec(target)] if target is not None else [spec(name) for name in specs()]
    total, refutations = Tally(), []
    for found in targets:
        bench = Bench(found, subject, device)  # type: ignore[arg-type]
        tally = look(bench, covering(found))
        total.add(tally)
        refutations += [_refutation(bench, name, *why) for name, why in tally.refuted.items()]
    return Report(
        torch_version=torch.__version__,
        device=device,
        rules=sum(len(found.rules) for found in targets),
        claims=sum(len(found.claims) for found in targets),
        cases=total.cases,
        refutations=tuple(refutations),
        seconds=time.perf_counter() - begun,
        held=dict(total.held),
    )


def look(bench: Bench, plan: Mapping[Case, tuple[Claim, ...]]) -> Tally:
    """Check the class itself once, and then each case."""
    tally = Tally()
    _look_at_class(bench, tally)
    for case, claims in plan.items():
        tally.cases += 1
        _look_at_case(bench.observe(case), claims, tally)
    return tally


def _look_at_class(bench: Bench, tally: Tally) -> None:
    found, plainest = bench.spec, bench.spec.cases.plainest()
    for rule in found.rules:
        if isinstance(rule, Argument | Input | Parameter):
            tally.note(found.address(rule), plainest, check_class(rule, bench))
    for requirement in found.requirements:
        if requirement.example is not None:
            mismatch = check_requirement(requirement, bench)
            tally.note(found.address(requirement), plainest, mismatch)


def _look_at_case(seen: Observation, claims: tuple[Claim, ...], tally: Tally) -> None:
    found = seen.bench.spec
    tally.note(f"{found.name}.state_dict", seen.case, unexpected_state(seen))
    for requirement in found.call_requirements:
        check = check_call if requirement.breaks is None else check_mistake
        if truth(requirement.when, seen.values):
            tally.note(found.address(requirement), seen.case, check(requirement, seen))
    for rule in found.rules:
        if speaks_of(rule, seen):
            tally.note(found.address(rule), seen.case, check_case(rule, seen))
    for claim in claims:
        tally.note(claim.id, seen.case, claim.check(seen))


def _refutation(bench: Bench, statement: str, case: Case, mismatch: Mismatch) -> Refutation:
    cases = bench.spec.cases
    plain, chosen = cases.labels(cases.plainest()), cases.labels(case)
    return Refutation(
        statement=statement,
        sentence=bench.spec.sentence(statement),
        case={axis: label for axis, label in chosen.items() if label != plain[axis]},
        expected=mismatch.expected,
        observed=mismatch.observed,
    )
