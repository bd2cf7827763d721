"""All that is stated of torch.nn.Dropout."""

from __future__ import annotations

from functools import partial

from sympy import And, Eq, Not
from sympy import Symbol as Real

from mhadoc.language import (
    ORDERED,
    Argument,
    Attribute,
    Axis,
    Cases,
    Choice,
    Claim,
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

__all__ = ["SPEC"]

SYMBOLS = (
    Symbol("N", "batch size"),
    Symbol("L", "length of a sequence"),
    Symbol("features", "features of a vector"),
    Symbol("p", "the probability of dropping an element"),
    Symbol("inplace", "the constructor's `inplace`", "flag"),
    Symbol("rank", "axes of the input: 1, 2 or 3", least=1),
    Symbol("training", "whether the module is in training mode", "flag"),
)
N, L, features, _, inplace, rank, training = (symbol.expr for symbol in SYMBOLS)
p = Real("p", real=True)

INIT = "torch/nn/modules/dropout.py: _DropoutNd.__init__"
FORWARD = "torch/nn/modules/dropout.py: Dropout.forward"

ARGUMENTS = (
    Argument(
        name="p",
        accepts=ORDERED,
        default=0.5,
        why="the probability that an element becomes zero in training.",
        source=INIT,
    ),
    Argument(
        name="inplace",
        default=False,
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
        sentence="In training an element becomes zero or is divided by `1 - p`.",
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
            Axis("rank", "call", tuple(Choice(f"{n}-D", {"rank": n}) for n in (3, 2, 1))),
            Axis.flag("training", "call", plain=True),
        ),
    ),
    claims=CLAIMS,
)
