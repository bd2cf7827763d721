"""What forward demands of the kinds of masks, and what torch raises otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Basic, Not, Or, true

from mhadoc.catalog.multihead_attention.mistakes.given import attn_mask, mask_of_bytes
from mhadoc.catalog.multihead_attention.mistakes.masks import masked
from mhadoc.catalog.multihead_attention.symbols import (
    CANONICAL,
    FORWARD,
    attn_mask_float,
)
from mhadoc.language import Measured, Requirement


def _listed(name: str, id: str, error: str, when: Basic) -> Requirement:
    kind, _, message = error.partition(": ")
    return Requirement(
        f"{name}.{id}",
        f"the `{name}` is a tensor",
        kind,
        message,
        f"pass torch.tensor({name}, dtype=torch.bool)",
        about=(name,),
        breaks=lambda seen: {name: [[False]]},
        when=when,
        fits=Or(Not(when), Not(Measured(name).given), Measured(name).tensor),
        expected="must be a tensor or None",
        observed=f"is of type {{{name}.type}}",
        source=FORWARD,
    )


_NO_TENSOR = "TypeError: is_floating_point(): argument 'input' (position 1) must be Tensor, not %s"

_NO_DTYPE = "'{type_key_padding_mask}' object has no attribute 'dtype'"

TENSORS = (
    replace(
        _listed("attn_mask", "tensor", _NO_TENSOR % "{type_attn_mask}", true),
        before={
            "2.1": {
                "error": "RuntimeError",
                "message": "input to _none_or_dtype() must be None or torch.Tensor",
            },
            "2.0": {
                "error": "AttributeError",
                "message": "'{type_attn_mask}' object has no attribute 'dim'",
            },
        },
    ),
    replace(
        _listed(
            "key_padding_mask",
            "tensor",
            _NO_TENSOR % "{type_key_padding_mask}",
            Not(attn_mask_float),
        ),
        before={"2.1": {"error": "AttributeError", "message": _NO_DTYPE}},
    ),
)

BESIDE_FLOATS = (
    _listed(
        "key_padding_mask",
        "tensor_beside_floats",
        f"AttributeError: {_NO_DTYPE}",
        attn_mask_float,
    ),
)


def _whole(mask: Any) -> Any:
    """Return a mask of integers, or of complex numbers where it was one of floats."""
    return mask * 1j if mask.is_floating_point() else mask.long()


def _kind(name: str) -> Requirement:
    return masked(
        name,
        "dtype",
        f"the `{name}` is one of bools or floats",
        f"AssertionError: only bool and floating types of {name} are supported",
        f"pass {name}.bool(), True meaning hidden",
        _whole,
        true,
        CANONICAL,
        Or(Measured(name).boolean, Measured(name).floating),
        "must be one of bools or floats",
        f"is one of {{{name}.dtype}}",
    )


#: Once a mask of bytes was taken as well.
_BYTES = {
    "2.0": {
        "demand": "the `attn_mask` is one of bools, floats or bytes",
        "expected": "must be one of bools, floats or bytes",
        "message": "Only float, byte, and bool types are supported for attn_mask, "
        "not {attn_mask.dtype}",
        "fits": Or(Not(attn_mask.tensor), attn_mask.boolean, attn_mask.floating, mask_of_bytes),
    }
}

KINDS = (_kind("key_padding_mask"), replace(_kind("attn_mask"), before=_BYTES))
