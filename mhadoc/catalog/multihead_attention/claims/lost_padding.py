"""What became of padding given as floats beside a mask, before torch 2.0."""

from __future__ import annotations

from functools import partial

from sympy import And

from mhadoc.catalog.multihead_attention.claims.compare import RUNS, alike
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.claims.hiding import (
    BOOL,
    FLOAT,
    PADDING_BOOL,
    as_floats,
    over_weights,
    stretched,
)
from mhadoc.catalog.multihead_attention.symbols import ATTEND
from mhadoc.language import Claim, Mismatch, Seen

_CALM = And(RUNS, EXACT)


def _as_bools(seen: Seen, added: bool = False) -> Mismatch | None:
    """Pass padding as floats, 0 where it keeps the key, and compare with what was given, or sum."""
    query, padding = seen.inputs["query"], seen.inputs["key_padding_mask"]
    floats = query.new_zeros(padding.shape).masked_fill(padding, 0.5)
    again = seen.again(key_padding_mask=floats)
    if not added:
        return alike(seen, again)
    laid = as_floats(over_weights(seen, "attn_mask"), query) + over_weights(
        again, "key_padding_mask"
    )
    return alike(seen.again(attn_mask=stretched(seen, laid), key_padding_mask=None), again)


def _lost(seen: Seen, hides: bool = False) -> Mismatch | None:
    """Pass padding as floats, `-inf` where it hides, and compare with no padding at all."""
    floats = as_floats(seen.inputs["key_padding_mask"], seen.inputs["query"])
    expected = seen if hides else seen.again(key_padding_mask=None)
    return alike(expected, seen.again(key_padding_mask=floats))


CLAIMS = (
    Claim(
        id="mha.mask.padding_as_bools",
        until="2.0",
        sentence="A bug that torch 2.0 mended: beside a boolean `attn_mask`, floats in a "
        "`key_padding_mask` were not added; any number but 0 hid its key.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, mask = torch.randn(4, 10), torch.zeros(4, 4, dtype=torch.bool)
        >>> padding = torch.tensor([0.0, 0.0, 0.5, -0.5])
        >>> _, weights = mha(x, x, x, attn_mask=mask, key_padding_mask=padding)
        >>> weights[0] > 0
        tensor([ True,  True, False, False])
        """,
        check=_as_bools,
        when=And(_CALM, BOOL, PADDING_BOOL),
        axes=("rank", "attn_mask", "need_weights", "add_zero_attn"),
        twins={"they were added": partial(_as_bools, added=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.padding_lost",
        until="2.0",
        sentence="A silent bug that torch 2.0 mended: beside an `attn_mask` of floats, a "
        "`key_padding_mask` of 0 and `-inf` hid nothing; one of other floats mostly failed.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, mask = torch.randn(4, 10), torch.zeros(4, 4)
        >>> padding = torch.tensor([0.0, 0.0, float("-inf"), float("-inf")])
        >>> _, weights = mha(x, x, x, attn_mask=mask, key_padding_mask=padding)
        >>> weights[0] > 0
        tensor([True, True, True, True])
        >>> mha(x, x, x, attn_mask=mask, key_padding_mask=torch.full((4,), 0.1))
        Traceback (most recent call last):
        RuntimeError: Mask tensor can take 0 and 1 values only
        """,
        check=_lost,
        when=And(_CALM, FLOAT, PADDING_BOOL),
        axes=("rank", "attn_mask", "need_weights", "add_zero_attn"),
        twins={"it hid what it should": partial(_lost, hides=True)},
        source=ATTEND,
    ),
)
