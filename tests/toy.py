"""A spec from outside the package: torch.nn.Linear, small enough to be read at a glance."""

from sympy import sqrt, true

from mhadoc.language import (
    INTEGER,
    TRUTH,
    Argument,
    Attribute,
    Axis,
    Cases,
    Choice,
    Claim,
    Distribution,
    Input,
    ModuleSpec,
    Output,
    Parameter,
    Requirement,
    Shape,
    Symbol,
    same,
)

SYMBOLS = (
    Symbol("in_features", "features that go in"),
    Symbol("out_features", "features that come out"),
    Symbol("N", "batch size"),
    Symbol("bias", "the constructor's `bias`", "flag"),
    Symbol("batched", "whether the input has two axes", "flag"),
)
rows, columns, N, bias, batched = (symbol.expr for symbol in SYMBOLS)
SOURCE = "torch/nn/modules/linear.py: Linear"
SPREAD = Distribution("uniform", 1 / sqrt(rows))


def _width(seen, name="out_features"):
    return same(getattr(seen.module, name), seen.outputs["output"].shape[-1])


LINEAR = ModuleSpec(
    name="Linear",
    path="torch.nn.Linear",
    summary="a matrix and a bias",
    symbols=SYMBOLS,
    arguments=(
        Argument(name="in_features", accepts=INTEGER, required=True, why="width in", source=SOURCE),
        Argument(
            name="out_features", accepts=INTEGER, required=True, why="width out", source=SOURCE
        ),
        Argument(name="bias", accepts=TRUTH, default=True, why="adds `bias`", source=SOURCE),
        Argument(name="device", default=None, why="where", source=SOURCE),
        Argument(name="dtype", default=None, why="of what", source=SOURCE),
    ),
    requirements=(
        Requirement(
            "out_features.negative",
            "out_features must not be negative",
            "RuntimeError",
            "Trying to create tensor with negative dimension {out_features}: "
            "[{out_features}, {in_features}]",
            "pass a width",
            holds=SYMBOLS[1].given >= 0,
            about=("out_features", "in_features"),
            example={"in_features": 3, "out_features": -2},
            source=SOURCE,
        ),
    ),
    attributes=(
        Attribute(name="in_features", label="attribute", value=rows, why="kept", source=SOURCE),
    ),
    parameters=(
        Parameter(
            name="weight",
            shape=Shape(columns, rows),
            init=SPREAD,
            why="one row for each feature that comes out",
            source=SOURCE,
        ),
        Parameter(
            name="bias",
            label="parameter",
            shape=Shape(columns),
            when=bias,
            init=SPREAD,
            why="added",
            source=SOURCE,
        ),
    ),
    inputs=(
        Input(
            name="input",
            label="batched",
            shape=Shape(N, rows),
            when=batched,
            type="Tensor",
            required=True,
            why="vectors",
            source=SOURCE,
        ),
        Input(
            name="input",
            label="single",
            shape=Shape(rows),
            when=~batched,
            type="Tensor",
            required=True,
            why="one vector",
            source=SOURCE,
        ),
    ),
    outputs=(
        Output(
            name="output",
            label="batched",
            shape=Shape(N, columns),
            when=batched,
            why="vectors",
            source=SOURCE,
        ),
        Output(
            name="output",
            label="single",
            shape=Shape(columns),
            when=~batched,
            why="one vector",
            source=SOURCE,
        ),
    ),
    cases=Cases(
        sizes={"in_features": 5, "out_features": 7, "N": 3},
        axes=(
            Axis.flag("bias", "constructor", plain=True),
            Axis("rank", "call", (Choice("2-D", {"batched": 1}), Choice("1-D", {"batched": 0}))),
        ),
    ),
    claims=(
        Claim(
            id="linear.width",
            sentence="The output is `out_features` wide.",
            doctest=">>> 1 + 1\n2",
            check=_width,
            when=true,
            twins={"it is in_features wide": lambda seen: _width(seen, "in_features")},
            source=SOURCE,
        ),
    ),
)
