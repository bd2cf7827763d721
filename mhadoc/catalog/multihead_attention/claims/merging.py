"""merge_masks: the method that makes one mask of two for the fused kernel."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq

from mhadoc.catalog.multihead_attention.claims.hiding import GIVEN, as_floats, over_weights
from mhadoc.catalog.multihead_attention.symbols import MERGE, batched, padding_mask, tensors
from mhadoc.language import Claim, Mismatch, Seen, close, same

_SELF = And(batched, Eq(tensors, 1))


def _merged(seen: Seen) -> tuple[Any, int | None]:
    """Merge the masks of a call, as floats, the way forward does."""
    query = seen.inputs["query"]
    masks = (as_floats(seen.inputs.get(name), query) for name in ("attn_mask", "key_padding_mask"))
    merged: tuple[Any, int | None] = seen.module.merge_masks(
        *masks, query if seen.values["batch_first"] else query.transpose(0, 1)
    )
    return merged


def _kind(seen: Seen, matrix: int = 2) -> Mismatch | None:
    merged, kind = _merged(seen)
    if seen.inputs.get("attn_mask") is not None:
        return same(matrix, kind)
    padding = as_floats(seen.inputs.get("key_padding_mask"), seen.inputs["query"])
    if padding is None:
        return same((None, None), (merged, kind))
    return same(1, kind) or close(padding, merged)


def _shape(seen: Seen, heads: str = "num_heads") -> Mismatch | None:
    merged, _ = _merged(seen)
    length = seen.values["L"]
    sizes = (seen.values["N"], seen.values[heads], length, length)
    return same(sizes, tuple(merged.shape))


def _sum(seen: Seen, padding: bool = True) -> Mismatch | None:
    """Compare with the sum of both masks as they lie over the weights."""
    merged, _ = _merged(seen)
    query = seen.inputs["query"]
    expected = as_floats(over_weights(seen, "attn_mask"), query)
    if padding:
        expected = expected + as_floats(over_weights(seen, "key_padding_mask"), query)
    return close(expected.expand_as(merged), merged)


CLAIMS = (
    Claim(
        id="mha.merge_masks.kind",
        since="2.0",
        sentence="`merge_masks` returns a mask and its kind: None and None without masks, 1 for a "
        "`key_padding_mask` alone, which stays as it is, 2 with any `attn_mask`, and never 0.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True)
        >>> x = torch.randn(3, 7, 10)
        >>> mha.merge_masks(None, None, x)
        (None, None)
        >>> padding = torch.zeros(3, 7)
        >>> merged, kind = mha.merge_masks(None, padding, x)
        >>> merged is padding, kind
        (True, 1)
        """,
        check=_kind,
        when=_SELF,
        axes=("attn_mask", "key_padding_mask"),
        twins={"an `attn_mask` alone is of kind 0": partial(_kind, matrix=0)},
        source=MERGE,
    ),
    Claim(
        id="mha.merge_masks.shape",
        since="2.0",
        sentence="With an `attn_mask`, 2-D or 3-D, alone or not, the merged mask is "
        "(N, num_heads, L, L).",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True)
        >>> x = torch.randn(3, 7, 10)
        >>> merged, kind = mha.merge_masks(torch.zeros(7, 7), None, x)
        >>> merged.shape, kind
        (torch.Size([3, 2, 7, 7]), 2)
        """,
        check=_shape,
        when=And(_SELF, GIVEN),
        axes=("attn_mask", "key_padding_mask", "batch_first"),
        twins={"it is (N, N, L, L)": partial(_shape, heads="N")},
        source=MERGE,
    ),
    Claim(
        id="mha.merge_masks.sum",
        since="2.0",
        sentence="Two masks are added, the `key_padding_mask` to every query and head of its "
        "batch element.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True)
        >>> x, mask, padding = torch.randn(3, 7, 10), torch.randn(6, 7, 7), torch.randn(3, 7)
        >>> merged, _ = mha.merge_masks(mask, padding, x)
        >>> n, h = 2, 1
        >>> torch.equal(merged[n, h], mask[n * 2 + h] + padding[n])
        True
        """,
        check=_sum,
        when=And(_SELF, GIVEN, padding_mask),
        axes=("attn_mask", "key_padding_mask", "batch_first"),
        twins={"the `attn_mask` alone is kept": partial(_sum, padding=False)},
        source=MERGE,
    ),
)
