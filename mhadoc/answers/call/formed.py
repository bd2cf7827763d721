"""The sizes of a call whose inputs are compared with the forms that it can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import sympy

from mhadoc.answers.call.asked import described_call
from mhadoc.answers.call.forms import Form, forms, plain_values
from mhadoc.answers.tensors import Given, shown
from mhadoc.errors import RuleError
from mhadoc.language import TRUTH, Call, Input, Match, ModuleSpec, Requirement, Shape, broadcast
from mhadoc.language.compiled import joined, truth
from mhadoc.language.measures import Symbols

__all__ = ["Formed"]


@dataclass(frozen=True)
class Formed:
    """A call by its spec, its constructor's values, and forward's arguments."""

    spec: ModuleSpec
    values: Mapping[str, Any]
    inputs: Mapping[str, Any]

    def checked(self) -> dict[str, Any]:
        """Return the value of every symbol; raise RuleError where a demand is not met."""
        values = Symbols(self.call.facts)
        values.update(self.sizes())
        for requirement in self.spec.call_requirements:
            if not (requirement.met(values) and truth(requirement.fits, values)):
                raise self.unmet(requirement, values)
        return values

    @cached_property
    def call(self) -> Call:
        """Return the call, with what is known of each tensor."""
        return described_call(self.spec, self.values, self.inputs)

    def unmet(self, requirement: Requirement, values: Symbols) -> RuleError:
        """Return the error for a demand that is not met, with what it observed if that is told."""
        demand, hint = requirement.demand, requirement.hint
        error = self.broken(requirement.id, demand, hint, *requirement.about)
        if requirement.observed:
            shown = joined(values.facts, self.inputs, values)
            (name,) = requirement.about
            error.values[name] = requirement.filled(requirement.observed, shown, values)
        return RuleError(error.rule, values=error.values, expected=demand, hint=hint)

    def sizes(self) -> dict[str, Any]:
        """Return the value of every symbol, those of the call included."""
        given = {name: self.given(name) for name in self.tensors()}
        form = self.form(given)
        values = {**plain_values(self.spec), **self.values, **self.told(), **form.values}
        for name, rule in form.rules.items():
            actual = given[name]
            if rule.shape is not None and actual and not truth(rule.unmeasured, values):
                values |= self.measured(rule, rule.shape, actual.shape, values)
        if self.spec.shaped is not None:
            shapes = {name: known and known.shape for name, known in given.items()}
            values |= self.spec.shaped(values, shapes, self.call)
        return values

    def measured(
        self, rule: Input, shape: Shape, actual: tuple[int, ...], values: Mapping[str, Any]
    ) -> Mapping[str, int]:
        """Return the sizes that the shape of one input tells, those known before included."""
        known = {size: values[size] for size in shape.symbols if size in values}
        if rule.broadcasts:
            stated = shape.evaluate(known)
            fits = broadcast(stated, actual) == stated
            match = Match(known, "" if fits else f"{actual} does not broadcast to {stated}")
        else:
            match = shape.match(actual, known)
        if not match:
            expected = f"{rule.name} must have shape {_partly(shape, known)}"
            raise self.broken(rule.id, expected, match.problem, rule.name)
        return match.sizes

    def tensors(self) -> dict[str, Input]:
        """Return the inputs that are tensors, each with one of its rules."""
        return {rule.name: rule for rule in self.spec.inputs if rule.shape is not None}

    def told(self) -> dict[str, Any]:
        """Return what the inputs that are no tensors tell: each flag, and each number given."""
        names = [rule.name for rule in self.spec.inputs if rule.is_flag]
        plain = {f"{name}.bool": int(type(self.inputs[name]) is bool) for name in names}
        rules = (rule for rule in self.spec.inputs if isinstance(rule.value, sympy.Symbol))
        numbers = {str(rule.value): self.number(rule) for rule in rules if self.is_told(rule)}
        return {**{name: self.flag(name) for name in names}, **plain, **numbers}

    def flag(self, name: str) -> int:
        """Return whether an input counts as true; raise RuleError where that cannot be told."""
        if not TRUTH(self.inputs[name]):
            problem = f"{name} must have a truth value"
            raise self.broken(name, problem, f"pass {name}=True or {name}=False", name)
        return int(bool(self.inputs[name]))

    def is_told(self, rule: Input) -> bool:
        """Tell whether an input has a value, if a wrong one: None is one where it is no default."""
        return rule.required or rule.default is not None or self.inputs[rule.name] is not None

    def number(self, rule: Input) -> Any:
        """Return an input that is a number; raise RuleError where it is none."""
        given = self.inputs[rule.name]
        taken = Integral if rule.type == "int" else Real
        if isinstance(given, (taken, sympy.Expr)):
            return given
        if rule.type == "int" or (found := _number(given)) is None:
            whole = "a whole number" if rule.type == "int" else "a number"
            raise self.broken(rule.id, f"{rule.name} must be {whole}", f"pass {whole}", rule.name)
        return found

    def given(self, name: str) -> Given | None:
        """Return what is known of one input."""
        if self.inputs[name] is None:
            return None
        if (given := Given.of(self.inputs[name])) is None:
            problem = f"{name} must be a shape, a tensor or None"
            raise self.broken(name, problem, "pass its shape as a tuple of ints", name)
        return given

    def form(self, given: Mapping[str, Given | None]) -> Form:
        """Return the form of this call: the first that every input fits."""
        left = forms(self.spec, {**self.values, **self.told()})
        for name in given:
            fitting = tuple(form for form in left if form.fits(name, given[name], self.values))
            if not fitting:
                raise self.misfit(name, left)
            left = fitting
        return left[0]

    def misfit(self, name: str, left: Sequence[Form]) -> RuleError:
        """Return the error for an input that fits none of the forms left."""
        given = self.given(name)
        kinds = sorted({form.kinds[name] for form in left if name in form.kinds})
        if given is not None and given.kind not in (None, *kinds):
            expected = f"{name} must be a tensor of {' or '.join(kinds)}"
            return self.broken(name, expected, f"convert it: its dtype is {given.kind}", name)
        rules = [form.rules.get(name) for form in left]
        shapes = {rule.shape.text(): rule.shape for rule in rules if rule and rule.shape}
        expected = f"{name} must be {' or '.join([*shapes, *['None'] * (None in rules)])}"
        axes = " or ".join(dict.fromkeys(str(len(shape)) for shape in shapes.values()))
        spread = any(shape.spreads for shape in shapes.values())
        hint = "in one of these shapes" if spread else f"with {axes} axes"
        return self.broken(name, expected, f"pass {name} {hint}", name)

    def broken(self, rule: str, expected: str, hint: str, *about: str) -> RuleError:
        """Return the error for inputs that break a rule, each shown by its shape."""
        came = {name: shown(self.inputs[name]) for name in about}
        return RuleError(f"{self.spec.name}.{rule}", values=came, expected=expected, hint=hint)


def _number(given: Any) -> float | None:
    """Return the number that a tensor without axes holds, if torch takes it for one."""
    if getattr(given, "ndim", None) != 0 or getattr(given, "requires_grad", False):
        return None
    try:
        return float(given)
    except (RuntimeError, TypeError, ValueError):
        return None


def _partly(shape: Shape, known: Mapping[str, int]) -> str:
    """Return a shape in symbols, and with the sizes known in numbers."""
    symbols = {symbol for axis in shape for symbol in axis.free_symbols}
    numbers = {symbol: known[symbol.name] for symbol in symbols if symbol.name in known}
    partly = Shape(*(axis.subs(numbers) for axis in shape))
    return f"{shape.text()} = {partly.text()}" if numbers else shape.text()
