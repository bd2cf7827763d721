"""The call that is asked about: of a real module with real inputs, or described by shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mhadoc.answers.built import arguments_of
from mhadoc.answers.call.binding import bound
from mhadoc.answers.tensors import shape_of
from mhadoc.answers.undescribed import refuse_altered
from mhadoc.catalog import spec
from mhadoc.language import ABSENT, Call, Facts, ModuleSpec
from mhadoc.language.measures import dtype_of

__all__ = ["asked", "called", "described_call"]


def asked(module: Any, *inputs: Any, **named: Any) -> tuple[ModuleSpec, Call]:
    """Return the spec of a module that is built, and a call of it; nothing runs.

    ``spec.symbols_of(call)`` gives the value of every symbol in it: the constructor's, those of
    the call, the measures of each input, and what surrounds it (the symbols of ``SURROUNDINGS``).

    Raises UnknownNameError for a module without a spec, or that was altered, and RuleError where
    the inputs cannot be bound to forward's arguments.
    """
    found = spec(module)
    refuse_altered(found, module)
    return found, called(found, module, bound(found, inputs, named))


def called(found: ModuleSpec, module: Any, inputs: Mapping[str, Any]) -> Call:
    """Return the call of a module that is built with forward's arguments by name."""
    values = arguments_of(module, found) if found.read is None else found.read(module)
    return found.called(module, values, inputs)


def described_call(found: ModuleSpec, values: Mapping[str, Any], inputs: Mapping[str, Any]) -> Call:
    """Return the call of a module that is only described, with tensors, arrays or shapes.

    Where only a shape is given, a mask is one of bools, and anything else of the dtype that the
    constructor is given, and without one that of the inputs that have one.
    """
    dtypes = [getattr(inputs[name], "dtype", None) for name in found.tensors if "mask" not in name]
    usual = next((dtype for dtype in dtypes if dtype is not None), "float32")
    if (told := values.get("dtype")) is not None:
        usual = dtype_of(told)
    device = next(filter(None, (_device(inputs[name], "") for name in found.tensors)), "")
    facts = {
        name: _described(inputs[name], "bool" if "mask" in name else usual, device)
        for name in found.tensors
    }
    return Call(None, values, {**found.constants, **inputs}, facts)


def _described(value: Any, usual: Any, device: str) -> Facts:
    """Return what is known of an input; where only a shape is given, the rest is as usual."""
    if value is None:
        return ABSENT
    if (shape := shape_of(value)) is None:
        return Facts.of(value)
    return Facts.shaped(shape, getattr(value, "dtype", usual), _device(value, device))


def _device(value: Any, usual: str) -> str:
    return getattr(getattr(value, "device", None), "type", usual)
