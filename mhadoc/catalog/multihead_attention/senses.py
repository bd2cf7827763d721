"""What the entries of a mask mean, here and in other libraries: observed where it can be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mhadoc.catalog.multihead_attention.claims.hiding import weights
from mhadoc.language import OutcomeTable, Seen, Stated

__all__ = ["SENSES"]

_TRUE_HIDES = "True hides, False keeps"
_TRUE_KEEPS = "True keeps, False hides"
_ADDED = "added to the scores: 0 keeps, `-inf` hides"


def sense(mask: Any, attend: Callable[[Any], Any]) -> str:
    """Tell what the entries of a mask do to the weights that a function attends with.

    The mask has the axes of the weights, or fewer, as they broadcast.
    """
    if mask.is_floating_point():
        mask = mask.clone()
        mask[..., 0] = float("-inf")
        added = (attend(None).log() + mask).softmax(-1)
        return _ADDED if added.allclose(attend(mask)) else "something else"
    hidden = attend(mask) == 0
    for told, meant in ((_TRUE_HIDES, mask), (_TRUE_KEEPS, ~mask)):
        if bool((meant.expand_as(hidden) == hidden).all()):
            return told
    return "something else"


def _of_padding(seen: Seen) -> str:
    """Observe the key_padding_mask alone, with axes added for heads and queries."""
    attend = partial(_attend, seen, name="key_padding_mask")
    mask = seen.inputs["key_padding_mask"][:, None, None]
    return sense(mask, lambda mask: attend(None if mask is None else mask[:, 0, 0]))


def _of_matrix(seen: Seen) -> str:
    """Observe the attn_mask alone."""
    return sense(seen.inputs["attn_mask"], partial(_attend, seen, name="attn_mask"))


def _attend(seen: Seen, mask: Any, name: str) -> Any:
    alone = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}
    return weights(seen, **{**alone, name: mask})


def _of_function(seen: Seen) -> str:
    """Observe scaled_dot_product_attention with the same mask: of ones, each key returns itself."""
    from torch.nn.functional import scaled_dot_product_attention

    mask = seen.inputs["attn_mask"]
    length, keys = mask.shape
    numbers = seen.inputs["query"].new_ones((length + keys) * 3).cumsum(0).sin()
    query, key = numbers.reshape(-1, 3).split((length, keys))
    itself = query.new_ones(keys).diag()
    return sense(
        mask, lambda mask: scaled_dot_product_attention(query, key, itself, attn_mask=mask)
    )


_KERAS = "https://keras.io/api/layers/attention_layers/multi_head_attention/"
_FLAX = (
    "https://flax.readthedocs.io/en/v0.6.10/api_reference/_autosummary/"
    "flax.linen.dot_product_attention.html"
)
_GLOSSARY = "https://huggingface.co/docs/transformers/glossary"
_CONVERTER = (
    "https://github.com/huggingface/transformers/blob/"
    "000b2cd5cd86a00c28595ba16bfb0be5542ed686/src/transformers/modeling_attn_mask_utils.py"
)

#: Booleans in the first column, floats in the second.
SENSES = OutcomeTable(
    id="mha.table.mask_senses",
    question="What do the entries of a mask mean?",
    rows=(
        ("nn.MultiheadAttention, key_padding_mask", {}),
        ("nn.MultiheadAttention, attn_mask", {}),
        ("scaled_dot_product_attention, attn_mask", {}),
    ),
    columns=(
        ("Booleans", {"attn_mask": "2-D bool", "key_padding_mask": "bool"}),
        ("Floats", {"attn_mask": "2-D float", "key_padding_mask": "float"}),
    ),
    shows=_of_matrix,
    instead={
        "nn.MultiheadAttention, key_padding_mask": _of_padding,
        "scaled_dot_product_attention, attn_mask": _of_function,
    },
    stated=(
        Stated(
            "Keras MultiHeadAttention, attention_mask",
            (_TRUE_KEEPS, "none: a boolean mask is asked for"),
            _KERAS,
        ),
        Stated(
            "Flax MultiHeadDotProductAttention, mask",
            (_TRUE_KEEPS, "none in `mask`; `dot_product_attention` adds its `bias` to the scores"),
            _FLAX,
        ),
        Stated(
            "Hugging Face models, 2-D attention_mask",
            ("1 keeps, 0 hides", "none: it holds ones and zeros"),
            _GLOSSARY,
        ),
        Stated(
            "Hugging Face, the 4-D mask made of it",
            ("none", "added to the scores: 0 keeps, the lowest float hides"),
            _CONVERTER,
        ),
    ),
)
