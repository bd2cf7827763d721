"""What only a stack of encoder layers demands of a call: of its padding, before its layers look."""

from __future__ import annotations

from sympy import And, Basic, Eq, Not, Or

from mhadoc.catalog import transformer_stack as stack
from mhadoc.catalog.breaking import longer
from mhadoc.catalog.transformer_encoder.paths import converts, looks, some_left
from mhadoc.catalog.transformer_encoder.symbols import (
    FORWARD,
    mask_check,
    mask_rank,
    nests,
    padded,
    padded_float,
)
from mhadoc.catalog.transformer_encoder_layer.rules import CALL_REQUIREMENTS as LAYER_DEMANDS
from mhadoc.catalog.transformer_encoder_layer.rules import src_mask_rank
from mhadoc.catalog.transformer_mistakes import changed
from mhadoc.catalog.transformer_terms import N, S, batched, grad, training
from mhadoc.language import Measured, Requirement

_PADDING = "src_key_padding_mask"
_padding = Measured(_PADDING)
_CHECKED = "torch: _nested_tensor_from_mask_left_aligned"
#: Where torch looks whether the padding is all at the end, before it looks at anything else.
LOOKS = And(nests, mask_check, Not(training), batched)
_read = Or(looks, converts)
_MASK = ("must have shape (N, S) = ({N}, {S})", "has shape {src_key_padding_mask.shape}")

(_needs_mask,) = LAYER_DEMANDS


def _empty(id: str, demand: str, error: str, axis: int, when: Basic, fits: Basic) -> Requirement:
    """Return the demand that the padding is not empty on an axis; it is broken by emptying src."""
    kind, _, message = error.partition(": ")
    return Requirement(
        f"{_PADDING}.{id}",
        demand,
        kind,
        message,
        "leave src_key_padding_mask out where there is nothing to hide",
        about=(_PADDING,),
        breaks=lambda seen: {
            "src": seen.inputs["src"].narrow(axis, 0, 0),
            _PADDING: seen.inputs[_PADDING].narrow(axis, 0, 0),
            "mask": None,
            "is_causal": None,
        },
        when=And(padded, when),
        fits=fits,
        expected="must be left out where there is no batch element or no position",
        observed="has shape {src_key_padding_mask.shape}",
        source=_CHECKED,
    )


#: What torch looks at where nested tensors may be used.
_LOOKED_AT = (
    changed(
        _PADDING,
        "nested_rank",
        "src_key_padding_mask has two axes, where torch looks whether padding is at the end",
        "RuntimeError: Padding mask should be 2D",
        "pass a mask of shape (N, S)",
        lambda mask: mask[0],
        _CHECKED,
        And(LOOKS, padded),
        fits=Or(Not(_read), Eq(_padding.rank, 2)),
        expected=_MASK[0],
        observed=_MASK[1],
    ),
    changed(
        _PADDING,
        "nested_length",
        "src_key_padding_mask is (N, S), where torch looks whether padding is at the end",
        "RuntimeError: Mask size should match input size",
        "pass a mask of shape (N, S), True where there is padding",
        lambda mask: longer(mask, 1),
        _CHECKED,
        And(LOOKS, padded),
        fits=Or(
            Not(And(_read, Eq(_padding.rank, 2))),
            And(Eq(_padding.axis_0, N), Eq(_padding.axis_1, S)),
        ),
        expected=_MASK[0],
        observed=_MASK[1],
    ),
    _empty(
        "nested_positions",
        "src has a position, where torch looks whether padding is at the end",
        "IndexError: select(): index -1 out of range for tensor of size [{N}, 0] at dimension 1",
        1,
        LOOKS,
        Or(Not(_read), S > 0),
    ),
    _empty(
        "nested_batch",
        "src has a batch element, where nested tensors are used",
        "RuntimeError: stack expects a non-empty TensorList",
        0,
        And(nests, Not(training), Not(grad), batched),
        Or(Not(converts), N > 0),
    ),
)

CALL_REQUIREMENTS = (
    *stack.demands("encoder_layer", FORWARD),
    *_LOOKED_AT,
    Requirement(
        "is_causal.needs_mask",
        "is_causal=True needs a mask outside the fast paths of layer and attention",
        _needs_mask.error,
        _needs_mask.message,
        "pass mask=nn.Transformer.generate_square_subsequent_mask(S) as well",
        holds=_needs_mask.holds.xreplace({src_mask_rank: mask_rank}),
        about=("is_causal",),
        source=FORWARD,
    ),
    Requirement(
        f"{_PADDING}.some_left",
        "src_key_padding_mask leaves some position where nested tensors are used; any float but 0 "
        "counts as hidden",
        "RuntimeError",
        "to_padded_tensor: at least one constituent tensor should have non-zero numel",
        "pass a boolean mask, or build with enable_nested_tensor=False",
        holds=Not(padded_float),
        about=(_PADDING,),
        when=And(nests, padded, batched, Eq(mask_rank, 0), Not(training), Not(grad)),
        fits=Or(Not(converts), some_left),
        expected="must leave some position, where nested tensors are used",
        observed="hides every one; any float but 0 counts as hidden",
        source=FORWARD,
        since="2.2",
    ),
)
