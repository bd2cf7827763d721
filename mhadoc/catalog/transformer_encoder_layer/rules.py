"""The rules of nn.TransformerEncoderLayer: its arguments, the modules inside, and its call."""

from dataclasses import replace
from typing import Any

from sympy import And, Eq, Implies, Not, Or, Piecewise

from mhadoc.catalog.multihead_attention.paths import BROKEN as ATTENTION_BROKEN
from mhadoc.catalog.multihead_attention.paths import fast as attention_fast
from mhadoc.catalog.transformer_calls import (
    CALL_AXES,
    LAYER_AXES,
    flag,
    mask,
    mask_axis,
    mask_symbols,
    padding,
    padding_axis,
    result,
    sequence,
)
from mhadoc.catalog.transformer_encoder_layer.doubts import DOUBTS
from mhadoc.catalog.transformer_encoder_layer.paths import (
    BROKEN,
    FAST_PATH,
    FORWARD,
    fast,
    looked_for,
    measured,
    surroundings,
    taken,
)
from mhadoc.catalog.transformer_terms import (
    GOOD,
    SOURCE,
    S,
    activation,
    activation_demand,
    activation_relu_or_gelu,
    attention,
    bias,
    d_model,
    derived,
    dim_feedforward,
    drop,
    dropout,
    head_dim,
    layer_arguments,
    layer_norm,
    linear,
    nhead,
    norm_first,
    read,
    symbols,
)
from mhadoc.language import (
    Attribute,
    Axis,
    Cases,
    Measured,
    ModuleSpec,
    Requirement,
    Symbol,
    composed,
    demanded,
)
from mhadoc.language.releases import newer

INIT = f"{SOURCE}: TransformerEncoderLayer.__init__"
SELF = f"{SOURCE}: TransformerEncoderLayer._sa_block"
FEED = f"{SOURCE}: TransformerEncoderLayer._ff_block"

_MASKS = (*mask_symbols("src_mask"), *mask_symbols("src_key_padding_mask", padding=True))
is_causal_symbol = Symbol("is_causal", "forward's `is_causal`", "flag")
src_mask_rank, src_mask_float, padded, padded_float = (symbol.expr for symbol in _MASKS)
is_causal = is_causal_symbol.expr

_NAMES = (
    *("d_model", "nhead", "dim_feedforward", "S", "N", "activation_relu_or_gelu", "bias"),
    *("batch_first", "norm_first", "dropout", "batched", "training", "grad"),
)


#: The layer turns each mask into floats before the attention sees it.
_CONVERTING = attention(
    "self_attn",
    "query, key and value are all the layer's input.",
    SELF,
    {
        "attn_mask_rank": src_mask_rank,
        "attn_mask_float": src_mask_rank > 0,
        "padding_mask": padded,
        "padding_mask_float": padded,
        "tensors": 1 + 0 * S,
        "is_causal": is_causal,
        "L": S,
    },
    {
        **dict.fromkeys(("query", "key", "value"), "src"),
        "attn_mask": "src_mask",
        "key_padding_mask": "src_key_padding_mask",
        "is_causal": "is_causal",
    },
    floats=Not(taken),
    idle=And(taken, Eq(Measured("src").numel, 0)),
)
#: Once it passed them on as they are; and dropout kept the attention off its own fast path alone.
_AS_GIVEN = {"attn_mask_float": src_mask_float, "padding_mask_float": padded_float}
_PASSING_ON: dict[str, Any] = {
    "floats": None,
    "calls": {**_CONVERTING.calls, **_AS_GIVEN},
    "settles": {"dropout": Piecewise((0, taken), (dropout, True))},
}
SELF_ATTN = replace(_CONVERTING, before={"2.0": _PASSING_ON})

#: Calls in which a bug of the attention inside shows.
BROKEN_INSIDE = And(
    Not(newer("2.0")), Not(fast), replace(_CONVERTING, **_PASSING_ON).here(ATTENTION_BROKEN)
)
_LINEAR1 = linear("linear1", (d_model, dim_feedforward), "the first linear map.", FEED)
_DROPOUT = drop("dropout", "between the activation and the second linear map.", FEED)

CHILDREN = (
    SELF_ATTN,
    _LINEAR1,
    _DROPOUT,
    linear("linear2", (dim_feedforward, d_model), "the second linear map.", FEED),
    layer_norm("norm1", "goes with the attention.", FORWARD),
    layer_norm("norm2", "goes with the feed-forward part.", FORWARD),
    drop("dropout1", "on what the attention adds.", SELF),
    drop("dropout2", "on what the feed-forward part adds.", FEED),
    activation(INIT),
)

#: LayerNorm and the second linear map demand nothing that is not demanded before.
REQUIREMENTS = demanded(
    *SELF_ATTN.requirements,
    *_LINEAR1.demands("dim_feedforward"),
    *_DROPOUT.requirements,
    activation_demand(INIT),
    plain=GOOD,
)


#: Once a layer looked for the device of each bias, also where it had none.
_BIAS = Requirement(
    "bias.fast",
    "the layer has biases, in eval mode and where nothing else keeps it off the fast path",
    "AttributeError",
    "'NoneType' object has no attribute 'device'",
    "build with bias=True, or use torch 2.3 or newer",
    about=("bias",),
    breaks=lambda seen: {"module": seen.built(bias=False)},
    when=fast,
    fits=Or(bias, Not(looked_for)),
    expected="must be True, in eval mode",
    observed="is False",
    source=FORWARD,
    since="2.1",
    until="2.3",
)

CALL_REQUIREMENTS = (
    Requirement(
        "is_causal.needs_mask",
        "is_causal=True needs a src_mask outside the fast paths of layer and attention",
        "RuntimeError",
        "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
        "method `generate_square_subsequent_mask` to create this mask.",
        "pass src_mask=nn.Transformer.generate_square_subsequent_mask(S) as well",
        holds=Implies(
            And(is_causal, Eq(src_mask_rank, 0)), Or(fast, SELF_ATTN.here(attention_fast))
        ),
        about=("is_causal",),
        source=FORWARD,
    ),
)

SPEC = ModuleSpec(
    name="TransformerEncoderLayer",
    path="torch.nn.TransformerEncoderLayer",
    summary="attention of a sequence over itself, then two linear maps at each position",
    symbols=(*symbols(_NAMES, "src"), *_MASKS, is_causal_symbol),
    arguments=tuple(layer_arguments(INIT).values()),
    requirements=REQUIREMENTS,
    attributes=(
        Attribute(name="norm_first", label="attribute", value=norm_first, why="kept.", source=INIT),
        Attribute(
            name="activation_relu_or_gelu",
            label="attribute",
            value=activation_relu_or_gelu,
            why="1 where the activation is F.relu or an nn.ReLU, 2 where it is F.gelu or an "
            "nn.GELU, 0 otherwise: torch.relu counts as other.",
            source=INIT,
        ),
    ),
    children=CHILDREN,
    derived=derived,
    read=read,
    measured=measured,
    surroundings=surroundings,
    parameters=composed(CHILDREN),
    inputs=(
        *sequence("src", S, "one vector for each position.", FORWARD),
        *mask("src_mask", S, S, FORWARD),
        *padding("src_key_padding_mask", S, FORWARD),
        flag(
            "is_causal",
            False,
            "a hint that `src_mask` is the causal mask; a layer never looks whether it is.",
            FORWARD,
        ),
    ),
    outputs=result(S, "the input's shape.", FORWARD),
    doubts=DOUBTS,
    call_requirements=(_BIAS, *CALL_REQUIREMENTS),
    fast_path=FAST_PATH,
    cases=Cases(
        sizes={
            "N": 3,
            "nhead": 2,
            "head_dim": 5,
            "d_model": nhead * head_dim,
            "S": 7,
            "dim_feedforward": 11,
        },
        axes=(
            *LAYER_AXES,
            *CALL_AXES,
            mask_axis("src_mask", 2, 3),
            padding_axis("src_key_padding_mask"),
            Axis.flag("is_causal", "call", plain=False),
        ),
        consistent=Not(Or(BROKEN, BROKEN_INSIDE)),
        strength=2,
    ),
)
