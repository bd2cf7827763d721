"""The calls of scaled_dot_product_attention that torch rejects for their sizes, in its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from sympy import And, Not, Or, Piecewise, Symbol

from mhadoc.catalog.breaking import longer
from mhadoc.catalog.scaled_dot_product_attention.breaking import (
    SEQUENCES,
    Inputs,
    Shown,
    changed,
    mistake,
)
from mhadoc.catalog.scaled_dot_product_attention.kernel import FAST_PATH, THREE, fused
from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    aligned,
    dropout_p,
    enable_gqa,
    is_causal,
    leading,
    masked,
)
from mhadoc.language import Requirement, Seen

__all__ = ["SIZES"]

_LENGTHS = "give key and value the same length"
#: Query, key and value have axes in front of the last two.
_FRONT = leading + enable_gqa > 0


def _sources(change: Callable[[Any], Any]) -> Callable[[Seen], Inputs]:
    return lambda seen: {name: change(seen.inputs[name]) for name in ("key", "value")}


def _wider(tensor: Any) -> Any:
    return longer(tensor, tensor.dim() - 1)


def _one_more_in_front(tensor: Any) -> Any:
    return longer(tensor, tensor.dim() - 3)


def _together(shown: Shown) -> int:
    """Return how many matrices are multiplied at once."""
    return prod(shown["query"].shape[:-2])


#: A mistake in the sizes leads away from the fused kernel, which alone takes both.
_ONE = Not(And(is_causal, masked))
_BATCHES = (
    "RuntimeError: Expected size for first two dimensions of batch2 tensor to be: "
    "[{together}, {%s}] but got: [{together}, {found}]."
)
_MATRICES = "mat1 and mat2 shapes cannot be multiplied ({L}x{%s} and {found}x{%s})"


#: How many axes come in front of those that were given.
_FOURTH = aligned * Piecewise((1, THREE), (0, True))

#: The call of the fused kernel, but for what is dropped.
_FUSED_BUT = And(*(c.holds for c in FAST_PATH if c.id != "kernel.no_dropout"))

_SIZES = (
    mistake(
        "enable_gqa.heads",
        "with `enable_gqa=True` there is an axis of heads",
        "IndexError: Dimension out of range (expected to be in range of [-2, 1], but got -3)",
        "add the axis: query[None]",
        lambda seen: (
            {name: seen.inputs[name][(0,) * (seen.inputs[name].dim() - 2)] for name in SEQUENCES}
            | {"attn_mask": None}
        ),
        And(enable_gqa, _ONE),
    ),
    mistake(
        "key.front",
        "the axes in front of the last two broadcast",
        "RuntimeError: The size of tensor a ({own}) must match the size of tensor b ({found}) "
        "at non-singleton dimension {place}",
        "give key and value the query's axes in front, or ones; for fewer heads pass "
        "enable_gqa=True",
        _sources(_one_more_in_front),
        And(_FRONT, aligned, Not(enable_gqa), _ONE),
        own=lambda shown: shown["query"].shape[-3],
        found=lambda shown: shown["key"].shape[-3],
        place=leading - 1 + _FOURTH,
    ),
    mistake(
        "key.features",
        "query and key have the same number of features",
        _BATCHES % "E",
        "project both to one width",
        changed("key", _wider),
        And(_FRONT, aligned, _ONE),
        together=_together,
        found=lambda shown: shown["key"].shape[-1],
    ),
    mistake(
        "key.features_alone",
        "query and key have the same number of features",
        f"RuntimeError: mm: {_MATRICES % ('E', 'S')}",
        "project both to one width",
        changed("key", _wider),
        And(Not(_FRONT), _ONE),
        found=lambda shown: shown["key"].shape[-1],
    ),
    mistake(
        "attn_mask.shape",
        "the `attn_mask` broadcasts to the scores: its last axis is `S` or one",
        "RuntimeError: The size of tensor a ({S}) must match the size of tensor b ({found}) "
        "at non-singleton dimension {place}",
        "pass a mask of shape (L, S), with axes in front of it or without",
        changed("attn_mask", _wider),
        And(masked, _ONE),
        found=lambda shown: shown["attn_mask"].shape[-1],
        place=leading + enable_gqa + 1 + _FOURTH,
    ),
    mistake(
        "attn_mask.rank",
        "the `attn_mask` has no more axes than the query",
        "RuntimeError: output with shape {scores} doesn't match the broadcast shape {found}",
        "leave out the axes of one in front",
        lambda seen: {"attn_mask": _deeper(seen)},
        And(masked, _ONE, Not(And(THREE, aligned))),
        Or(Not(Symbol("mask_deeper")), And(THREE, aligned)),
        scores=lambda shown: [*shown["query"].shape[:-1], shown["S"]],
        found=lambda shown: [1, *shown["query"].shape[:-1], shown["S"]],
    ),
    mistake(
        "value.length",
        "key and value have the same length; the fused kernel does not look",
        _BATCHES % "S",
        _LENGTHS,
        lambda seen: {"value": longer(seen.inputs["value"], seen.inputs["value"].dim() - 2)},
        And(_FRONT, aligned, Not(fused)),
        together=_together,
        found=lambda shown: shown["value"].shape[-2],
    ),
    mistake(
        "value.length_alone",
        "key and value have the same length",
        f"RuntimeError: mm: {_MATRICES % ('S', 'Ev')}",
        _LENGTHS,
        lambda seen: {"value": longer(seen.inputs["value"], 0)},
        And(Not(_FRONT), _ONE),
        found=lambda shown: shown["value"].shape[-2],
    ),
    mistake(
        "dropout_p.range",
        "`dropout_p` is at most 1",
        "RuntimeError: dropout probability has to be between 0 and 1, but got {dropout_p}",
        "pass a probability; the function has no eval mode, so pass 0.0 when not training",
        lambda seen: {"dropout_p": 1.5},
        _ONE,
        dropout_p <= 1,
    ),
    mistake(
        "dropout_p.negative",
        "`dropout_p` is at least 0, where the fused kernel is called; elsewhere it counts as 0",
        "RuntimeError: scaled_dot_product_attention_flash_attention: "
        "Currently do not support dropout > 0",
        "pass dropout_p=0.0",
        lambda seen: {"dropout_p": -0.5},
        fused,
        Or(dropout_p >= 0, Not(_FUSED_BUT)),
    ),
)


def _deeper(seen: Seen) -> Any:
    mask, query = seen.inputs["attn_mask"], seen.inputs["query"]
    return mask[(None,) * (query.dim() + 1 - mask.dim())]


def _dated(demand: Requirement) -> Requirement:
    """Return a demand with what its message was before, if that was different."""
    was = demand.message.removeprefix("mm: ")
    return demand if was == demand.message else replace(demand, before={"2.15": {"message": was}})


SIZES = tuple(map(_dated, _SIZES))
