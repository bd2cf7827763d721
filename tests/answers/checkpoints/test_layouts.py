"""Layouts of other libraries: recognised, converted, and attending as they do there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc.answers.checkpoints.foreign import foreign
from mhadoc.catalog.layouts import LAYOUTS, Layout

SIZES = {"embed_dim": 12, "num_heads": 3, "head_dim": 4, "kv_features": 12, "kdim": 12, "vdim": 12}
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
        elif "T5" in layout.library and entry.holds == "q":
            weight, bias = weight / 2, bias / 2  # the square root of head_dim
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


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run a hint as it was printed; only what its reader has is there already."""
    space = {"torch": torch, **names}
    exec(code, space)
    return space


def printed(problem: Any) -> str:
    """Return the code in a message as it would be copied."""
    return str(problem).partition("way out:\n")[2]


@pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
@pytest.mark.parametrize("place", ["", "encoder.0.attn."])
def test_conversion_gives_our_numbers_back(layout: Layout, place: str) -> None:
    module = nn.MultiheadAttention(12, 3)
    ours = {key: torch.rand_like(tensor) for key, tensor in module.state_dict().items()}
    state = {place + key: tensor for key, tensor in stored(layout, ours).items()}
    (problem,) = mhadoc.diagnose_load(module, state)
    assert problem.rule == "layouts"
    assert layout.library in problem.observed
    run(printed(problem), state=state, module=module)
    assert all(torch.equal(tensor, ours[key]) for key, tensor in module.state_dict().items())
    (problem,) = mhadoc.infer(state).problems
    made = run(printed(problem), state=state, num_heads=3)["module"]
    assert all(torch.equal(tensor, ours[key]) for key, tensor in made.state_dict().items())


def attend(state: dict[str, torch.Tensor], names: str, x: torch.Tensor) -> torch.Tensor:
    """Attend with Linears of these names, each with a bias or without, as libraries do it."""
    *inner, out = (nn.Linear(12, 12, bias=f"{name}.bias" in state) for name in names.split())
    for name, linear in zip(names.split(), (*inner, out), strict=True):
        tensors = {"weight": state[f"{name}.weight"], "bias": state.get(f"{name}.bias")}
        linear.load_state_dict({key: value for key, value in tensors.items() if value is not None})
    q, k, v = (linear(x).unflatten(-1, (3, 4)).transpose(1, 2) for linear in inner)
    return out(nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


WHISPER = "q_proj k_proj v_proj out_proj"
DIFFUSERS = "to_q to_k to_v to_out.0"
QWEN = "q_proj k_proj v_proj o_proj"
BERT = "self.query self.key self.value output.dense"
SOME = [
    (WHISPER, "q_proj v_proj out_proj"),
    (DIFFUSERS, "to_out.0"),
    (DIFFUSERS, "to_q to_k to_v"),
    (QWEN, "q_proj k_proj v_proj"),
    (QWEN, ""),
    (BERT, "self.query self.value output.dense"),
]


def agrees(module: nn.Module, x: torch.Tensor, expected: torch.Tensor) -> bool:
    module.eval()
    return torch.allclose(module(x, x, x)[0], expected.transpose(0, 1), atol=1e-5)


@pytest.mark.parametrize(("names", "biased"), SOME)
def test_biases_that_a_library_lacks_are_zeros(names: str, biased: str) -> None:
    state = {f"{name}.weight": torch.randn(12, 12) for name in names.split()}
    state |= {f"{name}.bias": torch.randn(12) for name in biased.split()}
    x = torch.randn(2, 5, 12)
    expected, time_first = attend(state, names, x), x.transpose(0, 1)
    (problem,) = mhadoc.infer(state).problems
    made = run(printed(problem), state=state, num_heads=3)["module"]
    assert agrees(made, time_first, expected)
    assert (made.in_proj_bias is not None) == bool(biased)
    module = nn.MultiheadAttention(12, 3)
    nn.init.ones_(module.in_proj_bias)
    (problem,) = mhadoc.diagnose_load(module, state)
    run(printed(problem), state=state, module=module)
    assert agrees(module, time_first, expected)


@pytest.mark.parametrize(
    ("qkv", "out", "biased"),
    [
        ("qkv", "proj", ["q_bias", "v_bias", "proj.bias"]),
        ("qkv", "proj", ["q_bias", "v_bias"]),
        ("qkv", "proj", ["proj.bias"]),
        ("qkv", "proj", ["qkv.bias"]),
        ("to_qkv", "to_out.0", ["to_out.0.bias"]),
    ],
    ids=["BEiT", "BEiT without proj.bias", "qkv_bias=False", "qkv alone", "vit-pytorch"],
)
def test_packed_biases_that_a_library_lacks_are_zeros(
    qkv: str, out: str, biased: list[str]
) -> None:
    state = {f"{qkv}.weight": torch.randn(36, 12), f"{out}.weight": torch.randn(12, 12)}
    state |= {key: torch.randn(36 if key == "qkv.bias" else 12) for key in biased}
    parts = zip("qkv", state[f"{qkv}.weight"].chunk(3), strict=True)
    plain = {f"{name}.weight": tensor for name, tensor in parts}
    plain |= {"out.weight": state[f"{out}.weight"]}
    if "qkv.bias" in state:
        biases = zip("qkv", state["qkv.bias"].chunk(3), strict=True)
        plain |= {f"{name}.bias": tensor for name, tensor in biases}
    plain |= {key.replace("_", "."): state[key] for key in ("q_bias", "v_bias") if key in state}
    plain |= {"out.bias": state[f"{out}.bias"]} if f"{out}.bias" in state else {}
    x = torch.randn(2, 5, 12)
    (problem,) = mhadoc.infer(state).problems
    made = run(printed(problem), state=state, num_heads=3)["module"]
    assert agrees(made, x.transpose(0, 1), attend(plain, "q k v out", x))


@pytest.mark.parametrize("names", [WHISPER, DIFFUSERS, "linear_Q linear_K linear_V out_proj"])
def test_keys_and_values_may_have_features_of_their_own(names: str) -> None:
    widths = zip(names.split(), (12, 5, 7, 12), strict=True)
    state = {f"{name}.weight": torch.randn(12, width) for name, width in widths}
    *_, last = names.split()
    state[f"{last}.bias"] = torch.randn(12)
    (problem,) = mhadoc.infer(state).problems
    made = run(printed(problem), state=state, num_heads=3)["module"]
    module = nn.MultiheadAttention(12, 3, kdim=5, vdim=7)
    (problem,) = mhadoc.diagnose_load(module, state)
    run(printed(problem), state=state, module=module)
    q, k, v = torch.randn(4, 12), torch.randn(6, 5), torch.randn(6, 7)
    inner = (x @ w.T for x, w in zip((q, k, v), state.values(), strict=False))
    heads = (x.unflatten(-1, (3, 4)).transpose(0, 1) for x in inner)
    attended = nn.functional.scaled_dot_product_attention(*heads).transpose(0, 1).flatten(1)
    expected = attended @ state[f"{last}.weight"].T + state[f"{last}.bias"]
    for found in (made, module):
        assert torch.allclose(found(q, k, v)[0], expected, atol=1e-4)
    kdim, *_ = mhadoc.diagnose_load(nn.MultiheadAttention(12, 3, vdim=7), state)[1:]
    assert kdim.argument == "kdim"


def whisper(order: list[str], layers: int) -> dict[str, torch.Tensor]:
    """Return a decoder's attentions, its layers in the order in which names are sorted."""
    places = [
        f"decoder.layers.{n}.{name}" for n in sorted(map(str, range(layers))) for name in order
    ]
    keys = [f"{place}.{key}.weight" for place in places for key in WHISPER.split()]
    return {key: torch.randn(12, 12) for key in keys}


@pytest.mark.parametrize("order", [["self_attn", "encoder_attn"], ["encoder_attn", "self_attn"]])
def test_places_are_paired_by_their_names_and_numbers(order: list[str]) -> None:
    layer = nn.TransformerDecoderLayer(12, 3, 4)
    module, state = nn.TransformerDecoder(layer, 11), whisper(order, 11)
    first, *_ = mhadoc.diagnose_load(module, state)
    run(printed(first), state=state, module=module)
    for n, layer in enumerate(module.layers):
        for ours, theirs in (("self_attn", "self_attn"), ("multihead_attn", "encoder_attn")):
            made = getattr(layer, ours).in_proj_weight[:12]
            assert torch.equal(made, state[f"decoder.layers.{n}.{theirs}.q_proj.weight"])


def test_places_that_names_do_not_pair_are_not_guessed() -> None:
    module = nn.ModuleDict({"a": nn.MultiheadAttention(12, 3), "b": nn.MultiheadAttention(12, 3)})
    state = {f"{x}.{key}.weight": torch.randn(12, 12) for x in "yz" for key in QWEN.split()}
    (problem,) = mhadoc.diagnose_load(module, state)
    made = run(printed(problem), state=state)["modules"]
    assert {
        name: torch.equal(m.out_proj.weight, state[f"{name}o_proj.weight"])
        for name, m in made.items()
    } == {"y.": True, "z.": True}


def test_biases_need_a_module_with_biases() -> None:
    state = {f"{name}.weight": torch.randn(12, 12) for name in DIFFUSERS.split()}
    state["to_out.0.bias"] = torch.randn(12)
    layout, bias = mhadoc.diagnose_load(nn.MultiheadAttention(12, 3, bias=False), state)
    assert (layout.rule, bias.argument) == ("layouts", "bias")
    assert bias.hint.startswith("build the module with bias=True")


def test_another_width_is_told_beside_the_layout() -> None:
    state = {"qkv.weight": torch.randn(72, 24), "proj.weight": torch.randn(24, 24)}
    found = mhadoc.diagnose_load(nn.MultiheadAttention(12, 3, bias=False), state)
    assert [problem.argument for problem in found] == ["state_dict", "embed_dim"]


def test_keys_and_values_for_every_position_are_kept() -> None:
    module = nn.MultiheadAttention(12, 3, add_bias_kv=True)
    (fairseq,) = (layout for layout in LAYOUTS if "fairseq" in layout.library)
    ours = module.state_dict()
    state = stored(fairseq, ours) | {key: ours[key] for key in ("bias_k", "bias_v")}
    (problem,) = mhadoc.infer(state).problems
    made = run(printed(problem), state=state, num_heads=3)["module"]
    assert all(torch.equal(tensor, ours[key]) for key, tensor in made.state_dict().items())
    assert [p.rule for p in mhadoc.diagnose_load(module, state)] == ["layouts"]


@pytest.mark.parametrize("kdim", [None, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_the_quantizable_attention_is_recognised(bias: bool, kdim: int | None) -> None:
    from torch.ao.nn import quantizable

    state = quantizable.MultiheadAttention(12, 3, bias=bias, kdim=kdim).state_dict()
    (problem,) = mhadoc.infer(state).problems
    assert "quantizable" in problem.observed
    assert problem.hint.endswith("module.load_state_dict(ours)")
    made = run(printed(problem), state=state, num_heads=3)["module"]
    module = nn.MultiheadAttention(12, 3, bias=bias, kdim=kdim)
    (problem,) = mhadoc.diagnose_load(module, state)
    run(printed(problem), state=state, module=module)
    for found in (made, module):
        rows = found.in_proj_weight[:12] if kdim is None else found.q_proj_weight
        assert torch.equal(rows, state["linear_Q.weight"])


def test_what_is_left_out_is_told() -> None:
    state = {f"a.{key}.weight": (12, 12) for key in QWEN.split()}
    state |= {"a.q_norm.weight": (4,), "a.k_norm.weight": (4,), "b.x": (1,)}
    (problem,) = mhadoc.infer(state).problems
    assert problem.hint.splitlines()[-1] == (
        "# MultiheadAttention has nothing like q_norm.weight, k_norm.weight"
    )


def test_heads_that_share_keys_are_not_converted() -> None:
    state = {f"{key}.weight": (12 if key[0] in "qo" else 4, 12) for key in QWEN.split()}
    (problem,) = mhadoc.infer(state).problems
    assert problem.hint == (
        "it fits where kv_features == embed_dim, and here embed_dim=12, kv_features=4"
    )
    found = mhadoc.diagnose_load(nn.MultiheadAttention(12, 3), state)
    assert [problem.rule for problem in found] == ["layouts"]


def test_many_places_are_converted_by_one_code() -> None:
    model = nn.ModuleDict({"x": nn.ModuleList(nn.MultiheadAttention(12, 3) for _ in range(2))})
    timm = {"qkv.weight": (36, 12), "qkv.bias": (36,), "proj.weight": (12, 12), "proj.bias": (12,)}
    state = {f"b.{n}.{key}": torch.randn(shape) for n in range(2) for key, shape in timm.items()}
    (problem,) = mhadoc.diagnose_load(model, state)
    run(printed(problem), state=state, module=model)
    (problem,) = mhadoc.infer(state).problems
    made = run(printed(problem), state=state, num_heads=3)["modules"]
    for n in range(2):
        for module in (model["x"][n], made[f"b.{n}."]):
            assert torch.equal(module.in_proj_weight, state[f"b.{n}.qkv.weight"])
            assert torch.equal(module.out_proj.bias, state[f"b.{n}.proj.bias"])


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
        "  way out:\n"
        "for start, place in {'blocks.0.attn.': '0', 'blocks.1.attn.': '1', "
        "'blocks.2.attn.': '2'}.items():\n"
        "    ours = {}  # state is the state_dict that was given\n"
        "    ours['in_proj_weight'] = state[start + 'qkv.weight']\n"
        "    ours['out_proj.weight'] = state[start + 'proj.weight']\n"
        "    module.get_submodule(place).load_state_dict(ours)"
    )


def test_every_layout_names_its_source() -> None:
    assert all(": " in layout.source and ".py" in layout.source for layout in LAYOUTS)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("layout", LAYOUTS, ids=NAMES)
def test_the_page_names_every_library(layout: Layout) -> None:
    page = (Path(__file__).parents[3] / "docs" / "loading.md").read_text()
    names = re.sub(r"Hugging Face's|vision transformers|\.[\w.]+", "", layout.library)
    assert [name for name in re.findall(r"\w[\w-]+", names) if name not in page] == []
