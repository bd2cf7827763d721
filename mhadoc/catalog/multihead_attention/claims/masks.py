"""The masks: what True means, what floats do, and what a key_padding_mask hides."""

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
    is_causal,
    padding_mask,
    tensors,
)
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.language.releases import newer

_CANONICAL = f"{FUNCTIONAL}: _canonical_mask"
_CALM = And(RUNS, EXACT)

_ALONE: dict[str, dict[str, Any]] = {
    "attn_mask": {"key_padding_mask": None},
    "key_padding_mask": {"attn_mask": None, "is_causal": False},
}


def _true_hides(seen: Seen, name: str, hides: bool = True) -> Mismatch | None:
    """Compare where a boolean mask is True with where the weights are zero without the other."""
    width, mask = seen.values["S"], over_weights(seen, name)
    none = weights(seen, **_ALONE[name])[..., :width] == 0
    return elsewhere(mask if hides else ~mask, none, f"no weight where {name} is {hides}")


def _like_padding(seen: Seen, head_major: bool = False) -> Mismatch | None:
    """Compare a key_padding_mask with the 3-D attn_mask that hides these keys from every query."""
    padding = over_weights(seen, "key_padding_mask")
    mask = stretched(seen, padding)
    if head_major:
        heads = padding[:, 0].repeat(seen.values["num_heads"], 1, 1)
        mask = heads.expand(-1, seen.values["L"], -1)
    return alike(seen.again(attn_mask=mask, key_padding_mask=None), seen)


def _like_floats(seen: Seen, hides: bool = True) -> Mismatch | None:
    query, names = seen.inputs["query"], ("attn_mask", "key_padding_mask")
    floats = {name: as_floats(seen.inputs.get(name), query, hides) for name in names}
    return alike(seen.again(**floats), seen)


def _answered(seen: Seen, blank: bool = False) -> Mismatch | None:
    """Tell whether the queries at padded positions come out as numbers of their own."""
    hidden = seen.inputs["key_padding_mask"]
    output = seen.outputs["attn_output"]
    first = seen.values["batched"] and not seen.values["batch_first"]
    padded = (output.transpose(0, 1) if first else output)[hidden]
    return same(blank, bool((padded == 0).all())) if len(padded) else None


CLAIMS = (
    Claim(
        id="mha.mask.true_hides",
        sentence="In a boolean `attn_mask`, True hides the key of the column from the query of the "
        "row.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> mask = torch.zeros(4, 7, dtype=torch.bool)
        >>> mask[1, 5] = True
        >>> _, weights = mha(query, key, key, attn_mask=mask)
        >>> (weights == 0).nonzero()
        tensor([[1, 5]])
        """,
        check=partial(_true_hides, name="attn_mask"),
        when=And(_CALM, BOOL),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={"True keeps the key": partial(_true_hides, name="attn_mask", hides=False)},
        source=_CANONICAL,
    ),
    Claim(
        id="mha.mask.padding_true_hides",
        sentence="In a boolean `key_padding_mask`, True hides the key from every query and head of "
        "that batch element.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 3, 10), torch.randn(7, 3, 10)
        >>> lengths = torch.tensor([7, 5, 2])
        >>> padding = torch.arange(7) >= lengths[:, None]  # (N, S)
        >>> _, weights = mha(query, key, key, key_padding_mask=padding)
        >>> (weights > 0).sum(-1)
        tensor([[7, 7, 7, 7],
                [5, 5, 5, 5],
                [2, 2, 2, 2]])
        """,
        check=partial(_true_hides, name="key_padding_mask"),
        when=And(_CALM, PADDING_BOOL),
        axes=("rank", "batch_first", "attn_mask", "need_weights"),
        twins={
            "True keeps the key": partial(_true_hides, name="key_padding_mask", hides=False),
        },
        source=_CANONICAL,
    ),
    Claim(
        id="mha.mask.padding_as_attn_mask",
        sentence="A `key_padding_mask` says the same as a 3-D `attn_mask` that hides these keys "
        "from each query.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 3, 10), torch.randn(7, 3, 10)
        >>> padding = torch.arange(7) >= torch.tensor([7, 5, 2])[:, None]     # (N, S)
        >>> mask = padding[:, None].expand(3, 4, 7).repeat_interleave(2, 0)  # (N * H, L, S)
        >>> one, _ = mha(query, key, key, key_padding_mask=padding)
        >>> other, _ = mha(query, key, key, attn_mask=mask)
        >>> torch.allclose(one, other, atol=1e-6)
        True
        """,
        check=_like_padding,
        when=And(_CALM, Eq(attn_mask_rank, 0), padding_mask),
        axes=("rank", "batch_first", "key_padding_mask", "need_weights"),
        twins={
            "the mask is repeated by `repeat(num_heads, 1, 1)`": partial(
                _like_padding, head_major=True
            ),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.padded_queries",
        sentence="`key_padding_mask` hides keys only: the queries at padded positions are answered "
        "like any other.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, batch_first=True)
        >>> x = torch.randn(3, 7, 10)
        >>> padding = torch.arange(7) >= torch.tensor([7, 5, 2])[:, None]
        >>> output, _ = mha(x, x, x, key_padding_mask=padding)
        >>> bool((output[padding] == 0).any())
        False
        """,
        check=_answered,
        when=And(_CALM, PADDING_BOOL, Eq(tensors, 1)),
        axes=("rank", "batch_first", "need_weights", "training"),
        twins={"they come out as zeros": partial(_answered, blank=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.floats_added",
        sentence="Floats in a mask are added to the scaled scores, before the softmax.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=1)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> q, k = query @ mha.in_proj_weight[:10].T, key @ mha.in_proj_weight[10:20].T
        >>> bias = torch.randn(4, 7)
        >>> _, weights = mha(query, key, key, attn_mask=bias)
        >>> torch.allclose(weights, (q @ k.T / 10**0.5 + bias).softmax(-1), atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(_CALM, Or(FLOAT, PADDING_FLOAT)),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={
            "they are added before the scores are scaled": lambda seen: recomputed(
                seen, Conventions(float_factor=seen.values["head_dim"] ** -0.5)
            ),
            "they are subtracted": partial(recomputed, conventions=Conventions(float_factor=-1.0)),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.mask.bool_as_floats",
        sentence="A boolean mask means what a float mask means that has `-inf` where it is True "
        "and 0 elsewhere.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> mask = torch.ones(4, 7, dtype=torch.bool).triu(1)
        >>> floats = torch.zeros(4, 7).masked_fill(mask, float("-inf"))
        >>> one, _ = mha(query, key, key, attn_mask=mask)
        >>> other, _ = mha(query, key, key, attn_mask=floats)
        >>> torch.allclose(one, other)
        True
        """,
        check=_like_floats,
        when=And(
            *(_CALM, Not(is_causal), Or(BOOL, PADDING_BOOL)),
            Or(newer("2.0"), Not(And(GIVEN, padding_mask))),  # two of floats did not go together
        ),
        axes=("rank", "attn_mask", "key_padding_mask", "need_weights"),
        twins={"it has `-inf` where it is False": partial(_like_floats, hides=False)},
        source=_CANONICAL,
    ),
)
