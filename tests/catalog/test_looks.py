"""The numbers in masks: when they are looked at, and how they come over from elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode

import mhadoc
from mhadoc.catalog.multihead_attention import looks

MHA = nn.MultiheadAttention(6, 2, batch_first=True)
X = torch.randn(3, 5, 6)
KEEP = torch.ones(5, 5, dtype=torch.bool).tril()
PADDING = torch.zeros(3, 5).masked_fill(torch.arange(5) > 2, float("-inf"))


def rules(**masks: Any) -> list[str]:
    return [problem.rule for problem in mhadoc.diagnose(MHA, X, X, X, **masks)]


def test_masks_from_elsewhere_come_over_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies on another device is joined, fetched once, and is what it was."""
    joined: list[int] = []
    monkeypatch.setattr(looks, "_is_far", lambda mask: True)
    cat = torch.cat
    monkeypatch.setattr(torch, "cat", lambda parts: joined.append(len(parts)) or cat(parts))
    expected = ["mha.silent.sdpa_mask", "mha.nan.with_weights"]
    assert rules(attn_mask=KEEP, key_padding_mask=PADDING) == expected
    assert joined == [2]
    assert rules(attn_mask=KEEP.repeat(6, 1, 1)) == expected


def test_a_legal_call_without_masks_fetches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_fetched", lambda masks: pytest.fail("something is fetched"))
    assert rules() == []
    assert mhadoc.diagnose(nn.TransformerEncoderLayer(6, 2), X) == []


def test_a_mask_that_is_too_large_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules(attn_mask=KEEP) != []
    monkeypatch.setattr(looks, "_MOST", 24)
    assert rules(attn_mask=KEEP) == []


@pytest.mark.parametrize("kind", ["meta", "subclass"])
def test_a_mask_without_plain_numbers_is_not_looked_at(kind: str) -> None:
    mask = KEEP.to("meta") if kind == "meta" else KEEP.as_subclass(type("Own", (torch.Tensor,), {}))
    assert looks.numbers_in(mask) is None
    assert looks.numbers_in(KEEP) is not None


def test_under_a_mode_nothing_is_looked_at() -> None:
    with FakeTensorMode():
        assert looks.numbers_in(KEEP) is None


def test_under_vmap_nothing_is_looked_at() -> None:
    seen: list[Any] = []

    def look(mask: torch.Tensor) -> torch.Tensor:
        seen.append(looks.numbers_in(mask))
        return mask

    torch.vmap(look)(KEEP)
    assert seen == [None]


def test_masks_are_left_as_they_are() -> None:
    mask, padding = KEEP.clone(), PADDING.clone().requires_grad_()
    rules(attn_mask=mask, key_padding_mask=padding)
    assert torch.equal(mask, KEEP)
    assert torch.equal(padding, PADDING)
    assert padding.grad is None
