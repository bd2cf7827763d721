"""The plan: which choices are proved on symbols, with which hints, and which edges are tried."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy

from mhadoc.language import (
    Attribute,
    Axis,
    Case,
    Cases,
    Choice,
    Input,
    ModuleSpec,
    Output,
    Parameter,
    Rule,
)
from mhadoc.language.compiled import free_names, truth
from mhadoc.proof.covering import ENOUGH, cover

__all__ = ["Plan", "sized", "speaks"]

#: Numbers for hints: all odd, as torch's fused kernel turns an even num_heads into a number.
_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31)

#: How many sets of hints there are, so that a size that is turned into a number has several.
_SETS = 3


#: From how many cases, drawn at random but always the same, the selection is made.
_DRAWS = 300


def sized(spec: ModuleSpec, sizes: Mapping[str, object]) -> ModuleSpec:
    """Return a spec whose cases have other sizes."""
    return replace(spec, cases=replace(spec.cases, sizes={**spec.cases.sizes, **sizes}))


def speaks(rule: Rule, values: Mapping[str, Any]) -> bool:
    """Tell whether a rule says something of sizes in a case, if only that there is nothing."""
    shaped = isinstance(rule, Output) or (isinstance(rule, Input) and rule.shape is not None)
    return isinstance(rule, Parameter | Attribute) or (shaped and rule.applies(values))


@dataclass(frozen=True)
class Plan:
    """What is tried of a spec: a covering selection, or everything that its rules tell apart."""

    spec: ModuleSpec
    exhaustive: bool = False

    @cached_property
    def free(self) -> tuple[str, ...]:
        """Return the sizes that no other size settles: those that get a symbol."""
        return tuple(n for n, size in self.spec.cases.sizes.items() if isinstance(size, int))

    @cached_property
    def hints(self) -> tuple[dict[str, int], ...]:
        """Return the sets of hints; in each all sizes differ, and each size differs between them.

        Sizes that torch's code never turns into numbers are proved whatever their hint is.
        """
        primes = _PRIMES[: max(len(self.free), 2 * _SETS)]
        turns = (primes[2 * k :] + primes[: 2 * k] for k in range(_SETS))
        return tuple(dict(zip(self.free, turn, strict=False)) for turn in turns)

    def cases(self) -> Iterator[Case]:
        """Iterate over the cases, one for each configuration; only calls that torch accepts."""
        return filter(self._legal, dict.fromkeys(self._all() if self.exhaustive else self._few()))

    def _legal(self, case: Case) -> bool:
        values = self._at_hints.values(case)
        return all(truth(demand.holds, values) for demand in self.spec.call_requirements)

    @cached_property
    def _at_hints(self) -> Cases:
        return sized(self.spec, self.hints[0]).cases

    def _few(self) -> Iterator[Case]:
        """Iterate over few cases in which every rule meets every value of what it speaks of.

        That is, of the symbols in its shape and condition, and of every size.
        """
        drawn = self._drawn()
        goals = {case: frozenset(self.goals(case)) for case in drawn}
        missing = frozenset[object]().union(*goals.values())
        while missing:
            best = max(drawn, key=lambda case: len(goals[case] & missing))
            missing -= goals[best]
            yield best

    def _drawn(self) -> list[Case]:
        cases, chance = self.spec.cases, random.Random(0)
        drawn = [cases.draw(sympy.true, chance, {}) for _ in range(_DRAWS)]
        drawn += [cases.draw(self._fast, chance, {}) for _ in range(ENOUGH)]
        values = [self._at_hints.values(case) for case in drawn if case is not None]
        for rule in self.spec.rules:
            if not any(map(rule.applies, values)):
                drawn += [cases.draw(rule.when, chance, {}) for _ in range(ENOUGH)]
        return [case for case in dict.fromkeys(drawn) if case is not None and self._legal(case)]

    def goals(self, case: Case) -> Iterator[object]:
        """Iterate over what a case lets each rule meet: whether it applies, and settings."""
        sets, values = self._sets(case), self._at_hints.values(case)
        yield "fast path", truth(self._fast, self.spec.cases.values(case))
        for rule, names in self._mentions:
            if speaks(rule, values):
                applies = rule.applies(values)
                yield rule.id, applies
                yield from ((rule.id, applies, n, sets[n]) for n in names if n in sets)

    @cached_property
    def _fast(self) -> sympy.Basic:
        """Return the condition under which torch takes another path for the sake of speed."""
        known = self.spec.cases.values(self.spec.cases.plainest()).keys()
        conditions = (demand.holds for demand in self.spec.fast_path)
        asked = [holds for holds in conditions if known >= {*free_names(holds)}]
        return sympy.And(*asked) if asked else sympy.false

    @cached_property
    def _mentions(self) -> tuple[tuple[Rule, frozenset[str]], ...]:
        """Return each rule with the symbols of its shape and condition, and every size."""
        parts = ((rule, (rule.when, *(rule.shape or ()))) for rule in self.spec.rules)
        return tuple((rule, frozenset((*self.free, *free_names(*of)))) for rule, of in parts)

    def _sets(self, case: Case) -> dict[str, object]:
        """Return what the choices of a case set each symbol to."""
        choices = self.spec.cases.choices(case).values()
        return {name: setting for choice in choices for name, setting in choice.sets.items()}

    def _all(self) -> Iterator[Case]:
        """Iterate over every combination of choices that the rules tell apart.

        They tell apart what is in a shape, and what is in the condition of a rule that speaks, but
        not, say, training or a mask's dtype: that stays plain here. Then come the combinations that
        take the fast path, and cases in which three of any choices occur together.
        """
        axes = tuple(axis.name for axis in self.spec.cases.axes if axis.symbols & self._told)
        for condition in (sympy.true, self._fast):
            yield from self._told_apart(self.spec.cases.where(condition, *axes))
        yield from cover(self.spec.cases, 3)

    def _told_apart(self, parts: tuple[dict[int, int], ...]) -> Iterable[Case]:
        """Return the cases that rules tell apart; of those that they do not, the plainest."""
        cases = map(self.spec.cases.completed, reversed(parts))
        found = {self._settings(case, self._told): case for case in cases}
        told = {(self._settings(c, self._always_told), *self.goals(c)): c for c in found.values()}
        return told.values()

    def _settings(self, case: Case, names: frozenset[str]) -> tuple[object, ...]:
        return tuple(item for item in self._sets(case).items() if item[0] in names)

    @cached_property
    def _told(self) -> frozenset[str]:
        """Return the names of the symbols in conditions, and of those that are always told."""
        rules = (rule for rule in self.spec.rules if isinstance(rule, Parameter | Input | Output))
        return self._always_told.union(free_names(*(rule.when for rule in rules)))

    @cached_property
    def _always_told(self) -> frozenset[str]:
        """Return the symbols in shapes and identities, and flags that no condition mentions."""
        parts = [axis for rule in self.spec.rules for axis in rule.shape or ()]
        parts += [rule.alias[1] for rule in self.spec.inputs if rule.alias]
        flags = {rule.name for rule in self.spec.inputs if rule.is_flag}
        mentioned = free_names(*(rule.when for rule in self.spec.rules))
        return frozenset((*free_names(*parts), *flags.difference(mentioned)))

    @cached_property
    def edges(self) -> tuple[dict[str, sympy.Integer], ...]:
        """Return sets of sizes of which some are 0 or 1, as symbols do not stand for those.

        Every two sizes get all their combinations of 0, 1 and a larger number, which is left out,
        with ``exhaustive`` every three.
        """
        least = {symbol.name: symbol.least for symbol in self.spec.symbols}
        axes = tuple(_edge(name, least[name]) for name in self.free)
        cases = Cases({}, axes)
        rows = (cases.values(case) for case in cover(cases, 3 if self.exhaustive else 2))
        return tuple({n: sympy.Integer(row[n]) for n in self.free if n in row} for row in rows)


def _edge(name: str, least: int) -> Axis:
    numbers = [Choice(str(number), {name: number}) for number in (1, 0) if number >= least]
    return Axis(name, "call", (Choice("larger", {}), *numbers))
