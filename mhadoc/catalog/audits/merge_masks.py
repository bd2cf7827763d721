"""The docstring of nn.MultiheadAttention.merge_masks."""

from __future__ import annotations

from mhadoc.catalog.audits.phrases import holds, incomplete, wrong
from mhadoc.language import Audit

__all__ = ["AUDITS"]

_MERGE = Audit(
    path="torch.nn.MultiheadAttention.merge_masks",
    remarks=(
        holds("Determine mask type and combine masks if necessary.", "mha.merge_masks.kind"),
        wrong(
            "If only one mask is provided, that mask and the corresponding mask type",
            "True of a `key_padding_mask` alone. An `attn_mask` alone is expanded for every batch "
            "element and head, and its kind is 2.",
            "mha.merge_masks.kind",
            "mha.merge_masks.shape",
        ),
        holds(
            "expanded to shape ``(batch_size, num_heads, seq_len, seq_len)``",
            "mha.merge_masks.shape",
        ),
        wrong(
            "combined with logical ``or``",
            "They are added. For the floats that forward passes this is a sum.",
            "mha.merge_masks.sum",
        ),
        holds("mask type 2 will be returned", "mha.merge_masks.kind"),
        wrong(
            "attention mask of shape ``(seq_len, seq_len)``, mask type 0",
            "A mask of three axes is taken as well, and the kind is 2, never 0.",
            "mha.merge_masks.shape",
            "mha.merge_masks.kind",
        ),
        holds(
            "padding mask of shape ``(batch_size, seq_len)``, mask type 1", "mha.merge_masks.kind"
        ),
        holds("query embeddings of shape", "mha.merge_masks.shape"),
        incomplete("merged_mask: merged mask", "None without masks.", "mha.merge_masks.kind"),
        wrong(
            "merged mask type (0, 1, or 2)",
            "1 or 2, and None without masks: 0 never comes.",
            "mha.merge_masks.kind",
        ),
    ),
)

AUDITS = (_MERGE,)
