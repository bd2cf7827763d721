"""Masks: which boolean hides, floats, broadcasting, the causal flag, and rows that see nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import failure, raised
from mhadoc.catalog.scaled_dot_product_attention.by_hand import (
    TORCH,
    Conventions,
    by_hand,
    recomputed,
)
from mhadoc.catalog.scaled_dot_product_attention.claims.numbers import EXACT, twin
from mhadoc.catalog.scaled_dot_product_attention.kernel import EVEN, fused
from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    SOURCE,
    enable_gqa,
    is_causal,
    mask_flat,
    mask_float,
    mask_full,
    mask_three,
    masked,
)
from mhadoc.language import Claim, Mismatch, Seen, close
from mhadoc.language.releases import newer

_MATRIX = And(masked, Not(mask_flat), Not(mask_full), Not(mask_three))
#: The fused kernel of torch 2.3 and 2.4 misreads a mask of one column.
_MISREAD = And(fused, mask_float, newer("2.3"), Not(newer("2.5")))
_NOTHING = {"is_causal": False, "dropout_p": 0.0}


def _opposite(seen: Seen, inverted: bool = True) -> Mismatch | None:
    """Give MultiheadAttention's function the mask, and compare what it makes of the same heads."""
    from torch.nn.functional import multi_head_attention_forward as attend

    mask = seen.inputs["attn_mask"]
    one = seen.inputs["query"].new_zeros((seen.values["E"], seen.values["E"])).fill_diagonal_(1)
    query, key = (_first(seen.inputs[name]) for name in ("query", "key"))
    weights = one.repeat(3, 1)
    output, _ = attend(
        *(query, key, key, seen.values["E"], 1, weights, None, None, None, False, 0.0, one, None),
        attn_mask=~mask if inverted else mask,
        need_weights=False,
    )
    other = seen.again(query=query, key=key, value=key, scale=..., enable_gqa=..., **_NOTHING)
    return failure(other) or close(output, other.outputs["output"])


def _first(tensor: Any) -> Any:
    return tensor.reshape(-1, *tensor.shape[-2:])[0]


def _broadcast(seen: Seen, size: int = 1) -> Mismatch | None:
    """Call with masks whose axes are one or missing, and compare with the expanded mask."""
    mask = seen.inputs["attn_mask"]
    wrong = (_expanded(seen, small) for small in (mask, mask[:size], mask[:, :size]))
    return next(filter(None, wrong), None)


def _expanded(seen: Seen, small: Any) -> Mismatch | None:
    """Call with a mask that is not of full size, and compare with the same mask written out."""
    one = seen.again(attn_mask=small, **_NOTHING)
    if failed := failure(one):
        return failed
    full = small.expand(*seen.inputs["query"].shape[:-1], seen.values["S"])
    other = seen.again(attn_mask=full, **_NOTHING)
    return failure(other) or close(other.outputs["output"], one.outputs["output"])


def _misread(seen: Seen, column: slice = slice(1)) -> Mismatch | None:
    """Find other numbers for a mask of one column than for the same mask written out."""
    other = _expanded(seen, seen.inputs["attn_mask"][:, column])
    return None if other else Mismatch("other numbers", "the same")


def _half(seen: Seen, kept: bool = True) -> Mismatch | None:
    """Give a mask of float32 to a query of half precision."""
    half = {name: seen.inputs[name].half() for name in ("query", "key", "value")}
    mask = seen.inputs["attn_mask"].float()
    other = seen.again(attn_mask=mask, **half, **_NOTHING)
    told = raised(_raise, other.error)
    return None if (told == "no error") is kept else Mismatch("another outcome", told)


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


def _hidden(seen: Seen, conventions: Conventions = TORCH) -> Mismatch | None:
    """Hide every key from the first query."""
    mask = seen.inputs["attn_mask"].clone()
    mask[..., 0, :] = float("-inf") if mask.is_floating_point() else False
    other = seen.again(attn_mask=mask, **_NOTHING)
    return failure(other) or close(by_hand(other, conventions), other.outputs["output"])


_QKV = """
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key, value = torch.randn(4, 10), torch.randn(7, 10), torch.randn(7, 6)"""

CLAIMS = (
    Claim(
        id="sdpa.mask.keeps",
        sentence="In a boolean `attn_mask` True lets a query see a key, and False hides it.",
        doctest=f"""{_QKV}
        >>> mask = torch.ones(4, 7, dtype=torch.bool)
        >>> mask[:, 5:] = False  # the last two keys are hidden
        >>> output = F.scaled_dot_product_attention(query, key, value, mask)
        >>> rest = F.scaled_dot_product_attention(query, key[:5], value[:5])
        >>> torch.allclose(output, rest, atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(EXACT, masked, Not(mask_float)),
        axes=("front", "width", "attn_mask", "enable_gqa"),
        twins={
            "True hides": twin(keeps=False),
            "the mask is not looked at": twin(obeys_mask=False),
        },
        source=SOURCE,
    ),
    Claim(
        id="sdpa.mask.opposite",
        sentence="A boolean mask means the opposite of MultiheadAttention's `attn_mask` and "
        "`key_padding_mask`: pass `~mask` when you move from one to the other.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha, x = nn.MultiheadAttention(embed_dim=10, num_heads=1), torch.randn(4, 10)
        >>> hidden = torch.ones(4, 4, dtype=torch.bool).triu(1)
        >>> q, k, v = nn.functional.linear(x, mha.in_proj_weight).chunk(3, dim=-1)
        >>> attended = nn.functional.scaled_dot_product_attention(q, k, v, ~hidden)
        >>> output, _ = mha(x, x, x, attn_mask=hidden)
        >>> torch.allclose(mha.out_proj(attended), output, atol=1e-6)
        True
        """,
        check=_opposite,
        when=And(_MATRIX, Not(mask_float), Not(enable_gqa)),
        axes=("width", "scale"),
        twins={"they mean the same": partial(_opposite, inverted=False)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.mask.floats_added",
        sentence="A float `attn_mask` is added to the scores after they are scaled, before the "
        "softmax.",
        doctest=f"""{_QKV}
        >>> mask = torch.randn(4, 7)
        >>> output = F.scaled_dot_product_attention(query, key, value, mask)
        >>> scores = query @ key.mT / 10**0.5 + mask
        >>> torch.allclose(output, scores.softmax(-1) @ value, atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(EXACT, mask_float),
        axes=("front", "width", "attn_mask", "scale"),
        twins={"before they are scaled": twin(adds_before=True)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.mask.broadcasts",
        sentence="The `attn_mask` broadcasts: axes in front may be missing, and any axis may be "
        "one, as in (1, S) for a mask of keys.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key = torch.randn(3, 2, 4, 10), torch.randn(3, 2, 7, 10)
        >>> padding = torch.arange(7) < torch.tensor([[7], [5], [2]])  # (N, S), True is kept
        >>> mask = padding[:, None, None]                               # (N, 1, 1, S)
        >>> F.scaled_dot_product_attention(query, key, key, mask).shape
        torch.Size([3, 2, 4, 10])
        """,
        check=_broadcast,
        when=And(_MATRIX, EVEN, Not(_MISREAD)),
        axes=("front", "width", "attn_mask"),
        twins={"an axis may be two": partial(_broadcast, size=2)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.mask.one_column",
        since="2.3",
        until="2.5",
        sentence="A bug that torch 2.5 mended: on the CPU the fused kernel misread a float "
        "`attn_mask` of one column, (L, 1), and returned wrong numbers without a word.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> x, mask = torch.randn(3, 2, 4, 10), torch.randn(4, 1)
        >>> small = F.scaled_dot_product_attention(x, x, x, mask)
        >>> whole = F.scaled_dot_product_attention(x, x, x, mask.expand(4, 4))
        >>> torch.allclose(small, whole)
        False
        """,
        check=_misread,
        when=And(_MATRIX, EVEN, _MISREAD),
        axes=("width", "attn_mask"),
        twins={"a mask of all columns was misread": partial(_misread, column=slice(None))},
        source="torch: _scaled_dot_product_flash_attention_for_cpu",
    ),
    Claim(
        id="sdpa.mask.single",
        since="2.4",
        sentence="A float mask of float32 goes with a query of float16 or bfloat16 as well.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> x, mask = torch.randn(4, 10).bfloat16(), torch.zeros(4, 4)
        >>> F.scaled_dot_product_attention(x, x, x, mask).dtype
        torch.bfloat16
        """,
        check=_half,
        when=And(mask_float, EVEN),
        axes=("front", "width"),
        twins={"it is refused": partial(_half, kept=False)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.causal.top_left",
        sentence="`is_causal=True` hides key `s` from query `l` where `s > l`, counted from the "
        "first of each: with fewer queries than keys the last keys are hidden from all.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key, value = torch.randn(2, 10), torch.randn(7, 10), torch.eye(7)
        >>> weights = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        >>> (weights > 0).int()
        tensor([[1, 0, 0, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0, 0]], dtype=torch.int32)
        """,
        check=recomputed,
        when=And(EXACT, is_causal, Not(masked)),
        axes=("front", "width", "enable_gqa"),
        twins={
            "counted from the last of each": twin(bottom_right=True),
            "nothing is hidden": twin(obeys_causal=False),
        },
        source=SOURCE,
    ),
    Claim(
        id="sdpa.causal.both",
        since="2.3",
        until="2.14",
        sentence="Silent: on the CPU the fused kernel takes `is_causal=True` and an `attn_mask` "
        "together and obeys both, where any other call is refused.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> x, mask = torch.randn(3, 2, 4, 10), torch.ones(4, 4, dtype=torch.bool)
        >>> F.scaled_dot_product_attention(x, x, x, mask, is_causal=True).shape
        torch.Size([3, 2, 4, 10])
        >>> one = x[0, 0]
        >>> F.scaled_dot_product_attention(one, one, one, mask, is_causal=True)
        Traceback (most recent call last):
            ...
        RuntimeError: _scaled_dot_product_attention: Explicit attn_mask should not be set when \
is_causal=True
        """,
        check=recomputed,
        when=And(fused, EXACT, is_causal, masked),
        axes=("attn_mask", "enable_gqa"),
        twins={
            "the mask is not looked at": twin(obeys_mask=False),
            "the flag is not looked at": twin(obeys_causal=False),
        },
        source=SOURCE,
    ),
    Claim(
        id="sdpa.hidden_row",
        since="2.5",
        sentence="A query from which every key is hidden gets zeros, not NaN, from boolean masks "
        "and from floats of minus infinity.",
        doctest=f"""{_QKV}
        >>> mask = torch.ones(4, 7, dtype=torch.bool)
        >>> mask[0] = False
        >>> F.scaled_dot_product_attention(query, key, value, mask)[0]
        tensor([0., 0., 0., 0., 0., 0.])
        """,
        check=_hidden,
        when=And(masked, Not(mask_flat), EVEN),
        axes=("front", "width", "attn_mask", "grad"),
        twins={
            "it gets NaN": partial(_hidden, conventions=Conventions(hidden=float("nan"))),
            "it sees every key alike": partial(_hidden, conventions=Conventions(hidden=0.2)),
        },
        source=SOURCE,
    ),
)
