"""Devices: a tensor that is elsewhere than the parameters is named."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import mhadoc

X = torch.zeros(2, 5, 12)
ELSEWHERE = X.to("meta")


@pytest.mark.parametrize("own", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("moved", "named"),
    [("value", "value"), ("key value", "key"), ("query key value", "query")],
)
def test_the_first_tensor_that_is_elsewhere_is_named(own: str, moved: str, named: str) -> None:
    here, there = (X, ELSEWHERE) if own == "cpu" else (ELSEWHERE, X)
    mha = nn.MultiheadAttention(12, 4, batch_first=True, device=own)
    inputs: dict[str, Any] = {
        n: there if n in moved.split() else here for n in ("query", "key", "value")
    }
    with pytest.raises(RuntimeError, match="is not on the expected device"):
        mha(**inputs)
    (problem,) = mhadoc.diagnose(mha, **inputs)
    assert (problem.argument, problem.rule) == (named, f"MultiheadAttention.{named}.device")
    assert problem.expected == f"must be on the device of the parameters: {own}"
    assert problem.observed == f"is on {there.device}"


@pytest.mark.parametrize("kind", [nn.LayerNorm, lambda n, **more: nn.Linear(n, 3, **more)])
@pytest.mark.parametrize("own", ["cpu", "meta"])
def test_a_module_of_one_input_is_where_that_is(kind: type, own: str) -> None:
    module = kind(12, device=own)
    for given in (X, ELSEWHERE):
        found = mhadoc.diagnose(module, given)
        if given.device.type == own:
            assert found == []
            module(given)
        else:
            assert [problem.argument for problem in found] == ["input"]
            with pytest.raises(RuntimeError, match="is not on the expected device"):
                module(given)


def test_a_norm_without_parameters_is_everywhere() -> None:
    norm = nn.LayerNorm(12, elementwise_affine=False, device="meta")
    assert mhadoc.diagnose(norm, X) == []
    norm(X)
