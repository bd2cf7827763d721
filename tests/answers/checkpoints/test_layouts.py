"""Layouts of other libraries: recognised, converted, and attending as they do there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc.answers.checkpoints.parts import foreign
from mhadoc.catalog.layouts import LAYOUTS, Layout

SIZES = {"embed_dim": 12, "num_heads": 3, "head_dim": 4, "kv_features": 12}
NAMES = [layout.library for layout in LAYOUTS]


def stored(layout: Layout, ours: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return our numbers as the library stores them: written by hand for each way to store."""
    weights = dict(zip("qkv", ours["in_proj_weight"].chunk(3), strict=True))
    biases = dict(zip("qkv", ours["in_proj_bias"].chunk(3), strict=True))
    weights |= {"qkv": ours["in_proj_weight"], "out": ours["out_proj.weight"]}
    biases |= {"qkv": ours["in_proj_bias"], "out": ours["out_proj.bias"]}
    state = {}
    for entry in layout.entries:
        weight, bias = weights[entry.holds], biases[entry.holds]
        if "GPT-NeoX" in layout.library and entry.holds == "qkv":
            weight = weight.reshape(3, 3, 4, 12).transpose(0, 1).reshape(36, 12)
            bias = bias.reshape(3, 3, 4).transpose(0, 1).reshape(36)
        elif "GPT-2" in layout.library:
            weight = weight.T
        elif entry.key.endswith("kernel"):
            weight = weight.T.reshape((3, 4, 12) if entry.holds == "out" else (12, 3, 4))
            bias = bias if entry.holds == "out" else bias.reshape(3, 4)
        state |= {entry.key: weight.contiguous(), entry.bias: bias}
    return state


@pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
@pytest.mark.parametrize("place", ["", "encoder.0.attn."])
def test_is_recognised_by_its_own_name_alone(layout: Layout, place: str) -> None:
    shapes = {place + entry.key: entry.shape.evaluate(SIZES) for entry in layout.entries}
    assert [(other.layout.library, other.prefix) for other in foreign(shapes)] == [
        (layout.library, place)
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
def test_conversion_gives_our_numbers_back(layout: Layout) -> None:
    module = nn.MultiheadAttention(12, 3)
    ours = {key: torch.rand_like(tensor) for key, tensor in module.state_dict().items()}
    state = stored(layout, ours)
    (problem,) = mhadoc.diagnose_load(module, state)
    assert (problem.argument, problem.rule) == ("state_dict", "layouts")
    assert layout.library in problem.observed
    made: dict[str, Any] = {}
    exec(
        problem.hint.replace("\n    ", "\n"),
        {"torch": torch, "state": state, "ours": made, "num_heads": 3},
    )
    module.load_state_dict(made)
    assert all(torch.equal(made[key], ours[key]) for key in ours)


def test_keys_may_be_paths() -> None:
    (layout,) = (layout for layout in LAYOUTS if layout.library.startswith("keras"))
    state = {
        f"model/attention/{entry.key.replace('.', '/')}:0": entry.shape.evaluate(SIZES)
        for entry in layout.entries
    }
    (problem,) = mhadoc.infer(state).problems
    assert "state['model/attention/query/kernel:0'].flatten(1).T" in problem.hint


def test_many_layers_are_told_once() -> None:
    layers = nn.ModuleList(nn.MultiheadAttention(12, 3, bias=False) for _ in range(3))
    shapes = {"qkv.weight": (36, 12), "proj.weight": (12, 12)}
    state = {f"blocks.{n}.attn.{key}": shape for n in range(3) for key, shape in shapes.items()}
    (problem,) = mhadoc.diagnose_load(layers, state)
    assert str(problem) == (
        "error: blocks.0.attn. and 2 more: must hold the parameters of MultiheadAttention, but it "
        "has the keys of timm's vision transformers [layouts].\n"
        "  way out: ours['0.in_proj_weight'] = state['blocks.0.attn.qkv.weight']\n"
        "    ours['0.out_proj.weight'] = state['blocks.0.attn.proj.weight']"
    )


def test_every_layout_names_its_source() -> None:
    assert all(": " in layout.source and ".py" in layout.source for layout in LAYOUTS)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
def test_the_page_names_every_library(layout: Layout) -> None:
    page = (Path(__file__).parents[3] / "docs" / "loading.md").read_text()
    names = re.sub(r"Hugging Face's|vision transformers|\.[\w.]+", "", layout.library)
    assert [name for name in re.findall(r"\w[\w-]+", names) if name not in page] == []
