"""The docstrings of nn.TransformerDecoder and of nn.TransformerDecoderLayer."""

from __future__ import annotations

from mhadoc.catalog.audits.phrases import (
    ADVICE,
    EXAMPLES,
    HINT,
    INTRODUCTION,
    arguments_of,
    causal,
    holds,
    incomplete,
    wrong,
)
from mhadoc.language import Audit, Remark

__all__ = ["AUDITS"]

_STACK = Audit(
    path="torch.nn.TransformerDecoder",
    asides=(
        *INTRODUCTION,
        ("It is recommended to manually initialize the layers", ADVICE),
    ),
    remarks=(
        holds("TransformerDecoder is a stack of N decoder layers.", "tr.decoder.in_turn"),
        incomplete(
            "implements the original architecture described",
            "There are no embeddings, no positions and no last map to words in it, and a final "
            "norm only where one is given.",
            "tr.decoder.in_turn",
            "TransformerDecoder.norm.weight",
        ),
        holds(
            "All layers in the TransformerDecoder are initialized with the", "doc.decoder.clones"
        ),
        incomplete(
            "decoder_layer: an instance of the TransformerDecoderLayer() class",
            "It is copied: the layers of the stack share nothing with each other.",
            "TransformerDecoder.decoder_layer",
            "doc.decoder.clones",
        ),
        holds("num_layers: the number of sub-decoder-layers", "TransformerDecoder.num_layers"),
        holds("norm: the layer normalization component", "TransformerDecoder.norm"),
        holds(">>> transformer_decoder = nn.TransformerDecoder(decoder_layer", EXAMPLES),
    ),
)


def _forward(name: str, sequence: str, detects: bool) -> tuple[Remark, ...]:
    """Return the remarks on forward, which are the same for the stack and for a layer."""
    return (
        *_sequences(name, sequence),
        *_masks(name),
        *causal(name, "tgt_is_causal", "tgt mask"),
        _default(name, detects),
        *causal(name, "memory_is_causal", "memory mask"),
        holds("``memory mask``. Default: ``False``.", f"{name}.memory_is_causal"),
        holds("Providing incorrect hints can result in incorrect", "mha.causal.replaces"),
        wrong(
            "see the docs in :class:`~torch.nn.Transformer`",
            "That class's docstring gives no shapes: they stand in that of `Transformer.forward`.",
            HINT,
        ),
    )


def _default(name: str, detects: bool) -> Remark:
    """Return the remark on the hint of the target's mask where it is not passed."""
    if not detects:
        return holds("``tgt mask``. Default: ``False``.", f"{name}.tgt_is_causal")
    return incomplete(
        "``tgt mask``. Default: ``None``; try to detect",
        "Only a mask that is exactly the causal one is recognised, never one of three axes.",
        f"{name}.tgt_is_causal",
        "tr.decoder.detects",
        "tr.causal_autodetect.exact",
        "tr.causal_autodetect.square",
    )


def _sequences(name: str, sequence: str) -> tuple[Remark, ...]:
    """Return the remarks on the two sequences."""
    return (
        holds(f"tgt: the sequence to the {sequence} (required).", f"{name}.tgt"),
        incomplete(
            "memory: the sequence from the last layer of the encoder (required).",
            "Any tensor of `d_model` features and the target's batch size will do; it is used as "
            "it is, without a norm.",
            f"{name}.memory",
            "tr.decoder.memory_as_it_is",
            "tr.err.mem_feature",
        ),
    )


def _masks(name: str) -> tuple[Remark, ...]:
    """Return the remarks on the masks of the two sequences."""
    return (
        incomplete(
            "tgt_mask: the mask for the tgt sequence (optional).",
            "What True means is not said: it hides.",
            f"{name}.tgt_mask",
            "tr.decoder.masks",
            "mha.mask.true_hides",
        ),
        incomplete(
            "memory_mask: the mask for the memory sequence (optional).",
            "It has a row for each target position and a column for each of the memory's.",
            f"{name}.memory_mask",
            "tr.decoder.masks",
            "tr.err.memory_mask",
        ),
        holds(
            "tgt_key_padding_mask: the mask for the tgt keys per batch (optional).",
            f"{name}.tgt_key_padding_mask",
            "tr.decoder.masks",
        ),
        holds(
            "memory_key_padding_mask: the mask for the memory keys per batch (optional).",
            f"{name}.memory_key_padding_mask",
            "tr.decoder.masks",
        ),
    )


_STACK_FORWARD = Audit(
    path="torch.nn.TransformerDecoder.forward",
    remarks=(
        wrong(
            "Pass the inputs (and mask) through the decoder layer in turn.",
            "Through several layers: only the target goes from one to the next, and all get the "
            "same memory and masks.",
            "tr.decoder.in_turn",
            "tr.decoder.passes_on",
        ),
        *_forward("TransformerDecoder", "decoder", detects=True),
    ),
)

_LAYER = Audit(
    path="torch.nn.TransformerDecoderLayer",
    asides=INTRODUCTION,
    remarks=(
        incomplete(
            "is made up of self-attn, multi-head-attn and feedforward network",
            "Which attention is which is not said: `multihead_attn` looks at the memory. Three "
            "norms are in it as well.",
            "tr.which_mha",
        ),
        holds("implements the original architecture described", "tr.which_mha"),
        holds("d_model: the number of expected features", "TransformerDecoderLayer.d_model"),
        *arguments_of("TransformerDecoderLayer", "tr.decoder.dropout", "TransformerDecoderLayer"),
        holds("layer_norm_eps: the eps value in layer", "tr.decoder.eps"),
        holds("components (default=1e-5)", "TransformerDecoderLayer.layer_norm_eps"),
        incomplete(
            "layer norm is done prior to self attention, multihead attention and",
            "Not to the memory, which the second attention sees as it is.",
            "tr.which_mha",
            "tr.decoder.memory_as_it_is",
        ),
        incomplete(
            "Otherwise it's done after.",
            "After the sum of the part and what went into it, not after the part.",
            "tr.which_mha",
        ),
        incomplete(
            "``Linear`` and ``LayerNorm`` layers will not learn an additive bias",
            "Both attentions lose theirs as well, among them a parameter of no Linear, "
            "`in_proj_bias`.",
            "TransformerDecoderLayer.self_attn.in_proj_bias",
            "TransformerDecoderLayer.multihead_attn.in_proj_bias",
        ),
        holds(">>> decoder_layer = nn.TransformerDecoderLayer(d_model=512, nhead=8)", EXAMPLES),
        holds("Alternatively, when ``batch_first`` is ``True``", EXAMPLES),
        holds("... d_model=512, nhead=8, batch_first=True", EXAMPLES),
    ),
)

_LAYER_FORWARD = Audit(
    path="torch.nn.TransformerDecoderLayer.forward",
    remarks=(
        holds("Pass the inputs (and mask) through the decoder layer.", "tr.which_mha"),
        *_forward("TransformerDecoderLayer", "decoder layer", detects=False),
    ),
)

AUDITS = (_STACK, _STACK_FORWARD, _LAYER, _LAYER_FORWARD)
