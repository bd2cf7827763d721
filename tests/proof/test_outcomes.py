"""Tables of outcomes: every cell is what the real module did."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

import mhadoc
from mhadoc.catalog.multihead_attention.senses import sense
from mhadoc.errors import MhadocError, UnknownNameError
from mhadoc.language import OutcomeTable
from mhadoc.proof.observe import Bench
from mhadoc.proof.outcomes import outcomes

SPEC = mhadoc.spec("MultiheadAttention")
BENCH = Bench(SPEC)
RAISES = "raises RuntimeError"
USED = "the mask given is used, the flag ignored"
SEEN = "the flag is ignored: the future is seen"
HIDDEN = "the future is hidden, the mask given is not looked at"


def cells(name: str) -> dict[str, tuple[str, ...]]:
    table = SPEC.table(name)
    found = outcomes(table, BENCH)
    return {title: row for (title, _), row in zip(table.rows, found, strict=True)}


def test_is_causal() -> None:
    assert cells("mha.table.is_causal") == {
        "no mask": (RAISES, RAISES, SEEN, SEEN),
        "attn_mask": (USED, HIDDEN, USED, USED),
        "key_padding_mask alone": (RAISES, RAISES, SEEN, SEEN),
        "both masks": (USED, USED, USED, USED),
    }


def test_nan() -> None:
    bias = "`out_proj.bias`"
    assert cells("mha.table.nan") == {
        "bool attn_mask": ("NaN", bias, "NaN", "NaN"),
        "float attn_mask, -inf": ("NaN", bias, "NaN", bias),
        "bool key_padding_mask": ("NaN", bias, "NaN", "NaN"),
        "float key_padding_mask, -inf": ("NaN", bias, "NaN", bias),
        "bool attn_mask, add_zero_attn": (bias, bias, bias, bias),
        "bool attn_mask, add_bias_kv": ("finite",) * 4,
    }


def test_mask_senses() -> None:
    hides, keeps = "True hides, False keeps", "True keeps, False hides"
    added = "added to the scores: 0 keeps, `-inf` hides"
    assert cells("mha.table.mask_senses") == {
        "nn.MultiheadAttention, key_padding_mask": (hides, added),
        "nn.MultiheadAttention, attn_mask": (hides, added),
        "scaled_dot_product_attention, attn_mask": (keeps, added),
    }


def weigh(mask: torch.Tensor | None, *, factor: float = 1.0, deaf: bool = False) -> torch.Tensor:
    """Attend with masks of another convention: floats count several times, booleans do nothing."""
    scores = torch.arange(12.0).sin().reshape(3, 4)
    if mask is None or (mask.dtype == torch.bool and deaf):
        return scores.softmax(-1)
    if mask.dtype == torch.bool:
        return scores.masked_fill(mask, float("-inf")).softmax(-1)
    return (scores + factor * mask).softmax(-1)


BOOLS = torch.tensor([[True, False, False, True]])
FLOATS = torch.tensor([[0.5, -1.0, 0.0, 2.0]])


@pytest.mark.parametrize(
    ("mask", "attend", "told"),
    [
        (BOOLS, weigh, "True hides, False keeps"),
        (BOOLS, lambda mask: weigh(None if mask is None else ~mask), "True keeps, False hides"),
        (BOOLS, partial(weigh, deaf=True), "something else"),
        (FLOATS, weigh, "added to the scores: 0 keeps, `-inf` hides"),
        (FLOATS, partial(weigh, factor=2.0), "something else"),
        (FLOATS, lambda mask: weigh(mask if mask is None else mask != 0), "something else"),
    ],
)
def test_other_senses_are_told_apart(mask: torch.Tensor, attend: Any, told: str) -> None:
    assert sense(mask, attend) == told


def test_nan_on_plain_torch() -> None:
    attention = torch.nn.MultiheadAttention(4, 2, batch_first=True).eval()
    x, mask = torch.randn(1, 3, 4), torch.tensor([[True] * 3, [False] * 3, [False] * 3])
    with torch.no_grad():
        assert attention(x, x, x, attn_mask=mask, need_weights=False)[0][0, 0].isnan().all()
    output, _ = attention(x, x, x, attn_mask=mask, need_weights=False)
    assert output[0, 0].equal(attention.out_proj.bias)


@pytest.mark.parametrize("table", SPEC.tables, ids=lambda table: table.id)
def test_columns_differ(table: OutcomeTable) -> None:
    assert len({outcome for row in outcomes(table, BENCH) for outcome in row}) > 1


def test_impossible_choices() -> None:
    table = replace(SPEC.tables[0], always={"kdim": "other"})
    with pytest.raises(MhadocError, match="these choices do not go together"):
        outcomes(table, BENCH)


def test_unknown_table() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no table is called 'mha\.table\.na'.*mha\.table\.nan"
    ):
        SPEC.table("mha.table.na")
