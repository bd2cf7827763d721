"""Each way to call a stack of encoder layers wrongly that torch rejects."""

from dataclasses import replace

from sympy import And, Not

from mhadoc.catalog.transformer_encoder.demands import LOOKS
from mhadoc.catalog.transformer_encoder.symbols import FORWARD, is_causal
from mhadoc.catalog.transformer_mistakes import (
    SLOW,
    called,
    changed,
    kinds,
    mask_shapes,
    padding_shapes,
)
from mhadoc.catalog.transformer_sequences import sequence_shapes, two_axes
from mhadoc.catalog.transformer_terms import S, norm_first

_NO_TENSOR = "RuntimeError: input to _none_or_dtype() must be None or torch.Tensor"
_NO_DTYPE = "AttributeError: 'list' object has no attribute 'dtype'"
_PADDING = "src_key_padding_mask"

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
    replace(
        changed(
            "src",
            "tensor",
            "src is a tensor",
            _NO_DTYPE,
            "pass a tensor",
            lambda src: src.tolist(),
            FORWARD,
        ),
        before={"2.0": {"message": "'list' object has no attribute 'dim'"}},
    ),
    two_axes("src"),
    *sequence_shapes("src", norm_first),
    *mask_shapes("mask", S, S, is_causal),
    *padding_shapes(_PADDING, S, And(SLOW, Not(LOOKS))),
)
