"""The docstrings of nn.TransformerEncoder and of nn.TransformerEncoderLayer."""

from __future__ import annotations

from mhadoc.catalog.audits.phrases import (
    ADVICE,
    EXAMPLES,
    HINT,
    INTRODUCTION,
    REFERENCES,
    SPEED,
    arguments_of,
    causal,
    forward_of,
    holds,
    incomplete,
    wrong,
)
from mhadoc.language import Audit

__all__ = ["AUDITS"]

_HINTS = "Providing incorrect hints can result in incorrect"
_POINTER = (
    "see the docs in :class:`~torch.nn.Transformer`",
    "That class's docstring gives no shapes: they stand in that of `Transformer.forward`.",
    HINT,
)

_STACK = Audit(
    path="torch.nn.TransformerEncoder",
    asides=(
        *INTRODUCTION,
        ("It is recommended to manually initialize the layers", ADVICE),
        ("This will improve the overall performance", SPEED),
    ),
    remarks=(
        holds("TransformerEncoder is a stack of N encoder layers.", "tr.encoder.in_turn"),
        incomplete(
            "implements the original architecture described",
            "There are no embeddings and no positions in it, and a final norm only where one is "
            "given.",
            "tr.encoder.in_turn",
            "tr.encoder.state_dict",
        ),
        holds("All layers in the TransformerEncoder are initialized with the same", "tr.clones"),
        incomplete(
            "Args:",
            "`mask_check` is an argument too; switching it off can drop the wrong positions.",
            "TransformerEncoder.mask_check",
            "tr.fast.mask_check",
        ),
        incomplete(
            "encoder_layer: an instance of the TransformerEncoderLayer() class",
            "It is copied: the instance itself is not in the stack. Another class does as well, "
            "without nested tensors.",
            "TransformerEncoder.encoder_layer",
            "tr.clones.given",
            "tr.warn.class",
        ),
        incomplete(
            "num_layers: the number of sub-encoder-layers in the encoder (required).",
            "0 is accepted, and forward then raises.",
            "TransformerEncoder.num_layers",
            "tr.encoder.no_layers",
        ),
        incomplete(
            "norm: the layer normalization component (optional).",
            "Without one the stack has none, also where the layers norm first.",
            "TransformerEncoder.norm",
            "tr.encoder.state_dict",
        ),
        wrong(
            "if True, input will automatically convert to nested tensor",
            "Only in eval mode without gradients, for a batch with a padding mask and no other, "
            "over a layer that has a fast path and norms last. Padded positions come out as zeros.",
            "doc.te_nested",
            "tr.encoder.nested_when",
            "tr.encoder.nested_unless",
        ),
        incomplete(
            "Default: ``True`` (enabled).",
            "With the layer's own default, `batch_first=False`, it is switched off with a warning.",
            "TransformerEncoder.enable_nested_tensor",
            "tr.warn.nested",
        ),
        incomplete(
            ">>> transformer_encoder = nn.TransformerEncoder(encoder_layer, num_layers=6)",
            "It runs, and warns: the layer is not batch first.",
            EXAMPLES,
            "tr.warn.nested",
        ),
    ),
)

_STACK_FORWARD = Audit(
    path="torch.nn.TransformerEncoder.forward",
    remarks=(
        holds("Pass the input through the encoder layers in turn.", "tr.encoder.in_turn"),
        *forward_of("TransformerEncoder", "src: the sequence to the encoder"),
        incomplete(
            "mask: the mask for the src sequence (optional).",
            "What True means is not said: it hides. With a mask nested tensors are not used.",
            "TransformerEncoder.mask",
            "tr.encoder.passes_on",
            "mha.mask.true_hides",
            "doc.te_nested",
        ),
        incomplete(
            "src_key_padding_mask: the mask for the src keys per batch (optional).",
            "Where nested tensors are used the outputs at padded positions are zeros, and floats "
            "hide for good.",
            "TransformerEncoder.src_key_padding_mask",
            "doc.te_nested",
            "tr.fast.float_kpm_nested",
        ),
        *causal("TransformerEncoder", "is_causal", "mask"),
        incomplete(
            "Default: ``None``; try to detect a causal mask.",
            "A mask of three axes is never recognised.",
            "TransformerEncoder.is_causal",
            "tr.causal_autodetect",
            "tr.causal_autodetect.square",
        ),
        holds(_HINTS, "mha.causal.replaces"),
        wrong(*_POINTER),
    ),
)

_LAYER = Audit(
    path="torch.nn.TransformerEncoderLayer",
    asides=(
        *INTRODUCTION,
        ("Derived classes are expected to similarly accept", ADVICE),
        ("If you are implementing a custom layer, you may derive", ADVICE),
        ("supports both torch.Tensors and Nested Tensors inputs, make", ADVICE),
        ("supports only torch.Tensor inputs, derive", ADVICE),
        ("an additional speedup proportional to the fraction", SPEED),
        *REFERENCES,
    ),
    remarks=(
        incomplete(
            "is made up of self-attn and feedforward network",
            "Two norms are in it as well, and what goes into each part is added to what comes out.",
            "tr.layer.norm_order",
        ),
        holds("implements the original architecture described", "tr.layer.norm_order"),
        incomplete(
            "can handle either traditional torch.tensor inputs, or Nested Tensor inputs",
            "Nested input is refused unless the fast path is taken: in training, with gradients, "
            "or with a mask.",
            "tr.fast.nested_alone",
        ),
        holds("(Not all combinations of inputs are currently supported", "tr.fast.nested_alone"),
        holds("d_model: the number of expected features", "TransformerEncoderLayer.d_model"),
        *arguments_of("TransformerEncoderLayer", "tr.layer.dropout", "TransformerEncoderLayer"),
        holds("layer_norm_eps: the eps value in layer", "tr.layer.eps"),
        holds("components (default=1e-5)", "TransformerEncoderLayer.layer_norm_eps"),
        holds("layer norm is done prior to attention and feedforward", "tr.layer.norm_order"),
        incomplete(
            "Otherwise it's done after.",
            "After the sum of the part and what went into it, not after the part.",
            "tr.layer.norm_order",
        ),
        incomplete(
            "``Linear`` and ``LayerNorm`` layers will not learn an additive bias",
            "The attention loses its two as well, and the layer its fast path.",
            "doc.tel_bias",
            "tr.fast.conditions",
        ),
        holds(">>> encoder_layer = nn.TransformerEncoderLayer(d_model=512, nhead=8)", EXAMPLES),
        holds("Alternatively, when ``batch_first`` is ``True``", EXAMPLES),
        holds("... d_model=512, nhead=8, batch_first=True", EXAMPLES),
        incomplete(
            "will use a special optimized implementation described in",
            "What runs is one fused kernel for the whole layer, with norms and feed-forward "
            "part, and on the CPU as well.",
            "tr.fast.conditions",
        ),
        wrong(
            "if all of the following conditions are met:",
            "More is needed: `bias=True`, an even `nhead`, no hook, no autocast for CUDA, plain "
            "tensors, a device that has the kernel, and the fast path switched on.",
            "tr.fast.conditions",
            "tr.fast.hooks",
            "tr.fast.autocast",
            "tr.fast.subclass",
            "tr.fast.meta",
            "tr.fast.enabled",
        ),
        incomplete(
            "Either autograd is disabled (using ``torch.inference_mode``",
            "The layer's own parameters count as well, so that a fresh layer never qualifies.",
            "tr.fast.conditions",
        ),
        holds("training is disabled (using ``.eval()``)", "tr.fast.conditions"),
        holds("batch_first is ``True`` and the input is batched", "tr.fast.conditions"),
        wrong(
            "``torch.functional.relu``, or ``torch.functional.gelu``",
            "There are no such functions: those of `torch.nn.functional` count, and nn.ReLU and "
            "nn.GELU.",
            "doc.tel_activation_names",
            "tr.fast.torch_relu",
        ),
        wrong(
            "at most one of ``src_mask`` and ``src_key_padding_mask`` is passed",
            "Both may be passed.",
            "doc.tel_one_mask",
            "tr.fast.masks",
        ),
        holds(
            "neither ``src_mask`` nor ``src_key_padding_mask`` is passed", "tr.fast.nested_alone"
        ),
        holds("instances have a consistent ``eps`` value", "tr.fast.eps"),
        holds("can be passed for ``src`` to represent padding", "tr.fast.nested_alone"),
        holds(
            "will be returned, and an additional speedup",
            "tr.fast.nested_alone",
        ),
    ),
)

_LAYER_FORWARD = Audit(
    path="torch.nn.TransformerEncoderLayer.forward",
    remarks=(
        holds("Pass the input through the encoder layer.", "tr.layer.norm_order"),
        *forward_of("TransformerEncoderLayer", "src: the sequence to the encoder layer"),
        incomplete(
            "src_mask: the mask for the src sequence (optional).",
            "What True means is not said: it hides. On the fast path floats are not added: every "
            "entry but 0 hides.",
            "TransformerEncoderLayer.src_mask",
            "tr.layer.masks",
            "tr.fast.float_mask_as_bool",
        ),
        holds(
            "src_key_padding_mask: the mask for the src keys per batch (optional).",
            "TransformerEncoderLayer.src_key_padding_mask",
            "tr.layer.masks",
        ),
        *causal("TransformerEncoderLayer", "is_causal", "src mask"),
        holds(
            "mask``. Default: ``False``.",
            "TransformerEncoderLayer.is_causal",
            "tr.layer.no_detection",
        ),
        holds(_HINTS, "mha.causal.replaces"),
        wrong(*_POINTER),
    ),
)

AUDITS = (_STACK, _STACK_FORWARD, _LAYER, _LAYER_FORWARD)
