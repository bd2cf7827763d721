"""The numbers: which rows are what, the scale, the masks, all by recomputing the attention."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not, Or

from mhadoc.catalog.multihead_attention.by_hand import TORCH, Conventions, by_hand
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    PROJECT,
    dropout,
    packed,
    training,
)
from mhadoc.language import Claim, Mismatch, Seen, close

#: Dropout makes the numbers random: what speaks of numbers speaks of the rest.
EXACT = Or(Not(training), Not(dropout))


def recomputed(seen: Seen, conventions: Conventions = TORCH) -> Mismatch | None:
    """Compare output and weights with the attention by hand; None where they agree."""
    if seen.error is not None:
        return None
    from mhadoc.catalog.multihead_attention import SPEC

    output, weights = by_hand(seen, SPEC, conventions)
    wrong = close(_laid_out(output, seen), seen.outputs["attn_output"])
    observed = seen.outputs["attn_output_weights"]
    if wrong or observed is None:
        return wrong
    weights = weights.mean(1) if seen.values["average_attn_weights"] else weights
    return close(weights if seen.values["batched"] else weights[0], observed)


def _laid_out(output: Any, seen: Seen) -> Any:
    if not seen.values["batched"]:
        return output[0]
    return output if seen.values["batch_first"] else output.transpose(0, 1)


CLAIMS = (
    Claim(
        id="mha.packed.order",
        sentence="The rows of the packed `in_proj_weight` and of `in_proj_bias` are q, then k, "
        "then v, `embed_dim` rows each.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 3, 10), torch.randn(7, 3, 10)
        >>> _ = nn.init.normal_(mha.in_proj_bias)
        >>> q_rows, k_rows, v_rows = mha.in_proj_weight.split(mha.embed_dim)
        >>> q_bias, k_bias, v_bias = mha.in_proj_bias.split(mha.embed_dim)
        >>> separate = nn.MultiheadAttention(10, 2)
        >>> separate.load_state_dict(mha.state_dict())
        <All keys matched successfully>
        >>> q = nn.functional.linear(query, q_rows, q_bias)  # (L, N, E)
        >>> k = nn.functional.linear(key, k_rows, k_bias)    # (S, N, E)
        >>> q, k = q.view(4, 3, 2, 5), k.view(7, 3, 2, 5)    # (..., H, D)
        >>> scores = torch.einsum("lnhd,snhd->nhls", q, k) / 5**0.5
        >>> _, weights = mha(query, key, key, average_attn_weights=False)
        >>> torch.allclose(weights, scores.softmax(-1), atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(packed, EXACT),
        axes=("bias", "kdim", "vdim", "identity", "need_weights"),
        twins={
            f"the order is {', '.join(order)}": partial(recomputed, conventions=Conventions(order))
            for order in ("kqv", "vkq", "qvk", "kvq", "vqk")
        },
        source=PROJECT,
    ),
    Claim(
        id="mha.scale",
        sentence="The scores are divided by the square root of `head_dim`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=1)
        >>> x = torch.randn(4, 10)
        >>> q, k, v = (x @ rows.T for rows in mha.in_proj_weight.split(10))
        >>> _, weights = mha(x, x, x)
        >>> torch.allclose(weights, (q @ k.T / 10**0.5).softmax(-1), atol=1e-6)
        True
        """,
        check=recomputed,
        when=EXACT,
        axes=None,
        twins={
            "the scores are not scaled": partial(recomputed, conventions=Conventions(scale=0.0)),
            "the scores are divided by head_dim": partial(
                recomputed, conventions=Conventions(scale=-1.0)
            ),
        },
        source=ATTEND,
    ),
)
