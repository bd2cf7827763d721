"""All that is stated of torch.nn.Dropout."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or
from sympy import Symbol as Real

from mhadoc.catalog.one_input import GIVEN, leading_axes, tensor
from mhadoc.catalog.surroundings import TRAINING, needs_grad, truth_of
from mhadoc.language import (
    ORDERED,
    Argument,
    Attribute,
    Axis,
    Call,
    Cases,
    Choice,
    Claim,
    Each,
    Input,
    Mismatch,
    ModuleSpec,
    Output,
    Requirement,
    Seen,
    Shape,
    Symbol,
    close,
)
from mhadoc.language.releases import newer

__all__ = ["SPEC"]

SYMBOLS = (
    Symbol("N", "batch size"),
    Symbol("L", "length of a sequence"),
    Symbol("features", "features of a vector"),
    Symbol("p", "the probability of dropping an element"),
    Symbol("inplace", "the constructor's `inplace`", "flag"),
    Symbol("rank", "axes of the input", python=("input.ndim",)),
    TRAINING,
    Symbol("before", "the sizes of further axes, in front of `N` and `L`"),
)
N, L, features, _, inplace, rank, training, before = (symbol.expr for symbol in SYMBOLS)
p = Real("p", real=True)

INIT = "torch/nn/modules/dropout.py: _DropoutNd.__init__"
FORWARD = "torch/nn/modules/dropout.py: Dropout.forward"
FUNCTION = "torch/nn/functional.py: dropout"

ARGUMENTS = (
    Argument(
        name="p",
        accepts=ORDERED,
        default=0.5,
        effect="none",
        why="the probability that an element becomes zero in training.",
        source=INIT,
    ),
    Argument(
        name="inplace",
        default=False,
        effect="none",
        why="whether the input itself is changed; stored as it is given.",
        source=INIT,
    ),
)

REQUIREMENTS = (
    Requirement(
        "p.number",
        "p must be a number",
        "TypeError",
        "'<' not supported between instances of '{type_p}' and 'int'",
        "pass p as a number from 0 to 1",
        about=("p",),
        accepts=ORDERED,
        example={"p": "x"},
        source=INIT,
    ),
    Requirement(
        "p.range",
        "p must be from 0 to 1",
        "ValueError",
        "dropout probability has to be between 0 and 1, but got {p}",
        "pass p as a number from 0 to 1",
        holds=And(p >= 0, p <= 1),
        about=("p",),
        example={"p": 1.5},
        source=INIT,
    ),
)

_FORMS = (
    ("sequence", Shape(N, L, features), Eq(rank, 3)),
    ("batch", Shape(N, features), Eq(rank, 2)),
    ("vector", Shape(features), Eq(rank, 1)),
    ("number", Shape(), Eq(rank, 0)),
    ("more", Shape(Each(before), N, L, features), rank > 3),
)


_works = And(training, p > 0)
_number = Real("p.number")
#: Complex elements are dropped as well, since torch 2.15.
_DRAWN = And(newer("2.15"), Real("input.complex", integer=True))


def read(dropout: Any) -> dict[str, Any]:
    """Return the symbols that the constructor decided, as they are now."""
    return {"p": dropout.p, "inplace": truth_of(dropout.inplace)}


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that a call decides."""
    facts, rate, tensor = call.facts["input"], call.values["p"], call.inputs["input"]
    number = isinstance(rate, (int, float))
    return {
        "rank": facts.rank,
        "features": facts.features,
        "input.complex": int(facts.dtype.startswith("complex")),
        **leading_axes(facts, 1),
        "training": int(call.module is None or call.module.training),
        "inplace": truth_of(call.values["inplace"]),
        "p": rate if number else 0,
        "p.number": int(number),
        "learned": int(needs_grad([tensor]) and getattr(tensor, "is_leaf", False))
        if call.module is not None
        else 0,
    }


def _with_rate(seen: Any, rate: object) -> dict[str, Any]:
    module = seen.built()
    module.p = rate
    return {"module": module}


MISTAKES = (
    Requirement(
        "p.still_number",
        "`p` is a number when it is called",
        "TypeError",
        "'<' not supported between instances of 'NoneType' and 'float'",
        "set p to a number from 0 to 1",
        about=("p",),
        breaks=lambda seen: _with_rate(seen, None),
        fits=_number,
        expected="must be a number from 0 to 1",
        observed="is no number",
        source=FUNCTION,
    ),
    Requirement(
        "p.still_range",
        "`p` is from 0 to 1 when it is called, in eval mode as well",
        "ValueError",
        "dropout probability has to be between 0 and 1, but got {module.p}",
        "set p to a number from 0 to 1",
        about=("p",),
        breaks=lambda seen: _with_rate(seen, 1.5),
        fits=And(p >= 0, p <= 1),
        expected="must be from 0 to 1",
        observed="is {p}",
        source=FUNCTION,
    ),
    tensor(
        "{function}",
        FUNCTION,
        {"function": lambda shown: "dropout_" if shown["inplace"] else "dropout"},
    ),
    Requirement(
        "input.floats",
        "the input is one of floats, where something is dropped",
        "RuntimeError",
        "result type Float can't be cast to the desired output type Long",
        "pass input.float()",
        about=("input",),
        breaks=lambda seen: {"input": seen.inputs["input"].long()},
        when=_works,
        fits=Or(Not(And(_works, p < 1)), GIVEN.floating, _DRAWN, Eq(GIVEN.numel, 0)),
        expected="must be one of floats, in training",
        observed="is one of {input.dtype}",
        source=FUNCTION,
    ),
    Requirement(
        "input.leaf",
        "the input is not learned itself, where elements are dropped in place",
        "RuntimeError",
        "a leaf Variable that requires grad is being used in an in-place operation.",
        "build with inplace=False, or pass input.clone()",
        about=("input",),
        breaks=lambda seen: {"input": seen.inputs["input"].clone().requires_grad_()},
        when=And(_works, inplace),
        fits=Or(Not(And(_works, inplace)), Not(Real("learned")), Eq(GIVEN.numel, 0)),
        expected="must not require a gradient itself, where it is changed in place",
        observed="requires one, and nothing has made it",
        source=FUNCTION,
    ),
)


def _kept(seen: Seen, *, scaled: bool = True) -> Mismatch | None:
    """Compare what is left of each element with what dropout leaves: nothing, or more of it."""
    given, output = seen.again().inputs["input"].clone(), seen.again().outputs["output"]
    factor = 1.0
    if seen.module.training and scaled:
        factor = 1 / (1 - seen.module.p)
    left = output != 0
    return close(given * left * factor, output)


def _eval(seen: Seen, *, training: bool = False) -> Mismatch | None:
    given = seen.inputs["input"].clone()
    seen.module.train(training)
    return close(given, seen.again().outputs["output"])


CLAIMS = (
    Claim(
        id="dropout.scaled",
        sentence="In training a finite element becomes zero or is divided by `1 - p`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> torch.unique(nn.Dropout(p=0.75)(torch.ones(100)))
        tensor([0., 4.])
        """,
        check=_kept,
        when=Not(inplace),
        twins={"what is left keeps its value": partial(_kept, scaled=False)},
        source=FORWARD,
    ),
    Claim(
        id="dropout.eval",
        sentence="In eval mode the input comes out as it is.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> x = torch.randn(4, 3, 10)
        >>> torch.equal(nn.Dropout(p=0.75).eval()(x), x)
        True
        """,
        check=_eval,
        twins={"in training as well": partial(_eval, training=True)},
        source=FORWARD,
    ),
)

SPEC = ModuleSpec(
    name="Dropout",
    path="torch.nn.Dropout",
    summary="zeros at random places in training, and nothing in eval mode; no parameters",
    symbols=SYMBOLS,
    arguments=ARGUMENTS,
    requirements=REQUIREMENTS,
    attributes=(
        Attribute(name="p", label="attribute", value=p, why="kept as given.", source=INIT),
        Attribute(
            name="inplace", label="attribute", value=inplace, why="kept as given.", source=INIT
        ),
    ),
    parameters=(),
    inputs=tuple(
        Input(
            name="input",
            label=label,
            shape=shape,
            when=when,
            type="Tensor",
            required=True,
            why="a tensor of any shape.",
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
        sizes={"N": 2, "L": 3, "features": 7},
        axes=(
            Axis(
                "p",
                "constructor",
                (Choice("0.5", {"p": 0.5}), Choice("0", {"p": 0.0}), Choice("0.25", {"p": 0.25})),
            ),
            Axis.flag("inplace", "constructor", plain=False),
            Axis(
                "rank",
                "call",
                (
                    *(Choice(f"{n}-D", {"rank": n, "before": ()}) for n in (3, 2, 1, 0)),
                    Choice("4-D", {"rank": 4, "before": (4,)}),
                    Choice("5-D", {"rank": 5, "before": (6, 4)}),
                ),
            ),
            Axis.flag("training", "call", plain=True),
        ),
    ),
    call_requirements=MISTAKES,
    claims=CLAIMS,
    read=read,
    measured=measured,
)
