"""The table of what each argument changes, derived from the rules and compared with torch."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

import mhadoc
from mhadoc.sphinxext.changes import changed

SPEC = mhadoc.spec("MultiheadAttention")
PLAIN: dict[str, Any] = {"embed_dim": 12, "num_heads": 3}
#: Another value for each constructor argument that can change a shape.
OTHERS: dict[str, Any] = {
    "embed_dim": 15,
    "num_heads": 2,
    "dropout": 0.5,
    "bias": False,
    "add_bias_kv": True,
    "add_zero_attn": True,
    "kdim": 7,
    "vdim": 5,
    "batch_first": True,
}


def shapes(**arguments: Any) -> dict[str, tuple[int, ...]]:
    module = nn.MultiheadAttention(**arguments)
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("start", [{}, {"kdim": 4, "add_bias_kv": True}], ids=str)
@pytest.mark.parametrize("argument", OTHERS)
def test_what_the_rules_leave_out_torch_does_not_change(argument: str, start: dict) -> None:
    exist, shaped, _ = changed(SPEC, argument)
    one, other = shapes(**PLAIN | start), shapes(**PLAIN | start | {argument: OTHERS[argument]})
    assert one.keys() ^ other.keys() <= set(exist)
    differ = {name for name in one.keys() & other.keys() if one[name] != other[name]}
    assert differ <= set(shaped)


@pytest.mark.parametrize(
    ("argument", "exist", "shaped"),
    [
        ("dropout", [], []),
        ("bias", ["in_proj_bias", "out_proj.bias"], []),
        ("add_bias_kv", ["bias_k", "bias_v"], []),
        ("num_heads", [], []),
    ],
)
def test_some_are_known(argument: str, exist: list[str], shaped: list[str]) -> None:
    assert changed(SPEC, argument)[:2] == (exist, shaped)


@pytest.mark.parametrize(
    ("argument", "tensors"),
    [
        ("dropout", []),
        ("add_zero_attn", ["attn_output_weights"]),
        ("num_heads", ["attn_mask", "attn_output_weights"]),
        ("batch_first", ["query", "key", "value", "attn_output"]),
        ("need_weights", ["attn_output_weights"]),
        ("is_causal", []),
    ],
)
def test_what_goes_in_and_out(argument: str, tensors: list[str]) -> None:
    assert changed(SPEC, argument)[2] == tensors


def test_the_table_has_a_row_for_each_argument(site: Any) -> None:
    page = site("```{spec} MultiheadAttention\n```\n\n```{changes} MultiheadAttention\n```")
    rows = page.html().rpartition("mhadoc-matrix")[2]
    assert rows.count("<tr") == 1 + len(SPEC.arguments) + 3
    assert rows.count("Which parameters exist ") == len(SPEC.arguments) + 3
    assert page.warnings == ""


def test_an_unknown_module_is_told(site: Any) -> None:
    assert "WARNING: changes: no " in site("```{changes} MultiheadAttentio\n```").warnings
