"""Modules that are built: the constructor arguments behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import sympy

from mhadoc.answers.checkpoints.reading import numbered, read
from mhadoc.answers.problem import Problem
from mhadoc.answers.undescribed import refuse_altered
from mhadoc.catalog import spec
from mhadoc.errors import UnknownNameError
from mhadoc.language import Argument, ModuleSpec
from mhadoc.language.parts import shapes_in, shapes_of
from mhadoc.language.usage import too_early

__all__ = ["arguments_of", "built_too_early", "described", "is_built"]


def is_built(value: object) -> bool:
    """Tell whether a value is a module, not a class, a name or a description."""
    return hasattr(value, "named_modules") and not isinstance(value, type)


def described(value: Any) -> Any:
    """Return a description in the place of a module that is built and has a spec.

    Raises UndescribedError for one that was altered.
    """
    if not is_built(value):
        return value
    try:
        found = spec(value)
    except UnknownNameError:
        return value
    refuse_altered(found, value)
    return found.bound(**arguments_of(value, found))


def arguments_of(module: Any, found: ModuleSpec) -> dict[str, Any]:
    """Return the constructor arguments of a module that is built.

    Those that the shapes decide are read from its parameters; the others are attributes, or
    arguments of the modules inside.
    """
    reading = read(found, _shapes(module, found))
    known = dict(_inside(module, found)) | ({} if reading is None else dict(reading.values))
    modules = {child.given: child.name for child in found.children if child.given}
    arguments = {}
    for argument in found.arguments:
        name, default = argument.name, argument.default
        if name in modules:
            arguments[name] = described(_child(module, modules[name]))
            continue
        kept = default if name in module._parameters else getattr(module, name, default)
        value = known.get(name, kept)
        stands_for = known.get(str(argument.becomes), argument)
        arguments[name] = default if value == stands_for else value
    return arguments


def _shapes(module: Any, found: ModuleSpec) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor, those included that are kept by another name.

    So is a weight that is pruned, or parametrized.
    """
    named = {**shapes_of(found, module), **shapes_in(module.state_dict())}
    return {key: tuple(shape) for key, shape in named.items() if shape is not None}


def _inside(module: Any, found: ModuleSpec) -> Iterator[tuple[str, Any]]:
    """Iterate over the symbols that the arguments of the modules inside decide."""
    for child in found.children:
        inner = _child(module, child.name)
        if inner is None or child.spec is None:
            continue
        arguments: Mapping[str, Any] = arguments_of(inner, child.spec)
        for name, expression in child.sets.items():
            if isinstance(expression, sympy.Symbol) and name in arguments:
                yield expression.name, arguments[name]


def _child(module: Any, name: str) -> Any:
    """Return the module inside with this name, the first where there are several."""
    for part in name.replace("{i}", "0").split("."):
        module = getattr(module, part, None)
    return module


def built_too_early(found: ModuleSpec, module: Any, release: str) -> Iterator[Problem]:
    """Iterate over what a built module was given that its class in a release did not yet take.

    ``found`` is the spec of that release. Of layers alike the first is told, and nothing of what is
    inside a module that is told.
    """
    told: list[str] = []
    for place, inner in module.named_modules() if _grew(found) else ():
        start = f"{numbered(place)}." if place else ""
        if any(start.startswith(outer) for outer in told):
            continue
        for problem in _too_early(inner, release):
            told.append(start)
            yield replace(problem, argument=".".join(filter(None, (place, problem.argument))))


@cache
def _grew(found: ModuleSpec) -> bool:
    """Tell whether a module, or one inside it, has an argument that came with a later release."""
    inside = (child.spec for child in found.children if child.spec is not None)
    return any(isinstance(r, Argument) for r in found.later.values()) or any(map(_grew, inside))


def _too_early(module: Any, release: str) -> Iterator[Problem]:
    """Iterate over the constructor arguments of one module that a release has not got yet."""
    try:
        found = spec(module, release)
    except UnknownNameError:
        return
    later = {n: rule for n, rule in found.later.items() if isinstance(rule, Argument)}
    given = arguments_of(module, spec(module)) if later else {}
    for name in given.keys() & later.keys():
        if given[name] != later[name].default:
            expected, observed = too_early(found, name), f"the module has {name}={given[name]!r}"
            hint = f"build it without, or use torch {later[name].since} or newer"
            yield Problem(name, f"{found.name}.arguments", expected, observed, hint)
