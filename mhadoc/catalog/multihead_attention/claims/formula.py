"""The numbers: which rows are what, the scale, the masks, all by recomputing the attention."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not, Or

from mhadoc.catalog.multihead_attention.by_hand import TORCH, Conventions, by_hand
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    PROJECT,
    average_attn_weights,
    bias,
    dropout,
    need_weights,
    packed,
    training,
)
from mhadoc.language import Claim, Mismatch, Seen, close
from mhadoc.language.compiled import truth

#: Dropout makes the numbers random: what speaks of numbers speaks of the rest.
EXACT = Or(Not(training), Not(dropout))
#: Without weights there is nothing to average.
_AVERAGED = And(need_weights, average_attn_weights)


def recomputed(seen: Seen, conventions: Conventions = TORCH) -> Mismatch | None:
    """Compare output and weights with the attention by hand; None where they agree.

    A call that torch refuses has no numbers: whether it may is said elsewhere.
    """
    if seen.error is not None:
        return None
    output, weights = seen.once(_expected, conventions)
    wrong = close(_laid_out(output, seen), seen.outputs["attn_output"])
    observed = seen.outputs["attn_output_weights"]
    if wrong or observed is None:
        return wrong
    weights = weights.mean(1) if truth(_AVERAGED, seen.values) else weights
    return close(weights if seen.values["batched"] else weights[0], observed)


def _expected(seen: Seen, conventions: Conventions) -> tuple[Any, Any]:
    return by_hand(seen, seen.spec, conventions)


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
        >>> _ = nn.init.normal_(mha.in_proj_bias)  # it starts at zero
        >>> q_rows, k_rows, v_rows = mha.in_proj_weight.split(mha.embed_dim)
        >>> q_bias, k_bias, v_bias = mha.in_proj_bias.split(mha.embed_dim)
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
    Claim(
        id="mha.separate.bias",
        sentence="Separate projections share one `in_proj_bias` as well: q, then k, then v.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=1, kdim=11)
        >>> query, key, value = torch.randn(4, 10), torch.randn(7, 11), torch.randn(7, 10)
        >>> _ = nn.init.normal_(mha.in_proj_bias)  # it starts at zero
        >>> q_bias, k_bias, v_bias = mha.in_proj_bias.chunk(3)
        >>> q = nn.functional.linear(query, mha.q_proj_weight, q_bias)
        >>> k = nn.functional.linear(key, mha.k_proj_weight, k_bias)
        >>> _, weights = mha(query, key, value)
        >>> torch.allclose(weights, (q @ k.T / 10**0.5).softmax(-1), atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(Not(packed), bias, EXACT),
        axes=("kdim", "vdim", "rank"),
        twins={
            f"the bias is in the order {', '.join(order)}": partial(
                recomputed, conventions=Conventions(bias_order=order)
            )
            for order in ("kqv", "vkq", "qvk")
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.softmax",
        sentence="The softmax of each head runs over the keys: every query shares out one unit of "
        "weight.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> _, weights = mha(query, key, key, average_attn_weights=False)
        >>> weights.sum(-1).allclose(torch.ones(2, 4))  # each head, each query
        True
        >>> weights.sum(-2).allclose(torch.ones(2, 7))  # each head, each key
        False
        """,
        check=recomputed,
        when=EXACT,
        axes=("rank", "need_weights", "average_attn_weights"),
        twins={
            "it runs over the queries": partial(
                recomputed, conventions=Conventions(softmax_axis=1)
            ),
            "it runs over the batch": partial(recomputed, conventions=Conventions(softmax_axis=0)),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.out_proj.bias_once",
        sentence="`out_proj.bias` is added once to the sum over the heads, not once a head.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> before, _ = mha(x, x, x)
        >>> _ = mha.out_proj.bias.detach().fill_(8.0)
        >>> torch.allclose(mha(x, x, x)[0] - before, torch.tensor(8.0), atol=1e-5)
        True
        """,
        check=recomputed,
        when=And(bias, EXACT),
        axes=("rank", "need_weights"),
        twins={
            "it is added once a head": partial(
                recomputed, conventions=Conventions(bias_each_head=True)
            )
        },
        source=ATTEND,
    ),
)
