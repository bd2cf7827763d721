"""Each way to call a stack of encoder layers wrongly that torch rejects."""

from sympy import And, Not

from mhadoc.catalog.transformer_encoder.demands import LOOKS
from mhadoc.catalog.transformer_encoder.symbols import FORWARD, is_causal
from mhadoc.catalog.transformer_mistakes import (
    SLOW,
    called,
    encoder_kinds,
    mask_shapes,
    padding_shapes,
)
from mhadoc.catalog.transformer_sequences import sequence_shapes, two_axes
from mhadoc.catalog.transformer_terms import S, norm_first

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
    *encoder_kinds("mask", FORWARD),
    two_axes("src"),
    *sequence_shapes("src", norm_first),
    *mask_shapes("mask", S, S, is_causal),
    *padding_shapes(_PADDING, S, And(SLOW, Not(LOOKS))),
)
