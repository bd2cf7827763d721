"""The forms of masks: of two axes or three, strided, learned, and two masks together."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.by_hand import Conventions
from mhadoc.catalog.multihead_attention.claims.compare import RUNS, alike
from mhadoc.catalog.multihead_attention.claims.formula import EXACT, recomputed
from mhadoc.catalog.multihead_attention.claims.hiding import (
    BOOL,
    FLOAT,
    GIVEN,
    PADDING_BOOL,
    PADDING_FLOAT,
    as_floats,
    elsewhere,
    over_weights,
    stretched,
    weights,
)
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FUNCTIONAL,
    attn_mask_rank,
    batched,
    is_causal,
    need_weights,
    padding_mask,
)
from mhadoc.language import Claim, Mismatch, Seen, same

_CANONICAL = f"{FUNCTIONAL}: _canonical_mask"
_CALM = And(RUNS, EXACT)
_BOTH = And(GIVEN, padding_mask)
_NAMES = ("attn_mask", "key_padding_mask")
_MIXED = (
    "Support for mismatched key_padding_mask and attn_mask is deprecated. "
    "Use same type for both instead."
)


def _either(seen: Seen, both: bool = False) -> Mismatch | None:
    """Compare where the weights are zero with where one of two boolean masks is True, or both."""
    one, other = (over_weights(seen, name) for name in _NAMES)
    hidden = one & other if both else one | other
    none = weights(seen)[..., : seen.values["S"]] == 0
    return elsewhere(hidden, none, f"no weight where {'both' if both else 'one'} is True")


def _summed(seen: Seen, larger: bool = False) -> Mismatch | None:
    """Compare two float masks with their sum, or with the larger of both, as one attn_mask."""
    one, other = (over_weights(seen, name) for name in _NAMES)
    joined = one.maximum(other) if larger else one + other
    mask = stretched(seen, joined)
    return alike(seen.again(attn_mask=mask, key_padding_mask=None, is_causal=False), seen)


def _mixed(seen: Seen, warned: tuple[str, ...] = (_MIXED,)) -> Mismatch | None:
    query = seen.inputs["query"]
    floats = {name: as_floats(seen.inputs[name], query) for name in _NAMES}
    heard = tuple(text for text in seen.warnings if "mismatched" in text)
    return same(warned, heard) or alike(seen.again(**floats), seen)


def _matrix_everywhere(seen: Seen, heads: int | None = None) -> Mismatch | None:
    """Compare with the same matrix given to each head of each batch element, or to some."""
    mask = stretched(seen, over_weights(seen, "attn_mask")).clone()
    if heads is not None:
        mask[heads:] = 0
    return alike(seen.again(attn_mask=mask), seen)


def _untouched(seen: Any, floats: bool = False) -> Mismatch | None:
    fresh = seen.bench.inputs(seen.values)
    for name in ("attn_mask", "key_padding_mask"):
        if (mask := seen.inputs.get(name)) is not None:
            equal = mask.is_floating_point() if floats else bool((mask == fresh[name]).all())
            if wrong := same(True, equal) or same(str(fresh[name].dtype), str(mask.dtype)):
                return wrong
    return None


def _strided(seen: Seen, error: str = "no error") -> Mismatch | None:
    """Pass the same masks again, with gaps between their entries in memory."""
    gaps = {
        name: mask[..., None].expand(*mask.shape, 2).contiguous()[..., 0]
        for name in ("attn_mask", "key_padding_mask")
        if (mask := seen.inputs.get(name)) is not None
    }
    again = seen.again(**gaps)
    return same(error, type(again.error).__name__ if again.error else "no error") or alike(
        seen, again
    )


def _narrow(seen: Seen, error: str = "no error") -> Mismatch | None:
    """Pass a mask of float32 beside a query of float64."""
    again = seen.again(attn_mask=seen.inputs["attn_mask"].float())
    found = type(again.error).__name__ if again.error else "no error"
    return same(error, found) or alike(seen, again, 1e-6)


CLAIMS = (
    Claim(
        id="mha.mask.either_hides",
        sentence="A key that one of two boolean masks hides is hidden.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(7, 10)
        >>> causal = torch.ones(7, 7, dtype=torch.bool).triu(1)
        >>> padding = torch.arange(7) >= 5
        >>> _, weights = mha(x, x, x, attn_mask=causal, key_padding_mask=padding)
        >>> torch.equal(weights == 0, causal | padding)
        True
        """,
        check=_either,
        when=And(_CALM, BOOL, PADDING_BOOL),
        axes=("rank", "attn_mask", "need_weights", "add_zero_attn"),
        twins={"it is hidden if both masks hide it": partial(_either, both=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.floats_sum",
        since="2.0",
        sentence="Two float masks are added to each other.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> bias, padding = torch.randn(4, 7), torch.randn(7)
        >>> one, _ = mha(query, key, key, attn_mask=bias, key_padding_mask=padding)
        >>> other, _ = mha(query, key, key, attn_mask=bias + padding)
        >>> torch.allclose(one, other, atol=1e-6)
        True
        """,
        check=_summed,
        when=And(_CALM, FLOAT, PADDING_FLOAT),
        axes=("rank", "attn_mask", "need_weights", "add_zero_attn"),
        twins={"the larger of both counts": partial(_summed, larger=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.mixed",
        since="2.0",
        sentence="A boolean mask and one of floats work together, with a warning that this is "
        "deprecated.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(7, 10)
        >>> causal = nn.Transformer.generate_square_subsequent_mask(7)  # of floats
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     _ = mha(x, x, x, attn_mask=causal, key_padding_mask=torch.arange(7) >= 5)
        >>> print(heard[0].message)
        Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type ...
        """,
        check=_mixed,
        when=And(_CALM, Or(And(BOOL, PADDING_FLOAT), And(FLOAT, PADDING_BOOL))),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={"they work together silently": partial(_mixed, warned=())},
        source=_CANONICAL,
    ),
    Claim(
        id="mha.mask.same_kind",
        since="2.0",
        sentence="Two masks of one dtype bring no warning.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(7, 10)
        >>> causal = torch.ones(7, 7, dtype=torch.bool).triu(1)
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error")
        ...     output, _ = mha(x, x, x, attn_mask=causal, key_padding_mask=torch.arange(7) >= 5)
        >>> output.shape
        torch.Size([7, 10])
        """,
        check=partial(_mixed, warned=()),
        when=And(_CALM, Not(is_causal), Or(And(BOOL, PADDING_BOOL), And(FLOAT, PADDING_FLOAT))),
        axes=("rank", "attn_mask", "need_weights"),
        twins={"they bring one as well": _mixed},
        source=_CANONICAL,
    ),
    Claim(
        id="mha.mask.matrix_everywhere",
        sentence="A 2-D `attn_mask` is used for every batch element and every head.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 3, 10), torch.randn(7, 3, 10)
        >>> mask = torch.ones(4, 7, dtype=torch.bool).triu(1)
        >>> _, weights = mha(query, key, key, attn_mask=mask, average_attn_weights=False)
        >>> bool(((weights == 0) == mask).all())  # (N, H, L, S) against (L, S)
        True
        """,
        check=_matrix_everywhere,
        when=And(_CALM, Eq(attn_mask_rank, 2)),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={"it is used for the first head only": partial(_matrix_everywhere, heads=1)},
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.per_head",
        sentence="A 3-D `attn_mask` holds the matrix of head h in batch element n at index "
        "`n * num_heads + h`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 3, 10), torch.randn(7, 3, 10)
        >>> mask = torch.zeros(3 * 2, 4, 7, dtype=torch.bool)
        >>> n, h = 2, 1
        >>> mask[n * 2 + h, :, 0] = True
        >>> _, weights = mha(query, key, key, attn_mask=mask, average_attn_weights=False)
        >>> (weights == 0).any(-1).any(-1).nonzero()  # which (n, h)
        tensor([[2, 1]])
        """,
        check=recomputed,
        when=And(_CALM, Eq(attn_mask_rank, 3), batched),
        axes=("batch_first", "attn_mask", "key_padding_mask", "need_weights"),
        twins={
            "at index `h * N + n`": partial(recomputed, conventions=Conventions(head_major=True)),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.untouched",
        sentence="The masks given are not changed.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> mask = torch.ones(4, 7, dtype=torch.bool).triu(1)
        >>> kept = mask.clone()
        >>> _ = mha(query, key, key, attn_mask=mask)
        >>> torch.equal(mask, kept)
        True
        """,
        check=_untouched,
        when=And(RUNS, Or(GIVEN, padding_mask)),
        axes=("rank", "attn_mask", "key_padding_mask"),
        twins={"a boolean mask becomes one of floats": partial(_untouched, floats=True)},
        source=_CANONICAL,
    ),
    Claim(
        id="mha.mask.strided",
        sentence="Masks need not be contiguous.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> mask = torch.ones(7, 4, dtype=torch.bool).tril(-1).T
        >>> mask.is_contiguous()
        False
        >>> _, weights = mha(query, key, key, attn_mask=mask)
        >>> bool(((weights == 0) == mask).all())
        True
        """,
        check=_strided,
        when=And(RUNS, Or(GIVEN, padding_mask)),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={"they must be": partial(_strided, error="RuntimeError")},
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.float32",
        since="2.4",
        sentence="With `need_weights=False` a mask of float32 goes with a query of any float "
        "dtype; with the weights, a mask that is alone must have the query's dtype.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dtype=torch.bfloat16)
        >>> x, mask = torch.randn(7, 10, dtype=torch.bfloat16), torch.randn(7, 7)
        >>> output, _ = mha(x, x, x, attn_mask=mask, need_weights=False)
        >>> output.dtype
        torch.bfloat16
        >>> mha(x, x, x, attn_mask=mask)
        Traceback (most recent call last):
        RuntimeError: Input dtypes must be the same, got: input float, batch1: c10::BFloat16, ...
        """,
        check=_narrow,
        when=And(_CALM, FLOAT, Not(padding_mask), Not(need_weights)),
        axes=("rank", "attn_mask", "identity"),
        twins={"its dtype must be the query's": partial(_narrow, error="RuntimeError")},
        source=ATTEND,
    ),
)
