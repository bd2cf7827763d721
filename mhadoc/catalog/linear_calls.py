"""What nn.Linear demands of its input, and what is read off a real call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Basic, Eq, Not, Or

from mhadoc.catalog.breaking import features, in_c, scalar, wider
from mhadoc.catalog.one_input import (
    GIVEN,
    UNKNOWN,
    leading_axes,
    on_device,
    parameters_of,
    tensor,
    weights_common,
)
from mhadoc.language import Call, Requirement

__all__ = ["measured", "mistakes", "read"]

_SHAPES = (
    "mat1 and mat2 shapes cannot be multiplied ({rows}x{features} and {in_features}x{out_features})"
)


def read(linear: Any) -> dict[str, Any]:
    """Return the symbols that the constructor decided."""
    return {
        "in_features": linear.in_features,
        "out_features": linear.out_features,
        "bias": int(linear.bias is not None),
    }


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that a call decides, and the dtype and device of the parameters."""
    facts = call.facts["input"]
    return {
        "rank": facts.rank,
        **leading_axes(facts, 1),
        **parameters_of(call),
    }


def mistakes(bias: Basic, in_features: Basic, source: str) -> tuple[Requirement, ...]:
    """Return the demands on the input, in the order in which torch looks."""
    return (
        tensor("linear", source),
        on_device(bias, source),
        _axes(source),
        _features(in_features, source),
        *(_dtype(fused, bias, source) for fused in (True, False)),
    )


_INDEX = "ArrayRef: invalid index Index = 18446744073709551615; Length = 0"
_PRODUCT = "both arguments to matmul need to be at least 1D, but they are 0D and 2D"


def _once(shown: Mapping[str, Any]) -> str:
    """Return what torch 2.1 and 2.2 said of an input without axes: with a bias, of its sizes."""
    biased = shown["module"].bias is not None
    return (
        "ArrayRef: invalid index Index = 18446744073709551615; Length = 0" if biased else _PRODUCT
    )


def _axes(source: str) -> Requirement:
    return Requirement(
        "input.axes",
        "the input has an axis",
        "RuntimeError",
        "both arguments to linear need to be at least 1D, but they are 0D and 2D",
        "pass a vector, or a batch of them",
        about=("input",),
        breaks=lambda seen: {"input": seen.inputs["input"].sum()},
        fits=Or(Not(GIVEN.tensor), GIVEN.rank > 0),
        expected="must have an axis at least",
        observed="has none",
        source=source,
        before={
            "2.3": {"message": "{said}", "computes": {"said": _once}},
            "2.1": {"message": _PRODUCT, "computes": {}},
        },
    )


def _features(in_features: Basic, source: str) -> Requirement:
    return Requirement(
        "input.features",
        "the input has `in_features` features",
        "RuntimeError",
        f"{{operator}}: {_SHAPES}",
        "project the input, or build with in_features=input.shape[-1]",
        about=("input",),
        breaks=lambda seen: {"input": wider(seen.inputs["input"])},
        fits=Or(Not(GIVEN.tensor), Eq(GIVEN.rank, 0), UNKNOWN, Eq(GIVEN.features, in_features)),
        expected="must have in_features = {in_features} features",
        observed="has {input.features}",
        computes={
            "rows": lambda shown: shown["input"].numel() // shown["input"].shape[-1],
            "features": features("input"),
            "operator": lambda shown: "addmm" if shown["bias"] else "mm",
        },
        source=source,
        before={"2.15": {"message": _SHAPES}},
    )


def _told_of_dtypes(shown: Any) -> str:
    """Return what was said before torch 2.1, which told the dtypes of a vector alone."""
    if shown["input"].ndim in (2, 3):
        return "mat1 and mat2 must have the same dtype"
    own = scalar(shown["module"].weight)
    return f"expected scalar type {scalar(shown['input'])} but found {own}"


def _dtype(fused: bool, bias: Basic, source: str) -> Requirement:
    """Return what is raised for an input of another dtype: with a bias, and without one."""
    written, when = (scalar, bias) if fused else (in_c, Not(bias))
    was = "expected scalar type {given_scalar} but found {own_scalar}"
    if fused:
        was = "{told}"
    return Requirement(
        "input.dtype" if fused else "input.dtype_in_c",
        "the input has the dtype of the parameters",
        "RuntimeError",
        "mat1 and mat2 must have the same dtype, but got {given} and {own}"
        if fused
        else "expected m1 and m2 to have the same dtype, but got: {given} != {own}",
        "convert one of the two: input.to(module.weight.dtype), or module.to(...)",
        about=("input",),
        breaks=lambda seen: {"input": seen.inputs["input"].float()},
        when=when,
        fits=Or(Not(GIVEN.tensor), Not(when), Eq(GIVEN.common, weights_common)),
        expected="must have the dtype of the parameters: {weights_dtype}",
        observed="has {input.dtype}",
        computes={
            "given": lambda shown: written(shown["input"]),
            "own": lambda shown: written(shown["module"].weight),
            "given_scalar": lambda shown: scalar(shown["input"]),
            "own_scalar": lambda shown: scalar(shown["module"].weight),
            "told": _told_of_dtypes,
        },
        source=source,
        before={"2.1": {"message": was}},
    )
