"""Tables of outcomes of nn.MultiheadAttention: is_causal on every path, NaN, and the masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mhadoc.catalog.multihead_attention.senses import SENSES
from mhadoc.language import Seen
from mhadoc.language.tables import OutcomeTable

_EVAL = {"training": "False", "grad": "False"}
_SELF = {"identity": "q is k is v", "batch_first": "True"}
_PATHS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("need_weights=True", {**_SELF, "need_weights": "True"}),
    ("need_weights=False", {**_SELF, "need_weights": "False"}),
    ("fast path, need_weights=True", {**_SELF, **_EVAL, "need_weights": "True"}),
    ("fast path, need_weights=False", {**_SELF, **_EVAL, "need_weights": "False"}),
)


def _causal(seen: Seen) -> Any:
    """Return the mask that hides the future, as wide as the call's."""
    length, width = seen.values["L"], seen.values["S"]
    ones = seen.inputs["query"].new_ones((length, width))
    return ones.triu(1) > 0


def is_causal_outcome(seen: Seen) -> str:
    """Tell what a call with is_causal=True did: raise, obey a mask, or attend to everything."""
    if seen.error is not None:
        return f"raises {type(seen.error).__name__}"
    output = seen.outputs["attn_output"]
    if seen.inputs.get("attn_mask") is not None and _like(seen.again(is_causal=False), output):
        return "the mask given is used, the flag ignored"
    if _like(seen.again(is_causal=False, attn_mask=None), output):
        return "the flag is ignored: the future is seen"
    if _like(seen.again(is_causal=False, attn_mask=_causal(seen)), output):
        return "the future is hidden, the mask given is not looked at"
    return "something else"


def _like(other: Seen, output: Any) -> bool:
    return bool(other.outputs["attn_output"].allclose(output, atol=1e-9, equal_nan=True))


def masked_row_outcome(seen: Seen) -> str:
    """Tell what becomes of the first query when every key is hidden from it."""
    observed = seen.again(**_hiding(seen))
    if observed.error is not None:
        return f"raises {type(observed.error).__name__}"
    output = observed.outputs["attn_output"]
    row = output[0, 0] if seen.values["batched"] else output[0]
    if row.isnan().all():
        return "NaN"
    return "`out_proj.bias`" if row.allclose(seen.module.out_proj.bias) else "finite"


def _hiding(seen: Seen) -> dict[str, Any]:
    """Return the mask of the case with every key hidden from the first query."""
    if (padding := seen.inputs.get("key_padding_mask")) is not None:
        return {"key_padding_mask": _hidden(padding)}
    return {"attn_mask": _hidden(seen.inputs["attn_mask"])}


def _hidden(mask: Any) -> Any:
    mask = mask.clone()
    mask[0] = float("-inf") if mask.is_floating_point() else True
    return mask


TABLES = (
    OutcomeTable(
        id="mha.table.is_causal",
        question="What does `is_causal=True` do in self-attention?",
        rows=(
            ("no mask", {}),
            ("attn_mask", {"attn_mask": "2-D bool"}),
            ("key_padding_mask alone", {"key_padding_mask": "bool"}),
            ("both masks", {"attn_mask": "2-D bool", "key_padding_mask": "bool"}),
        ),
        columns=_PATHS,
        shows=is_causal_outcome,
        always={"is_causal": "True"},
    ),
    OutcomeTable(
        id="mha.table.nan",
        question="What is the output of a query from which every key is hidden?",
        rows=(
            ("bool attn_mask", {"attn_mask": "2-D bool"}),
            ("float attn_mask, -inf", {"attn_mask": "2-D float"}),
            ("bool key_padding_mask", {"key_padding_mask": "bool"}),
            ("float key_padding_mask, -inf", {"key_padding_mask": "float"}),
            ("bool attn_mask, add_zero_attn", {"attn_mask": "2-D bool", "add_zero_attn": "True"}),
            ("bool attn_mask, add_bias_kv", {"attn_mask": "2-D bool", "add_bias_kv": "True"}),
        ),
        columns=(
            *_PATHS[:2],
            ("eval, no_grad, need_weights=True", _PATHS[2][1]),
            ("eval, no_grad, need_weights=False", _PATHS[3][1]),
        ),
        shows=masked_row_outcome,
    ),
    SENSES,
)
