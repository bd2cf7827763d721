"""A covering set of cases: few cases in which every combination of a few choices occurs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence

import sympy

from mhadoc.language import Case, Cases, ModuleSpec

__all__ = ["covering", "cover"]

#: How many cases of its own a statement gets where the covering set shows it too seldom.
ENOUGH = 6

Combination = tuple[tuple[int, int], ...]


def covering(spec: ModuleSpec, strength: int = 3) -> tuple[Case, ...]:
    """Return cases in which every three choices that go together occur, and every statement.

    The set is the same in each run. Each rule and claim speaks of at least a few of the cases.
    """
    cases = list(cover(spec.cases, strength))
    seen = set(cases)
    for statement in (*spec.rules, *spec.claims):
        for case in _speaking(spec, statement.when):
            if case not in seen:
                seen.add(case)
                cases.append(case)
    return tuple(cases)


def _speaking(spec: ModuleSpec, when: sympy.Basic) -> Iterator[Case]:
    """Return some cases that meet a condition, spread over all that do."""
    if when in (True, sympy.true):
        return
    found = spec.cases.where(when)
    chance = random.Random(str(when))
    for part in chance.sample(found, min(ENOUGH, len(found))):
        yield Case(
            tuple(
                part.get(place, chance.randrange(len(axis.choices)))
                for place, axis in enumerate(spec.cases.axes)
            )
        )


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
