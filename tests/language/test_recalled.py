"""A legal call is known again, and no other one is taken for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc.answers.call.asked import asked
from mhadoc.language.kept import Legal
from mhadoc.language.recalled import signature

LAYER = nn.TransformerEncoderLayer(8, 2, 5, batch_first=True)
X = torch.zeros(2, 3, 8)


def of(layer: nn.Module, src: torch.Tensor, **named: object) -> object:
    return signature(*asked(layer, src, **named))


def test_the_same_call_has_the_same_signature() -> None:
    assert of(LAYER, X) == of(LAYER, X.clone()) is not None


def test_everything_that_counts_is_in_it() -> None:
    other = nn.TransformerEncoderLayer(8, 2, 5, batch_first=True).double()
    hooked = nn.TransformerEncoderLayer(8, 2, 5, batch_first=True)
    hooked.linear1.register_forward_hook(lambda *_: None)
    half = nn.TransformerEncoderLayer(8, 2, 5, batch_first=True)
    half.self_attn.out_proj.half()
    found = [
        of(LAYER, X),
        of(LAYER, X[:1]),
        of(LAYER, X.double()),
        of(LAYER, X, is_causal=True),
        of(LAYER, X, is_causal=1),
        of(LAYER, X, src_mask=torch.zeros(3, 3)),
        of(other, X),
        of(hooked, X),
        of(half, X),
        of(nn.TransformerEncoderLayer(8, 4, 5, batch_first=True), X),
        of(nn.TransformerEncoderLayer(8, 2, 5, batch_first=True).eval(), X),
    ]
    with torch.no_grad():
        found.append(of(LAYER, X))
    assert None not in found
    assert len(set(found)) == len(found)


def test_an_empty_call_and_one_with_nothing_inside_have_none() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 5, batch_first=True)
    assert of(layer, X[:0]) is None
    mha = nn.MultiheadAttention(8, 2)
    assert signature(*asked(mha, X, X, X)) is None


def test_a_mistake_after_a_legal_call_is_told() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 5, batch_first=True)
    assert mhadoc.diagnose(layer, X) == mhadoc.diagnose(layer, X) == []
    layer.self_attn.double()
    assert [problem.argument for problem in mhadoc.diagnose(layer, X)] == ["src"]


@pytest.mark.parametrize(
    ("count", "kept"), [(1, {0}), (2, {0, 1}), (3, {2}), (4, {2, 3}), (5, {4})]
)
def test_so_many_are_kept_and_then_none(count: int, kept: set[int]) -> None:
    legal = Legal(most=2)
    for number in range(count):
        legal.add(number)
    assert {number for number in range(count) if number in legal} == kept
