"""What is known of a call that is only described: the dtype of the module, and sizes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import mhadoc

BUILT = {"embed_dim": 12, "num_heads": 4, "batch_first": True}
LINEAR = {"in_features": 12, "out_features": 3}
SHAPE = (2, 5, 12)
FLOATS = (torch.float32, torch.float64)


def told(name: str, arguments: Any, *inputs: Any, **named: Any) -> bool:
    """Tell whether a prediction is made."""
    try:
        mhadoc.predict_call(name, arguments, *inputs, **named)
    except mhadoc.RuleError:
        return False
    return True


def runs(name: str, arguments: Any, *inputs: Any, **named: Any) -> bool:
    """Tell whether torch takes the call."""
    try:
        getattr(nn, name)(**arguments)(*inputs, **named)
    except RuntimeError:
        return False
    return True


MODULES = {
    "MultiheadAttention": (BUILT, 3),
    "Linear": (LINEAR, 1),
    "LayerNorm": ({"normalized_shape": 12}, 1),
    "TransformerEncoderLayer": ({"d_model": 12, "nhead": 4}, 1),
}


@pytest.mark.parametrize("name", MODULES)
def test_the_dtype_of_the_module_is_compared_with_that_of_tensors(name: str) -> None:
    arguments, count = MODULES[name]
    for own, given in itertools.product(FLOATS, FLOATS):
        built, inputs = {**arguments, "dtype": own}, (torch.zeros(SHAPE, dtype=given),) * count
        assert told(name, built, *inputs) is runs(name, built, *inputs), (own, given)


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_shape_stands_for_a_tensor_of_the_dtype_of_the_module(need_weights: bool) -> None:
    for own, kind in itertools.product(FLOATS, FLOATS):
        built, x = {**BUILT, "dtype": own}, torch.zeros(SHAPE, dtype=own)
        more = {"attn_mask": torch.zeros(5, 5, dtype=kind), "need_weights": need_weights}
        known = told("MultiheadAttention", built, SHAPE, SHAPE, SHAPE, **more)
        assert known is runs("MultiheadAttention", built, x, x, x, **more), (own, kind)


@pytest.mark.parametrize("dtype", [float, torch.float64])
def test_a_dtype_of_python_is_one_of_torch(dtype: Any) -> None:
    x = torch.zeros(SHAPE, dtype=torch.float64)
    assert mhadoc.predict_call("Linear", {**LINEAR, "dtype": dtype}, x) == {"output": (2, 5, 3)}


def test_without_a_dtype_the_parameters_have_that_of_the_input() -> None:
    assert told("Linear", LINEAR, torch.zeros(SHAPE, dtype=torch.float64))


def test_a_negative_size_is_refused() -> None:
    shape = (2, -5, 12)
    with pytest.raises(mhadoc.RuleError, match="query must have sizes of zero or more"):
        mhadoc.predict_call("MultiheadAttention", BUILT, shape, shape, shape)
    with pytest.raises(mhadoc.RuleError, match="key must have sizes of zero or more"):
        mhadoc.predict_call("scaled_dot_product_attention", {}, SHAPE, shape, shape)


def test_sizes_of_numpy_are_sizes() -> None:
    shape = tuple(np.array(SHAPE))
    (found,) = mhadoc.predict_call("Linear", LINEAR, shape).values()
    assert found == (2, 5, 3)
    assert found is not None
    assert {type(size) for size in found} == {int}
