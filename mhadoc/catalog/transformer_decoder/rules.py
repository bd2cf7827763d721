"""The rules of nn.TransformerDecoder: its arguments, what is inside, and its call."""

from typing import Any

from sympy import Not

from mhadoc.catalog import transformer_stack as stack
from mhadoc.catalog.multihead_attention.doubts.order import ORDER
from mhadoc.catalog.transformer_calls import (
    CALL_AXES,
    LAYER_AXES,
    flag,
    hint_axis,
    result,
)
from mhadoc.catalog.transformer_decoder_layer.rules import (
    AXES,
    BROKEN,
    CALL_REQUIREMENTS,
    HINTS,
    INPUTS,
    MASKS,
)
from mhadoc.catalog.transformer_decoder_layer.rules import SPEC as DECODER_LAYER
from mhadoc.catalog.transformer_measured import measured as measured_everywhere
from mhadoc.catalog.transformer_terms import (
    SOURCE,
    T,
    head_dim,
    nhead,
    symbols,
)
from mhadoc.language import Axis, Call, Cases, ModuleSpec, composed

INIT = f"{SOURCE}: TransformerDecoder.__init__"
FORWARD = f"{SOURCE}: TransformerDecoder.forward"

_NAMES = (
    *("d_model", "nhead", "dim_feedforward", "num_layers", "S", "T", "N", "i"),
    *("activation_relu_or_gelu", "bias", "batch_first", "norm_first", "dropout", "norm"),
    *("batched", "training", "grad"),
)

CHILDREN = stack.children(
    "decoder_layer",
    DECODER_LAYER,
    FORWARD,
    {rule.name: rule.name for rule in DECODER_LAYER.inputs},
    "tgt_is_causal",
)


def read(decoder: Any) -> dict[str, Any]:
    """Return the symbols of a stack that is built."""
    return stack.read(decoder, DECODER_LAYER)


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that a call of a stack decides, and those of what surrounds it."""
    found = measured_everywhere(call)
    found["tgt_is_causal"] = stack.hinted(call, "tgt_mask", "tgt_is_causal", found["T"])
    return found | {"attends": stack.attends(stack.first(call, "decoder_layer"))}


SPEC = ModuleSpec(
    name="TransformerDecoder",
    path="torch.nn.TransformerDecoder",
    summary="a stack of decoder layers, each of which sees the memory; a norm where one is given",
    symbols=(*symbols(_NAMES, "tgt"), *MASKS, *HINTS),
    arguments=stack.arguments("decoder_layer", INIT),
    requirements=stack.requirements("decoder_layer", INIT),
    attributes=stack.attributes(INIT),
    children=CHILDREN,
    read=read,
    measured=measured,
    parameters=composed(CHILDREN),
    inputs=(
        *INPUTS,
        flag(
            "tgt_is_causal",
            None,
            "a hint that `tgt_mask` is the causal mask; with None torch looks whether it is.",
            FORWARD,
            since="2.1",
        ),
        flag(
            "memory_is_causal",
            False,
            "a hint that `memory_mask` is the causal mask; torch never looks.",
            FORWARD,
            since="2.1",
        ),
    ),
    outputs=result(T, "the target's shape, whatever the memory's length.", FORWARD),
    doubts=(ORDER,),
    call_requirements=(*stack.demands("decoder_layer", FORWARD), *CALL_REQUIREMENTS),
    cases=Cases(
        sizes={
            "N": 3,
            "nhead": 4,
            "head_dim": 5,
            "d_model": nhead * head_dim,
            "S": 7,
            "T": 6,
            "dim_feedforward": 11,
            "num_layers": 2,
        },
        axes=(
            *LAYER_AXES,
            stack.NORM_AXIS,
            *CALL_AXES,
            *AXES,
            hint_axis("tgt_is_causal"),
            Axis.flag("memory_is_causal", "call", plain=False),
        ),
        consistent=Not(BROKEN),
        strength=2,
        # Each goes to one attention of a layer; the layer's own cases cross them all.
        apart=(
            ("tgt_mask", "tgt_key_padding_mask", "tgt_is_causal"),
            ("memory_mask", "memory_key_padding_mask", "memory_is_causal"),
        ),
    ),
)
