"""Telling a false statement from the same one in other words, without looking at torch."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, singledispatch
from typing import Any

import sympy

from mhadoc.language import (
    Argument,
    Attribute,
    Block,
    Cases,
    Input,
    ModuleSpec,
    Output,
    Parameter,
    Rule,
    broadcast,
)
from mhadoc.language.compiled import free_names, number

__all__ = ["Elsewhere"]

Values = Mapping[str, Any]
#: What a statement says of one case; None where it says nothing.
Said = Hashable | None


@dataclass(frozen=True)
class Elsewhere:
    """The choices of a spec with sizes of its own: primes, so that no two expressions agree.

    What differs here differs somewhere, whether or not the sizes of the cases show it.
    """

    spec: ModuleSpec

    @cached_property
    def cases(self) -> Cases:
        """Return the spec's cases with other sizes."""
        sizes = self.spec.cases.sizes
        primes = iter(sympy.primerange(101, 1 << 20))
        other = {name: next(primes) if isinstance(s, int) else s for name, s in sizes.items()}
        return replace(self.spec.cases, sizes=other)

    def differ(self, rule: Rule, twin: Rule) -> bool:
        """Tell whether two versions of a rule say different things of some case."""
        asked = {*_free(rule), *_free(twin)}
        axes = tuple(axis.name for axis in self.cases.axes if asked & axis.symbols)
        return any(self._differ(rule, twin, values) for values in self._values(axes))

    def _differ(self, rule: Rule, twin: Rule, values: Values) -> bool:
        if not isinstance(rule, Input) or not isinstance(twin, Input):
            return said(rule, values) != said(twin, values)
        if rule.broadcasts and rule.applies(values) and twin.applies(values):
            return not _broadcasts(_shape(twin, values), _shape(rule, values))
        before, after = self._shapes(rule, rule, values), self._shapes(rule, twin, values)
        given = bool(before) and (bool(after) or (rule.required and not rule.nullable))
        return given and before != after

    def _shapes(self, rule: Input, twin: Input, values: Values) -> set[Said]:
        """Return what is said of an input by the rules of its name, one of them changed."""
        rules = (twin if other is rule else other for other in self.spec.inputs)
        return {said(r, values) for r in rules if r.name == rule.name} - {None}

    def _values(self, axes: tuple[str, ...]) -> tuple[Values, ...]:
        if axes not in self._known:
            found = self.cases.where(sympy.true, *axes)
            self._known[axes] = tuple(self.cases.values(self.cases.completed(p)) for p in found)
        return self._known[axes]

    @cached_property
    def _known(self) -> dict[tuple[str, ...], tuple[Values, ...]]:
        return {}


@singledispatch
def said(rule: Rule, values: Values) -> Said:
    """Return what a rule says of a case with these values; None where it does not apply."""
    raise NotImplementedError(type(rule))


@said.register
def _(rule: Argument, values: Values) -> Said:
    becomes = None if rule.becomes is None else number(rule.becomes, values)
    return rule.required, repr(rule.default), becomes


@said.register
def _(rule: Attribute, values: Values) -> Said:
    return (number(rule.value, values),)


@said.register
def _(rule: Parameter, values: Values) -> Said:
    if not rule.applies(values):
        return None
    bounds = tuple((b.name, _bounds(b, values, 0), _bounds(b, values, 1)) for b in rule.blocks)
    scale = number(rule.init.scale, values) if rule.init.family in ("uniform", "normal") else None
    return _shape(rule, values), rule.init.family, scale, frozenset(bounds), rule.names(values)


@said.register
def _(rule: Input, values: Values) -> Said:
    if not rule.applies(values):
        return None
    value = None if rule.value is None else number(rule.value, values)
    return _shape(rule, values), value, rule.required, rule.default


@said.register
def _(rule: Output, values: Values) -> Said:
    return (rule.position, _shape(rule, values)) if rule.applies(values) else None


def _shape(rule: Rule, values: Values) -> tuple[int, ...] | None:
    return None if rule.shape is None else rule.shape.evaluate(values)


def _broadcasts(shape: tuple[int, ...] | None, to: tuple[int, ...] | None) -> bool:
    """Tell whether a shape will do where another is stated to which it may broadcast."""
    return shape is not None and to is not None and broadcast(shape, to) == to


def _bounds(block: Block, values: Values, index: int) -> Said:
    names = free_names(block.start, block.stop)
    return block.bounds({**dict.fromkeys(names, index), **values})


def _free(rule: Rule) -> set[str]:
    """Return every symbol that a rule speaks of."""
    parts: list[sympy.Basic] = [rule.when, *(rule.shape or ())]
    if isinstance(rule, Attribute | Input) and rule.value is not None:
        parts.append(rule.value)
    if isinstance(rule, Argument) and rule.becomes is not None:
        parts.append(rule.becomes)
    if isinstance(rule, Parameter):
        parts += [rule.count, rule.init.scale, *(e for b in rule.blocks for e in (b.start, b.stop))]
    return set(free_names(*parts))
