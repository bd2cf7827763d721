"""What is measured of a real call is what the cases say of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import mhadoc
from mhadoc.answers.call.asked import asked, described_call
from mhadoc.catalog.multihead_attention.paths import SURROUNDINGS
from mhadoc.language import ABSENT
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench

NAMES = ("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer")


def symbols(module: Any, *inputs: Any, **named: Any) -> dict[str, Any]:
    spec, call = asked(module, *inputs, **named)
    return spec.symbols_of(call)


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_cases(name: str) -> None:
    spec = mhadoc.spec(name)
    bench, stated = Bench(spec), {symbol.name for symbol in spec.symbols}
    for case in covering(spec):
        seen = bench.observe(case)
        with torch.set_grad_enabled(bool(seen.values["grad"])):
            found = symbols(seen.module, **seen.inputs)
        found |= {"dropout": found["dropout"] > 0}
        found |= {} if found["batched"] else {"N": seen.values["N"]}  # one sequence is a batch of 1
        told = stated - {"h", "n"}
        assert {n: int(found[n]) for n in told} == {n: int(seen.values[n] or 0) for n in told}


def test_every_surrounding_is_measured() -> None:
    mha = torch.nn.MultiheadAttention(10, 2, batch_first=True)
    x = torch.zeros(3, 4, 10)
    usual = symbols(mha.eval(), x, x, x)
    names = [symbol.name for symbol in SURROUNDINGS]
    assert [usual[name] for name in names] == [1, 1, 1, 0, 0, 0, 1, 0]
    assert symbols(mha, x.double(), x, x)["bias_dtype"] == 0
    assert symbols(mha, x.double(), x, x)["weight_dtype"] == 0
    assert symbols(mha.to("meta"), x, x, x)["known_device"] == 0
    torch.set_autocast_enabled(True)
    try:
        assert symbols(mha, x, x, x)["autocast"] == 1
    finally:
        torch.set_autocast_enabled(False)


def test_switches_are_measured() -> None:
    mha, x = torch.nn.MultiheadAttention(10, 2), torch.zeros(4, 3, 10)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        assert symbols(mha, x, x, x)["fast_path_enabled"] == 0
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    with torch.no_grad():
        assert symbols(mha, x, x, x)["grad"] == 0
    assert symbols(mha, x, x, x)["grad"] == 1
    assert symbols(mha.requires_grad_(False), x, x, x)["grad"] == 0
    assert symbols(mha, x.requires_grad_(), x, x)["grad"] == 1


class _Wrapped(torch.Tensor):
    """A tensor with a __torch_function__: the one that subclasses inherit."""


def test_a_subclass_is_overridden() -> None:
    mha, x = torch.nn.MultiheadAttention(10, 2), torch.zeros(4, 3, 10)
    assert symbols(mha, x, x, x)["overridden"] == 0
    assert symbols(mha, x.as_subclass(_Wrapped), x, x)["overridden"] == 1


def test_measures_of_a_mask() -> None:
    mha, x = torch.nn.MultiheadAttention(10, 2), torch.zeros(4, 3, 10)
    mask = torch.zeros(7, 4, dtype=torch.bool).t()
    found = symbols(mha, x, torch.zeros(7, 3, 10), x, attn_mask=mask)
    measures = {name: found[f"attn_mask.{name}"] for name in ("rank", "axis_0", "axis_1", "axis_2")}
    assert measures == {"rank": 2, "axis_0": 4, "axis_1": 7, "axis_2": -1}
    assert (found["attn_mask.in_order"], found["attn_mask.boolean"]) == (0, 1)
    assert (found["L"], found["S"], found["N"], found["tensors"]) == (4, 7, 3, 2)
    assert found["key_padding_mask.given"] == 0


@pytest.mark.parametrize(
    ("changes", "dtypes"),
    [
        ({}, ("float32", "float32", "")),
        ({"attn_mask": (4, 5)}, ("float32", "float32", "bool")),
        ({"key": torch.zeros(5, 3, 10).double()}, ("float64", "float64", "")),
        ({"query": torch.zeros(4, 3, 10).half()}, ("float16", "float16", "")),
        (
            {"key": torch.zeros(5, 3, 10).double(), "attn_mask": (4, 5)},
            ("float64",) * 2 + ("bool",),
        ),
        ({"attn_mask": torch.zeros(4, 5).double()}, ("float32", "float32", "float64")),
        ({"attn_mask": torch.zeros(4, 5).bool()}, ("float32", "float32", "bool")),
        ({"attn_mask": None, "query": None}, ("", "float32", "")),
    ],
)
def test_of_a_shape_the_dtype_is_the_usual_one(
    changes: dict[str, Any], dtypes: tuple[str, ...]
) -> None:
    spec = mhadoc.spec("MultiheadAttention")
    given = {"query": (4, 3, 10), "key": (5, 3, 10), "value": (5, 3, 10), **changes}
    call = described_call(spec, {"embed_dim": 10}, {**spec.defaults, **given})
    found = [call.facts[name] for name in ("query", "key", "attn_mask")]
    assert tuple(facts.dtype for facts in found) == dtypes
    assert [facts.given for facts in found] == [int(bool(dtype)) for dtype in dtypes]
    assert call.module is None


def test_what_is_no_shape_is_given_all_the_same() -> None:
    spec = mhadoc.spec("MultiheadAttention")
    call = described_call(spec, {}, {**spec.defaults, "query": "text"})
    assert call.facts["query"] == ABSENT._replace(given=1, type="str")
