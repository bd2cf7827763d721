"""What depends on what: objects, the order of keys, other queries, other batch elements."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    batch_axis,
    failure,
    sequence_axis,
)
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    PROJECT,
    add_bias_kv,
    add_zero_attn,
    batched,
    bias,
    is_causal,
    tensors,
)
from mhadoc.language import Claim, Mismatch, Seen, close

_FREE = And(RUNS, EXACT, Not(is_causal))


def _other_objects(seen: Seen, equal: bool = True) -> Mismatch | None:
    """Call once more with copies of key and value, or with other numbers in them."""
    copies = {name: seen.inputs[name].clone() for name in ("key", "value")}
    if not equal:
        copies = {name: -tensor for name, tensor in copies.items()}
    return alike(seen, seen.again(**copies))


def _permuted(seen: Seen, *left: str) -> Mismatch | None:
    """Move each key one place on, with its value and its part of the masks, but for what is left.

    The weights have to move along, those of the extra keys excepted.
    """
    axes = {"key": sequence_axis(seen), "value": sequence_axis(seen)}
    axes |= {"attn_mask": -1, "key_padding_mask": -1}
    moved = {
        name: seen.inputs[name].roll(1, axis)
        for name, axis in axes.items()
        if seen.inputs.get(name) is not None and name not in left
    }
    other = seen.again(**moved)
    if failed := failure(seen) or failure(other):
        return failed
    weights, expected = other.outputs["attn_output_weights"], seen.outputs["attn_output_weights"]
    if wrong := close(seen.outputs["attn_output"], other.outputs["attn_output"]):
        return wrong
    sources = seen.values["S"]
    return (
        None
        if weights is None
        else close(expected[..., :sources].roll(1, -1), weights[..., :sources])
    )


def _first_query(seen: Seen, *cut: str) -> Mismatch | None:
    """Call once more with the first query alone, and compare with the first row."""
    axis, mask = sequence_axis(seen), seen.inputs.get("attn_mask")
    changes = {name: seen.inputs[name].narrow(axis, 0, 1) for name in ("query", *cut)}
    if mask is not None:
        changes["attn_mask"] = mask[..., :1, :1] if cut else mask[..., :1, :]
    if cut and (padding := seen.inputs.get("key_padding_mask")) is not None:
        changes["key_padding_mask"] = padding[..., :1]
    other = seen.again(**changes)
    return _part(seen, other, axis, 0, rows=True)


def _first_element(seen: Seen, place: int = 0) -> Mismatch | None:
    """Call once more with the first batch element alone, and compare with its part."""
    axis, heads = batch_axis(seen), seen.values["num_heads"]
    names, mask = ("query", "key", "value"), seen.inputs.get("attn_mask")
    changes = {name: seen.inputs[name].narrow(axis, 0, 1) for name in names}
    if (padding := seen.inputs.get("key_padding_mask")) is not None:
        changes["key_padding_mask"] = padding[:1]
    if mask is not None and mask.dim() == 3:
        changes["attn_mask"] = mask[:heads]
    return _part(seen, seen.again(**changes), axis, place)


def _part(seen: Seen, other: Seen, axis: int, place: int, rows: bool = False) -> Mismatch | None:
    if failed := failure(seen) or failure(other):
        return failed
    expected = seen.outputs["attn_output"].narrow(axis, place, 1)
    if wrong := close(expected, other.outputs["attn_output"]):
        return wrong
    weights, found = seen.outputs["attn_output_weights"], other.outputs["attn_output_weights"]
    if weights is None:
        return None
    return close(weights.narrow(-2 if rows else 0, place, 1), found)


def _shifted(seen: Seen, role: str = "k", **arguments: Any) -> Mismatch | None:
    """Add one to the bias of one projection, and compare the results."""
    module, other = seen.built(**arguments), seen.built(**arguments)
    part = dict(zip("qkv", other.in_proj_bias.chunk(3), strict=True))[role]
    part.detach().add_(1.0)
    return alike(seen.again(module=module), seen.again(module=other))


CLAIMS = (
    Claim(
        id="mha.same_object",
        sentence="Where each query sees a key, it makes no difference to the numbers whether "
        "query, key and value are the same object or equal copies.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> one, _ = mha(x, x, x)
        >>> three, _ = mha(x, x.clone(), x.clone())
        >>> torch.allclose(one, three, atol=1e-6)
        True
        """,
        check=_other_objects,
        when=And(_FREE, tensors <= 2),
        axes=("identity", "bias", "batch_first", "training", "grad"),
        twins={"what the numbers are makes none either": partial(_other_objects, equal=False)},
        source=PROJECT,
    ),
    Claim(
        id="mha.keys.no_order",
        sentence="Keys have no order: moving keys, values and masks alike moves the weights along "
        "and leaves the output.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> output, weights = mha(query, key, key)
        >>> back = key.flip(0)
        >>> same_output, back_weights = mha(query, back, back)
        >>> torch.allclose(same_output, output, atol=1e-6)
        True
        >>> torch.allclose(back_weights, weights.flip(1), atol=1e-6)
        True
        """,
        check=_permuted,
        when=_FREE,
        axes=("rank", "need_weights", "attn_mask", "add_zero_attn"),
        twins={
            "the values need not move": lambda seen: _permuted(seen, "value"),
            "the masks need not move": lambda seen: _permuted(
                seen, "attn_mask", "key_padding_mask"
            ),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.queries.alone",
        sentence="Each query is answered by itself: leaving the others out changes nothing for it.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> all_four, _ = mha(query, key, key)
        >>> first, _ = mha(query[:1], key, key)
        >>> torch.allclose(all_four[:1], first, atol=1e-6)
        True
        """,
        check=_first_query,
        when=_FREE,
        axes=("rank", "batch_first", "need_weights", "attn_mask"),
        twins={
            "leaving the other keys out neither": lambda seen: _first_query(seen, "key", "value"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.batch.alone",
        sentence="The elements of a batch do not see each other: one alone gives the same.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> whole, _ = mha(x, x, x)
        >>> first = x[:, :1]
        >>> torch.allclose(mha(first, first, first)[0], whole[:, :1], atol=1e-6)
        True
        """,
        check=_first_element,
        when=And(_FREE, batched),
        axes=("batch_first", "attn_mask", "key_padding_mask"),
        twins={"the first alone gives the second": partial(_first_element, place=1)},
        source=ATTEND,
    ),
    Claim(
        id="mha.key_bias.no_effect",
        sentence="Without extra keys, the k part of `in_proj_bias` has no effect: it shifts all "
        "scores of a query alike, and softmax takes that away.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> before, _ = mha(x, x, x)
        >>> _ = nn.init.normal_(mha.in_proj_bias.detach()[10:20])
        >>> after, _ = mha(x, x, x)
        >>> torch.allclose(before, after, atol=1e-6)
        True
        """,
        check=_shifted,
        when=And(RUNS, EXACT, bias, Not(add_bias_kv), Not(add_zero_attn)),
        axes=("kdim", "need_weights", "attn_mask"),
        twins={
            "the q part": partial(_shifted, role="q"),
            "the v part": partial(_shifted, role="v"),
            "with add_zero_attn as well": partial(_shifted, add_zero_attn=True),
            "with add_bias_kv as well": partial(_shifted, add_bias_kv=True),
        },
        source=ATTEND,
    ),
)
