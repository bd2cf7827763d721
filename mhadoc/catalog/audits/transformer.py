"""The docstrings of nn.Transformer: the class, forward, and the maker of causal masks."""

from __future__ import annotations

from mhadoc.catalog.audits.phrases import (
    EXAMPLES,
    INTRODUCTION,
    arguments_of,
    causal,
    holds,
    incomplete,
    wrong,
)
from mhadoc.language import Audit

__all__ = ["AUDITS"]

_CLASS = Audit(
    path="torch.nn.Transformer",
    asides=(
        *INTRODUCTION,
        ("A full example to apply nn.Transformer module", "a link"),
        ("https://github.com/pytorch/examples", "a link"),
    ),
    remarks=(
        wrong(
            "A basic transformer layer.",
            "Not one layer but a stack of encoder layers and one of decoder layers, each with a "
            "final norm.",
            "tr.transformer.count",
            "tr.final_norms",
        ),
        incomplete(
            "implements the original Transformer architecture described",
            "Embeddings, positions and the last map to words are not in it, and two final norms "
            "are that the paper does not have.",
            "tr.two_steps",
            "tr.final_norms",
        ),
        holds("expected features in the encoder/decoder inputs", "tr.err.features"),
        holds("in the encoder/decoder inputs (default=512)", "Transformer.d_model"),
        incomplete(
            "num_encoder_layers: the number of sub-encoder-layers",
            "Without effect where a `custom_encoder` is given.",
            "Transformer.num_encoder_layers",
            "tr.custom",
        ),
        incomplete(
            "num_decoder_layers: the number of sub-decoder-layers",
            "Without effect where a `custom_decoder` is given.",
            "Transformer.num_decoder_layers",
            "tr.custom",
        ),
        *arguments_of("Transformer", "tr.dropout_everywhere", "TransformerEncoderLayer"),
        incomplete(
            "custom_encoder: custom encoder (default=None).",
            "It is used as it is, but its matrices are drawn anew: what was trained is lost.",
            "Transformer.custom_encoder",
            "tr.custom",
            "tr.custom_encoder_reinit",
        ),
        incomplete(
            "custom_decoder: custom decoder (default=None).",
            "It is used as it is, but its matrices are drawn anew: what was trained is lost.",
            "Transformer.custom_decoder",
            "tr.custom",
            "tr.custom_encoder_reinit",
        ),
        holds("layer_norm_eps: the eps value in layer", "tr.eps_everywhere"),
        holds("components (default=1e-5)", "Transformer.layer_norm_eps"),
        incomplete(
            "will perform LayerNorms before other attention and feedforward",
            "The memory is not normed before the attention over it, and the final norms of both "
            "stacks come after either way.",
            "tr.layer.norm_order",
            "tr.decoder.memory_as_it_is",
            "tr.final_norms",
        ),
        incomplete(
            "``Linear`` and ``LayerNorm`` layers will not learn an additive bias",
            "The attentions lose theirs as well, among them a parameter of no Linear, "
            "`in_proj_bias`.",
            "doc.tel_bias",
            "Transformer.encoder.layers.{i}.self_attn.in_proj_bias",
        ),
        incomplete(
            ">>> transformer_model = nn.Transformer(nhead=16",
            "It runs, and warns: the default `batch_first=False` rules nested tensors out.",
            EXAMPLES,
            "tr.default_warns",
        ),
    ),
)

_FLOATS = "doc.t_float_added"
_INSIDE = "For unbatched input the 3-D form is `{{Transformer.{}.per_head_unbatched}}`."


def _three_axes(mask: str, shape: str) -> tuple[str, str, str, str]:
    rules = f"Transformer.{mask}.matrix", f"Transformer.{mask}.per_head_unbatched"
    return f"- {mask}: :math:`{shape}`", _INSIDE.format(mask), *rules


_FORWARD = Audit(
    path="torch.nn.Transformer.forward",
    remarks=(
        holds("Take in and process masked source/target sequences.", "tr.two_steps"),
        holds(
            "positions with a ``True`` value are not allowed to participate",
            "mha.mask.true_hides",
            "tr.layer.masks",
            "tr.decoder.masks",
        ),
        holds(
            "which is the opposite of the definition for :attr:`attn_mask`", "mha.silent.sdpa_mask"
        ),
        holds("src: the sequence to the encoder (required).", "Transformer.src", "tr.two_steps"),
        holds("tgt: the sequence to the decoder (required).", "Transformer.tgt", "tr.two_steps"),
        wrong(
            "src_mask: the additive mask for the src sequence",
            "It may be boolean, and on the fast path one of floats is not added: every entry but 0 "
            "hides.",
            "mha.mask.true_hides",
            "tr.fast.float_mask_as_bool",
        ),
        incomplete(
            "tgt_mask: the additive mask for the tgt sequence",
            "It may be boolean too, and then True hides.",
            "Transformer.tgt_mask",
            "mha.mask.true_hides",
        ),
        incomplete(
            "memory_mask: the additive mask for the encoder output",
            "It may be boolean too, and then True hides.",
            "Transformer.memory_mask",
            "mha.mask.true_hides",
        ),
        incomplete(
            "src_key_padding_mask: the Tensor mask for src keys per batch",
            "In the encoder alone: the decoder sees these positions of the memory unless "
            "`memory_key_padding_mask` hides them as well.",
            "Transformer.src_key_padding_mask",
            "tr.no_mem_mask_default",
        ),
        holds(
            "tgt_key_padding_mask: the Tensor mask for tgt keys per batch",
            "Transformer.tgt_key_padding_mask",
            "tr.decoder.masks",
        ),
        holds(
            "memory_key_padding_mask: the Tensor mask for memory keys per batch",
            "Transformer.memory_key_padding_mask",
            "tr.decoder.masks",
        ),
        *causal("Transformer", "src_is_causal", "src_mask"),
        incomplete(
            "``src_mask``. Default: ``None``; try to detect a causal mask.",
            "A mask of three axes is never recognised.",
            "Transformer.src_is_causal",
            "tr.causal_autodetect",
            "tr.causal_autodetect.square",
        ),
        *causal("Transformer", "tgt_is_causal", "tgt_mask"),
        incomplete(
            "``tgt_mask``. Default: ``None``; try to detect a causal mask.",
            "A mask of three axes is never recognised.",
            "Transformer.tgt_is_causal",
            "tr.decoder.detects",
            "tr.causal_autodetect.square",
        ),
        *causal("Transformer", "memory_is_causal", "memory_mask"),
        holds("``memory_mask``. Default: ``False``.", "Transformer.memory_is_causal"),
        holds("Providing incorrect hints can result in incorrect", "mha.causal.replaces"),
        holds("- src: :math:`(S, E)` for unbatched input", "Transformer.src"),
        holds("- tgt: :math:`(T, E)` for unbatched input", "Transformer.tgt"),
        incomplete(*_three_axes("src_mask", "(S, S)")),
        incomplete(*_three_axes("tgt_mask", "(T, T)")),
        incomplete(
            "- memory_mask: :math:`(T, S)`.",
            "A mask of three axes is taken as well: `{Transformer.memory_mask.per_head}`.",
            "Transformer.memory_mask.matrix",
            "Transformer.memory_mask.per_head",
        ),
        holds("- src_key_padding_mask: :math:`(S)`", "Transformer.src_key_padding_mask"),
        holds("- tgt_key_padding_mask: :math:`(T)`", "Transformer.tgt_key_padding_mask"),
        holds("- memory_key_padding_mask: :math:`(S)`", "Transformer.memory_key_padding_mask"),
        incomplete(
            "position :math:`i` is allowed to attend the unmasked positions",
            "Unless a padding mask hides them.",
            "mha.mask.true_hides",
            "mha.mask.either_hides",
        ),
        holds(
            "positions with ``True`` are not allowed to attend while ``False``",
            "mha.mask.true_hides",
        ),
        wrong(
            "If a FloatTensor is provided, it will be added to the attention weight.",
            "It is added to the scores, before the softmax; in an encoder on its fast path it is "
            "not added at all.",
            _FLOATS,
            "tr.fast.float_mask_as_bool",
        ),
        incomplete(
            "provides specified elements in the key to be ignored by the attention",
            "Keys only: padded positions still come out as numbers of their own.",
            "mha.mask.padding_true_hides",
            "mha.mask.padded_queries",
        ),
        incomplete(
            "the positions with the value of ``True`` will be ignored while the position",
            "A mask of floats is taken as well, and added to the scores.",
            "doc.t_kpm_bool_only",
        ),
        holds("- output: :math:`(T, E)` for unbatched input", "Transformer.output"),
        holds("the output sequence length of a transformer is same", "Transformer.output"),
        holds(":math:`T` is the target sequence length, :math:`N` is", "Transformer.tgt"),
        wrong(
            ">>> output = transformer_model(",
            "The example is marked as skipped and cannot run: it defines none of its names.",
            "doc.family.forward_example",
        ),
    ),
)

_MASK = Audit(
    path="torch.nn.Transformer.generate_square_subsequent_mask",
    remarks=(
        holds("Generate a square causal mask for the sequence.", "tr.gen_mask"),
        incomplete(
            "The masked positions are filled with float('-inf').",
            "With `dtype=torch.bool` they are True, and no dtype of ints is accepted.",
            "tr.gen_mask",
            "tr.gen_mask_bool",
            "tr.gen_mask_int",
        ),
        incomplete(
            "Unmasked positions are filled with float(0.0).",
            "With `dtype=torch.bool` they are False.",
            "tr.gen_mask",
            "tr.gen_mask_bool",
        ),
    ),
)

AUDITS = (_CLASS, _FORWARD, _MASK)
