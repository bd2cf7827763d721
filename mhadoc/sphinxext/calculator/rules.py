"""A spec's rules as data for a calculator's page: texts, and expressions that become JavaScript."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sympy

from mhadoc.language import condition_text
from mhadoc.language.compiled import free_names
from mhadoc.sphinxext.calculator.fields import sizes
from mhadoc.sphinxext.text import spelled

if TYPE_CHECKING:
    from mhadoc.language import Accepts, Axis, ModuleSpec, Requirement, Rule
    from mhadoc.sphinxext.calculator.fields import Field

__all__ = ["rules"]

#: One value of each type that a field can hold, by Python's name of the type.
_SAMPLES = {"int": 2, "float": 2.5, "bool": True, "str": "2", "NoneType": None}


def rules(spec: ModuleSpec, fields: Iterable[Field]) -> dict[str, Any]:
    """Return all that a calculator works with, in the order in which torch looks."""
    found = tuple(fields)
    names = {field.name: field for field in found}
    return {
        "name": spec.name,
        "path": spec.path,
        "fields": [_field(field) for field in found],
        "required": [argument.name for argument in spec.arguments if argument.required],
        "requirements": [_requirement(r, names) for r in spec.requirements if _typed(r, names)],
        "derived": _derived(spec),
        "parameters": [_rule(rule) for rule in spec.parameters],
        **_call(spec, names),
    }


def _call(spec: ModuleSpec, names: Iterable[str]) -> dict[str, Any]:
    """Return what a calculator works with for a call: it knows only some of a call's symbols."""
    known = _known(spec)
    return {
        "axes": [_axis(axis) for axis in spec.cases.part("call")],
        "together": [_together(spec, part) for part in _parts(spec.cases.consistent)],
        "demands": [_requirement(r, names) for r in spec.call_requirements if _told(r, known)],
        "inputs": [_rule(rule) for rule in spec.inputs if rule.shape is not None],
        "outputs": [_rule(rule) for rule in sorted(spec.outputs, key=lambda r: r.position)],
        "steps": [list(made.shape) for step in spec.steps for made in step.makes],
        "flops": spec.flops,
        "fast": [_reason(r) for r in spec.fast_path if {*free_names(r.holds)} <= known],
    }


def _field(field: Field) -> dict[str, Any]:
    return {name: value for name, value in vars(field).items() if name != "help"}


def _known(spec: ModuleSpec) -> set[str]:
    """Return the names of all symbols that the form decides."""
    chosen = (name for axis in spec.cases.part("call") for name in axis.symbols)
    arguments = (argument.name for argument in spec.arguments)
    return {*sizes(spec), *arguments, *_derived(spec), *chosen}


def _derived(spec: ModuleSpec) -> dict[str, sympy.Basic]:
    """Return what the arguments decide without being it: ``head_dim``."""
    arguments = {argument.name for argument in spec.arguments}
    symbols = {symbol.name for symbol in spec.symbols} - arguments
    return {rule.name: rule.value for rule in spec.attributes if rule.name in symbols}


def _typed(demand: Requirement, names: Mapping[str, Field]) -> bool:
    """Tell whether a demand is one on what is typed: what is chosen from a list meets it."""
    return any(names[name].kind in ("int", "number") for name in demand.about)


def _requirement(demand: Requirement, names: Iterable[str]) -> dict[str, Any]:
    """Return a demand, and the field that it is shown beside."""
    first = demand.id.partition(".")[0]
    return {
        "id": demand.id,
        "at": first if first in names else next(n for n in demand.about if n in names),
        "about": list(demand.about),
        "demand": demand.demand,
        "hint": demand.hint,
        "error": demand.error,
        "message": demand.message,
        "accepts": _accepted(demand.accepts),
        "holds": demand.holds,
        "unless": demand.unless,
    }


def _accepted(accepts: Accepts | None) -> dict[str, bool] | None:
    """Return for each type whether a value of it is accepted."""
    return {name: accepts(sample) for name, sample in _SAMPLES.items()} if accepts else None


def _told(demand: Requirement, known: set[str]) -> bool:
    """Tell whether a demand of the call is one on what the form decides."""
    return demand.holds != sympy.true and {*free_names(demand.holds)} <= known


def _axis(axis: Axis) -> dict[str, Any]:
    choices = {choice.label: dict(choice.sets) for choice in axis.choices}
    return {"name": axis.name, "choices": choices}


def _parts(condition: sympy.Basic) -> list[sympy.Basic]:
    """Return what a condition joins, in an order that is the same in every run."""
    parts = (part for part in sympy.And.make_args(condition) if part != sympy.true)
    return sorted(parts, key=sympy.default_sort_key)


def _together(spec: ModuleSpec, part: sympy.Basic) -> dict[str, Any]:
    """Return a condition on what can be chosen together, beside the first axis that it names."""
    asked = {*free_names(part)}
    at = next(
        axis.name for axis in spec.cases.part("call") if asked & axis.symbols - {*sizes(spec)}
    )
    return {"id": f"{at}.together", "at": at, "demand": _words(spec, part), "holds": part}


def _words(spec: ModuleSpec, part: sympy.Basic) -> str:
    if isinstance(part, sympy.Implies):
        given, needed = (spelled(spec, condition_text(side)) for side in part.args)
        return f"`{given}` needs `{needed}`"
    return f"`{spelled(spec, condition_text(part))}` must hold"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "id": rule.id,
        "shape": None if rule.shape is None else rule.shape.text(),
        "axes": None if rule.shape is None else list(rule.shape),
        "when": rule.when,
    }


def _reason(demand: Requirement) -> dict[str, Any]:
    return {"demand": demand.demand, "hint": demand.hint, "holds": demand.holds}
