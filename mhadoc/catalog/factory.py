"""What every module demands that makes its own parameters: its device, its dtype, its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mhadoc.language import (
    DEVICE,
    DTYPE,
    INITIALISABLE,
    LEARNABLE,
    TRUTH,
    Accepts,
    Argument,
    Requirement,
)

__all__ = [
    "FIRST_SIZE",
    "OVERLOADS",
    "device_and_dtype",
    "initialisable",
    "later_size",
    "learnable",
    "objects",
    "truth",
]

#: torch's words for a first size that is no int; what came is left to fill in.
FIRST_SIZE = (
    "empty(): argument 'size' (position 1) must be tuple of ints, "
    "but found element of type {%s} at pos 0"
)

#: Where torch.empty had several signatures it named no argument, and listed them all.
OVERLOADS = {
    "2.13": {
        "message": "empty() received an invalid combination of arguments - got "
        "(tuple, dtype={type_dtype}, device={type_device}), but expected one of: ..."
    }
}


#: How torch.empty complained of a size that is no int and not the first one, before.
LATER_SIZE = (
    "empty(): argument 'size' must be tuple of %s, but found element of type {%s} at pos %s"
)


def later_size(found: str, place: str = "2") -> dict[str, dict[str, str]]:
    """Return by release what was said of another size that is no int."""
    return {
        release: {"message": LATER_SIZE % (kind, found, place)}
        for release, kind in (("2.1", "ints"), ("2.0", "SymInts"))
    }


def device_and_dtype(source: str) -> tuple[Argument, ...]:
    """Return the two arguments that every such constructor ends with."""
    return (
        Argument(
            name="device",
            accepts=DEVICE,
            effect="none on shapes: every parameter is created there",
            why="None stands for torch's current default device.",
            source=source,
        ),
        Argument(
            name="dtype",
            accepts=DTYPE,
            effect="none on shapes: every parameter has this dtype",
            why="None stands for `torch.get_default_dtype()`.",
            source=source,
        ),
    )


def objects(good: Mapping[str, Any], source: str) -> tuple[Requirement, ...]:
    """Return the demands on the kinds of dtype and device; ``good`` arguments complete a call."""
    return (
        _object("dtype", DTYPE, {**good, "dtype": "float32"}, source),
        _object("device", DEVICE, {**good, "device": 3.0}, source),
    )


def _object(name: str, kind: Accepts, example: Mapping[str, Any], source: str) -> Requirement:
    return Requirement(
        f"{name}.{name}",
        f"{name} must be a {kind.name}, or None for the default",
        "TypeError",
        f"empty(): argument '{name}' must be {kind.name}, not {{type_{name}}}",
        f"pass {name} as a {kind.name}, or leave it out",
        about=(name,),
        accepts=kind,
        example=example,
        source=source,
        before=OVERLOADS,
    )


def learnable(good: Mapping[str, Any], source: str) -> Requirement:
    """Return the demand that numbers of the dtype can have a gradient."""
    return Requirement(
        "dtype.learnable",
        "dtype must be a floating or complex dtype",
        "RuntimeError",
        "Only Tensors of floating point and complex dtype can require gradients",
        "pass torch.float32, torch.float64, torch.float16 or torch.bfloat16",
        about=("dtype",),
        accepts=LEARNABLE,
        example={**good, "dtype": int},
        source=source,
    )


def truth(name: str, source: str) -> Requirement:
    """Return the demand that an argument can be asked whether it is true."""
    return Requirement(
        f"{name}.truth",
        f"{name} must have a truth value",
        "RuntimeError",
        "Boolean value of Tensor with more than one value is ambiguous",
        f"pass {name}=True or {name}=False",
        about=(name,),
        accepts=TRUTH,
        source=source,
    )


def initialisable(source: str) -> Requirement:
    """Return the demand that torch can draw random numbers in the dtype."""
    return Requirement(
        "dtype.initialisable",
        "dtype must be one that torch can draw random numbers in",
        "NotImplementedError",
        "\"check_uniform_bounds\" not implemented for '{scalar_dtype}'",
        "pass torch.float32 and convert the module afterwards",
        about=("dtype",),
        accepts=INITIALISABLE,
        source=source,
    )
