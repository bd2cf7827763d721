"""Values that torch does not copy, or copies with another meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mhadoc.answers.problem import Problem
from mhadoc.answers.tensors import Given

__all__ = ["copied"]

_RULE = "state_dict.values"

#: Numbers of less than a byte, and bits without a meaning: torch copies them to nothing else.
_TIGHT = re.compile(r"u?int[1-7]|bit|bits\w+|float4\w+")


def copied(module: Any, state_dict: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    """Iterate over the values that are not copied as they are, each with its key."""
    for key, mine in module.state_dict().items():
        value = state_dict.get(key)
        if (given := Given.of(value)) is None:
            continue
        found = _refused(mine, value) or _doubted(mine, value, given)
        if found is not None:
            yield key, found


def _refused(mine: Any, value: Any) -> Problem | None:
    """Return why torch does not copy a value, if so."""
    if hasattr(value, "__array__") and not hasattr(type(value), "__torch_function__"):
        observed = f"it is of type {type(value).__name__}"
        return Problem("", _RULE, "must be a tensor", observed, "pass torch.as_tensor of it")
    if _meta(value) and not _meta(mine):
        observed = "it is on the meta device, where there are none"
        return Problem("", _RULE, "must have numbers", observed, "load the file to another device")
    here, there = _layout(mine), _layout(value)
    if here and there and here != there:
        hint = "pass its .to_dense()" if here == "torch.strided" else f"pass it in {here}"
        return Problem("", _RULE, f"must be stored as {here}", f"it is {there}", hint)
    if getattr(value, "is_quantized", False) and not getattr(mine, "is_quantized", False):
        return Problem("", _RULE, "must not be quantised", "it is", "pass its .dequantize()")
    return _tight(mine, value)


def _tight(mine: Any, value: Any) -> Problem | None:
    here, there = _dtype(mine), _dtype(value)
    if here == there or not _TIGHT.fullmatch(there):
        return None
    observed = f"it holds {there}, which torch copies to nothing else"
    return Problem("", _RULE, f"must hold {here}", observed, "unpack the numbers first")


def _doubted(mine: Any, value: Any, given: Given) -> Problem | None:
    """Return what is probably not meant in a value that torch copies, if anything."""
    if _meta(mine) and hasattr(value, "is_meta") and not _meta(value):
        expected = "must be on a device with numbers in the module"
        hint = "pass assign=True, or build the module on another device"
        observed = "it is on meta there, and nothing is loaded"
        return Problem("", _RULE, expected, observed, hint, "warning")
    if "complex" in _dtype(value) and "complex" not in _dtype(mine):
        observed = "it is complex, and only the real part is loaded"
        return Problem("", _RULE, "must be real", observed, "pass its .real", "warning")
    if given.kind in (None, "float") or not _floating(mine):
        return None
    observed = f"it holds {given.kind}, which is loaded as it is, without a scale"
    hint = "convert a quantised file to floats first"
    return Problem("", "state_dict.dtypes", "must hold floats", observed, hint, "warning")


def _meta(value: Any) -> bool:
    return bool(getattr(value, "is_meta", False))


def _dtype(value: Any) -> str:
    return str(getattr(value, "dtype", "")).rpartition(".")[2]


def _layout(value: Any) -> str:
    return str(getattr(value, "layout", ""))


def _floating(tensor: Any) -> bool:
    given = Given.of(tensor)
    return given is not None and given.kind == "float"
