"""What is_causal does, and what it does not: a promise about the mask that is given."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import RUNS, alike, told
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.claims.hiding import GIVEN
from mhadoc.catalog.multihead_attention.paths import discards_mask, fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    L,
    S,
    add_bias_kv,
    add_zero_attn,
    is_causal,
    need_weights,
    padding_mask,
)
from mhadoc.language import Claim, Mismatch, Seen, same

_REPLACED = And(discards_mask, EXACT)
_EXTRA = Or(add_bias_kv, add_zero_attn)


def future(seen: Seen, shift: int = 0) -> Any:
    """Return the boolean mask (L, S) that hides every key after the query's own position."""
    size = (seen.values["L"], seen.values["S"])
    return seen.inputs["query"].new_ones(size).triu(1 + shift) > 0


def _ignored(seen: Seen, obeyed: bool = False) -> Mismatch | None:
    """Compare with the same call without the flag, or with the causal mask in place of the flag."""
    changes = {"attn_mask": future(seen)} if obeyed else {}
    return alike(seen.again(is_causal=False, **changes), seen)


def _replaced(seen: Seen, mask: str = "upper left") -> Mismatch | None:
    """Compare with the causal mask given explicitly, without the flag."""
    shift = {"upper left": 0, "lower right": seen.values["S"] - seen.values["L"]}
    masks = {"given": seen.inputs["attn_mask"]}
    masks |= {name: future(seen, by) for name, by in shift.items()}
    return alike(seen.again(is_causal=False, attn_mask=masks[mask]), seen)


def _any_shape(seen: Seen, error: str = "no error") -> Mismatch | None:
    """Pass floats of absurd shapes and other dtypes in place of the mask that is discarded."""
    ones = seen.inputs["query"].new_ones
    sizes = seen.values["S"] + 70, seen.values["L"] + 1
    rank = 3 if seen.values["batched"] else 2
    for mask in (ones(sizes), ones((1, *sizes)[-rank:]).half()):
        again = seen.again(attn_mask=mask)
        if wrong := same(error, told(again).partition(":")[0]) or alike(seen, again):
            return wrong
    return None


def _extra_hidden(seen: Seen, visible: bool = False) -> Mismatch | None:
    """Compare with a module without the extra keys, or with one that sees them."""
    module = None if visible else seen.built(add_bias_kv=False, add_zero_attn=False)
    return alike(seen.again(module, is_causal=False, attn_mask=future(seen)), seen)


def _no_mask(seen: Seen, masks: bool = False) -> Mismatch | None:
    """Call with the flag alone: it is refused, or without effect."""
    alone = seen.again(is_causal=True, attn_mask=None)
    return alike(seen.again(is_causal=False, attn_mask=future(seen) if masks else None), alone)


CLAIMS = (
    Claim(
        id="mha.causal.makes_no_mask",
        since="2.0",
        sentence="On the fast path `is_causal=True` without a mask is ignored: every query sees "
        "the future.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> with torch.no_grad():
        ...     _, weights = mha(x, x, x, is_causal=True)
        >>> bool((weights > 0).all())
        True
        """,
        check=_no_mask,
        when=fast,
        axes=("key_padding_mask", "need_weights", "kdim", "vdim"),
        twins={"it hides the future": partial(_no_mask, masks=True)},
        source=FORWARD,
    ),
    Claim(
        id="mha.causal.fast_path",
        sentence="On the fast path `is_causal=True` changes nothing about the mask given either.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> mask = torch.ones(7, 7, dtype=torch.bool).triu(3)  # not the causal one
        >>> with torch.no_grad():
        ...     one, _ = mha(x, x, x, attn_mask=mask, need_weights=False)
        ...     other, _ = mha(x, x, x, attn_mask=mask, need_weights=False, is_causal=True)
        >>> torch.equal(one, other)
        True
        """,
        check=_ignored,
        when=And(fast, is_causal, GIVEN),
        axes=("attn_mask", "key_padding_mask", "need_weights"),
        twins={"it puts the causal mask in its place": partial(_ignored, obeyed=True)},
        source=FORWARD,
    ),
    Claim(
        id="mha.causal.with_weights",
        sentence="With `need_weights=True`, the default, `is_causal=True` is ignored: the mask "
        "given is used.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(7, 10)
        >>> mask = torch.ones(7, 7, dtype=torch.bool).triu(3)  # not the causal one
        >>> _, weights = mha(x, x, x, attn_mask=mask, is_causal=True)
        >>> torch.equal(weights == 0, mask)
        True
        """,
        check=_ignored,
        when=And(RUNS, EXACT, is_causal, GIVEN, need_weights),
        axes=("rank", "attn_mask", "key_padding_mask"),
        twins={"it puts the causal mask in its place": partial(_ignored, obeyed=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.causal.with_padding",
        sentence="With a `key_padding_mask`, `is_causal=True` is ignored: the masks given are "
        "used.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, padding = torch.randn(7, 10), torch.arange(7) >= 5
        >>> mask = torch.ones(7, 7, dtype=torch.bool).triu(3)  # not the causal one
        >>> masks = {"attn_mask": mask, "key_padding_mask": padding, "need_weights": False}
        >>> one, _ = mha(x, x, x, **masks)
        >>> other, _ = mha(x, x, x, **masks, is_causal=True)
        >>> torch.equal(one, other)
        True
        """,
        check=_ignored,
        when=And(RUNS, EXACT, is_causal, GIVEN, padding_mask),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={"it puts the causal mask in its place": partial(_ignored, obeyed=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.causal.replaces",
        sentence="Outside the fast path, with `need_weights=False` and no `key_padding_mask`, "
        "`is_causal=True` discards the mask given and hides each key `j > i` from query `i`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> nothing = torch.zeros(4, 7, dtype=torch.bool)
        >>> causal = torch.ones(4, 7, dtype=torch.bool).triu(1)
        >>> one, _ = mha(query, key, key, attn_mask=nothing, is_causal=True, need_weights=False)
        >>> other, _ = mha(query, key, key, attn_mask=causal, need_weights=False)
        >>> torch.allclose(one, other, atol=1e-6)
        True
        """,
        check=_replaced,
        when=And(_REPLACED, Not(_EXTRA)),
        axes=("rank", "attn_mask", "identity"),
        twins={
            "the mask given is used": partial(_replaced, mask="given"),
            "the last query sees the last key": partial(_replaced, mask="lower right"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.causal.unchecked",
        sentence="Silent: where `is_causal=True` replaces the mask, a 2-D mask of floats may have "
        "any shape and any float dtype.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x, absurd = torch.randn(7, 10), torch.zeros(77, 3)
        >>> output, _ = mha(x, x, x, attn_mask=absurd, is_causal=True, need_weights=False)
        >>> output.shape
        torch.Size([7, 10])
        """,
        check=_any_shape,
        when=_REPLACED,
        axes=("rank", "attn_mask", "add_bias_kv", "add_zero_attn"),
        twins={"its shape is checked": partial(_any_shape, error="RuntimeError")},
        source=ATTEND,
    ),
    Claim(
        id="mha.causal.hides_extra_keys",
        sentence="Silent: where `is_causal=True` replaces the mask and L is at most S, the extra "
        "keys of `add_bias_kv` and `add_zero_attn` are hidden as well, from every query.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, add_bias_kv=True)
        >>> x, causal = torch.randn(7, 10), torch.ones(7, 7, dtype=torch.bool).triu(1)
        >>> with_flag, _ = mha(x, x, x, attn_mask=causal, is_causal=True, need_weights=False)
        >>> without, _ = mha(x, x, x, attn_mask=causal, need_weights=False)
        >>> torch.allclose(with_flag, without, atol=1e-3)
        False
        """,
        check=_extra_hidden,
        when=And(_REPLACED, _EXTRA, L <= S),
        axes=("rank", "attn_mask", "add_bias_kv", "add_zero_attn"),
        twins={"they stay visible": partial(_extra_hidden, visible=True)},
        source=ATTEND,
    ),
)
