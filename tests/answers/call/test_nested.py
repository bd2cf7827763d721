"""Nested tensors: what torch takes is no mistake, and shapes that are not known are not told."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn

import mhadoc

SDPA = nn.functional.scaled_dot_product_attention


def ragged(layout: Any, *front: int) -> Any:
    """Return two sequences, of three and of five vectors, nested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nested tensors are a prototype
        tensors = [torch.zeros(length, *front, 12) for length in (3, 5)]
        return torch.nested.nested_tensor(tensors, layout=layout)


@pytest.fixture(params=[torch.jagged, torch.strided], ids=["jagged", "strided"])
def nested(request: Any) -> Any:
    return ragged(request.param)


def refused(module: Any, *inputs: Any) -> bool:
    try:
        module(*inputs)
    except (AssertionError, RuntimeError):
        return True
    return False


@pytest.mark.parametrize("features", [12, 11])
@pytest.mark.parametrize("kind", ["Linear", "LayerNorm", "Dropout"])
def test_a_module_of_one_input_refuses_what_torch_refuses(
    nested: Any, kind: str, features: int
) -> None:
    sizes = {"Linear": (features, 3), "LayerNorm": (features,), "Dropout": ()}
    module = getattr(nn, kind)(*sizes[kind])
    assert bool(mhadoc.diagnose(module, nested)) is refused(module, nested)


def test_features_that_differ_are_not_told_to_be_wrong() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nested = torch.nested.nested_tensor([torch.zeros(3, 12), torch.zeros(5, 11)])
    assert mhadoc.diagnose(nn.Linear(12, 3), nested) == []
    assert mhadoc.diagnose(nn.LayerNorm(12), nested) == []


@pytest.mark.parametrize("layout", [torch.jagged, torch.strided])
def test_the_function_takes_them(layout: Any) -> None:
    heads = ragged(torch.jagged, 4).transpose(1, 2)
    if layout is torch.strided:
        heads = torch.nested.nested_tensor([torch.zeros(4, n, 12) for n in (3, 5)])
    assert not refused(SDPA, heads, heads, heads)
    assert mhadoc.diagnose(SDPA, heads, heads, heads) == []


def test_an_attention_takes_them_on_the_fast_path_alone(nested: Any) -> None:
    mha = nn.MultiheadAttention(12, 4, batch_first=True)
    assert mhadoc.diagnose(mha, nested, nested, nested)[0].rule.endswith("query.nested")
    mha.eval().requires_grad_(False)
    inputs = nested, nested, nested
    assert bool(mhadoc.diagnose(mha, *inputs)) is refused(mha, *inputs)


@pytest.mark.parametrize(
    ("name", "arguments", "count"),
    [
        ("Linear", {"in_features": 12, "out_features": 3}, 1),
        ("LayerNorm", {"normalized_shape": 12}, 1),
        ("Dropout", {}, 1),
        ("MultiheadAttention", {"embed_dim": 12, "num_heads": 4}, 3),
        ("TransformerEncoderLayer", {"d_model": 12, "nhead": 4}, 1),
        ("scaled_dot_product_attention", {}, 3),
    ],
)
def test_their_output_has_no_shape_to_predict(
    nested: Any, name: str, arguments: dict[str, Any], count: int
) -> None:
    with pytest.raises(mhadoc.RuleError):
        mhadoc.predict_call(name, arguments, *(nested,) * count)


def test_the_refusal_says_what_to_do(nested: Any) -> None:
    with pytest.raises(mhadoc.RuleError) as caught:
        mhadoc.predict_call("Linear", {"in_features": 12, "out_features": 3}, nested)
    assert "got input='a nested tensor'" in str(caught.value)
    assert "input.to_padded_tensor(0)" in caught.value.hint
