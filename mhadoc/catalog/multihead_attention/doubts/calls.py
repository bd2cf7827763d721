"""What the doubts share: which masks are used, and how an example of each begins."""

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.paths import taken
from mhadoc.catalog.multihead_attention.symbols import (
    H,
    L,
    N,
    S,
    add_bias_kv,
    add_zero_attn,
    attn_mask_rank,
    is_causal,
    need_weights,
    padding_mask,
)
from mhadoc.language import Measured

__all__ = [
    "ANOTHER_SHAPE",
    "CAUSAL",
    "EXTRA",
    "MASK",
    "MASKED",
    "MATRIX",
    "PADDING",
    "PER_HEAD",
    "REPLACED",
    "SETUP",
    "SLOW",
    "USED",
]

MASK, PADDING = Measured("attn_mask"), Measured("key_padding_mask")
MASKED = attn_mask_rank > 0
EXTRA = Or(add_bias_kv, add_zero_attn)
SLOW = Not(taken)
#: The causal mask is used in the place of the one that is given.
REPLACED = And(is_causal, MASKED, Not(padding_mask), Not(need_weights), SLOW)
USED = And(MASKED, Not(REPLACED))

MATRIX = And(Eq(attn_mask_rank, 2), Eq(MASK.axis_0, L), Eq(MASK.axis_1, S))
PER_HEAD = And(
    Eq(attn_mask_rank, 3), Eq(MASK.axis_0, N * H), Eq(MASK.axis_1, L), Eq(MASK.axis_2, S)
)
ANOTHER_SHAPE = And(MASKED, Not(MATRIX), Not(PER_HEAD))

#: The causal mask of the right size, as it can be pasted.
CAUSAL = "torch.ones({L}, {S}, dtype=torch.bool).triu(1)"

SETUP = """
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> mha, x = nn.MultiheadAttention(10, 2, batch_first=True), torch.randn(3, 7, 10)"""
