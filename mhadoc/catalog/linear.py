"""All that is stated of torch.nn.Linear, and of the class of an attention's out_proj."""

from dataclasses import replace

from sympy import Eq, sqrt

from mhadoc.catalog.factory import (
    FIRST_SIZE,
    OVERLOADS,
    device_and_dtype,
    initialisable,
    later_size,
    learnable,
    objects,
    truth,
)
from mhadoc.catalog.linear_calls import measured, mistakes, read
from mhadoc.catalog.linear_claims import CLAIMS
from mhadoc.language import (
    INTEGER,
    SIZE,
    TRUTH,
    Argument,
    Attribute,
    Axis,
    Cases,
    Choice,
    Distribution,
    Each,
    Input,
    ModuleSpec,
    Output,
    Parameter,
    Requirement,
    Shape,
    Symbol,
)

__all__ = ["NON_DYNAMICALLY_QUANTIZABLE", "SPEC"]

SYMBOLS = (
    Symbol("in_features", "features of the input"),
    Symbol("out_features", "features of the output"),
    Symbol("N", "batch size"),
    Symbol("L", "length of a sequence"),
    Symbol("bias", "the constructor's `bias`", "flag"),
    Symbol("rank", "axes of the input", least=1, python=("input.ndim",)),
    Symbol("before", "the sizes of further axes, in front of `N` and `L`"),
)
in_features, out_features, N, L, bias, rank, before = (symbol.expr for symbol in SYMBOLS)
given_in, given_out = (symbol.given for symbol in SYMBOLS[:2])

INIT = "torch/nn/modules/linear.py: Linear.__init__"
RESET = "torch/nn/modules/linear.py: Linear.reset_parameters"
FORWARD = "torch/nn/modules/linear.py: Linear.forward"

_GOOD = {"in_features": 10, "out_features": 10}
_NEGATIVE = "Trying to create tensor with negative dimension {%s}: [{out_features}, {in_features}]"
_UNIFORM = Distribution(
    "uniform", 1 / sqrt(in_features), how="kaiming_uniform_(a=sqrt(5)) over the input's features"
)

ARGUMENTS = (
    Argument(
        name="in_features",
        accepts=SIZE,
        required=True,
        effect="is the number of the weight's columns",
        why="features of the input, its last axis; 0 is legal.",
        source=INIT,
    ),
    Argument(
        name="out_features",
        accepts=INTEGER,
        required=True,
        effect="is the number of the weight's rows, and the size of the bias",
        why="features of the output, its last axis; 0 is legal.",
        source=INIT,
    ),
    Argument(
        name="bias",
        accepts=TRUTH,
        default=True,
        effect="adds `bias`",
        why="whether a learned vector is added; anything with a truth value is taken.",
        source=INIT,
    ),
    *device_and_dtype(INIT),
)

REQUIREMENTS = (
    Requirement(
        "out_features.int",
        "out_features must be an int",
        "TypeError",
        FIRST_SIZE % "type_out_features",
        "pass out_features as an int",
        about=("out_features",),
        accepts=INTEGER,
        example={**_GOOD, "out_features": 3.0},
        source=INIT,
        before=OVERLOADS,
    ),
    *objects(_GOOD, INIT),
    Requirement(
        "in_features.int",
        "in_features must be an int",
        "TypeError",
        "empty(): argument 'size' failed to unpack the object at pos 2 with error "
        '"type must be tuple of ints,but got {type_in_features}"',
        "pass in_features as an int",
        about=("in_features",),
        accepts=SIZE,
        example={**_GOOD, "in_features": 3.0},
        source=INIT,
        before=later_size("type_in_features"),
    ),
    *(
        Requirement(
            f"{name}.negative",
            f"{name} must not be negative",
            "RuntimeError",
            _NEGATIVE % name,
            f"pass {name} as 0 or more",
            holds=given >= 0,
            about=(name,),
            example={**_GOOD, name: -1},
            source=INIT,
        )
        for name, given in (("out_features", given_out), ("in_features", given_in))
    ),
    learnable(_GOOD, INIT),
    truth("bias", INIT),
    initialisable(RESET),
)

ATTRIBUTES = tuple(
    Attribute(name=name, label="attribute", value=size, why="kept as given.", source=INIT)
    for name, size in (("in_features", in_features), ("out_features", out_features))
)

PARAMETERS = (
    Parameter(
        name="weight",
        shape=Shape(out_features, in_features),
        init=_UNIFORM,
        why="one row for each output feature: the output is `input @ weight.T + bias`.",
        source=INIT,
    ),
    Parameter(
        name="bias",
        label="parameter",
        shape=Shape(out_features),
        when=bias,
        init=_UNIFORM,
        why="one number for each output feature, drawn like the weight and not zero.",
        source=INIT,
    ),
)

_FORMS = (
    ("sequence", Shape(N, L), Eq(rank, 3)),
    ("batch", Shape(N), Eq(rank, 2)),
    ("vector", Shape(), Eq(rank, 1)),
    ("more", Shape(Each(before), N, L), rank > 3),
)

INPUTS = tuple(
    Input(
        name="input",
        label=label,
        shape=Shape(*leading, in_features),
        when=when,
        type="Tensor",
        required=True,
        why="any number of axes before the last one, none included.",
        source=FORWARD,
    )
    for label, leading, when in _FORMS
)

OUTPUTS = tuple(
    Output(
        name="output",
        label=label,
        shape=Shape(*leading, out_features),
        when=when,
        why="the input's axes, the last one replaced.",
        source=FORWARD,
    )
    for label, leading, when in _FORMS
)

CASES = Cases(
    sizes={"N": 2, "L": 3, "in_features": 5, "out_features": 7},
    axes=(
        Axis.flag("bias", "constructor", plain=True),
        Axis(
            "rank",
            "call",
            (
                *(Choice(f"{n}-D", {"rank": n, "before": ()}) for n in (3, 2, 1)),
                Choice("4-D", {"rank": 4, "before": (4,)}),
                Choice("5-D", {"rank": 5, "before": (6, 4)}),
            ),
        ),
    ),
)

SPEC = ModuleSpec(
    name="Linear",
    path="torch.nn.Linear",
    summary="a weight applied to the last axis, and a bias added",
    symbols=SYMBOLS,
    arguments=ARGUMENTS,
    requirements=REQUIREMENTS,
    attributes=ATTRIBUTES,
    parameters=PARAMETERS,
    inputs=INPUTS,
    outputs=OUTPUTS,
    call_requirements=mistakes(bias, in_features, FORWARD),
    cases=CASES,
    claims=CLAIMS,
    read=read,
    measured=measured,
)

#: The class of ``MultiheadAttention.out_proj``: a Linear under another name, so that dynamic
#: quantisation leaves it alone.
NON_DYNAMICALLY_QUANTIZABLE = replace(
    SPEC,
    name="NonDynamicallyQuantizableLinear",
    path="torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
    summary="a Linear that dynamic quantisation leaves alone: the class of out_proj",
    claims=(),
)
