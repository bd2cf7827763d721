"""Wrong calls that torch accepts: the shapes are right, the numbers are not."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    batch_axis,
    failure,
    plainly,
)
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    attn_mask_rank,
    batched,
    padding_mask,
    tensors,
)
from mhadoc.language import Claim, Mismatch, Seen, close

_NAMES = ("query", "key", "value")
_CALM = And(RUNS, EXACT)
_SELF = And(_CALM, Eq(tensors, 1))
_UNMASKED = And(Eq(attn_mask_rank, 0), Not(padding_mask))


def _forgotten(seen: Seen, along: str = "batch", copies: bool = False) -> Mismatch | None:
    """Call a module of the other batch_first, and compare with attention along each axis."""
    x = seen.inputs["query"]
    query, key = (x.clone(), x.flip(0)) if copies else (x, x)
    other = seen.built(batch_first=not seen.values["batch_first"])
    wrong = plainly(seen, module=other, query=query, key=key, value=key)
    turned = {n: t.transpose(0, 1) for n, t in zip(_NAMES, (query, key, key), strict=True)}
    expected = plainly(seen, **turned) if along == "batch" else plainly(seen, key=key, value=key)
    output = expected.outputs["attn_output"]
    return failure(wrong) or close(
        output.transpose(0, 1) if along == "batch" else output, wrong.outputs["attn_output"]
    )


def _one_sequence(seen: Seen, apart: bool = False) -> Mismatch | None:
    """Compare 2-D input with one sequence of these vectors, or with a batch of them."""
    x = seen.inputs["query"]
    axis = batch_axis(seen) if not apart else 1 - batch_axis(seen)
    batch_of = x.unsqueeze(axis)
    again = plainly(seen, query=batch_of, key=batch_of, value=batch_of.clone())  # not the fast path
    return close(again.outputs["attn_output"].squeeze(axis), seen.outputs["attn_output"])


def _fourth(seen: Seen, name: str = "key_padding_mask") -> Mismatch | None:
    """Pass a mask as the fourth argument without its name, and compare with its name given."""
    alone = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}
    flags = {"need_weights": True, "average_attn_weights": True}
    mask = seen.inputs["key_padding_mask"]

    def by_position(**inputs: Any) -> Any:
        return seen.module(*(inputs[sequence] for sequence in _NAMES), mask)

    named = seen.again(**{**alone, **flags, name: mask})
    return alike(seen.again(by_position), named)


CLAIMS = (
    Claim(
        id="mha.silent.batch_first",
        since="2.1",
        sentence="Silent: with `batch_first` forgotten, self-attention runs across the batch "
        "instead of along the sequence; the shapes are right.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)  # batch_first=False
        >>> x = torch.randn(3, 7, 10)                               # but (N, L, E)
        >>> output, weights = mha(x, x, x)
        >>> output.shape == x.shape
        True
        >>> weights.shape  # a 3 by 3 matrix for each of 7 "elements"
        torch.Size([7, 3, 3])
        """,
        check=_forgotten,
        when=And(_SELF, batched),
        axes=("batch_first", "bias", "need_weights"),
        twins={"it runs along the sequence": partial(_forgotten, along="sequence")},
        source=FORWARD,
    ),
    Claim(
        id="mha.silent.batch_first_cross",
        sentence="Silent: with `batch_first` forgotten, query and key of different contents run as "
        "well, as long as they have the same length.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(3, 7, 10), torch.randn(3, 7, 10)  # (N, L, E), (N, S, E)
        >>> output, weights = mha(query, key, key)
        >>> output.shape, weights.shape
        (torch.Size([3, 7, 10]), torch.Size([7, 3, 3]))
        """,
        check=partial(_forgotten, copies=True),
        when=And(_SELF, batched),
        axes=("batch_first", "bias", "need_weights"),
        twins={
            "it runs along the sequence": partial(_forgotten, along="sequence", copies=True),
        },
        source=FORWARD,
    ),
    Claim(
        id="mha.silent.vectors",
        sentence="Silent: a matrix is one sequence: a batch of vectors passed as (N, E) is taken "
        "for N positions that see each other.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> vectors = torch.randn(3, 10)
        >>> _, weights = mha(vectors, vectors, vectors)
        >>> weights.shape
        torch.Size([3, 3])
        """,
        check=_one_sequence,
        when=And(_SELF, Not(batched), _UNMASKED),
        axes=("batch_first", "bias", "need_weights"),
        twins={"each vector is answered by itself": partial(_one_sequence, apart=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.silent.fourth",
        sentence="Silent: the fourth argument by position is the `key_padding_mask`; an "
        "`attn_mask` passed there is accepted where L equals N.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True)
        >>> x = torch.randn(3, 3, 10)  # N = L = S = 3
        >>> causal = torch.ones(3, 3, dtype=torch.bool).triu(1)
        >>> _, weights = mha(x, x, x, causal)
        >>> weights[0, 2].count_nonzero(), weights[2, 0].count_nonzero()
        (tensor(1), tensor(3))
        """,
        check=_fourth,
        when=And(_CALM, padding_mask),
        axes=("rank", "batch_first", "key_padding_mask", "identity"),
        twins={"it is the `attn_mask`": partial(_fourth, name="attn_mask")},
        source=FORWARD,
    ),
)
