"""Modules that are built: the constructor arguments behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy

from mhadoc.answers.checkpoints.reading import read
from mhadoc.catalog import spec
from mhadoc.errors import UnknownNameError
from mhadoc.language import ModuleSpec

__all__ = ["arguments_of", "described", "is_built"]


def is_built(value: object) -> bool:
    """Tell whether a value is a module, not a class, a name or a description."""
    return hasattr(value, "named_modules") and not isinstance(value, type)


def described(value: Any) -> Any:
    """Return a description in the place of a module that is built and has a spec."""
    if not is_built(value):
        return value
    try:
        found = spec(value)
    except UnknownNameError:
        return value
    return found.bound(**arguments_of(value, found))


def arguments_of(module: Any, found: ModuleSpec) -> dict[str, Any]:
    """Return the constructor arguments of a module that is built.

    Those that the shapes decide are read from its parameters; the others are attributes, or
    arguments of the modules inside.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    reading = read(found, shapes)
    known = dict(_inside(module, found)) | ({} if reading is None else dict(reading.values))
    modules = {child.given: child.name for child in found.children if child.given}
    arguments = {}
    for argument in found.arguments:
        name, default = argument.name, argument.default
        if name in modules:
            arguments[name] = described(_child(module, modules[name]))
            continue
        value = known[name] if name in known else getattr(module, name, default)
        stands_for = known.get(str(argument.becomes), argument)
        arguments[name] = default if value == stands_for else value
    return arguments


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
