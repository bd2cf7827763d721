"""Calls that are meant as they are: they get no warning."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mhadoc


def attention() -> nn.MultiheadAttention:
    return nn.MultiheadAttention(12, 4, batch_first=True)


X = torch.zeros(2, 5, 12)


@pytest.mark.parametrize("lost", [(0, 3), (3, 4), (4, 2), (1, 4)])
def test_padding_on_the_left_may_be_of_any_length(lost: tuple[int, int]) -> None:
    mask = torch.arange(5) < torch.tensor(lost)[:, None]
    assert mhadoc.diagnose(attention(), X, X, X, key_padding_mask=mask) == []


def test_a_row_without_a_token_is_still_told() -> None:
    mask = torch.arange(5) < torch.tensor([5, 3])[:, None]
    found = mhadoc.diagnose(attention(), X, X, X, key_padding_mask=mask)
    assert "mha.silent.tokenizer_mask" in {problem.rule for problem in found}


@pytest.mark.parametrize("length", [1, 2, 4])
def test_the_last_query_may_stand_beside_the_last_key(length: int) -> None:
    whole = torch.ones(5, 5, dtype=torch.bool).triu(1)
    inputs = X[:, -length:], X, X
    mask = whole[-length:]
    assert mhadoc.diagnose(attention(), *inputs, attn_mask=mask, is_causal=True) == []


@pytest.mark.parametrize("length", [2, 4])
def test_a_query_that_sees_further_is_told(length: int) -> None:
    mask = torch.zeros(length, 5, dtype=torch.bool)
    (found,) = mhadoc.diagnose(attention(), X[:, -length:], X, X, attn_mask=mask, is_causal=True)
    assert f"query 0 sees key {6 - length}, which comes later" in found.observed


def test_without_a_batch_nothing_runs_across_it() -> None:
    layer = nn.TransformerEncoderLayer(12, 4, 20, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    whole = nn.Transformer(12, 4, 1, 1, 20, custom_encoder=encoder)
    assert mhadoc.diagnose(whole, X[0], X[0]) == []
    (found,) = mhadoc.diagnose(whole, X, X)
    assert found.argument == "batch_first"
