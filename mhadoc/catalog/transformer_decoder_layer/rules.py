"""The rules of nn.TransformerDecoderLayer: its arguments, the modules inside, and its call."""

from sympy import And, Eq, Implies, Not, Or

from mhadoc.catalog.multihead_attention.doubts.order import ORDER
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
from mhadoc.catalog.transformer_measured import surroundings, told
from mhadoc.catalog.transformer_terms import (
    GOOD,
    SOURCE,
    S,
    T,
    activation,
    activation_demand,
    attention,
    d_model,
    derived,
    dim_feedforward,
    drop,
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
    ModuleSpec,
    Requirement,
    Symbol,
    composed,
    demanded,
)
from mhadoc.language.releases import newer

INIT = f"{SOURCE}: TransformerDecoderLayer.__init__"
FORWARD = f"{SOURCE}: TransformerDecoderLayer.forward"
SELF = f"{SOURCE}: TransformerDecoderLayer._sa_block"
CROSS = f"{SOURCE}: TransformerDecoderLayer._mha_block"
FEED = f"{SOURCE}: TransformerDecoderLayer._ff_block"

MASKS = (
    *mask_symbols("tgt_mask"),
    *mask_symbols("memory_mask"),
    *mask_symbols("tgt_key_padding_mask", padding=True),
    *mask_symbols("memory_key_padding_mask", padding=True),
)
HINTS = (
    Symbol("tgt_is_causal", "forward's `tgt_is_causal`", "flag"),
    Symbol("memory_is_causal", "forward's `memory_is_causal`", "flag"),
)
tgt_mask_rank, tgt_mask_float, memory_mask_rank, memory_mask_float = (s.expr for s in MASKS[:4])
tgt_padded, tgt_padded_float, memory_padded, memory_padded_float = (s.expr for s in MASKS[4:])
tgt_is_causal, memory_is_causal = (symbol.expr for symbol in HINTS)

_NAMES = (
    *("d_model", "nhead", "dim_feedforward", "S", "T", "N", "activation_relu_or_gelu", "bias"),
    *("batch_first", "norm_first", "dropout", "batched", "training", "grad"),
)

SELF_ATTN = attention(
    "self_attn",
    "query, key and value are all the target sequence.",
    SELF,
    {
        "attn_mask_rank": tgt_mask_rank,
        "attn_mask_float": tgt_mask_float,
        "padding_mask": tgt_padded,
        "padding_mask_float": tgt_padded_float,
        "tensors": 1 + 0 * T,
        "is_causal": tgt_is_causal,
        "L": T,
        "S": T,
    },
    {
        **dict.fromkeys(("query", "key", "value"), "tgt"),
        "attn_mask": "tgt_mask",
        "key_padding_mask": "tgt_key_padding_mask",
        "is_causal": "tgt_is_causal",
    },
)
MULTIHEAD_ATTN = attention(
    "multihead_attn",
    "the query is the target sequence; key and value are the memory, what the encoder returned.",
    CROSS,
    {
        "attn_mask_rank": memory_mask_rank,
        "attn_mask_float": memory_mask_float,
        "padding_mask": memory_padded,
        "padding_mask_float": memory_padded_float,
        "tensors": 2 + 0 * T,
        "is_causal": memory_is_causal,
        "L": T,
    },
    {
        "query": "tgt",
        **dict.fromkeys(("key", "value"), "memory"),
        "attn_mask": "memory_mask",
        "key_padding_mask": "memory_key_padding_mask",
        "is_causal": "memory_is_causal",
    },
)
#: Calls in which a bug of an attention inside shows.
BROKEN = And(
    Not(newer("2.0")),
    Or(SELF_ATTN.here(ATTENTION_BROKEN), MULTIHEAD_ATTN.here(ATTENTION_BROKEN)),
)

_LINEAR1 = linear("linear1", (d_model, dim_feedforward), "the first linear map.", FEED)
_DROPOUT = drop("dropout", "between the activation and the second linear map.", FEED)

CHILDREN = (
    SELF_ATTN,
    MULTIHEAD_ATTN,
    _LINEAR1,
    _DROPOUT,
    linear("linear2", (dim_feedforward, d_model), "the second linear map.", FEED),
    layer_norm("norm1", "goes with the attention over the target.", FORWARD),
    layer_norm("norm2", "goes with the attention over the memory.", FORWARD),
    layer_norm("norm3", "goes with the feed-forward part.", FORWARD),
    drop("dropout1", "on what the attention over the target adds.", SELF),
    drop("dropout2", "on what the attention over the memory adds.", CROSS),
    drop("dropout3", "on what the feed-forward part adds.", FEED),
    activation(INIT),
)

REQUIREMENTS = demanded(
    *SELF_ATTN.requirements,
    *_LINEAR1.demands("dim_feedforward"),
    *_DROPOUT.requirements,
    activation_demand(INIT),
    plain=GOOD,
)

_NEEDS_MASK = (
    "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
    "method `generate_square_subsequent_mask` to create this mask."
)

CALL_REQUIREMENTS = (
    Requirement(
        "tgt_is_causal.needs_mask",
        "tgt_is_causal=True needs a tgt_mask outside the fast path of the attention",
        "RuntimeError",
        _NEEDS_MASK,
        "pass tgt_mask=nn.Transformer.generate_square_subsequent_mask(T) as well",
        holds=Implies(And(tgt_is_causal, Eq(tgt_mask_rank, 0)), SELF_ATTN.here(attention_fast)),
        about=("tgt_is_causal",),
        source=FORWARD,
    ),
    Requirement(
        "memory_is_causal.needs_mask",
        "memory_is_causal=True needs a memory_mask",
        "RuntimeError",
        _NEEDS_MASK,
        "leave memory_is_causal out: the memory is seldom hidden",
        holds=Not(And(memory_is_causal, Eq(memory_mask_rank, 0))),
        about=("memory_is_causal",),
        source=FORWARD,
    ),
)

INPUTS = (
    *sequence("tgt", T, "one vector for each target position.", FORWARD),
    *sequence(
        "memory",
        S,
        "what the encoder returned: one vector for each source position, of "
        "`d_model` features like the target.",
        FORWARD,
    ),
    *mask("tgt_mask", T, T, FORWARD),
    *mask("memory_mask", T, S, FORWARD),
    *padding("tgt_key_padding_mask", T, FORWARD),
    *padding("memory_key_padding_mask", S, FORWARD),
)
AXES = (
    mask_axis("tgt_mask", 2, 3),
    mask_axis("memory_mask", 2, 3),
    padding_axis("tgt_key_padding_mask"),
    padding_axis("memory_key_padding_mask"),
)

SPEC = ModuleSpec(
    name="TransformerDecoderLayer",
    path="torch.nn.TransformerDecoderLayer",
    summary="attention of the target over itself and over the memory, then two linear maps",
    symbols=(*symbols(_NAMES, "tgt"), *MASKS, *HINTS),
    arguments=tuple(layer_arguments(INIT).values()),
    requirements=REQUIREMENTS,
    attributes=(
        Attribute(name="norm_first", label="attribute", value=norm_first, why="kept.", source=INIT),
    ),
    children=CHILDREN,
    derived=derived,
    read=read,
    measured=told,
    surroundings=surroundings,
    parameters=composed(CHILDREN),
    inputs=(
        *INPUTS,
        flag("tgt_is_causal", False, "a hint that `tgt_mask` is the causal mask.", FORWARD),
        flag("memory_is_causal", False, "a hint that `memory_mask` is the causal mask.", FORWARD),
    ),
    outputs=result(T, "the target's shape, whatever the memory's length.", FORWARD),
    doubts=(ORDER,),
    call_requirements=CALL_REQUIREMENTS,
    cases=Cases(
        sizes={
            "N": 3,
            "nhead": 2,
            "head_dim": 5,
            "d_model": nhead * head_dim,
            "S": 7,
            "T": 4,
            "dim_feedforward": 11,
        },
        axes=(
            *LAYER_AXES,
            *CALL_AXES,
            *AXES,
            Axis.flag("tgt_is_causal", "call", plain=False),
            Axis.flag("memory_is_causal", "call", plain=False),
        ),
        consistent=Not(BROKEN),
        strength=2,
    ),
)
