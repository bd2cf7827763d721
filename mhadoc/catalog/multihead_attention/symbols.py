"""The symbols of nn.MultiheadAttention, in torch's letters."""

from sympy import And, Eq

from mhadoc.catalog.surroundings import GRAD, TRAINING
from mhadoc.language import Symbol

SYMBOLS = (
    Symbol("embed_dim", "features of the query and of the output", least=1),
    Symbol("num_heads", "parallel attention heads", least=1),
    Symbol("head_dim", "features of one head, `embed_dim / num_heads`", least=1),
    Symbol("kdim", "features of the key"),
    Symbol("vdim", "features of the value"),
    Symbol("L", "target length: the number of query positions"),
    Symbol("S", "source length: the number of key and value positions"),
    Symbol("N", "batch size"),
    Symbol("h", "the index of one head, from 0 to `num_heads - 1`"),
    Symbol("n", "the index of one batch element, from 0 to `N - 1`"),
    Symbol("bias", "the constructor's `bias`", "flag"),
    Symbol("add_bias_kv", "the constructor's `add_bias_kv`", "flag"),
    Symbol("add_zero_attn", "the constructor's `add_zero_attn`", "flag"),
    Symbol("batch_first", "the constructor's `batch_first`", "flag"),
    Symbol(
        "dropout",
        "whether the constructor's `dropout` is above zero",
        "flag",
        python=("dropout > 0", "dropout == 0"),
    ),
    Symbol(
        "batched",
        "whether the query has three axes, not two",
        "flag",
        python=("query.ndim == 3", "query.ndim == 2"),
    ),
    Symbol("need_weights", "forward's `need_weights`", "flag"),
    Symbol("average_attn_weights", "forward's `average_attn_weights`", "flag"),
    Symbol("is_causal", "forward's `is_causal`", "flag"),
    Symbol(
        "attn_mask_rank",
        "axes of `attn_mask`, or 0 where there is none",
        python=("attn_mask.ndim",),
    ),
    Symbol(
        "attn_mask_float",
        "whether `attn_mask` is one of floats",
        "flag",
        python=("attn_mask.is_floating_point()", "attn_mask.dtype == torch.bool"),
    ),
    Symbol(
        "padding_mask",
        "whether there is a `key_padding_mask`",
        "flag",
        python=("key_padding_mask is not None", "key_padding_mask is None"),
    ),
    Symbol(
        "padding_mask_float",
        "whether `key_padding_mask` is one of floats",
        "flag",
        python=("key_padding_mask.is_floating_point()", "key_padding_mask.dtype == torch.bool"),
    ),
    TRAINING,
    GRAD,
    Symbol("tensors", "how many different objects query, key and value are: 1, 2 or 3", least=1),
)

E, H, D, kdim, vdim, L, S, N, h, n = (symbol.expr for symbol in SYMBOLS[:10])
bias, add_bias_kv, add_zero_attn, batch_first, dropout = (s.expr for s in SYMBOLS[10:15])
batched, need_weights, average_attn_weights, is_causal = (s.expr for s in SYMBOLS[15:19])
attn_mask_rank, attn_mask_float, padding_mask, padding_mask_float = (
    symbol.expr for symbol in SYMBOLS[19:23]
)
training, grad, tensors = (symbol.expr for symbol in SYMBOLS[23:])

#: kdim and vdim as they were given, which a requirement may find to be negative.
given_kdim, given_vdim = (symbol.given for symbol in SYMBOLS[3:5])

#: The packed layout: one in_proj_weight for q, k and v.
packed = And(Eq(kdim, E), Eq(vdim, E))
#: Key positions in the attention itself: S, and one more for each of the two extra keys.
keys = S + add_bias_kv + add_zero_attn

ACTIVATION = "torch/nn/modules/activation.py"
FUNCTIONAL = "torch/nn/functional.py"
INIT = f"{ACTIVATION}: MultiheadAttention.__init__"
RESET = f"{ACTIVATION}: MultiheadAttention._reset_parameters"
FORWARD = f"{ACTIVATION}: MultiheadAttention.forward"
MERGE = f"{ACTIVATION}: MultiheadAttention.merge_masks"
ATTEND = f"{FUNCTIONAL}: multi_head_attention_forward"
CHECK = f"{FUNCTIONAL}: _mha_shape_check"
PROJECT = f"{FUNCTIONAL}: _in_projection_packed"
CANONICAL = f"{FUNCTIONAL}: _canonical_mask"
