"""What nn.LayerNorm demands of its input, and what is read off a real call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import And, Basic, Eq, Ne, Not, Or, Symbol

from mhadoc.catalog.breaking import scalar
from mhadoc.catalog.one_input import (
    GIVEN,
    leading_axes,
    on_device,
    parameters_of,
    tensor,
    weights_common,
    weights_dtype,
)
from mhadoc.language import Call, Facts, Requirement

__all__ = ["measured", "mistakes", "read"]

_axes, _ends, _single, _half, _casts = (
    Symbol(name, integer=True)
    for name in ("axes", "ends", "weights.float32", "input.half", "norm.casts")
)


def read(norm: Any) -> dict[str, Any]:
    """Return the symbols that the constructor decided."""
    return {
        "normalized_shape": tuple(norm.normalized_shape),
        "elementwise_affine": int(norm.weight is not None),
        "bias": int(norm.bias is not None),
    }


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that a call decides, and what torch compares with the input."""
    facts, over = call.facts["input"], call.values["normalized_shape"]
    sizes = (over,) if isinstance(over, int) else tuple(over)
    parameters = parameters_of(call)
    return {
        "leading": facts.rank - len(sizes),
        "axes": len(sizes),
        "ends": int(_ends_in(facts, sizes)),
        **leading_axes(facts, len(sizes)),
        **parameters,
        "weights.float32": int(parameters["weights_dtype"] == "float32"),
        "input.half": int(facts.dtype in ("float16", "bfloat16")),
        "norm.casts": int(facts.device != "cpu"),  # there autocast leaves this one as it is
    }


def _ends_in(facts: Facts, sizes: tuple[int, ...]) -> bool:
    """Tell whether the last axes have these sizes, as far as they are known of a nested tensor."""
    last = facts.shape[facts.rank - len(sizes) :]
    if facts.nested:
        return all(-1 in (size, own) or size == own for size, own in zip(last, sizes, strict=False))
    return last == sizes


def _sizes(shown: Mapping[str, Any]) -> str:
    return ", ".join(map(str, shown["normalized_shape"]))


def mistakes(elementwise_affine: Basic, source: str) -> tuple[Requirement, ...]:
    """Return the demands on the input, in the order in which torch looks."""
    return (
        tensor("layer_norm", source),
        _some(source),
        _shape(source),
        on_device(elementwise_affine, source),
        *_dtypes(elementwise_affine, source),
        _floats(elementwise_affine, source),
    )


def _some(source: str) -> Requirement:
    return Requirement(
        "normalized_shape.some",
        "`normalized_shape` has an axis",
        "RuntimeError",
        "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
        "element, but got normalized_shape = []",
        "build with the sizes of the last axes",
        about=("normalized_shape",),
        breaks=lambda seen: {"module": seen.built(normalized_shape=())},
        fits=_axes > 0,
        expected="must have an axis at least",
        observed="is ()",
        source=source,
    )


def _shape(source: str) -> Requirement:
    return Requirement(
        "input.shape",
        "the last axes of the input are `normalized_shape`",
        "RuntimeError",
        "Given normalized_shape=[{sizes}], expected input with shape [*, {sizes}], but got "
        "input of size{found}",
        "build with normalized_shape=input.shape[-1], or bring the features to the end",
        about=("input",),
        breaks=lambda seen: {"input": seen.inputs["input"][..., 1:]},
        fits=Or(Not(GIVEN.tensor), Eq(_axes, 0), _ends),
        expected="must end in the axes {normalized_shape}",
        observed="has shape {input.shape}",
        computes={
            "sizes": _sizes,
            "found": lambda shown: list(shown["input"].shape),
        },
        source=source,
    )


_PARAMETER = "expect parameter to have scalar type of Float"
_INPUT = "expect input to have scalar type of BFloat16"
_SCALARS = "expected scalar type {given} but found {own}"


def _dtypes(affine: Basic, source: str) -> tuple[Requirement, ...]:
    """Return what is raised for an input of a dtype that does not go with the parameters."""
    mixed = And(_single, _half)
    same = Or(Eq(GIVEN.dtype, weights_dtype), And(_casts, Eq(GIVEN.common, weights_common)))
    kinds = (
        ("dtype", _PARAMETER, _PARAMETER, _narrower, Not(_single)),
        ("dtype_wider", "all inputs must share same datatype.", _INPUT, _wider, _single),
    )
    return tuple(
        Requirement(
            f"input.{id}",
            "the input has the dtype of the parameters, or is of half precision beside float32",
            "RuntimeError",
            f"mixed dtype (CPU): {words}",
            "convert one of the two: input.to(module.weight.dtype), or module.to(...)",
            about=("input",),
            breaks=breaks,
            when=affine,
            fits=Or(Not(And(affine, GIVEN.tensor, where)), same, mixed),
            expected="must have the dtype of the parameters: {weights_dtype}",
            observed="has {input.dtype}",
            source=source,
            before={"2.1": {"message": f"mixed dtype (CPU): {was}"}, "2.0": {"message": _SCALARS}},
            computes={
                "given": lambda shown: scalar(shown["input"]),
                "own": lambda shown: scalar(shown["module"].weight),
            },
        )
        for id, words, was, breaks, where in kinds
    )


def _floats(affine: Basic, source: str) -> Requirement:
    return Requirement(
        "input.floats",
        "the input is one of floats",
        "NotImplementedError",
        "\"LayerNormKernelImpl\" not implemented for 'Long'",
        "pass input.float()",
        about=("input",),
        breaks=lambda seen: {"input": seen.inputs["input"].long()},
        when=Not(affine),
        fits=Or(Not(GIVEN.tensor), GIVEN.floating, And(affine, Ne(GIVEN.dtype, weights_dtype))),
        expected="must be one of floats",
        observed="is one of {input.dtype}",
        source=source,
        before={"2.8": {"error": "RuntimeError"}},
    )


def _narrower(seen: Any) -> dict[str, Any]:
    return {"input": seen.inputs["input"].float()}


def _wider(seen: Any) -> dict[str, Any]:
    return {"module": seen.built().float()}
