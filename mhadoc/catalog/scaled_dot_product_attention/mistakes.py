"""Each way to call scaled_dot_product_attention wrongly that torch rejects, in its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from sympy import And, Basic, Not, Or, Piecewise, Symbol, true

from mhadoc.catalog.breaking import in_c, longer
from mhadoc.catalog.scaled_dot_product_attention.kernel import (
    BOTH,
    EVEN,
    FAST_PATH,
    FLAT,
    THREE,
    fused,
)
from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    SOURCE,
    aligned,
    dropout_p,
    enable_gqa,
    is_causal,
    leading,
    mask_float,
    masked,
)
from mhadoc.language import Requirement, Seen

Inputs = Mapping[str, Any]
Shown = Mapping[str, Any]

_NAME = "scaled_dot_product_attention()"
_SEQUENCES = ("query", "key", "value")
_LENGTHS = "give key and value the same length"
#: Query, key and value have axes in front of the last two.
_FRONT = leading + enable_gqa > 0


def _mistake(
    id: str,
    demand: str,
    error: str,
    hint: str,
    breaks: Callable[[Seen], Inputs],
    when: Basic = true,
    fits: Basic = true,
    **computes: Any,
) -> Requirement:
    kind, _, message = error.partition(": ")
    return Requirement(
        id,
        demand,
        kind,
        message,
        hint,
        about=(id.partition(".")[0],),
        breaks=breaks,
        when=when,
        fits=fits,
        computes=computes,
        source=SOURCE,
    )


def _kind(name: str, kind: str, wrong: object, when: Basic = true) -> Requirement:
    return _mistake(
        f"{name}.{kind.lower()}",
        f"`{name}` is a {kind}",
        f"TypeError: {_NAME}: argument '{name}' must be {kind}, not {{type_{name}}}",
        f"pass {name} as a {kind}",
        lambda seen: {name: wrong},
        when,
    )


def _changed(name: str, change: Callable[[Any], Any]) -> Callable[[Seen], Inputs]:
    return lambda seen: {name: change(seen.inputs[name])}


def _sources(change: Callable[[Any], Any]) -> Callable[[Seen], Inputs]:
    return lambda seen: {name: change(seen.inputs[name]) for name in ("key", "value")}


def _wider(tensor: Any) -> Any:
    return longer(tensor, tensor.dim() - 1)


def _one_more_in_front(tensor: Any) -> Any:
    return longer(tensor, tensor.dim() - 3)


def _together(shown: Shown) -> int:
    """Return how many matrices are multiplied at once."""
    return prod(shown["query"].shape[:-2])


def _dtypes(shown: Shown) -> str:
    written = [f"{name}.dtype: {in_c(shown[name])}" for name in _SEQUENCES]
    return f"{written[0]} {written[1]} and {written[2]}"


def _axes(shown: Shown) -> str:
    written = [f"{name}.dim: {shown[name].dim()}" for name in _SEQUENCES]
    return f"{written[0]} {written[1]} and {written[2]}"


_GIVEN = (
    _mistake(
        "call.known_names",
        "it is called with names that it knows",
        f"TypeError: {_NAME} got an unexpected keyword argument 'need_weights'",
        "it returns no weights: multiply and take the softmax by hand, or use MultiheadAttention",
        lambda seen: {"need_weights": True},
    ),
    _mistake(
        "value.given",
        "query, key and value are given",
        f'TypeError: {_NAME} missing 1 required positional arguments: "value"',
        "for self-attention pass three projections of one sequence",
        lambda seen: {"value": ...},
    ),
    *(_kind(name, "Tensor", None) for name in _SEQUENCES),
    _kind("attn_mask", "Tensor", [[True]]),
    _kind("dropout_p", "float", None),
    _kind("is_causal", "bool", 1),
    _kind("scale", "float", "1"),
    _kind("enable_gqa", "bool", 1),
)

_ALIKE = (
    *(
        _mistake(
            f"{name}.dtype",
            "query, key and value have the same dtype",
            "RuntimeError: Expected query, key, and value to have the same dtype, "
            "but got {dtypes} instead.",
            "convert them to one dtype; under autocast, all three or none",
            _changed(name, lambda tensor: tensor.float()),
            dtypes=_dtypes,
        )
        for name in _SEQUENCES
    ),
    _mistake(
        "key.device",
        "query, key and value are on the same device",
        "RuntimeError: Expected query, key, and value to have the same device type, but got "
        "query.device: cpu key.device: meta and value.device: cpu instead.",
        "move them to one device",
        _changed("key", lambda tensor: tensor.to("meta")),
    ),
    *(
        _mistake(
            f"{name}.rank",
            "query, key and value have at least two axes",
            "RuntimeError: Expected query, key, and value to all be  at least 2 dimensional, "
            "but got {axes} instead.",
            f"pass one {name} as {name}[None]",
            _changed(name, lambda tensor: tensor.flatten()),
            axes=_axes,
        )
        for name in _SEQUENCES
    ),
)

#: Once the mask had to have the query's dtype, also where it is float32.
_STRICT = {
    "2.4": {
        "message": "Expected attn_mask dtype to be bool or to match query dtype, "
        "but got attn_mask.dtype: {given} and  query.dtype: {own} instead."
    }
}

_MASK_KINDS = tuple(
    _mistake(
        f"attn_mask.{id}",
        "the `attn_mask` is one of bools, of float32, or of the query's dtype",
        "RuntimeError: Expected attn_mask dtype to be bool or float or to match query dtype, "
        "but got attn_mask.dtype: {given} and  query.dtype: {own} instead.",
        "pass attn_mask.bool(), True meaning kept, or attn_mask.to(query.dtype)",
        _changed("attn_mask", change),
        And(masked, when),
        given=given,
        own=lambda shown: in_c(shown["query"]),
    )
    for id, change, when, given in (
        ("floats", lambda mask: mask.half(), mask_float, lambda shown: in_c(shown["attn_mask"])),
        ("integers", lambda mask: mask.long(), Not(mask_float), lambda shown: "long int"),
    )
)

_TOGETHER = (
    Requirement(
        "attn_mask.two_axes",
        "the `attn_mask` has two axes at least, where the query has four and nothing is dropped",
        "IndexError",
        "Dimension out of range (expected to be in range of [-1, 0], but got -2)",
        "pass attn_mask[None], which is one row for every query",
        holds=Not(FLAT),
        about=("attn_mask",),
        source=SOURCE,
    ),
    Requirement(
        "is_causal.no_mask",
        "`is_causal=True` comes without an `attn_mask`",
        "RuntimeError",
        "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
        "leave one of them out: the causal mask as bools is torch.ones(L, S).tril().bool()",
        holds=Not(BOTH),
        when=Not(FLAT),
        about=("is_causal", "attn_mask"),
        source=SOURCE,
        before={
            "2.14": {
                "demand": "`is_causal=True` comes without an `attn_mask`; the fused kernel takes "
                "both and uses both"
            }
        },
    ),
    Requirement(
        "enable_gqa.divides",
        "with `enable_gqa=True` the heads of key and value divide the query's",
        "RuntimeError",
        "Number of heads in key and value must divide the number of heads in query",
        "repeat heads, or leave some out, until Hq is a multiple of H",
        holds=EVEN,
        when=Not(Or(FLAT, BOTH)),
        about=("query", "key", "value"),
        source=SOURCE,
        before={
            "2.15": {
                "message": "Number of heads in key and value must divide the number of heads in "
            }
        },
    ),
)

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
    _mistake(
        "enable_gqa.heads",
        "with `enable_gqa=True` there is an axis of heads",
        "IndexError: Dimension out of range (expected to be in range of [-2, 1], but got -3)",
        "add the axis: query[None]",
        lambda seen: (
            {name: seen.inputs[name][(0,) * (seen.inputs[name].dim() - 2)] for name in _SEQUENCES}
            | {"attn_mask": None}
        ),
        And(enable_gqa, _ONE),
    ),
    _mistake(
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
    _mistake(
        "key.features",
        "query and key have the same number of features",
        _BATCHES % "E",
        "project both to one width",
        _changed("key", _wider),
        And(_FRONT, aligned, _ONE),
        together=_together,
        found=lambda shown: shown["key"].shape[-1],
    ),
    _mistake(
        "key.features_alone",
        "query and key have the same number of features",
        f"RuntimeError: mm: {_MATRICES % ('E', 'S')}",
        "project both to one width",
        _changed("key", _wider),
        And(Not(_FRONT), _ONE),
        found=lambda shown: shown["key"].shape[-1],
    ),
    _mistake(
        "attn_mask.shape",
        "the `attn_mask` broadcasts to the scores: its last axis is `S` or one",
        "RuntimeError: The size of tensor a ({S}) must match the size of tensor b ({found}) "
        "at non-singleton dimension {place}",
        "pass a mask of shape (L, S), with axes in front of it or without",
        _changed("attn_mask", _wider),
        And(masked, _ONE),
        found=lambda shown: shown["attn_mask"].shape[-1],
        place=leading + enable_gqa + 1 + _FOURTH,
    ),
    _mistake(
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
    _mistake(
        "value.length",
        "key and value have the same length; the fused kernel does not look",
        _BATCHES % "S",
        _LENGTHS,
        lambda seen: {"value": longer(seen.inputs["value"], seen.inputs["value"].dim() - 2)},
        And(_FRONT, aligned, Not(fused)),
        together=_together,
        found=lambda shown: shown["value"].shape[-2],
    ),
    _mistake(
        "value.length_alone",
        "key and value have the same length",
        f"RuntimeError: mm: {_MATRICES % ('S', 'Ev')}",
        _LENGTHS,
        lambda seen: {"value": longer(seen.inputs["value"], 0)},
        And(Not(_FRONT), _ONE),
        found=lambda shown: shown["value"].shape[-2],
    ),
    _mistake(
        "dropout_p.range",
        "`dropout_p` is at most 1",
        "RuntimeError: dropout probability has to be between 0 and 1, but got {dropout_p}",
        "pass a probability; the function has no eval mode, so pass 0.0 when not training",
        lambda seen: {"dropout_p": 1.5},
        _ONE,
        dropout_p <= 1,
    ),
    _mistake(
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


MISTAKES = (
    *_GIVEN,
    *_ALIKE,
    *(replace(kind, before=_STRICT) for kind in _MASK_KINDS),
    *_TOGETHER,
    *map(_dated, _SIZES),
)
