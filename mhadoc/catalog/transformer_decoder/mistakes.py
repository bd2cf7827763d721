"""Each way to call a stack of decoder layers wrongly that torch rejects."""

from dataclasses import replace

from mhadoc.catalog.transformer_decoder.rules import FORWARD
from mhadoc.catalog.transformer_decoder_layer.rules import memory_is_causal, tgt_is_causal
from mhadoc.catalog.transformer_mistakes import (
    called,
    changed,
    mask_shapes,
    padding_shapes,
    unread_mask,
)
from mhadoc.catalog.transformer_sequences import memory_shapes, sequence_shapes, two_axes
from mhadoc.catalog.transformer_terms import S, T, norm_first

#: What a stack looks at since it looks whether a mask is causal.
_LOOKED_AT = (
    changed(
        "tgt",
        "tensor",
        "tgt is a tensor",
        "AttributeError: 'list' object has no attribute 'is_nested'",
        "pass a tensor",
        lambda tgt: tgt.tolist(),
        FORWARD,
    ),
    two_axes("tgt"),
    *unread_mask("tgt_mask", "tgt_is_causal", "tgt", FORWARD),
)

MISTAKES = (
    *called(
        "TransformerDecoder",
        "mask",
        "tgt_mask for the target, and memory_mask for what it sees of the memory",
        "memory",
        FORWARD,
        "pass what the encoder returned; a stack without memory is an nn.TransformerEncoder "
        "with a causal mask",
    ),
    *(replace(demand, since="2.1") for demand in _LOOKED_AT),
    *sequence_shapes("tgt", norm_first),
    *mask_shapes("tgt_mask", T, T, tgt_is_causal),
    *padding_shapes("tgt_key_padding_mask", T),
    *memory_shapes(S, FORWARD),
    *mask_shapes("memory_mask", T, S, memory_is_causal),
    *padding_shapes("memory_key_padding_mask", S),
)
