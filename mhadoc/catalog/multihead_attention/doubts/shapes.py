"""Masks of a shape that only the fast path takes, which reads their numbers row by row."""

from __future__ import annotations

from sympy import And, Eq, Ne, Not

from mhadoc.catalog.multihead_attention.doubts.calls import (
    MASKED,
    MATRIX,
    PADDING,
    PER_HEAD,
    SETUP,
)
from mhadoc.catalog.multihead_attention.paths import taken
from mhadoc.catalog.multihead_attention.symbols import N, S, attn_mask_rank, padding_mask
from mhadoc.language import Doubt

__all__ = ["SHAPES"]

_CAUSAL = f"""{SETUP}
        >>> causal = torch.ones(7, 7, dtype=torch.bool).triu(1)"""

SHAPES = (
    Doubt(
        id="key_padding_mask.elements",
        argument="key_padding_mask",
        claim="mha.fast_path.padding_elements",
        when=And(
            *(taken, MASKED, padding_mask),
            Not(And(Eq(PADDING.rank, 2), Eq(PADDING.axis_0, N), Eq(PADDING.axis_1, S))),
        ),
        expected="should have shape (N, S) = ({N}, {S})",
        observed="has shape {key_padding_mask.shape}, which the fast path reads row by row as if "
        "it were that",
        hint="pass a mask of shape (N, S); to check: with gradients torch refuses this one",
        title="A padding mask of another shape works in eval mode only",
        example=f"""{_CAUSAL}
        >>> masks = {{"attn_mask": causal, "key_padding_mask": torch.zeros(7, 3).bool()}}
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(mha.eval(), x, x, x, **masks))
        """,
    ),
    Doubt(
        id="attn_mask.elements",
        argument="attn_mask",
        claim="mha.fast_path.matrix_elements",
        when=And(taken, MASKED, Ne(attn_mask_rank, 3), Not(MATRIX)),
        expected="should have shape (L, S) = ({L}, {S})",
        observed="has shape {attn_mask.shape}, which the fast path reads row by row as if it were "
        "that",
        hint="pass a mask of shape (L, S); to check: with gradients torch refuses this one",
        title="A mask of another shape works in eval mode only",
        example=f"""{_CAUSAL}
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(mha.eval(), x, x, x, attn_mask=causal[None, None]))
        """,
    ),
    Doubt(
        id="attn_mask.elements_per_head",
        argument="attn_mask",
        claim="mha.fast_path.per_head_elements",
        when=And(taken, Eq(attn_mask_rank, 3), Not(PER_HEAD)),
        expected="should have shape (N * num_heads, L, S)",
        observed="has shape {attn_mask.shape}, which only the fast path takes",
        hint="pass one matrix for each batch element and head: masks.repeat_interleave(num_heads, "
        "0); to check: with gradients torch refuses this one",
        title="A mask for each batch element works in eval mode only",
        example=f"""{_CAUSAL}
        >>> masks = {{"attn_mask": causal.repeat(3, 1, 1), "key_padding_mask": causal[:3]}}
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(mha.eval(), x, x, x, **masks))
        """,
    ),
)
