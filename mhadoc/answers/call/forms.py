"""The forms that a call can take: which inputs are there, with how many axes, of which kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

from mhadoc.answers.tensors import Given
from mhadoc.language import Axis, Choice, Input, ModuleSpec, Shape
from mhadoc.language.compiled import free_names, truth

__all__ = ["Form", "forms", "plain_values"]


@dataclass(frozen=True)
class Form:
    """One form of a call: the rule of each tensor that is there, and what that makes symbols."""

    values: Mapping[str, Any]
    rules: Mapping[str, Input]
    kinds: Mapping[str, str]

    def fits(self, name: str, given: Given | None, known: Mapping[str, Any]) -> bool:
        """Tell whether an input, or its absence, is as this form has it, for sizes known."""
        rule = self.rules.get(name)
        if rule is None or given is None:
            return rule is None and given is None
        if given.kind not in (None, self.kinds[name]):
            return False
        shape, rank = rule.shape or Shape(), len(given.shape)
        return shape.takes(rank, known) or (rule.broadcasts and rank < len(shape))


def forms(spec: ModuleSpec, values: Mapping[str, Any]) -> tuple[Form, ...]:
    """Return every form of a call, the plainest first, for values that are settled already.

    They are read off the cases: what the choices of a call's axes make of the inputs' rules.
    """
    asked = free_names(*_conditions(spec))
    return _forms(spec, tuple((name, values[name]) for name in asked if name in values))


def plain_values(spec: ModuleSpec) -> dict[str, Any]:
    """Return what every symbol is in the plainest case, sizes left out."""
    return _set(axis.choices[0] for axis in spec.cases.axes)


@cache
def _forms(spec: ModuleSpec, settled: tuple[tuple[str, Any], ...]) -> tuple[Form, ...]:
    found: dict[tuple[object, ...], Form] = {}
    axes = _axes(spec, {name for name, _ in settled})
    for chosen in itertools.product(*(axis.choices for axis in axes)):
        values = _set(chosen)
        form = _form(spec, values, plain_values(spec) | dict(settled) | values)
        found.setdefault((*((n, r.id, form.kinds[n]) for n, r in form.rules.items()),), form)
    return tuple(found.values())


def _form(spec: ModuleSpec, chosen: Mapping[str, Any], values: Mapping[str, Any]) -> Form:
    rules = {rule.name: rule for rule in _tensors(spec) if rule.applies(values)}
    kinds = {
        name: "float" if truth(rule.floating, values) else "bool" for name, rule in rules.items()
    }
    return Form(chosen, rules, kinds)


def _axes(spec: ModuleSpec, settled: Set[str]) -> Iterator[Axis]:
    asked = {*free_names(*_conditions(spec))} - settled
    return (axis for axis in spec.cases.part("call") if asked & axis.symbols)


def _conditions(spec: ModuleSpec) -> list[Any]:
    return [c for rule in _tensors(spec) for c in (rule.when, rule.floating)]


def _tensors(spec: ModuleSpec) -> list[Input]:
    return [rule for rule in spec.inputs if rule.shape is not None]


def _set(choices: Iterable[Choice]) -> dict[str, Any]:
    return {
        name: value
        for choice in choices
        for name, value in choice.sets.items()
        if isinstance(value, int)
    }
