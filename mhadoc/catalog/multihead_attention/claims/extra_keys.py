"""The extra keys of add_bias_kv and add_zero_attn: where they stand, and what they are."""

from __future__ import annotations

from functools import partial

from sympy import And, Or

from mhadoc.catalog.multihead_attention.by_hand import Conventions
from mhadoc.catalog.multihead_attention.claims.compare import failure, plainly
from mhadoc.catalog.multihead_attention.claims.formula import EXACT, recomputed
from mhadoc.catalog.multihead_attention.symbols import ATTEND, add_bias_kv, add_zero_attn, bias
from mhadoc.language import Claim, Mismatch, Seen, close

_EXTRA = Or(add_bias_kv, add_zero_attn)


def _all_hidden(seen: Seen, left: float = 1.0) -> Mismatch | None:
    """Hide every key by both masks, and look at what the extra keys get together."""
    sources, targets = seen.values["S"], seen.values["L"]
    everything = seen.inputs["query"].new_ones((targets, sources)) > 0
    padding = everything[0].expand(seen.values["N"], -1)
    tried = plainly(
        seen,
        attn_mask=everything,
        key_padding_mask=padding if seen.values["batched"] else everything[0],
    )
    if failed := failure(tried):
        return failed
    extra = tried.outputs["attn_output_weights"][..., sources:].sum(-1)
    return close(extra.new_full(extra.shape, left), extra)


def _less_than_one(seen: Seen, counted: int = 0) -> Mismatch | None:
    """Look at how much weight the first S keys, and so many of the extra ones, get together."""
    tried = plainly(seen)
    if failed := failure(tried):
        return failed
    weights = tried.outputs["attn_output_weights"][..., : seen.values["S"] + counted]
    largest = float(weights.detach().sum(-1).max())
    return None if largest < 1 - 1e-9 else Mismatch("less than 1 in every row", f"{largest:.6f}")


CLAIMS = (
    Claim(
        id="mha.extra.last",
        sentence="The extra keys of `add_bias_kv` and `add_zero_attn` come after the `S` real "
        "ones.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, add_bias_kv=True)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> hides_all = torch.ones(4, 7, dtype=torch.bool)
        >>> _, weights = mha(query, key, key, attn_mask=hides_all)
        >>> weights[0].tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        """,
        check=recomputed,
        when=And(_EXTRA, EXACT),
        axes=("add_bias_kv", "add_zero_attn", "rank", "need_weights"),
        twins={
            "they come first": partial(recomputed, conventions=Conventions(extra_first=True)),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.extra.order",
        sentence="With both, the learned key of `add_bias_kv` comes before the zeros of "
        "`add_zero_attn`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 1, add_bias_kv=True, add_zero_attn=True)
        >>> x = torch.randn(4, 10)
        >>> q = x @ mha.in_proj_weight[:10].T
        >>> learned = q @ mha.bias_k[0, 0] / 10**0.5  # its score; that of the zeros is 0
        >>> _, weights = mha(x, x, x, attn_mask=torch.ones(4, 4, dtype=torch.bool))
        >>> torch.allclose(weights[:, 4], learned.sigmoid(), atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(add_bias_kv, add_zero_attn, EXACT),
        axes=("rank", "need_weights"),
        twins={
            "the zeros come first": partial(recomputed, conventions=Conventions(zero_first=True)),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.extra.unprojected",
        sentence="`bias_k` and `bias_v` are used as they are: no weight projects them, and no part "
        "of `in_proj_bias` is added.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=1, add_bias_kv=True)
        >>> _ = nn.init.normal_(mha.in_proj_bias)  # it starts at zero
        >>> x = torch.randn(4, 10)
        >>> q, k, v = nn.functional.linear(x, mha.in_proj_weight, mha.in_proj_bias).chunk(3, -1)
        >>> k = torch.cat([k, mha.bias_k[0]])
        >>> _, weights = mha(x, x, x)
        >>> torch.allclose(weights, (q @ k.T / 10**0.5).softmax(-1), atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(add_bias_kv, bias, EXACT),
        axes=("add_zero_attn", "kdim", "need_weights"),
        twins={
            "the k and v parts of in_proj_bias are added": partial(
                recomputed, conventions=Conventions(extra_biased=True)
            ),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.extra.zeros",
        sentence="`add_zero_attn` appends a key and a value of zeros after the projection: its "
        "score is 0 for every query.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=1, add_zero_attn=True)
        >>> _ = nn.init.normal_(mha.in_proj_bias)  # it starts at zero
        >>> x = torch.randn(4, 10)
        >>> q, k, v = nn.functional.linear(x, mha.in_proj_weight, mha.in_proj_bias).chunk(3, -1)
        >>> scores = nn.functional.pad(q @ k.T / 10**0.5, (0, 1))  # a column of zeros
        >>> _, weights = mha(x, x, x)
        >>> torch.allclose(weights, scores.softmax(-1), atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(add_zero_attn, bias, EXACT),
        axes=("add_bias_kv", "kdim", "need_weights"),
        twins={
            "the k and v parts of in_proj_bias are added": partial(
                recomputed, conventions=Conventions(extra_biased=True)
            ),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.extra.unmasked",
        sentence="No mask hides an extra key: `attn_mask` and `key_padding_mask` speak of the `S` "
        "real ones alone.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, add_zero_attn=True)
        >>> x = torch.randn(4, 10)
        >>> _, weights = mha(x, x, x, key_padding_mask=torch.ones(4, dtype=torch.bool))
        >>> weights[0].tolist()
        [0.0, 0.0, 0.0, 0.0, 1.0]
        """,
        check=_all_hidden,
        when=And(_EXTRA, EXACT),
        axes=("add_bias_kv", "add_zero_attn", "rank"),
        twins={
            "a mask of one value hides it too": partial(_all_hidden, left=0.0),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.extra.share",
        sentence="Without dropout a row of weights adds up to 1 with the extra keys in it; the "
        "`S` real ones alone add up to less, unless the extra ones get nothing.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, add_bias_kv=True)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> _, weights = mha(query, key, key)
        >>> bool((weights[:, :7].sum(-1) < 1).all())
        True
        """,
        check=_less_than_one,
        when=And(_EXTRA, EXACT),
        axes=("add_bias_kv", "add_zero_attn", "rank"),
        twins={"so do all weights": partial(_less_than_one, counted=2)},
        source=ATTEND,
    ),
)
