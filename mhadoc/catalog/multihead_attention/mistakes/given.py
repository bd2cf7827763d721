"""What the demands on a call ask of what was given: measures, and where torch looks at them."""

from __future__ import annotations

from sympy import And, Basic, Eq, Integer, Max, Mod, Ne, Not, Or, Symbol

from mhadoc.catalog.multihead_attention.paths import FAST_PATH, slow
from mhadoc.catalog.multihead_attention.symbols import (
    H,
    L,
    N,
    batch_first,
    is_causal,
    need_weights,
)
from mhadoc.language import Measured

query, key, value = Measured("query"), Measured("key"), Measured("value")
attn_mask, key_padding_mask = Measured("attn_mask"), Measured("key_padding_mask")

weight_common, weight_device, masks_dtype, key_batch, key_is_query, value_is_key = (
    Symbol(name, integer=True)
    for name in (
        *("weights_common", "weights_device", "masks_dtype"),
        *("key_batch", "key_is_query", "value_is_key"),
    )
)
dropout_number, dropout_rate = Symbol("dropout.number"), Symbol("dropout.rate", real=True)

#: forward merges the masks for the fused kernel.
merged = And(*(c.holds for c in FAST_PATH if c.id != "fast_path.bias"))

#: The mask given is not looked at: scaled_dot_product_attention makes the causal one.
discarded = And(is_causal, Not(key_padding_mask.given), Not(need_weights), slow)

#: query, key and value have numbers of axes that torch takes.
ranked = And(
    Or(Eq(query.rank, 2), Eq(query.rank, 3)), Eq(key.rank, query.rank), Eq(value.rank, query.rank)
)
batched = Eq(query.rank, 3)

#: The key has too few axes to be turned.
unturned = And(batched, batch_first, slow, key.tensor, key.rank < 2)

#: How many numbers one mask of L * L has for each batch element, at least one.
squares = Max(N * L * L, 1)


def sized(mask: Measured, *axes: Basic) -> Basic:
    """Return the condition that a mask has these sizes."""
    places = (mask.axis_0, mask.axis_1, mask.axis_2)
    equal = (Eq(place, axis) for place, axis in zip(places, axes, strict=False))
    return And(Eq(mask.rank, len(axes)), *equal)


def viewed(mask: Measured, *axes: Basic) -> Basic:
    """Return the condition that a mask can be seen in another shape that has these sizes.

    Axes of one, wherever they are, do not matter.
    """
    ones = ((*axes[:place], Integer(1), *axes[place:]) for place in range(len(axes) + 1))
    return Or(mask.in_order, sized(mask, *axes), *(sized(mask, *each) for each in ones))


#: The masks together are of the dtype that scaled_dot_product_attention takes beside any query.
masks_float32 = Symbol("masks_float32")

#: Some float of the key_padding_mask begins with a byte that is neither 0 nor 1.
read_as_bytes = Symbol("key_padding_mask_bytes", integer=True)

#: The attn_mask is one of bytes.
mask_of_bytes = Symbol("attn_mask_byte", integer=True)

#: A 3-D mask can be seen as N stacks of L * L.
stacked = And(Eq(attn_mask.rank, 3), Eq(Mod(attn_mask.numel, squares), 0), N * L > 0)

#: What merging the masks asks of them, each condition by itself.
matrix_viewed = Or(
    Not(attn_mask.given),
    Eq(attn_mask.rank, 3),
    And(Eq(attn_mask.numel, L * L), viewed(attn_mask, L, L)),
)
stacks_viewed = Or(
    Ne(attn_mask.rank, 3),
    And(
        N * L > 0,
        Eq(Mod(attn_mask.numel, squares), 0),
        viewed(attn_mask, attn_mask.axis_0, L, L),
    ),
)
padding_counted = Or(Not(attn_mask.given), Eq(key_padding_mask.numel, N * L))
padding_viewed = Or(Not(attn_mask.given), viewed(key_padding_mask, N, L))
heads_padded = Or(
    Not(And(key_padding_mask.given, stacked)),
    Eq(attn_mask.numel, squares),
    Eq(attn_mask.numel, H * squares),
)

#: The masks pass the merging, where it is tried.
mask_merges = Or(Not(merged), And(matrix_viewed, stacks_viewed, heads_padded))
padding_merges = Or(Not(merged), And(padding_counted, padding_viewed))

#: What is said of a query of other features, on either path.
QUERY_EXPECTED = "must have embed_dim = {embed_dim} features"
QUERY_OBSERVED = "has {query.features}"
