"""Proof for all sizes: the shape rules compared with what torch's own code derives on symbols."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from mhadoc.language import Each, ModuleSpec, Rule
from mhadoc.language.printing import condition_text
from mhadoc.proof.refute import refutation
from mhadoc.proof.report import Refutation
from mhadoc.proof.symbolic.deduce import LEAST
from mhadoc.proof.symbolic.derive import unsupported
from mhadoc.proof.symbolic.ledger import Entry, Finding, Ledger
from mhadoc.proof.symbolic.plan import Plan

__all__ = ["AllSizes", "Proof", "prove_all_sizes"]


@dataclass(frozen=True)
class Proof:
    """How one rule was proved for all sizes, or the reason why it was not.

    ``symbols`` are the sizes for all of which it holds, from ``AllSizes.least`` on, and
    ``numbers`` those that torch's code turns into a number, with the numbers that were tried.
    ``configurations`` counts the choices it was proved for, ``edges`` the cases it held in with
    some sizes 0 or 1, and ``empty`` tells of one it did not hold in, with a size of 0, where there
    is any. ``only_where`` names conditions on sizes on whose other side torch's code
    was not run on symbols, each with the number of configurations that it limits.
    """

    symbols: tuple[str, ...] = ()
    configurations: int = 0
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    edges: int = 0
    empty: str = ""
    only_where: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""

    @property
    def proved(self) -> bool:
        """Tell whether the rule was proved for all sizes."""
        return not self.reason

    @property
    def text(self) -> str:
        """Return the symbols for all of which the rule holds, and what limits that."""
        tried = (f"{name} {', '.join(map(str, n))}" for name, n in self.numbers.items())
        all_of = f"of {self.configurations} configurations"
        limits = (
            f"only where {condition} in {n} {all_of}" for condition, n in self.only_where.items()
        )
        return "; ".join((", ".join(self.symbols), *tried, *limits))


@dataclass(frozen=True)
class AllSizes:
    """What was proved of a spec for all sizes, on which torch.

    A symbolic size stands for every number from ``least`` on; smaller ones are tried as numbers.
    ``missing`` are conditions that torch's code puts on sizes and no rule states. Where torch has
    no symbolic sizes ``supported`` is false, ``reason`` says why, and the cases remain.
    """

    torch_version: str
    supported: bool
    proofs: Mapping[str, Proof]
    reason: str = ""
    refutations: tuple[Refutation, ...] = ()
    missing: tuple[Refutation, ...] = ()
    configurations: int = 0
    edges: int = 0
    least: int = LEAST
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Tell whether nothing was refuted and no condition on sizes is missing."""
        return not self.refutations and not self.missing

    @property
    def texts(self) -> dict[str, str]:
        """Return for each rule that was proved, by address, the symbols for all of which."""
        return {address: proof.text for address, proof in self.proofs.items() if proof.proved}


def prove_all_sizes(
    spec: ModuleSpec,
    *,
    subject: Callable[..., Any] | None = None,
    exhaustive: bool = False,
    known: Collection[str] = (),
) -> AllSizes:
    """Compare every shape rule of a spec with what torch derives when sizes are symbols.

    By default in a selection of configurations in which each rule meets every value of the
    symbols it speaks of; with ``exhaustive`` in all that the rules tell apart. ``subject`` is
    another class that claims to be a drop-in for the spec's. ``known`` are addresses of rules
    that are refuted already: of those no refutation is made again.
    """
    begun = time.perf_counter()
    if reason := unsupported() or _left_out(spec):
        proofs = {spec.address(rule): Proof(reason=reason) for rule in spec.rules}
        return AllSizes(torch.__version__, supported=False, proofs=proofs, reason=reason)
    plan = Plan(spec, exhaustive)
    ledger = Ledger(plan, subject)
    for case in plan.cases():
        ledger.enter(case)
    ledger.close()
    return AllSizes(
        torch.__version__,
        supported=True,
        proofs={spec.address(rule): _proof(ledger, rule) for rule in spec.rules},
        refutations=tuple(_refutations(ledger, known)),
        missing=tuple(_missing(ledger)),
        configurations=ledger.configurations,
        edges=ledger.edges,
        seconds=time.perf_counter() - begun,
    )


def _left_out(spec: ModuleSpec) -> str:
    """Return why a spec is not run on symbols, or an empty text."""
    if any(isinstance(axis, Each) for rule in spec.rules for axis in rule.shape or ()):
        return "a shape is an argument"
    names = dict.fromkeys(child.spec.name for child in spec.children if child.spec)
    return f"its parameters are those of {', '.join(names)}" if names else ""


def _proof(ledger: Ledger, rule: Rule) -> Proof:
    entry = ledger.entries[ledger.spec.address(rule)]
    return Proof(
        symbols=_symbols(ledger, entry),
        configurations=entry.configurations,
        numbers={name: tuple(sorted(tried)) for name, tried in sorted(entry.numbers.items())},
        edges=entry.edges,
        empty="" if entry.empty is None else _told(entry.empty),
        only_where={condition_text(fact.condition): n for fact, n in entry.limits.items()},
        reason=_reason(ledger, rule, entry),
    )


def _told(found: Finding) -> str:
    """Return a finding in one line: the choices and sizes it needs, and what came."""
    cases = found.bench.spec.cases
    plain, chosen = cases.labels(cases.plainest()), cases.labels(found.case)
    choices = [f"{axis}={label}" for axis, label in chosen.items() if label != plain[axis]]
    sizes = [f"{name}={size}" for name, size in cases.numbers.items() if size == 0]
    return f"{', '.join((*sizes, *choices))}: {found.mismatch.observed}"


def _symbols(ledger: Ledger, entry: Entry) -> tuple[str, ...]:
    """Return the sizes that stayed symbols, and those that these settle, in the spec's order."""
    free = entry.symbols - entry.numbers.keys()
    for name, size in ledger.spec.cases.sizes.items():
        if not isinstance(size, int) and {symbol.name for symbol in size.free_symbols} <= free:
            free = free | {name}
    return tuple(symbol.name for symbol in ledger.spec.symbols if symbol.name in free)


def _reason(ledger: Ledger, rule: Rule, entry: Entry) -> str:
    if entry.wrong is not None:
        return "refuted"
    if entry.reason or entry.configurations:
        return entry.reason
    return "it states no size" if rule.shape is None else "no configuration speaks of it"


def _refutations(ledger: Ledger, known: Collection[str]) -> Iterator[Refutation]:
    for address, entry in ledger.entries.items():
        found = entry.wrong
        if found is not None and address not in known:
            yield refutation(
                found.bench, address, found.case, found.mismatch, shrink=found.confirmed
            )


def _missing(ledger: Ledger) -> Iterator[Refutation]:
    for statement, found in ledger.missing.items():
        cases = ledger.spec.cases
        plain, chosen = cases.labels(cases.plainest()), cases.labels(found.case)
        yield Refutation(
            statement=statement.partition(" ")[0],
            sentence="every condition that torch's code puts on sizes is stated",
            case={axis: label for axis, label in chosen.items() if label != plain[axis]},
            sizes=found.bench.spec.cases.numbers,
            expected=found.mismatch.expected,
            observed=found.mismatch.observed,
        )
