"""What forward of the Transformer classes demands beside the hints, and what torch raises else.

Most refusals come from the attention inside, in its own words: ``attn_mask`` is then what the
caller passed as ``src_mask``, ``mask``, ``tgt_mask`` or ``memory_mask``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import And, Basic, Eq, Expr, Not, true

from mhadoc.catalog.breaking import longer
from mhadoc.catalog.transformer_calls import mask_symbols
from mhadoc.catalog.transformer_terms import N, batched, grad, nhead
from mhadoc.language import Requirement

__all__ = [
    "ATTEND",
    "CHECK",
    "SLOW",
    "WORDS",
    "called",
    "changed",
    "encoder_kinds",
    "kinds",
    "mask_kinds",
    "mask_shapes",
    "padding_shapes",
    "unread_mask",
]

CHECK = "torch/nn/functional.py: _mha_shape_check"
_CANONICAL = "torch/nn/functional.py: _canonical_mask"
ATTEND = "torch/nn/functional.py: multi_head_attention_forward"

#: A call with gradients takes no fast path, neither that of the layer nor the attention's.
SLOW = grad

WORDS = "For batched (3-D) `query`, expected "


#: Once the message told both numbers, whichever was wrong.
_BOTH = {
    "2.6": {
        "message": "expecting key_padding_mask shape of ({rows}, {length}), "
        "but got torch.Size([{rows}, {found}])"
    }
}


def changed(
    name: str,
    id: str,
    demand: str,
    error: str,
    hint: str,
    change: Callable[[Any], Any],
    source: str,
    when: Basic = true,
    *,
    fits: Basic = true,
    expected: str = "",
    observed: str = "",
    **computes: Any,
) -> Requirement:
    """Return the demand of an input that is broken by changing what is given, or giving it."""
    kind, _, message = error.partition(": ")
    return Requirement(
        f"{name}.{id}",
        demand,
        kind,
        message,
        hint,
        about=(name,),
        breaks=lambda seen: {name: change(seen.inputs.get(name))},
        when=when,
        fits=fits,
        expected=expected,
        observed=observed,
        computes=computes,
        source=source,
    )


def called(
    cls: str, wrong: str, right: str, last: str, source: str, hint: str
) -> tuple[Requirement, ...]:
    """Return the demands on the names of a call: none is unknown, and the last one is given."""
    return (
        Requirement(
            "forward.known_names",
            "forward is called with names that it knows",
            "TypeError",
            f"{cls}.forward() got an unexpected keyword argument '{wrong}'",
            f"the argument is called {right}",
            breaks=lambda seen: {wrong: None},
            source=source,
        ),
        Requirement(
            f"{last}.given",
            f"{last} is given",
            "TypeError",
            f"{cls}.forward() missing 1 required positional argument: '{last}'",
            hint,
            about=(last,),
            breaks=lambda seen: {last: ...},
            source=source,
        ),
    )


#: Before torch 2.0 the attention was the first to look at a mask that is no padding.
_UNREAD = {
    "tensor": {"error": "AttributeError", "message": "'list' object has no attribute 'dim'"},
    "dtype": {
        "message": "Only float, byte, and bool types are supported for attn_mask, not torch.int64"
    },
}
_PADDING = "only bool and floating types of key_padding_mask are supported"


def kinds(name: str, said: str, given: str, tensor: str, source: str) -> tuple[Requirement, ...]:
    """Return the demands on the kind of a mask; ``said`` is what the text calls it.

    ``given`` is a sequence beside it and ``tensor`` what torch raises for a list.
    """
    was = {"tensor": {}, "dtype": {"message": _PADDING}} if "padding" in name else _UNREAD
    return (
        replace(
            changed(
                name,
                "tensor",
                f"{name} is a tensor",
                tensor,
                f"pass torch.tensor({name}, dtype=torch.bool)",
                lambda mask: [[False]],
                source,
            ),
            before={"2.0": was["tensor"]},
        ),
        Requirement(
            f"{name}.dtype",
            f"{name} is one of bools or floats",
            "AssertionError",
            f"only bool and floating types of {said} are supported",
            f"pass {name}.bool(), True meaning hidden",
            about=(name,),
            breaks=lambda seen: {name: seen.inputs[given].new_zeros((2, 2)).long()},
            source=_CANONICAL,
            before={"2.0": was["dtype"]},
        ),
    )


def encoder_kinds(mask: str, source: str) -> tuple[Requirement, ...]:
    """Return the demands on the kind of what an encoder, or its layer, is given."""
    no_tensor = "RuntimeError: input to _none_or_dtype() must be None or torch.Tensor"
    no_dtype = "AttributeError: 'list' object has no attribute 'dtype'"
    padding = "src_key_padding_mask"
    src = changed(
        "src", "tensor", "src is a tensor", no_dtype, "pass a tensor", lambda s: s.tolist(), source
    )
    return (
        *kinds(mask, mask, "src", no_tensor, source),
        *kinds(padding, padding, "src", no_dtype, source),
        replace(src, before={"2.0": {"message": "'list' object has no attribute 'dim'"}}),
    )


def mask_kinds(
    name: str, said: str, given: str, source: str, when: Basic = true
) -> tuple[Requirement, ...]:
    """Return the demands on the kind of a mask that an attention is the first to look at."""
    no_tensor = "TypeError: is_floating_point(): argument 'input' (position 1) must be Tensor, not "
    tensor, dtype = kinds(name, said, given, f"{no_tensor}list", source)
    was = ("AttributeError", "'list' object has no attribute 'dtype'")
    if said == "attn_mask":
        was = ("RuntimeError", "input to _none_or_dtype() must be None or torch.Tensor")
    before = {"2.1": dict(zip(("error", "message"), was, strict=True))}
    return replace(tensor, when=when, before={**before, **tensor.before}), dtype


def unread_mask(name: str, hint: str, given: str, source: str) -> tuple[Requirement, ...]:
    """Return the demands on the kind of a mask of which a stack looks whether it is causal."""
    words = "AttributeError: 'list' object has no attribute 'device'"
    tensor, dtype = kinds(name, "attn_mask", given, words, source)
    return (
        replace(tensor, breaks=lambda seen: {name: [[False]], hint: None}),
        replace(
            dtype,
            error="RuntimeError",
            message="value cannot be converted to type int64_t without overflow",
            breaks=lambda seen: {name: seen.inputs[given].new_zeros((2, 2)).long(), hint: None},
            source="torch/nn/modules/transformer.py: _detect_is_causal_mask",
        ),
    )


def mask_shapes(name: str, rows: Expr, columns: Expr, hinted: Basic) -> tuple[Requirement, ...]:
    """Return the demands on the shape of a mask over pairs of positions, off the fast paths."""
    rank = mask_symbols(name)[0].expr
    looked_at = And(SLOW, Not(hinted))
    flat = changed(
        name,
        "rank",
        f"{name} has two axes or three",
        f"AssertionError: {WORDS}`attn_mask` to be `None`, 2-D or 3-D but found 1-D tensor instead",
        f"pass a mask of shape ({rows}, {columns}); what has one entry for each position is a "
        "padding mask",
        lambda mask: mask[0],
        CHECK,
        And(looked_at, batched, Eq(rank, 2)),
    )
    return (flat, *_mask_sizes(name, rows, columns, looked_at))


def _mask_sizes(name: str, rows: Expr, columns: Expr, looked_at: Basic) -> tuple[Requirement, ...]:
    rank = mask_symbols(name)[0].expr
    words = "RuntimeError: The shape of the %sD attn_mask is {%s.shape}, but should be "
    return (
        changed(
            name,
            "shape",
            f"a 2-D {name} is ({rows}, {columns})",
            words % (2, name) + "({rows}, {columns}).",
            f"pass a mask of shape ({rows}, {columns})",
            lambda mask: longer(mask, 1),
            ATTEND,
            And(looked_at, Eq(rank, 2)),
            rows=1 * rows,
            columns=1 * columns,
        ),
        changed(
            name,
            "shape_per_head",
            f"a 3-D {name} is (N*nhead, {rows}, {columns})",
            words % (3, name) + "({matrices}, {rows}, {columns}).",
            "pass mask.repeat_interleave(nhead, 0) for one mask a batch element",
            lambda mask: mask[1:],
            ATTEND,
            And(looked_at, Eq(rank, 3), batched),
            matrices=N * nhead,
            rows=1 * rows,
            columns=1 * columns,
        ),
    )


def padding_shapes(name: str, length: Expr, when: Basic = SLOW) -> tuple[Requirement, ...]:
    """Return the demands on the shape of a padding mask, off the fast paths."""
    looked_at = And(mask_symbols(name, padding=True)[0].expr, when)
    flat = changed(
        name,
        "rank",
        f"{name} has one axis less than its sequence",
        f"AssertionError: {WORDS}`key_padding_mask` to be `None` or 2-D but found 1-D tensor "
        "instead",
        f"pass a mask of shape (N, {length})",
        lambda mask: mask[0],
        CHECK,
        And(looked_at, batched),
    )
    sized = changed(
        name,
        "length",
        f"{name} has one entry for each position",
        "AssertionError: Expected key_padded_mask.shape[1] to be {length}, but got {found}",
        f"pass a mask of shape (N, {length}), whatever batch_first is",
        lambda mask: longer(mask, mask.dim() - 1),
        "torch/nn/functional.py: _check_key_padding_mask",
        looked_at,
        length=1 * length,
        found=lambda shown: shown[name].shape[-1],
        rows=batched * (N - 1) + 1,
    )
    return flat, replace(sized, before=_BOTH)
