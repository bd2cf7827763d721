"""Modules that are built: described by their arguments, and compared with a release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc.answers.built import arguments_of, built_too_early, described, is_built


def layer(**changes: Any) -> nn.Module:
    return nn.TransformerEncoderLayer(6, 2, 5, **changes)


def stack(*layers: nn.Module, norm: nn.Module | None = None) -> nn.Module:
    found = nn.TransformerEncoder(layers[0], 1, norm, enable_nested_tensor=False)
    found.layers = nn.ModuleList(layers)
    return found


def with_plain_norm() -> nn.Module:
    found = layer()
    found.norm2 = nn.LayerNorm(6, bias=False)
    return found


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: nn.Linear(6, 5, bias=False), []),
        (lambda: nn.LayerNorm(6), []),
        (lambda: nn.LayerNorm(6, bias=False), ["bias"]),
        (layer, []),
        (lambda: layer(bias=False), ["bias"]),
        (with_plain_norm, ["norm2.bias"]),
        (lambda: stack(layer(), layer()), []),
        (lambda: stack(layer(bias=False), layer(bias=False)), ["layers.0.bias"]),
        (lambda: stack(layer(), layer(bias=False)), ["layers.1.bias"]),
        (lambda: stack(layer(), norm=nn.LayerNorm(6, bias=False)), ["norm.bias"]),
        (
            lambda: stack(layer(bias=False), layer(), norm=nn.LayerNorm(6, bias=False)),
            ["layers.0.bias", "norm.bias"],
        ),
        (
            lambda: stack(layer(bias=False), with_plain_norm(), norm=nn.LayerNorm(6)),
            ["layers.0.bias"],
        ),
        (lambda: stack(with_plain_norm(), nn.Identity()), ["layers.0.norm2.bias"]),
    ],
)
def test_what_a_release_could_not_build_is_told_once(
    build: Callable[[], nn.Module], told: list[str]
) -> None:
    module = build()
    found = mhadoc.spec(module, torch_version="2.0")
    problems = list(built_too_early(found, module, "2.0"))
    assert [problem.argument for problem in problems] == told
    assert {problem.observed for problem in problems} <= {"the module has bias=False"}
    now = mhadoc.spec(module, torch_version="2.1")
    assert list(built_too_early(now, module, "2.1")) == []


@pytest.mark.parametrize(
    "value",
    [None, 5, "Linear", nn.Linear, nn.ReLU(), mhadoc.spec("Linear").bound(2, 3)],
    ids=["none", "number", "name", "class", "without a spec", "described"],
)
def test_what_is_no_module_with_a_spec_stays(value: object) -> None:
    assert described(value) is value
    assert is_built(value) is isinstance(value, nn.Module)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Linear(2, 3), "Linear(in_features=2, out_features=3)"),
        (nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
        (nn.Dropout(0.25), "Dropout(p=0.25)"),
        (
            nn.MultiheadAttention(6, 2, kdim=5, vdim=6),
            "MultiheadAttention(embed_dim=6, num_heads=2, kdim=5)",
        ),
        (nn.LayerNorm((3, 7), 0.5), "LayerNorm(normalized_shape=(3, 7), eps=0.5)"),
        (
            layer(dropout=0.5, norm_first=True),
            "TransformerEncoderLayer(d_model=6, nhead=2, dim_feedforward=5, dropout=0.5, "
            f"activation={torch.nn.functional.relu!r}, norm_first=True)",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_module_is_described_by_the_call_that_builds_it(module: nn.Module, text: str) -> None:
    assert repr(described(module)) == text


@pytest.mark.parametrize(
    "module", [layer(dropout=0.5, bias=False), stack(layer(dropout=0.5))], ids=["layer", "stack"]
)
def test_the_order_of_the_modules_inside_does_not_count(module: nn.Module) -> None:
    found = mhadoc.spec(module)
    turned = replace(found, children=found.children[::-1])
    assert repr(arguments_of(module, turned)) == repr(arguments_of(module, found))


@pytest.mark.parametrize("norm", [None, nn.LayerNorm(6), nn.ReLU()], ids=lambda n: type(n).__name__)
def test_a_module_that_was_given_is_described_as_well(norm: nn.Module | None) -> None:
    found = stack(layer(), norm=norm)
    told = arguments_of(found, mhadoc.spec(found))
    assert repr(told["encoder_layer"]).startswith("TransformerEncoderLayer(d_model=6, nhead=2, d")
    expected = "LayerNorm(normalized_shape=(6,))" if isinstance(norm, nn.LayerNorm) else repr(norm)
    assert repr(told["norm"]) == expected
    assert told["num_layers"] == 1
