"""Each way to call a decoder layer wrongly that torch rejects."""

from sympy import Not

from mhadoc.catalog.transformer_decoder_layer.rules import (
    FORWARD,
    memory_is_causal,
    memory_mask_float,
    tgt_is_causal,
    tgt_mask_float,
)
from mhadoc.catalog.transformer_mistakes import (
    called,
    changed,
    mask_kinds,
    mask_shapes,
    padding_shapes,
)
from mhadoc.catalog.transformer_sequences import memory_shapes, sequence_shapes
from mhadoc.catalog.transformer_terms import S, T, norm_first

MISTAKES = (
    *called(
        "TransformerDecoderLayer",
        "attn_mask",
        "tgt_mask for the target, and memory_mask for what it sees of the memory",
        "memory",
        FORWARD,
        "pass what the encoder returned; a stack without memory is an nn.TransformerEncoder "
        "with a causal mask",
    ),
    changed(
        "tgt",
        "tensor",
        "tgt is a tensor",
        "AttributeError: 'list' object has no attribute 'dim'",
        "pass a tensor",
        lambda tgt: tgt.tolist(),
        FORWARD,
        Not(norm_first),
    ),
    changed(
        "tgt",
        "tensor_normed",
        "tgt is a tensor, where a norm comes first",
        "TypeError: layer_norm(): argument 'input' (position 1) must be Tensor, not list",
        "pass a tensor",
        lambda tgt: tgt.tolist(),
        FORWARD,
        norm_first,
    ),
    *mask_kinds("tgt_mask", "attn_mask", "tgt", FORWARD),
    *mask_kinds("tgt_key_padding_mask", "key_padding_mask", "tgt", FORWARD, Not(tgt_mask_float)),
    *sequence_shapes("tgt", norm_first),
    *mask_shapes("tgt_mask", T, T, tgt_is_causal),
    *padding_shapes("tgt_key_padding_mask", T),
    *mask_kinds("memory_mask", "attn_mask", "tgt", FORWARD),
    *mask_kinds(
        "memory_key_padding_mask", "key_padding_mask", "tgt", FORWARD, Not(memory_mask_float)
    ),
    *memory_shapes(S, FORWARD),
    *mask_shapes("memory_mask", T, S, memory_is_causal),
    *padding_shapes("memory_key_padding_mask", S),
)
