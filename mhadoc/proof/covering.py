"""A covering set of cases: few, but every combination of a few choices occurs in them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence

import sympy

from mhadoc.language import Case, Cases, Claim, ModuleSpec

__all__ = ["cover", "covering", "spread"]

#: How many cases of its own a statement gets where the covering set shows it too seldom.
ENOUGH = 6

Combination = tuple[tuple[int, int], ...]


def covering(spec: ModuleSpec, strength: int = 3) -> dict[Case, tuple[Claim, ...]]:
    """Return the quick cases, each with the claims that are checked in it; the rules are in all.

    Every three choices that go together occur, each rule is spoken of in a few cases, and each
    claim gets every combination of the choices that matter to it. The same in each run.
    """
    always = [claim for claim in spec.claims if claim.axes is None]
    plan: dict[Case, list[Claim]] = {case: list(always) for case in cover(spec.cases, strength)}
    conditions = [*(r.when for r in spec.rules), *(r.when for r in spec.call_requirements)]
    for when in dict.fromkeys(conditions):
        for case in spread(spec.cases, when, limit=ENOUGH):
            plan.setdefault(case, list(always))
    for claim in spec.claims:
        limit = ENOUGH if claim.axes is None else None
        for case in spread(spec.cases, claim.when, claim.axes or (), limit):
            entry = plan.setdefault(case, list(always))
            entry += [claim] if claim.axes is not None else []
    return {
        case: tuple(c for c in claims if c.applies(spec.cases.values(case)))
        for case, claims in plan.items()
    }


def spread(
    cases: Cases, when: sympy.Basic, axes: tuple[str, ...] = (), limit: int | None = None
) -> Iterator[Case]:
    """Iterate over cases that meet a condition: one for each combination on the axes named.

    The other choices vary. With a limit and no axes, so many draws over all that fit.
    """
    chance = random.Random(f"{when} {axes}")
    places = [cases.names.index(name) for name in axes]
    sizes = [range(len(cases.axes[place].choices)) for place in places]
    once = (None,) if limit is None else range(limit)
    for _, at in itertools.product(once, itertools.product(*sizes)):
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
