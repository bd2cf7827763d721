"""Empty input: no queries, no keys."""

from __future__ import annotations

from functools import partial

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import batch_axis, failure, sequence_axis
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    add_bias_kv,
    add_zero_attn,
    batched,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_NO_EXTRA = And(Not(add_bias_kv), Not(add_zero_attn))


def _no_queries(seen: Seen, rows: int = 0, weights: bool = True) -> Mismatch | None:
    query = seen.inputs["query"].narrow(sequence_axis(seen), 0, 0)
    other = seen.again(query=query, attn_mask=None, is_causal=False, need_weights=True)
    if failed := failure(other):
        return failed
    found = other.outputs["attn_output_weights"]
    if found is None or not weights:
        return same(weights, found is not None)
    output = other.outputs["attn_output"]
    return same(tuple(query.shape), tuple(output.shape)) or same(rows, found.shape[-2])


def _no_keys(seen: Seen, bias: bool = True) -> Mismatch | None:
    other = _emptied(seen)
    if failed := failure(other):
        return failed
    output, added = other.outputs["attn_output"], seen.module.out_proj.bias
    expected = output.new_zeros(output.shape)
    return close(expected + added if bias and added is not None else expected, output)


def _emptied(seen: Seen, left: int = 0, batch: int | None = None) -> Seen:
    """Call once more with that many keys and values, and that many batch elements of them."""
    axis, changes = sequence_axis(seen), {}
    for name in ("key", "value"):
        tensor = seen.inputs[name].narrow(axis, 0, left)
        changes[name] = tensor if batch is None else tensor.narrow(batch_axis(seen), 0, batch)
    return seen.again(attn_mask=None, key_padding_mask=None, is_causal=False, **changes)


def _other_batch(seen: Seen, left: int = 0) -> Mismatch | None:
    return failure(_emptied(seen, left, batch=seen.values["N"] - 1))


CLAIMS = (
    Claim(
        id="mha.empty.target",
        sentence="`L` may be 0: outside the fast path, output and weights then have no rows.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> key = torch.randn(7, 3, 10)
        >>> output, weights = mha(torch.randn(0, 3, 10), key, key)
        >>> output.shape, weights.shape
        (torch.Size([0, 3, 10]), torch.Size([3, 0, 7]))
        """,
        check=_no_queries,
        when=Not(fast),
        axes=("rank", "batch_first", "kdim"),
        twins={
            "the weights are None": partial(_no_queries, weights=False),
            "the weights have one row": partial(_no_queries, rows=1),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.empty.source",
        sentence="`S` may be 0: without extra keys the output is then `out_proj.bias` everywhere.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> _ = nn.init.normal_(mha.out_proj.bias)  # it starts at zero
        >>> nothing = torch.randn(0, 3, 10)
        >>> output, _ = mha(torch.randn(4, 3, 10), nothing, nothing)
        >>> torch.equal(output, mha.out_proj.bias.expand(4, 3, 10))
        True
        """,
        check=_no_keys,
        when=_NO_EXTRA,
        axes=("bias", "rank", "need_weights"),
        twins={"the output is zero": partial(_no_keys, bias=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.empty.source_batch",
        sentence="Silent: without a single key and without extra keys, key and value may have "
        "another batch size than the query.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> nothing = torch.randn(0, 2, 10)
        >>> mha(torch.randn(4, 3, 10), nothing, nothing)[0].shape
        torch.Size([4, 3, 10])
        """,
        check=_other_batch,
        when=And(_NO_EXTRA, batched),
        axes=("batch_first", "need_weights", "kdim"),
        twins={"with one key as well": partial(_other_batch, left=1)},
        source=ATTEND,
    ),
)
