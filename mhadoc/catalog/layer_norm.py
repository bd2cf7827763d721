"""All that is stated of torch.nn.LayerNorm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from operator import index
from typing import Any

from sympy import And, Eq

from mhadoc.catalog.factory import (
    FIRST_SIZE,
    OVERLOADS,
    device_and_dtype,
    later_size,
    learnable,
    objects,
    truth,
)
from mhadoc.catalog.layer_norm_calls import measured, mistakes, read
from mhadoc.language import (
    AXES,
    INTEGER,
    SIZE,
    TRUTH,
    Accepts,
    Argument,
    Attribute,
    Axis,
    Cases,
    Choice,
    Claim,
    Distribution,
    Each,
    Input,
    Mismatch,
    ModuleSpec,
    Output,
    Parameter,
    Requirement,
    Seen,
    Shape,
    Symbol,
    close,
)
from mhadoc.language.values import axes, c_name

__all__ = ["SPEC"]

SYMBOLS = (
    Symbol("normalized_shape", "the sizes of the last axes, which are normalised together"),
    Symbol("N", "batch size"),
    Symbol("L", "length of a sequence"),
    Symbol("elementwise_affine", "the constructor's `elementwise_affine`", "flag"),
    Symbol("bias", "the constructor's `bias`", "flag"),
    Symbol(
        "leading",
        "axes of the input before the normalised ones",
        python=("input.ndim - len(module.normalized_shape)",),
    ),
    Symbol("before", "the sizes of further axes, in front of `N` and `L`"),
)
normalized_shape, N, L, elementwise_affine, bias, leading, before = (s.expr for s in SYMBOLS)

INIT = "torch/nn/modules/normalization.py: LayerNorm.__init__"
FORWARD = "torch/nn/modules/normalization.py: LayerNorm.forward"
_GOOD = {"normalized_shape": 10}

ARGUMENTS = (
    Argument(
        name="normalized_shape",
        accepts=AXES,
        required=True,
        effect="is the shape of `weight` and `bias`",
        why="the sizes of the last axes; an int stands for one axis.",
        source=INIT,
    ),
    Argument(
        name="eps",
        default=1e-5,
        effect="none",
        why="added to the variance before its square root is taken; stored as it is given.",
        source=INIT,
    ),
    Argument(
        name="elementwise_affine",
        accepts=TRUTH,
        default=True,
        effect="adds `weight`, and `bias` where `bias=True`",
        why="whether the normalised values are scaled and shifted by learned numbers.",
        source=INIT,
    ),
    Argument(
        name="bias",
        accepts=TRUTH,
        default=True,
        effect="adds `bias` where `elementwise_affine=True`",
        why="whether the normalised values are shifted; without effect where they are not scaled.",
        source=INIT,
        since="2.1",
    ),
    *device_and_dtype(INIT),
)


def _first(value: object) -> bool:
    return all(INTEGER(size) for size in axes(value)[:1])


def _sizes(value: object) -> bool:
    return all(SIZE(size) for size in axes(value))


def _natural(value: object) -> bool:
    return all(index(size) >= 0 for size in axes(value))


def _about(find: Callable[[tuple[Any, ...]], object]) -> Callable[[Mapping[str, Any]], object]:
    """Return a function of all arguments that tells something of the sizes given."""
    return lambda values: find(axes(values["normalized_shape"]))


def _place(sizes: tuple[Any, ...]) -> int:
    """Return where the first size is that is no int, counted from 1."""
    return next(place for place, size in enumerate(sizes, 1) if not SIZE(size))


_SHAPE_DEMAND = (
    Requirement(
        "normalized_shape.sizes",
        "normalized_shape must be an int or a sequence of ints",
        "TypeError",
        "'{type_normalized_shape}' object is not iterable",
        "pass the sizes of the last axes",
        about=("normalized_shape",),
        accepts=AXES,
        example={"normalized_shape": 5.0},
        source=INIT,
    ),
    truth("elementwise_affine", INIT),
)

#: What torch looks at where it makes parameters.
_PARAMETER_DEMANDS = (
    Requirement(
        "normalized_shape.first",
        "the first size of normalized_shape must be an int",
        "TypeError",
        FIRST_SIZE % "found",
        "pass ints",
        about=("normalized_shape",),
        accepts=Accepts("int", object, _first),
        computes={"found": _about(lambda sizes: c_name(type(sizes[0])))},
        example={"normalized_shape": (3.0, 4)},
        source=INIT,
        before=OVERLOADS,
    ),
    *objects(_GOOD, INIT),
    Requirement(
        "normalized_shape.int",
        "every size of normalized_shape must be an int",
        "TypeError",
        "empty(): argument 'size' failed to unpack the object at pos {place} with error "
        '"type must be tuple of ints,but got {found}"',
        "pass ints",
        about=("normalized_shape",),
        accepts=Accepts("ints", object, _sizes),
        computes={
            "place": _about(_place),
            "found": _about(lambda sizes: c_name(type(sizes[_place(sizes) - 1]))),
        },
        example={"normalized_shape": (3, 4, 5.0)},
        source=INIT,
        before=later_size("found", "{place}"),
    ),
    Requirement(
        "normalized_shape.negative",
        "no size of normalized_shape may be negative",
        "RuntimeError",
        "Trying to create tensor with negative dimension {least}: {sizes}",
        "pass sizes of 0 or more",
        about=("normalized_shape",),
        accepts=Accepts("sizes", object, _natural),
        computes={
            "least": _about(lambda sizes: next(size for size in sizes if size < 0)),
            "sizes": _about(list),
        },
        example={"normalized_shape": (3, -1)},
        source=INIT,
    ),
    learnable(_GOOD, INIT),
    truth("bias", INIT),
)

REQUIREMENTS = (
    *_SHAPE_DEMAND,
    *(replace(demand, unless=Eq(elementwise_affine, 0)) for demand in _PARAMETER_DEMANDS),
)

_FORMS = (
    ("sequence", Shape(N, L, Each(normalized_shape)), Eq(leading, 2)),
    ("batch", Shape(N, Each(normalized_shape)), Eq(leading, 1)),
    ("alone", Shape(Each(normalized_shape)), Eq(leading, 0)),
    ("more", Shape(Each(before), N, L, Each(normalized_shape)), leading > 2),
)


def _formula(
    seen: Seen, *, unbiased: bool = False, shared: bool = False, eps_outside: bool = False
) -> Mismatch | None:
    """Normalise over the last axes by hand, and compare."""
    x, module = seen.inputs["input"], seen.module
    over = tuple(range(-len(module.normalized_shape), 0))[-1 if shared else 0 :]
    variance = x.var(over, unbiased=unbiased, keepdim=True)
    deviation = variance.sqrt() + module.eps if eps_outside else (variance + module.eps).sqrt()
    output = (x - x.mean(over, keepdim=True)) / deviation
    if module.weight is not None:
        output = output * module.weight
    if module.bias is not None:
        output = output + module.bias
    return close(output, seen.outputs["output"])


_FORMULA = """
        >>> import torch
        >>> from torch import nn
        >>> norm = nn.LayerNorm(10)
        >>> x = torch.randn(4, 3, 10)
        >>> mean, variance = x.mean(-1, keepdim=True), x.var(-1, %s, keepdim=True)
        >>> expected = (x - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias
        >>> torch.allclose(norm(x), expected, atol=1e-5)
        True
        """

CLAIMS = (
    Claim(
        id="layer_norm.formula",
        sentence="Mean and variance are taken over the last axes together, the variance without "
        "correction, and `eps` is added to it before the square root.",
        doctest=_FORMULA % "correction=0",
        check=_formula,
        before={"2.0": {"doctest": _FORMULA % "unbiased=False"}},
        twins={
            "the variance is corrected": partial(_formula, unbiased=True),
            "over the last axis alone": partial(_formula, shared=True),
            "eps is added to the deviation": partial(_formula, eps_outside=True),
        },
        source=FORWARD,
    ),
)

SPEC = ModuleSpec(
    name="LayerNorm",
    path="torch.nn.LayerNorm",
    summary="the last axes brought to mean 0 and variance 1, then scaled and shifted",
    symbols=SYMBOLS,
    arguments=ARGUMENTS,
    requirements=REQUIREMENTS,
    attributes=(
        Attribute(
            name="elementwise_affine",
            label="attribute",
            value=elementwise_affine,
            why="kept as given; there is no attribute that keeps `bias` as a flag.",
            source=INIT,
        ),
    ),
    parameters=(
        Parameter(
            name="weight",
            shape=Shape(Each(normalized_shape)),
            when=elementwise_affine,
            init=Distribution("ones", how="ones_"),
            why="one factor for each normalised place.",
            source=INIT,
        ),
        Parameter(
            name="bias",
            label="parameter",
            shape=Shape(Each(normalized_shape)),
            when=And(elementwise_affine, bias),
            init=Distribution("zeros", how="zeros_"),
            why="one shift for each normalised place.",
            source=INIT,
        ),
    ),
    inputs=tuple(
        Input(
            name="input",
            label=label,
            shape=shape,
            when=when,
            type="Tensor",
            required=True,
            why="any number of axes before the normalised ones.",
            source=FORWARD,
        )
        for label, shape, when in _FORMS
    ),
    outputs=tuple(
        Output(
            name="output",
            label=label,
            shape=shape,
            when=when,
            why="the input's shape.",
            source=FORWARD,
        )
        for label, shape, when in _FORMS
    ),
    cases=Cases(
        sizes={"N": 2, "L": 3},
        axes=(
            Axis(
                "normalized_shape",
                "constructor",
                (
                    Choice("int", {"normalized_shape": (5,)}, 5),
                    Choice("two axes", {"normalized_shape": (5, 7)}),
                ),
            ),
            Axis.flag("elementwise_affine", "constructor", plain=True),
            Axis.flag("bias", "constructor", plain=True),
            Axis(
                "leading",
                "call",
                (
                    *(Choice(str(n), {"leading": n, "before": ()}) for n in (2, 1, 0)),
                    Choice("3", {"leading": 3, "before": (4,)}),
                    Choice("4", {"leading": 4, "before": (6, 4)}),
                ),
            ),
        ),
    ),
    call_requirements=mistakes(elementwise_affine, FORWARD),
    claims=CLAIMS,
    read=read,
    measured=measured,
)
