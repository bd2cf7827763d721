"""One configuration: what torch's code derived, and what the rules say of the same symbols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy
from sympy.core.relational import Relational

from mhadoc.language import (
    Attribute,
    Case,
    Input,
    Mismatch,
    ModuleSpec,
    Output,
    Parameter,
    Rule,
    Shape,
    expression_text,
)
from mhadoc.language.compiled import free_names, number
from mhadoc.proof.symbolic.deduce import Key, at, equal, follows, key
from mhadoc.proof.symbolic.derive import Derived, Sizes
from mhadoc.proof.symbolic.plan import sized

__all__ = ["PARTS", "Configuration", "Fact", "part_of"]

#: The parts of torch's code, in the order in which they run.
PARTS = ("constructor", "forward")


@dataclass(frozen=True)
class Fact:
    """A comparison that a rule's condition makes, and which way it goes in a configuration."""

    atom: sympy.Basic
    truth: bool

    @property
    def condition(self) -> sympy.Basic:
        """Return the comparison, negated where it does not hold."""
        return self.atom if self.truth else sympy.Not(self.atom)

    @property
    def opposite(self) -> Fact:
        """Return the same comparison going the other way."""
        return Fact(self.atom, not self.truth)


def part_of(rule: Rule) -> str:
    """Return the part of torch's code that a rule speaks of."""
    return "constructor" if isinstance(rule, Parameter | Attribute) else "forward"


def _comparisons(spec: ModuleSpec) -> tuple[sympy.Basic, ...]:
    """Return every comparison that a condition of the spec makes."""
    conditions = [rule.when for rule in spec.rules]
    conditions += [rule.value for rule in spec.attributes]
    for demand in (*spec.requirements, *spec.call_requirements, *spec.fast_path):
        conditions += [demand.holds, demand.unless, demand.when]
    found = {atom for condition in conditions for atom in condition.atoms(Relational)}
    return tuple(sorted(found, key=str))


def _relations(
    facts: list[tuple[sympy.Basic, Fact]], settled: Mapping[str, sympy.Basic]
) -> dict[Key, Fact]:
    found = {at(there if fact.truth else sympy.Not(there), settled): fact for there, fact in facts}
    return {key(there): fact for there, fact in found.items() if isinstance(there, Relational)}


def _settled(asked: tuple[sympy.Basic, ...]) -> dict[str, sympy.Basic]:
    sides = (condition.args for condition in asked if isinstance(condition, sympy.Eq))
    return {one.name: other for one, other in sides if one.is_Symbol and other.is_Integer}


@dataclass(frozen=True)
class Configuration:
    """One case on symbols: what torch derived, and what the spec's conditions come to.

    ``hints`` are the numbers that stood behind the symbols.
    """

    spec: ModuleSpec
    case: Case
    hints: Mapping[str, int]
    derived: Derived

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """Return the value of every symbol of the spec with the hints for sizes."""
        return sized(self.spec, self.hints).cases.values(self.case)

    @cached_property
    def decided(self) -> frozenset[Fact]:
        """Return the comparisons that the choices alone decide."""
        return frozenset(
            Fact(atom, bool(there)) for atom, there in self._atoms if there in (True, False)
        )

    @cached_property
    def known(self) -> dict[str, dict[Key, Fact]]:
        """Return, by part, the comparisons that sizes decide: each goes as it does at the hints."""
        facts = [
            (there, Fact(atom, bool(number(atom, self.numbers)))) for atom, there in self._atoms
        ]
        return {part: _relations(facts, self.settled[part]) for part in PARTS}

    @cached_property
    def given(self) -> sympy.Basic:
        """Return the same comparisons as one condition on sizes."""
        facts = self.known["constructor"].values()
        return sympy.And(*(at(fact.condition, self.derived.values) for fact in facts))

    @cached_property
    def _atoms(self) -> tuple[tuple[sympy.Basic, sympy.Basic], ...]:
        values = self.derived.values
        atoms = (a for a in _comparisons(self.spec) if values.keys() >= {*free_names(a)})
        return tuple((atom, at(atom, values)) for atom in atoms)

    @cached_property
    def settled(self) -> dict[str, dict[str, sympy.Basic]]:
        """Return, by part, the sizes that torch's code has turned into numbers when it is done."""
        built = _settled(self.derived.built)
        return {"constructor": built, "forward": built | _settled(self.derived.called)}

    @cached_property
    def unstated(self) -> dict[str, list[sympy.Basic]]:
        """Return, by part, what torch's code asked of sizes and the spec does not state."""
        return {
            part: [was for was, now in self._asked(part) if not follows(now, self.known[part])]
            for part in PARTS
        }

    @cached_property
    def used(self) -> frozenset[Fact]:
        """Return the comparisons that are needed for what was asked in forward to follow."""
        known = self.known["forward"]
        needed = [now for _, now in self._asked("forward") if not follows(now)]
        keys = {key(relation) for now in needed for relation in now.atoms(Relational)}
        return frozenset(known[key] for key in keys & known.keys())

    def _asked(self, part: str) -> Iterator[tuple[sympy.Basic, sympy.Basic]]:
        """Iterate over the conditions asked for, as they were and with settled sizes put in."""
        for asked in self.derived.built if part == "constructor" else self.derived.called:
            yield asked, at(asked, self.settled[part])

    def failed(self, part: str) -> bool:
        """Tell whether torch raised before a part was done."""
        unbuilt = not self.derived.state
        return self.derived.error is not None and (part == "forward" or unbuilt)

    def symbols(self, part: str) -> frozenset[str]:
        """Return the sizes that matter: to the constructor, or to the call as well."""
        values = self.derived.values
        parts = [values[a.name] for a in self.spec.arguments if a.name in values]
        if part == "forward":
            parts += self._sizes_of_inputs()
        return frozenset(symbol.name for part in parts for symbol in part.free_symbols)

    def _sizes_of_inputs(self) -> Iterator[sympy.Expr]:
        for rule in self.spec.inputs:
            if not rule.is_flag and rule.applies(self.numbers):
                sizes = rule.shape if rule.value is None else (rule.value,)
                yield from (at(size, self.derived.values) for size in sizes or ())

    def wrong(self, rule: Rule) -> sympy.Basic:
        """Return the condition on sizes under which a rule is not what torch derived.

        It is false where the two are shown to be equal for all sizes, and true where they differ
        for all of them, as in the number of axes.
        """
        if isinstance(rule, Input):
            return sympy.false
        if isinstance(rule, Attribute):
            return self._wrong_value(rule)
        if isinstance(rule, Output) and rule.position >= len(self.derived.outputs):
            return sympy.true
        expected, observed = self.sides(rule)
        if expected is None or observed is None or len(expected) != len(observed):
            return sympy.true if (expected, observed) != (None, None) else sympy.false
        pairs = zip(expected, observed, strict=True)
        return sympy.Or(*(sympy.Ne(one, two) for one, two in pairs if not equal(one, two)))

    def sides(self, rule: Rule) -> tuple[Sizes | None, Sizes | None]:
        """Return the shape that a rule expects, and the one derived; None where there is none."""
        settled = self.settled[part_of(rule)]
        observed = self.derived.state.get(rule.name)
        if isinstance(rule, Output):
            observed = self.derived.outputs[rule.position]
        expected: Sizes | None = None
        if rule.shape is not None and rule.applies(self.numbers):
            expected = tuple(at(axis, self.derived.values) for axis in rule.shape)
        return (
            None if expected is None else tuple(at(axis, settled) for axis in expected),
            None if observed is None else tuple(at(axis, settled) for axis in observed),
        )

    def mismatch(self, rule: Rule, sizes: Mapping[str, int] | None = None) -> Mismatch:
        """Return what a rule expects and what was derived, in symbols or for some sizes."""
        if isinstance(rule, Attribute):
            value = expression_text(rule.value)
            return Mismatch(value, str(self.derived.attributes[rule.name]))
        numbers = {name: sympy.Integer(size) for name, size in (sizes or {}).items()}
        expected, observed = (_text(side, numbers) for side in self.sides(rule))
        return Mismatch(expected, observed)

    def _wrong_value(self, rule: Attribute) -> sympy.Basic:
        value = at(rule.value, self.derived.values)
        observed = self.derived.attributes[rule.name]
        if not isinstance(value, sympy.Expr):
            wrong = sympy.Not(value) if observed else value
            return sympy.false if follows(sympy.Not(wrong), self.known["constructor"]) else wrong
        if not isinstance(observed, (sympy.Basic, int)):
            return sympy.true
        observed = sympy.sympify(int(observed) if isinstance(observed, bool) else observed)
        return sympy.false if equal(value, observed) else sympy.Ne(value, observed)


def _text(shape: Sizes | None, numbers: Mapping[str, sympy.Basic]) -> str:
    return "None" if shape is None else Shape(*(at(axis, numbers) for axis in shape)).text()
