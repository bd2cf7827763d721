"""Each way to call a stack of encoder layers wrongly that torch rejects."""

from sympy import And, Not

from mhadoc.catalog.multihead_attention.mistakes.broken import longer
from mhadoc.catalog.transformer_encoder.rules import (
    FORWARD,
    is_causal,
    mask_check,
    nests,
    padded,
)
from mhadoc.catalog.transformer_mistakes import (
    SLOW,
    called,
    changed,
    kinds,
    mask_shapes,
    padding_shapes,
    sequence_shapes,
    stacked,
)
from mhadoc.catalog.transformer_terms import S, batched, norm_first, training

_NO_TENSOR = "RuntimeError: input to _none_or_dtype() must be None or torch.Tensor"
_NO_DTYPE = "AttributeError: 'list' object has no attribute 'dtype'"
_PADDING = "src_key_padding_mask"
_CHECKED = "torch: _nested_tensor_from_mask_left_aligned"

#: Where torch looks whether the padding is all at the end, before it looks at anything else.
_LOOKS = And(nests, mask_check, Not(training), batched)

MISTAKES = (
    *called(
        "TransformerEncoder",
        "src_mask",
        "mask; it is src_mask in a layer, and in nn.Transformer",
        "src",
        FORWARD,
        "pass the sequence as src",
    ),
    *kinds("mask", "mask", "src", _NO_TENSOR, FORWARD),
    *kinds(_PADDING, _PADDING, "src", _NO_DTYPE, FORWARD),
    changed(
        "src",
        "tensor",
        "src is a tensor",
        _NO_DTYPE,
        "pass a tensor",
        lambda src: src.tolist(),
        FORWARD,
    ),
    *stacked("src", "encoder_layer", FORWARD),
    changed(
        _PADDING,
        "nested_rank",
        "src_key_padding_mask has two axes, where torch looks whether padding is at the end",
        "RuntimeError: Padding mask should be 2D",
        "pass a mask of shape (N, S)",
        lambda mask: mask[0],
        _CHECKED,
        And(_LOOKS, padded),
    ),
    changed(
        _PADDING,
        "nested_length",
        "src_key_padding_mask is (N, S), where torch looks whether padding is at the end",
        "RuntimeError: Mask size should match input size",
        "pass a mask of shape (N, S), True where there is padding",
        lambda mask: longer(mask, 1),
        _CHECKED,
        And(_LOOKS, padded),
    ),
    *sequence_shapes("src", norm_first),
    *mask_shapes("mask", S, S, is_causal),
    *padding_shapes(_PADDING, S, And(SLOW, Not(_LOOKS))),
)
