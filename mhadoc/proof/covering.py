"""A covering set of cases: few, but every combination of a few choices occurs in them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence

import sympy

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


def covering(spec: ModuleSpec, strength: int = 3) -> dict[Case, tuple[Statement, ...]]:
    """Return the quick cases, each with the claims and mistakes to look at; the rules are in all.

    Every three choices that go together occur, each claim gets every combination of the choices
    that matter to it, and nothing is shown in too few cases. The same in each run.
    """
    cases = {case: list[Statement]() for case in cover(spec.cases, strength)}
    always = [claim for claim in spec.claims if claim.axes is None]
    for claim in spec.claims:
        if claim.axes is not None:
            for case in _combined(cases, spec, claim.when, claim.axes):
                cases.setdefault(case, []).append(claim)
    for when in (*(rule.when for rule in spec.rules), *(claim.when for claim in always)):
        _shown(cases, spec, when, ENOUGH)
    for mistake in spec.call_requirements:
        if mistake.breaks is not None:
            for case in _shown(cases, spec, mistake.when, TRIED):
                cases[case].append(mistake)
    for case, statements in cases.items():
        statements += [claim for claim in always if claim.applies(spec.cases.values(case))]
    return {case: tuple(statements) for case, statements in cases.items()}


def _combined(
    cases: Iterable[Case], spec: ModuleSpec, when: sympy.Basic, axes: tuple[str, ...]
) -> Iterator[Case]:
    """Iterate over cases that meet a condition, one for each combination on the axes named.

    A case that is there already is taken first.
    """
    places = [spec.cases.names.index(name) for name in axes]
    fitting = [case for case in cases if truth(when, spec.cases.values(case))]
    random.Random(f"{when} {axes}").shuffle(fitting)
    known = {tuple(case.at[place] for place in places): case for case in fitting}
    yield from known.values()
    for case in spread(spec.cases, when, axes):
        if tuple(case.at[place] for place in places) not in known:
            yield case


def _shown(
    cases: dict[Case, list[Statement]], spec: ModuleSpec, when: sympy.Basic, limit: int
) -> list[Case]:
    """Return so many cases that meet a condition, and add what is missing."""
    fitting = [case for case in cases if truth(when, spec.cases.values(case))]
    if len(fitting) >= limit:
        return random.Random(str(when)).sample(fitting, limit)
    added = spread(spec.cases, when, limit=limit - len(fitting))
    fitting = list(dict.fromkeys((*fitting, *added)))
    for case in fitting:
        cases.setdefault(case, [])
    return fitting


def spread(
    cases: Cases, when: sympy.Basic, axes: tuple[str, ...] = (), limit: int = 1
) -> Iterator[Case]:
    """Iterate over cases that meet a condition: so many for each combination on the axes named.

    The other choices vary.
    """
    chance = random.Random(f"{when} {axes}")
    places = [cases.names.index(name) for name in axes]
    sizes = [range(len(cases.axes[place].choices)) for place in places]
    for at in itertools.product(*sizes, range(limit)):
        case = cases.draw(when, chance, dict(zip(places, at, strict=False)))
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
