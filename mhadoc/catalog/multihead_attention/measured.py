"""The symbols of nn.MultiheadAttention, read off a real module, a real call and around it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from mhadoc.catalog.one_input import described_in, kept_in
from mhadoc.catalog.surroundings import (
    USUAL,
    around,
    devices,
    has_truth,
    held,
    needs_grad,
    truth_of,
)
from mhadoc.language import Call, Facts

__all__ = ["measured", "read", "sizes", "surroundings"]

_SEQUENCES = ("query", "key", "value")
_FLAGS = ("need_weights", "average_attn_weights", "is_causal")
_DEVICES = {"cpu", "cuda", "privateuseone"}


def read(module: Any) -> dict[str, Any]:
    """Return the symbols that the constructor of an attention decided."""
    bias, extra = held(module, "in_proj_bias", "bias_k")
    return {
        "embed_dim": module.embed_dim,
        "num_heads": module.num_heads,
        "head_dim": module.head_dim,
        "kdim": module.kdim,
        "vdim": module.vdim,
        "bias": int(bias is not None),
        "add_bias_kv": int(extra is not None),
        "add_zero_attn": truth_of(module.add_zero_attn),
        "batch_first": truth_of(module.batch_first),
        "dropout": module.dropout,
    }


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that the inputs of a call decide."""
    query, key = call.facts["query"], call.facts["key"]
    mask, padding = call.facts["attn_mask"], call.facts["key_padding_mask"]
    batch_first = call.values["batch_first"]
    length, batch = sizes(query, batch_first)
    return {
        "batched": int(query.rank == 3),
        "L": length,
        "S": sizes(key, batch_first)[0],
        "N": batch,
        **_objects(call.inputs),
        **{name: truth_of(call.inputs[name]) for name in _FLAGS},
        **{f"{name}.bool": int(type(call.inputs[name]) is bool) for name in _FLAGS},
        **{f"{name}.truth": has_truth(call.inputs[name]) for name in _FLAGS},
        "attn_mask_rank": mask.rank,
        "attn_mask_float": mask.floating,
        "attn_mask_byte": int(mask.dtype == "uint8"),
        "padding_mask": padding.given,
        "padding_mask_float": padding.floating,
        "key_padding_mask_bytes": mask.floating and _begins(call.inputs["key_padding_mask"]),
        "key_batch": sizes(key, batch_first)[1],
        "masks_dtype": (together := _together(query, mask, padding)),
        "masks_float32": int(together == "float32"),
        **_dropout(call.values["dropout"]),
        "nested": query.nested,
        **(_usual(call) if call.module is None else {}),
    }


def _objects(inputs: Mapping[str, Any]) -> dict[str, int]:
    """Return how many objects query, key and value are, and which are the same."""
    query, key, value = (inputs[name] for name in _SEQUENCES)
    return {
        "tensors": len({id(query), id(key), id(value)}),
        "key_is_query": int(key is query),
        "value_is_key": int(value is key),
    }


def _together(query: Facts, *masks: Facts) -> str:
    """Return the dtype of masks of floats that are added; bools get that of the query."""
    found = {mask.common if mask.floating else query.common for mask in masks if mask.given}
    if len(found) < 2:
        return next(iter(found), query.common)
    if tiny := [name for name in found if name.startswith(("float8", "float4"))]:
        return tiny[0]  # torch adds it to no other dtype
    wide = [name for name in ("float64", "float32") if name in found]
    return wide[0] if wide else "float32"


def _begins(padding: Any) -> int:
    """Return whether a float begins, in memory, with another byte than 0 and 1.

    Only numbers that are at hand are looked at.
    """
    here = getattr(getattr(padding, "device", None), "type", "") == "cpu"
    if not here or padding.is_nested:
        return 0
    in_a_row = padding.detach().flatten().contiguous()
    first = in_a_row.view(sys.modules["torch"].uint8)[:: padding.element_size()]
    return int(bool((first > 1).any()))


def _dropout(rate: Any) -> dict[str, Any]:
    number = isinstance(rate, (int, float))
    return {"dropout.number": int(number), "dropout.rate": rate if number else 0}


def sizes(facts: Facts, batch_first: object) -> tuple[int, int]:
    """Return the length and the batch size of a sequence; one sequence is a batch of one."""
    if facts.rank < 3:
        return facts.axis_0, 1
    return (facts.axis_1, facts.axis_0) if batch_first else (facts.axis_0, facts.axis_1)


def _usual(call: Call) -> dict[str, Any]:
    """Return what surrounds the call of a description."""
    return {**USUAL, **described_in(call)}


def surroundings(module: Any, query: Any) -> dict[str, Any]:
    """Return what surrounds a call of a real module with a query, as the fast path looks at it."""
    weight, bias, out = held(module, "in_proj_weight", "in_proj_bias", "out_proj")
    last, shift = held(out, "weight", "bias")
    tensors = [query, weight, bias, last, shift]
    dtype = getattr(query, "dtype", None)
    return {
        "training": int(module.training),
        **kept_in(last),
        "grad": needs_grad(tensors),
        "bias_dtype": int(bias is None or bias.dtype == dtype),
        "weight_dtype": int(weight is None or weight.dtype == dtype),
        "known_device": int(devices(tensors) <= _DEVICES),
        **around(tensors),
    }
