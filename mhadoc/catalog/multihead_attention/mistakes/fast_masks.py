"""What the fast path demands of boolean masks, and what torch raises otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sympy import And, Eq, Ne, Not, Or

from mhadoc.catalog.breaking import elements, longer
from mhadoc.catalog.multihead_attention.mistakes.given import (
    attn_mask,
    heads_padded,
    key_padding_mask,
    matrix_viewed,
    merged,
    padding_counted,
    padding_viewed,
    sized,
    squares,
    stacked,
    stacks_viewed,
)
from mhadoc.catalog.multihead_attention.mistakes.masks import MATRIX, NO_MASK, PER_HEAD, masked
from mhadoc.catalog.multihead_attention.paths import fast, merges, taken
from mhadoc.catalog.multihead_attention.symbols import (
    MERGE,
    H,
    L,
    N,
    S,
    attn_mask_rank,
    padding_mask,
)

_KERNEL = "torch: _native_multi_head_attention"

#: What merge_masks needs to bring two masks into one.
MERGED = (
    masked(
        "attn_mask",
        "fast_size",
        "a 2-D `attn_mask` has L * L elements, on the fast path",
        "RuntimeError: shape '[1, 1, {L}, {L}]' is invalid for input of size {elements}",
        "pass a mask of shape (L, L)",
        lambda mask: mask[1:],
        And(merges, MATRIX),
        MERGE,
        Or(Not(merged), matrix_viewed),
        "must have shape (L, L) = ({L}, {L})",
        elements=elements("attn_mask"),
    ),
    masked(
        "attn_mask",
        "fast_batches",
        "a 3-D `attn_mask` has a multiple of N * L * L elements, on the fast path",
        "RuntimeError: shape '[{N}, -1, {L}, {L}]' is invalid for input of size {elements}",
        "pass a mask of shape (N * num_heads, L, L)",
        lambda mask: mask[1:],
        And(merges, PER_HEAD, N > 1),
        MERGE,
        Or(Not(merged), stacks_viewed),
        "must have shape (N*num_heads, L, L), here ({rows}, {L}, {L})",
        elements=elements("attn_mask"),
        rows=N * H,
    ),
    masked(
        "key_padding_mask",
        "fast_size",
        "the `key_padding_mask` has N * S elements, on the fast path with an `attn_mask`",
        "RuntimeError: shape '[{N}, 1, 1, {L}]' is invalid for input of size {elements}",
        "pass a mask of shape (N, S)",
        lambda mask: longer(mask, 1),
        And(merges, attn_mask_rank > 0),
        MERGE,
        Or(Not(merged), padding_counted),
        "must have shape (N, S) = ({N}, {S})",
        elements=elements("key_padding_mask"),
    ),
    masked(
        "key_padding_mask",
        "fast_strides",
        "the `key_padding_mask` can be viewed as (N, S), on the fast path with an `attn_mask`",
        "RuntimeError: view size is not compatible with input tensor's size and stride (at least "
        "one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
        "pass a mask of shape (N, S), not its transpose",
        lambda mask: mask.t(),
        And(merges, attn_mask_rank > 0, N > 1, S > 1),
        MERGE,
        Or(Not(And(merged, padding_counted)), padding_viewed),
        "must have shape (N, S) = ({N}, {S})",
    ),
    masked(
        "attn_mask",
        "fast_heads_padded",
        "a 3-D `attn_mask` has one matrix for each head, on the fast path beside padding",
        "RuntimeError: The size of tensor a ({twice}) must match the size of tensor b "
        "({num_heads}) at non-singleton dimension 1",
        "pass mask.repeat_interleave(num_heads, 0) to use one mask for all heads",
        lambda mask: mask.repeat(2, 1, 1),
        And(merges, PER_HEAD, padding_mask),
        MERGE,
        Or(Not(merged), heads_padded),
        "must have shape (N*num_heads, L, L) = ({rows}, {L}, {L})",
        twice=2 * H,
        rows=N * H,
    ),
)


def _unequal(shown: Mapping[str, Any]) -> str:
    """Return the size of the `key_padding_mask` that is wrong, as C++ compares it."""
    other = shown["key_padding_mask"].shape[0] != shown["N"]
    return "[0] == batch_size" if other else "[1] == seq_len"


#: What the fused kernel looks at after the query.
_KERNEL_MASKS = (
    masked(
        "attn_mask",
        "fast_heads",
        "a 3-D `attn_mask` has one matrix for each head, on the fast path",
        "RuntimeError: For mask_type == 2 mask shape should match input shape",
        "pass mask.repeat_interleave(num_heads, 0) to use one mask for all heads",
        lambda mask: mask.repeat(2, 1, 1),
        And(fast, PER_HEAD, Not(padding_mask)),
        _KERNEL,
        Or(
            Not(And(taken, Not(key_padding_mask.given), stacked)),
            Eq(N * L, 0),
            Eq(attn_mask.numel, H * squares),
        ),
        "must have shape (N*num_heads, L, L) = ({rows}, {L}, {L})",
        rows=N * H,
    ),
    masked(
        "key_padding_mask",
        "fast_rank",
        "the `key_padding_mask` has two axes, on the fast path",
        "RuntimeError: For mask_type == 2 mask shape should match input shape",
        "pass a mask of shape (N, S)",
        lambda mask: mask[0],
        And(fast, NO_MASK),
        _KERNEL,
        Or(Not(taken), attn_mask.given, Eq(N * L, 0), Eq(key_padding_mask.rank, 2)),
        "must have shape (N, S) = ({N}, {S})",
    ),
    masked(
        "key_padding_mask",
        "fast_shape",
        "the `key_padding_mask` is (N, S), on the fast path",
        "RuntimeError: For mask_type == 1 mask shape should be (B, L)",
        "pass a mask of shape (N, S)",
        lambda mask: longer(mask, 1),
        And(fast, NO_MASK),
        _KERNEL,
        Or(
            Not(taken),
            attn_mask.given,
            Eq(N * L, 0),
            Ne(key_padding_mask.rank, 2),
            sized(key_padding_mask, N, L),
        ),
        "must have shape (N, S) = ({N}, {S})",
        unequal=_unequal,
    ),
)

#: What the kernel said before, of a mask of other sizes and of other axes.
_WAS = {
    "key_padding_mask.fast_rank": "Mask shape should match input shape",
    "key_padding_mask.fast_shape": "Expected attn_mask->sizes(){unequal} to be true, but got false."
    "  (Could this error message be improved?  If so, please report an enhancement request to "
    "PyTorch.)",
}
KERNEL = tuple(
    replace(demand, before={"2.0": {"message": _WAS[demand.id]}}) if demand.id in _WAS else demand
    for demand in _KERNEL_MASKS
)
