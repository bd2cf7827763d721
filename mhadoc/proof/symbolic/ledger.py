"""The ledger: what is known of each rule so far, configuration by configuration."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from mhadoc.language import Case, Mismatch, Rule
from mhadoc.language.compiled import truth
from mhadoc.language.printing import condition_text
from mhadoc.proof.checks import check_case
from mhadoc.proof.observe import RAISED, Bench
from mhadoc.proof.symbolic.configuration import PARTS, Configuration, Fact, part_of
from mhadoc.proof.symbolic.deduce import at, witness
from mhadoc.proof.symbolic.derive import derive
from mhadoc.proof.symbolic.plan import Plan, sized, speaks

__all__ = ["Entry", "Finding", "Ledger"]

#: With sizes of a larger product no tensors are made to confirm what was derived.
_LARGE = 10**7


@dataclass(frozen=True)
class Finding:
    """Something that does not hold: where, what was expected, and what came.

    ``confirmed`` says that it was seen on real tensors, not on symbols alone.
    """

    bench: Bench
    case: Case
    mismatch: Mismatch
    confirmed: bool = True


@dataclass
class Entry:
    """What is known of one rule: where it was proved, and where not."""

    configurations: int = 0
    edges: int = 0
    symbols: set[str] = field(default_factory=set)
    numbers: dict[str, set[int]] = field(default_factory=dict)
    limits: Counter[Fact] = field(default_factory=Counter)
    reason: str = ""
    wrong: Finding | None = None
    empty: Finding | None = None


class _Turn:
    """A place where torch's code asked for a comparison of sizes, and hints for the other way."""

    def __init__(self, here: Configuration, fact: Fact) -> None:
        """Look for sizes that go the other way."""
        self.case, self.fact, self.settled = here.case, fact, here.settled["forward"].keys()
        other = at(fact.opposite.condition, here.derived.values)
        self.hints = {**here.hints, **(witness(other, sympy.true, here.hints) or {})}


class Ledger:
    """Collects the verdicts on a spec's own class, or on another that claims to be a drop-in."""

    def __init__(self, plan: Plan, subject: Callable[..., Any] | None = None) -> None:
        """Start with an empty entry for every rule."""
        self.spec, self.plan, self.subject = plan.spec, plan, subject
        self.entries = {plan.spec.address(rule): Entry() for rule in plan.spec.rules}
        self.missing: dict[str, Finding] = {}
        self.decided: set[Fact] = set()
        self.configurations = self.edges = 0
        self._turns: list[_Turn] = []
        self._edges = [self._bench(sizes) for sizes in plan.edges]

    def enter(self, case: Case) -> None:
        """Judge every rule that speaks of a case on symbols, and with 0 and 1 for sizes."""
        here = self._derived(case, self._hints(case))
        self.configurations += 1
        self.decided |= here.decided
        for part in PARTS:
            for condition in here.unstated[part]:
                self._miss(here, part, condition)
        self._judge_all(here)
        self._turns += [_Turn(here, fact) for fact in here.used]
        self._try_edges(here)

    def close(self) -> None:
        """Go the other way wherever torch's code branched on a size and no choice decides it."""
        for turn in self._turns:
            if turn.fact.opposite not in self.decided:
                other = self._derived(turn.case, turn.hints)
                if other.settled["forward"].keys() <= turn.settled and not other.failed("forward"):
                    self._judge_all(other)
                else:
                    self._limit(other, turn.fact)
        self._turns.clear()

    def _limit(self, other: Configuration, fact: Fact) -> None:
        """Note for the rules of the call that they were proved on one side only."""
        for rule in self.spec.rules:
            if part_of(rule) == "forward" and speaks(rule, other.numbers):
                self.entries[self.spec.address(rule)].limits[fact] += 1

    def _derived(self, case: Case, hints: Mapping[str, int]) -> Configuration:
        derived = derive(Bench(self.spec, self.subject), case, hints)
        return Configuration(self.spec, case, hints, derived)

    def _judge_all(self, here: Configuration) -> None:
        for rule in self.spec.rules:
            if speaks(rule, here.numbers):
                self._judge(rule, here)

    def _hints(self, case: Case) -> Mapping[str, int]:
        """Return the set of hints that served least for the outputs of a case."""
        values = sized(self.spec, self.plan.hints[0]).cases.values(case)
        outputs = (rule for rule in self.spec.outputs if rule.applies(values))
        entries = [self.entries[self.spec.address(rule)] for rule in outputs]

        def served(hints: Mapping[str, int]) -> int:
            return sum(hints[n] in tried for e in entries for n, tried in e.numbers.items())

        turn = self.configurations % len(self.plan.hints)
        return min((*self.plan.hints[turn:], *self.plan.hints[:turn]), key=served)

    def _bench(self, sizes: Mapping[str, object]) -> Bench:
        return Bench(sized(self.spec, sizes), self.subject)

    def _judge(self, rule: Rule, here: Configuration) -> None:
        entry, part = self.entries[self.spec.address(rule)], part_of(rule)
        if here.failed(part):
            self._fail(rule, entry, here)
        elif (wrong := here.wrong(rule)) != sympy.false:
            self._refute(rule, entry, here, wrong)
        elif unstated := here.unstated[part]:
            entry.reason = f"no rule states that {condition_text(unstated[0])}, as torch asks"
        else:
            self._prove(entry, here, part)

    def _prove(self, entry: Entry, here: Configuration, part: str) -> None:
        symbols, settled = here.symbols(part), here.settled[part]
        entry.configurations += 1
        entry.symbols |= symbols
        for name in symbols & settled.keys():
            entry.numbers.setdefault(name, set()).add(int(settled[name]))

    def _fail(self, rule: Rule, entry: Entry, here: Configuration) -> None:
        """Note that torch raised on symbols, and whether it does on numbers as well."""
        error = here.derived.error
        entry.reason = f"torch raises on symbols: {type(error).__name__}: {error}".split("\n")[0]
        entry.wrong = entry.wrong or self._shown(rule, here.case, here.hints)

    def _refute(self, rule: Rule, entry: Entry, here: Configuration, wrong: sympy.Basic) -> None:
        """Look for numbers that show a difference; without any, the rule is undecided."""
        if entry.wrong is not None:
            return
        found = witness(wrong, here.given, here.hints)
        sizes = {n: sympy.Integer(size) for n, size in (found or {}).items()}
        if math.prod((found or {}).values()) > _LARGE:
            bench = self._bench(sizes)
            mismatch = here.mismatch(rule, bench.spec.cases.numbers)
            entry.wrong = Finding(bench, here.case, mismatch, confirmed=False)
            return
        entry.wrong = self._shown(rule, here.case, {}) or self._shown(rule, here.case, sizes)
        if entry.wrong is None:
            mismatch = here.mismatch(rule)
            entry.reason = f"torch derives {mismatch.observed}, which is not shown to be the same"

    def _shown(self, rule: Rule, case: Case, sizes: Mapping[str, object]) -> Finding | None:
        """Return how a rule fails on real tensors of these sizes; None where it holds."""
        return self._look(self._bench(sizes), case).get(self.spec.address(rule))

    def _look(self, bench: Bench, case: Case) -> dict[str, Finding | None]:
        """Return how rules fail on real tensors, or None for one that holds, by address.

        A module that cannot be built, or a call that breaks a demand, shows nothing of them.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a tensor without elements gets no numbers
                seen = bench.observe(case)
        except RAISED:
            return {}
        if not all(truth(demand.holds, seen.values) for demand in self.spec.call_requirements):
            return {}
        spoken = [rule for rule in self.spec.rules if speaks(rule, seen.values)]
        found = {self.spec.address(rule): check_case(rule, seen) for rule in spoken}
        return {
            address: None if wrong is None else Finding(bench, case, wrong)
            for address, wrong in found.items()
        }

    def _miss(self, here: Configuration, part: str, condition: sympy.Basic) -> None:
        """Note a condition that no rule states, and look at sizes that do not meet it."""
        statement = f"{self.spec.name}.{part}.guard {condition}"
        if statement in self.missing:
            return
        found = witness(sympy.Not(condition), here.given, here.hints) or {}
        sizes = {name: sympy.Integer(size) for name, size in found.items()}
        looked: dict[str, Finding | None] = {}
        if found and math.prod(found.values()) <= _LARGE:
            looked = self._look(self._bench(sizes), here.case)
        for address, finding in looked.items():
            self.entries[address].wrong = self.entries[address].wrong or finding
        failing = ", ".join(address for address, finding in looked.items() if finding)
        outcome = f"{failing} fails" if failing else "nothing found fails"
        expected = f"a rule that states {condition_text(condition)}"
        mismatch = Mismatch(expected, f"torch asks for it; without, {outcome}")
        self.missing[statement] = Finding(self._bench(sizes), here.case, mismatch)

    def _try_edges(self, here: Configuration) -> None:
        """Check the rules on real tensors of which some sizes are 0 or 1."""
        tried, names = set(), sorted(here.symbols("forward"))
        for bench in self._edges:
            sizes = tuple(bench.spec.cases.numbers[name] for name in names)
            if sizes in tried or min(sizes, default=2) > 1:
                continue
            tried.add(sizes)
            looked = self._look(bench, here.case)
            self.edges += bool(looked)
            for address, finding in looked.items():
                self._try_edge(self.entries[address], finding, empty=0 in sizes)

    def _try_edge(self, entry: Entry, finding: Finding | None, *, empty: bool) -> None:
        if finding is None:
            entry.edges += 1
        elif empty:
            entry.empty = entry.empty or finding
        else:
            entry.wrong = entry.wrong or finding
