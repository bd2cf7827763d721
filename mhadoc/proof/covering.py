"""A covering set of cases: few, but every combination of a few choices occurs in them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import And, Not

from mhadoc.language import Case, Cases, Claim, ModuleSpec, Requirement
from mhadoc.language.compiled import truth

__all__ = ["Statement", "cover", "covering", "spread"]

#: In how many cases a rule or claim is at least looked at, where so many can show it.
ENOUGH = 6
#: In how many cases each mistake is tried.
TRIED = 20

#: What needs more calls than the one observed, and is therefore planned case by case.
Statement = Claim | Requirement

Combination = tuple[tuple[int, int], ...]


def covering(spec: ModuleSpec, strength: int | None = None) -> dict[Case, tuple[Statement, ...]]:
    """Return the quick cases, each with the claims and mistakes to look at; the rules are in all.

    Every few choices that go together occur, as many as the cases ask for; each claim gets every
    combination of the choices that matter to it, and nothing is shown in too few cases. The same
    in each run.
    """
    plan = _Plan(spec.cases)
    for case in cover(spec.cases, strength or spec.cases.strength):
        plan.add(case)
    always = tuple(claim for claim in spec.claims if claim.axes is None)
    plan.combine(spec.claims)
    plan.show([rule.when for rule in spec.rules] + [claim.when for claim in always])
    plan.break_calls(spec.call_requirements)
    plan.state_always(always)
    return {case: tuple(statements) for case, statements in plan.statements.items()}


@dataclass
class _Plan:
    """The cases planned so far, with their values and with what is to be looked at in each."""

    cases: Cases
    statements: dict[Case, list[Statement]] = field(default_factory=dict)
    values: dict[Case, dict[str, Any]] = field(default_factory=dict)
    _known: dict[sympy.Basic, tuple[int, list[Case]]] = field(default_factory=dict)

    def add(self, case: Case, *statements: Statement) -> None:
        """Plan a case, and something to look at in it."""
        if case not in self.statements:
            self.statements[case] = []
            self.values[case] = self.cases.values(case)
        self.statements[case] += statements

    def combine(self, claims: Iterable[Claim]) -> None:
        """Plan each claim in every combination of the choices that matter to it."""
        for claim in claims:
            for case in self.combined(claim.when, claim.axes):
                self.add(case, claim)

    def show(self, conditions: Iterable[sympy.Basic]) -> None:
        """Plan enough cases that meet each condition."""
        for when in conditions:
            self.shown(when, ENOUGH)

    def break_calls(self, demands: Sequence[Requirement]) -> None:
        """Plan calls that do not meet a demand, and legal ones in which it is to be broken."""
        for demand in demands:
            if demand.breaks is None:
                self.shown(And(demand.when, Not(demand.holds)), TRIED)
        for demand in demands:
            if demand.breaks is not None:
                for case in self.shown(demand.when, TRIED):
                    self.add(case, demand)

    def state_always(self, claims: Iterable[Claim]) -> None:
        """Plan the claims on every call in each case that is planned."""
        for claim in claims:
            for case in self.fitting(claim.when):
                self.add(case, claim)

    def fitting(self, when: sympy.Basic) -> list[Case]:
        """Return the cases planned that meet a condition."""
        looked_at, found = self._known.get(when, (0, []))
        new = itertools.islice(self.values.items(), looked_at, None)
        found = [*found, *(case for case, values in new if truth(when, values))]
        self._known[when] = len(self.values), found
        return list(found)

    def combined(self, when: sympy.Basic, axes: tuple[str, ...] | None) -> list[Case]:
        """Return a case for each combination on the axes named, if any are.

        A case that is there already is taken first.
        """
        if axes is None:
            return []
        places = [self.cases.names.index(name) for name in axes]
        fitting = self.fitting(when)
        random.Random(f"{when} {axes}").shuffle(fitting)
        known = {tuple(case.at[place] for place in places): case for case in fitting}
        return [*known.values(), *spread(self.cases, when, axes, known=known)]

    def shown(self, when: sympy.Basic, limit: int) -> list[Case]:
        """Return so many cases that meet a condition, and plan those that are missing."""
        fitting = self.fitting(when)
        if len(fitting) >= limit:
            return random.Random(str(when)).sample(fitting, limit)
        added = spread(self.cases, when, limit=limit - len(fitting))
        fitting = list(dict.fromkeys((*fitting, *added)))
        for case in fitting:
            self.add(case)
        return fitting


def spread(
    cases: Cases,
    when: sympy.Basic,
    axes: tuple[str, ...] = (),
    limit: int = 1,
    known: Collection[tuple[int, ...]] = (),
) -> Iterator[Case]:
    """Iterate over cases that meet a condition: so many for each combination on the axes named.

    The other choices vary. Combinations that are known are left out.
    """
    chance = random.Random(f"{when} {axes}")
    places = [cases.names.index(name) for name in axes]
    sizes = [range(len(cases.axes[place].choices)) for place in places]
    for at in itertools.product(*sizes):
        for _ in range(0 if at in known else limit):
            case = cases.draw(when, chance, dict(zip(places, at, strict=True)))
            if case is not None:
                yield case


def cover(cases: Cases, strength: int) -> Iterator[Case]:
    """Iterate over cases until every consistent combination of so many choices has occurred."""
    chance = random.Random(strength)
    missing = set(_combinations(cases, strength))
    coupled = cases.where(sympy.true)
    yield cases.plainest()
    missing -= set(_parts(cases.plainest().at, strength))
    while missing:
        goal = dict(min(missing))
        fits = [part for part in coupled if _agree(goal, part)]
        tries = [_grown(cases, goal | chance.choice(fits), missing, chance) for _ in range(4)]
        best = max(tries, key=lambda at: sum(part in missing for part in _parts(at, strength)))
        missing -= set(_parts(best, strength))
        yield Case(best)


def _combinations(cases: Cases, strength: int) -> Iterator[Combination]:
    coupled = cases.where(sympy.true)
    for places in itertools.combinations(range(len(cases.axes)), strength):
        for at in itertools.product(*(range(len(cases.axes[i].choices)) for i in places)):
            goal = dict(zip(places, at, strict=True))
            if any(_agree(goal, part) for part in coupled):
                yield tuple(goal.items())


def _agree(goal: dict[int, int], part: dict[int, int]) -> bool:
    return all(goal.get(place, position) == position for place, position in part.items())


def _parts(at: Sequence[int], strength: int) -> Iterable[Combination]:
    return itertools.combinations(enumerate(at), strength)


def _grown(
    cases: Cases, goal: dict[int, int], missing: set[Combination], chance: random.Random
) -> tuple[int, ...]:
    """Choose on the remaining axes, each time what completes most missing combinations."""
    chosen = dict(goal)
    places = [place for place in range(len(cases.axes)) if place not in chosen]
    chance.shuffle(places)
    strength = len(next(iter(missing)))
    for place in places:
        options = list(range(len(cases.axes[place].choices)))
        chance.shuffle(options)
        others = list(itertools.combinations(sorted(chosen.items()), strength - 1))
        gains = {
            option: sum(tuple(sorted((*o, (place, option)))) in missing for o in others)
            for option in options
        }
        chosen[place] = max(options, key=gains.__getitem__)
    return tuple(chosen[place] for place in range(len(cases.axes)))
