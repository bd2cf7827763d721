"""scaled_dot_product_attention and the long function: told as torch says, with its own types."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import mhadoc

SDPA = nn.functional.scaled_dot_product_attention
LONG = nn.functional.multi_head_attention_forward
X = torch.zeros(2, 5, 12)
HEADS = torch.zeros(2, 3, 5, 6)
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def runs(function: Any, *inputs: Any, **named: Any) -> bool:
    try:
        function(*inputs, **named)
    except (RuntimeError, TypeError):
        return False
    return True


def legal(function: Any, *inputs: Any, **named: Any) -> bool:
    return mhadoc.diagnose(function, *inputs, **named) == []


@pytest.mark.parametrize("autocast", [False, True])
def test_dtypes_are_compared(autocast: bool) -> None:
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        for own, other in itertools.product(FLOATS, FLOATS):
            x, y, mask = X.to(own), X.to(other), torch.zeros(5, 5, dtype=other)
            for inputs in ((x, y, x), (x, x, y), (x, y, y), (x, x, x, mask)):
                assert legal(SDPA, *inputs) is runs(SDPA, *inputs), (own, other)


def test_the_dtype_that_came_is_told() -> None:
    (problem,) = mhadoc.diagnose(SDPA, X, X.double(), X)
    assert (problem.argument, problem.observed) == ("key", "key has 'float64'")


def test_devices_are_compared() -> None:
    for places in itertools.product(["cpu", "meta"], repeat=3):
        inputs = [X.to(place) for place in places]
        assert legal(SDPA, *inputs) is runs(SDPA, *inputs), places


VALUES: list[Any] = [None, 1, 0.5, True, "1", 1j, np.bool_(True), np.float32(0.5), np.int64(1)]
TENSORS = [torch.tensor(0.5), torch.tensor([0.5]), torch.tensor(0.5, requires_grad=True)]


@pytest.mark.parametrize("name", ["is_causal", "enable_gqa", "dropout_p", "scale"])
def test_numbers_and_flags_are_of_the_types_that_torch_takes(name: str) -> None:
    for value in (*VALUES, *(TENSORS if name in ("dropout_p", "scale") else ())):
        given = {name: value}
        if name == "enable_gqa":
            assert legal(SDPA, HEADS, HEADS, HEADS, **given) is runs(
                SDPA, HEADS, HEADS, HEADS, **given
            ), value
        else:
            assert legal(SDPA, X, X, X, **given) is runs(SDPA, X, X, X, **given), value


SCATTERED = torch.zeros(2, 3, 6, 5).mT
TURNED = torch.zeros(2, 5, 3, 6).transpose(1, 2)


@pytest.mark.parametrize("heads", [HEADS, SCATTERED, TURNED], ids=["plain", "scattered", "turned"])
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_the_fused_kernel_alone_takes_a_mask_and_the_flag(
    heads: Any, learned: bool, grad: bool
) -> None:
    mask = torch.zeros(5, 5, requires_grad=learned)
    for backend in (None, SDPBackend.MATH):
        switched = nullcontext() if backend is None else sdpa_kernel(backend)
        with torch.set_grad_enabled(grad), switched:
            inputs: dict[str, Any] = {"attn_mask": mask, "is_causal": True}
            found = legal(SDPA, heads, heads, heads, **inputs)
            assert found is runs(SDPA, heads, heads, heads, **inputs)


def long(**changes: Any) -> dict[str, Any]:
    """Return the arguments of the long function."""
    x = torch.zeros(5, 2, 12)
    found = {
        **dict.fromkeys(("query", "key", "value"), x),
        "embed_dim_to_check": 12,
        "num_heads": 3,
        "bias_k": None,
        "bias_v": None,
        "in_proj_weight": torch.zeros(36, 12),
        "in_proj_bias": torch.zeros(36),
        "out_proj_weight": torch.zeros(12, 12),
        "out_proj_bias": torch.zeros(12),
        "add_zero_attn": False,
        "dropout_p": 0.0,
    }
    return {**found, **changes}


@pytest.mark.parametrize("heads", [3, np.int64(3), 3.0])
def test_the_heads_are_a_whole_number(heads: Any) -> None:
    inputs = long(num_heads=heads)
    assert legal(LONG, **inputs) is runs(LONG, **inputs)


def test_a_flag_without_a_truth_value_is_told() -> None:
    inputs = long(need_weights=torch.zeros(3))
    assert not runs(LONG, **inputs)
    (problem,) = mhadoc.diagnose(LONG, **inputs)
    assert problem.argument == "need_weights"
    assert problem.expected == "must have a truth value"
