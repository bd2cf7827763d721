"""The rules of nn.TransformerEncoder: its arguments, what is inside, and its call."""

from typing import Any

from sympy import And, Eq, Not, Or, true

from mhadoc.catalog import transformer_stack as stack
from mhadoc.catalog.transformer_calls import (
    CALL_AXES,
    LAYER_AXES,
    flag,
    hint_axis,
    mask,
    mask_axis,
    padding,
    padding_axis,
    result,
    sequence,
)
from mhadoc.catalog.transformer_encoder.demands import CALL_REQUIREMENTS
from mhadoc.catalog.transformer_encoder.doubts import DOUBTS
from mhadoc.catalog.transformer_encoder.paths import converts, measured
from mhadoc.catalog.transformer_encoder.symbols import (
    FLAGS,
    FORWARD,
    INIT,
    MASKS,
    enable_nested_tensor,
    mask_check,
    mask_float,
    mask_rank,
    nests,
    padded,
)
from mhadoc.catalog.transformer_encoder_layer.paths import BROKEN
from mhadoc.catalog.transformer_encoder_layer.rules import (
    BROKEN_INSIDE,
    src_mask_float,
    src_mask_rank,
)
from mhadoc.catalog.transformer_encoder_layer.rules import SPEC as ENCODER_LAYER
from mhadoc.catalog.transformer_terms import (
    S,
    batched,
    grad,
    head_dim,
    nhead,
    symbols,
    training,
)
from mhadoc.language import (
    TRUTH,
    Argument,
    Attribute,
    Axis,
    Cases,
    Choice,
    ModuleSpec,
    Requirement,
    composed,
)
from mhadoc.language.releases import newer

_NAMES = (
    *("d_model", "nhead", "dim_feedforward", "num_layers", "S", "N", "i"),
    *("activation_relu_or_gelu", "bias", "batch_first", "norm_first", "dropout", "norm"),
    *("batched", "training", "grad"),
)


def read(encoder: Any) -> dict[str, Any]:
    """Return the symbols of a stack that is built."""
    flags = ("enable_nested_tensor", "mask_check")
    own = {name: getattr(encoder, name, True) for name in flags}
    return {**stack.read(encoder, ENCODER_LAYER), **own}


CHILDREN = stack.children(
    "encoder_layer",
    ENCODER_LAYER,
    FORWARD,
    {
        "src": "src",
        "src_mask": "mask",
        "src_key_padding_mask": "src_key_padding_mask",
        "is_causal": "is_causal",
    },
    "is_causal",
    floats=true,
    nested=converts,
    before={"2.0": {"floats": None}},
)

ARGUMENTS = (
    *stack.arguments("encoder_layer", INIT),
    Argument(
        name="enable_nested_tensor",
        accepts=TRUTH,
        default=True,
        effect="none",
        why="whether padded positions may be left out of the work in eval mode; their outputs are "
        "then zeros.",
        source=INIT,
    ),
    Argument(
        name="mask_check",
        default=True,
        effect="none",
        why="whether padding is first checked to be all at the end, as nested tensors need it.",
        source=INIT,
    ),
)

REQUIREMENTS = (
    *stack.requirements("encoder_layer", INIT),
    Requirement(
        "enable_nested_tensor.truth",
        "enable_nested_tensor must have a truth value",
        "RuntimeError",
        "Boolean value of Tensor with more than one value is ambiguous",
        "pass enable_nested_tensor=True or False",
        about=("enable_nested_tensor",),
        accepts=TRUTH,
        source=INIT,
    ),
)

#: Calls that torch 2.0 and earlier gave back cut to the longest sequence.
_CROPPED = And(
    Not(newer("2.1")),
    nests,
    padded,
    batched,
    Eq(mask_rank, 0),
    Not(training),
    Not(grad),
)

#: Calls in which a bug of the attention in each layer shows.
_BROKEN_INSIDE = BROKEN_INSIDE.xreplace({src_mask_rank: mask_rank, src_mask_float: mask_float})

SPEC = ModuleSpec(
    name="TransformerEncoder",
    path="torch.nn.TransformerEncoder",
    summary="a stack of encoder layers, and a norm at the end where one is given",
    symbols=(*symbols(_NAMES, "src"), *MASKS, *FLAGS),
    arguments=ARGUMENTS,
    requirements=REQUIREMENTS,
    attributes=(
        *stack.attributes(INIT),
        Attribute(
            name="enable_nested_tensor",
            label="attribute",
            value=enable_nested_tensor,
            why="kept as given.",
            source=INIT,
        ),
        Attribute(
            name="use_nested_tensor",
            label="attribute",
            value=nests,
            why="whether nested tensors may be used: asked for, and the layer has a fast path.",
            source=INIT,
            since="2.1",
        ),
        Attribute(name="mask_check", label="attribute", value=mask_check, why="kept.", source=INIT),
    ),
    children=CHILDREN,
    read=read,
    measured=measured,
    parameters=composed(CHILDREN),
    inputs=(
        *sequence("src", S, "one vector for each position.", FORWARD),
        *mask("mask", S, S, FORWARD),
        *padding("src_key_padding_mask", S, FORWARD),
        flag(
            "is_causal",
            None,
            "a hint that `mask` is the causal mask; with None torch looks whether it is.",
            FORWARD,
        ),
    ),
    outputs=result(S, "the input's shape.", FORWARD),
    doubts=DOUBTS,
    call_requirements=CALL_REQUIREMENTS,
    cases=Cases(
        sizes={
            "N": 3,
            "nhead": 4,
            "head_dim": 5,
            "d_model": nhead * head_dim,
            "S": 7,
            "dim_feedforward": 11,
            "num_layers": 2,
        },
        axes=(
            *LAYER_AXES,
            stack.NORM_AXIS,
            Axis(
                "heads",
                "constructor",
                (
                    Choice("even", {"nhead": nhead}),
                    Choice("odd", {"nhead": 9, "d_model": 9 * head_dim}),
                ),
            ),
            Axis.flag("enable_nested_tensor", "constructor", plain=True),
            Axis.flag("mask_check", "constructor", plain=True),
            *CALL_AXES,
            mask_axis("mask", 2, 3),
            padding_axis("src_key_padding_mask"),
            hint_axis("is_causal"),
        ),
        consistent=Not(Or(BROKEN, _CROPPED, _BROKEN_INSIDE)),
        strength=2,
    ),
)
