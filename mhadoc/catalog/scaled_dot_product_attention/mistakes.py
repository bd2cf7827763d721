"""Each way to call scaled_dot_product_attention wrongly that torch rejects, in its order."""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Basic, Eq, Not, Or, Symbol, true

from mhadoc.catalog.breaking import in_c, scalar
from mhadoc.catalog.scaled_dot_product_attention.breaking import SEQUENCES, Shown, changed, mistake
from mhadoc.catalog.scaled_dot_product_attention.kernel import (
    BOTH,
    EVEN,
    FLAT,
    LEGAL,
)
from mhadoc.catalog.scaled_dot_product_attention.sizes import SIZES
from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    SOURCE,
    is_causal,
    mask_float,
    masked,
)
from mhadoc.language import Measured, Requirement
from mhadoc.language.releases import newer

_NAME = "scaled_dot_product_attention()"


def _kind(name: str, kind: str, wrong: object, fits: Basic = true) -> Requirement:
    return mistake(
        f"{name}.{kind.lower()}",
        f"`{name}` is a {kind}",
        f"TypeError: {_NAME}: argument '{name}' must be {kind}, not {{type_{name}}}",
        f"pass {name} as a {kind}",
        lambda seen: {name: wrong},
        fits=fits,
        observed="" if fits == true else f"{{type_{name}}}",
    )


def _dtypes(shown: Shown) -> str:
    written = [f"{name}.dtype: {in_c(shown[name])}" for name in SEQUENCES]
    return f"{written[0]} {written[1]} and {written[2]}"


_OTHERS = {"query": ("key", "value"), "key": ("query",), "value": ("query",)}


def _agree(fact: str, name: str) -> Basic:
    """Return the condition that a tensor has a fact in common with some other, the query if any."""
    own = getattr(Measured(name), fact)
    return Or(*(Eq(own, getattr(Measured(other), fact)) for other in _OTHERS[name]))


def _axes(shown: Shown) -> str:
    written = [f"{name}.dim: {shown[name].dim()}" for name in SEQUENCES]
    return f"{written[0]} {written[1]} and {written[2]}"


_GIVEN = (
    mistake(
        "call.known_names",
        "it is called with names that it knows",
        f"TypeError: {_NAME} got an unexpected keyword argument 'need_weights'",
        "it returns no weights: multiply and take the softmax by hand, or use MultiheadAttention",
        lambda seen: {"need_weights": True},
    ),
    mistake(
        "value.given",
        "query, key and value are given",
        f'TypeError: {_NAME} missing 1 required positional arguments: "value"',
        "for self-attention pass three projections of one sequence",
        lambda seen: {"value": ...},
    ),
    *(_kind(name, "Tensor", None) for name in SEQUENCES),
    _kind("attn_mask", "Tensor", [[True]]),
    _kind("dropout_p", "float", None),
    _kind("is_causal", "bool", 1, Symbol("is_causal.bool")),
    _kind("scale", "float", "1"),
    _kind("enable_gqa", "bool", 1, Symbol("enable_gqa.bool")),
)

_ALIKE = (
    *(
        mistake(
            f"{name}.dtype",
            "query, key and value have the same dtype",
            "RuntimeError: Expected query, key, and value to have the same dtype, "
            "but got {dtypes} instead.",
            "convert them to one dtype; under autocast, all three or none",
            changed(name, lambda tensor: tensor.float()),
            fits=_agree("common", name),
            observed=f"{{{name}.dtype}}",
            dtypes=_dtypes,
        )
        for name in SEQUENCES
    ),
    mistake(
        "key.device",
        "query, key and value are on the same device",
        "RuntimeError: Expected query, key, and value to have the same device type, but got "
        "query.device: cpu key.device: meta and value.device: cpu instead.",
        "move them to one device",
        changed("key", lambda tensor: tensor.to("meta")),
        fits=And(_agree("device", "key"), _agree("device", "value")),
        observed="{key.device}, the query {query.device}, and the value {value.device}",
    ),
    *(
        mistake(
            f"{name}.rank",
            "query, key and value have at least two axes",
            "RuntimeError: Expected query, key, and value to all be  at least 2 dimensional, "
            "but got {axes} instead.",
            f"pass one {name} as {name}[None]",
            changed(name, lambda tensor: tensor.flatten()),
            axes=_axes,
        )
        for name in SEQUENCES
    ),
)

#: Once the mask had to have the query's dtype, also where it is float32.
_STRICT = {
    "2.4": {
        "message": "Expected attn_mask dtype to be bool or to match query dtype, "
        "but got attn_mask.dtype: {given} and  query.dtype: {own} instead."
    }
}

_MASK = Measured("attn_mask")
_MASK_FLOATS = Or(
    Eq(_MASK.common, Measured("query").common), And(newer("2.4"), Symbol("mask_float32"))
)

_MASK_KINDS = tuple(
    mistake(
        f"attn_mask.{id}",
        "the `attn_mask` is one of bools, of float32, or of the query's dtype",
        "RuntimeError: Expected attn_mask dtype to be bool or float or to match query dtype, "
        "but got attn_mask.dtype: {given} and  query.dtype: {own} instead.",
        "pass attn_mask.bool(), True meaning kept, or attn_mask.to(query.dtype)",
        changed("attn_mask", change),
        And(masked, when),
        Or(Not(masked), _MASK.boolean, _MASK_FLOATS),
        "{attn_mask.dtype}",
        given=given,
        own=lambda shown: in_c(shown["query"]),
    )
    for id, change, when, given in (
        ("floats", lambda mask: mask.half(), mask_float, lambda shown: in_c(shown["attn_mask"])),
        ("integers", lambda mask: mask.long(), Not(mask_float), lambda shown: "long int"),
    )
)

_COMPLEX = (
    mistake(
        "query.floats",
        "query, key and value are of floats",
        "NotImplementedError: \"softmax_lastdim_kernel_impl\" not implemented for '{given}'",
        "work with real and imaginary parts apart",
        lambda seen: {name: seen.inputs[name] * 1j for name in SEQUENCES},
        And(Not(And(masked, mask_float)), LEGAL),
        Or(Measured("query").floating, *(Eq(Measured(n).numel, 0) for n in SEQUENCES)),
        "{query.dtype}",
        given=lambda shown: scalar(shown["query"]),
    ),
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
        fits=Not(And(is_causal, masked, Symbol("apart"))),
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

MISTAKES = (
    *_GIVEN,
    *_ALIKE,
    *(replace(kind, before=_STRICT) for kind in _MASK_KINDS),
    *_TOGETHER,
    *SIZES,
    *(replace(demand, since="2.8") for demand in _COMPLEX),
)
