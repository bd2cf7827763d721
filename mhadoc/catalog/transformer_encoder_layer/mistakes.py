"""Each way to call an encoder layer wrongly that torch rejects."""

from sympy import And, Not

from mhadoc.catalog.breaking import features, wider
from mhadoc.catalog.transformer_encoder_layer.paths import FORWARD, fast
from mhadoc.catalog.transformer_encoder_layer.rules import (
    is_causal,
)
from mhadoc.catalog.transformer_mistakes import (
    called,
    changed,
    encoder_kinds,
    mask_shapes,
    padding_shapes,
)
from mhadoc.catalog.transformer_sequences import sequence_shapes
from mhadoc.catalog.transformer_terms import S, norm_first

_PADDING = "src_key_padding_mask"

MISTAKES = (
    *called(
        "TransformerEncoderLayer",
        "mask",
        "src_mask; it is mask in the stack, nn.TransformerEncoder",
        "src",
        FORWARD,
        "pass the sequence as src",
    ),
    *encoder_kinds("src_mask", FORWARD),
    changed(
        "src",
        "fast_features",
        "src has d_model features, on the fast path",
        "RuntimeError: passed-in embed_dim {d_model} didn't match last dim of query {features}",
        "pass src with d_model features, or build with d_model=src.shape[-1]",
        wider,
        "torch: _transformer_encoder_layer_fwd",
        And(fast, Not(norm_first)),
        features=features("src"),
    ),
    *sequence_shapes("src", norm_first),
    *mask_shapes("src_mask", S, S, is_causal),
    *padding_shapes(_PADDING, S),
)
