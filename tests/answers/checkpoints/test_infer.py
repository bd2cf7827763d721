"""infer: predict backwards, also in a part of a bigger model, and problems word for word."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mhadoc

FLAGS = ("bias", "add_bias_kv", "add_zero_attn", "batch_first")


@st.composite
def arguments(draw: Any) -> dict[str, Any]:
    heads = draw(st.integers(1, 6))
    width = heads * draw(st.integers(1, 9))
    features = st.one_of(st.none(), st.just(width), st.integers(0, 60))
    drawn = {name: draw(st.booleans()) for name in FLAGS}
    sizes = {"kdim": draw(features), "vdim": draw(features)}
    return {"embed_dim": width, "num_heads": heads, **sizes, **drawn}


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(arguments(), st.sampled_from(["", "encoder.layers.0.self_attn."]))
def test_gives_the_arguments_back(drawn: dict[str, Any], prefix: str) -> None:
    state = mhadoc.predict("MultiheadAttention", **drawn)
    found = mhadoc.infer({prefix + key: shape for key, shape in state.items()})
    assert (found.target, found.prefix, found.problems) == ("MultiheadAttention", prefix, [])
    width = drawn["embed_dim"]
    known = ("embed_dim", "kdim", "vdim", "bias", "add_bias_kv")
    resolved = {name: width if drawn[name] is None else drawn[name] for name in known}
    assert found.arguments == resolved
    assert drawn["num_heads"] in found.undetermined["num_heads"]
    assert found.undetermined.keys() == mhadoc.spec("MultiheadAttention").bind(
        embed_dim=1, num_heads=1
    ).keys() - set(known)


@given(arguments())
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_what_it_says_builds_the_same(drawn: dict[str, Any]) -> None:
    state = mhadoc.predict("MultiheadAttention", **drawn)
    found = mhadoc.infer(state)
    for heads in found.undetermined["num_heads"]:
        assert mhadoc.predict("MultiheadAttention", num_heads=heads, **found.arguments) == state


@pytest.mark.parametrize("convert", [torch.empty, np.empty, tuple, list])
def test_values_may_be_tensors_arrays_or_shapes(convert: Any) -> None:
    state = mhadoc.predict("MultiheadAttention", 6, 2, kdim=5)
    found = mhadoc.infer({key: convert(shape) for key, shape in state.items()})
    assert found.arguments["kdim"] == 5
    assert found.problems == []


def test_text_word_for_word() -> None:
    state = mhadoc.predict("MultiheadAttention", 6, 2, bias=False)
    assert str(mhadoc.infer(state)) == (
        "MultiheadAttention(embed_dim=6, bias=False, add_bias_kv=False, kdim=6, vdim=6)\n"
        "  num_heads: one of 1, 2, 3, 6\n"
        "  not stored: dropout, add_zero_attn, batch_first, device, dtype"
    )


def test_data_are_plain() -> None:
    state = mhadoc.predict("MultiheadAttention", 6, 2, bias=False)
    found = json.loads(json.dumps(mhadoc.infer(state).to_json()))
    assert found["undetermined"]["num_heads"] == [1, 2, 3, 6]
    assert found["undetermined"]["dropout"] == "not stored; 0.0 unless it was given"
    assert (found["arguments"]["bias"], found["problems"], found["parts"]) == (False, [], [])


def several() -> dict[str, tuple[int, ...]]:
    state = {"embedding.weight": (9, 6)}
    for layer in range(3):
        attention = mhadoc.predict("MultiheadAttention", 6, 2, kdim=5 if layer == 1 else None)
        state |= {f"layers.{layer}.attn.{key}": shape for key, shape in attention.items()}
    return state


def test_a_model_is_read_part_by_part() -> None:
    found = mhadoc.infer(several())
    assert found.target is None
    assert [part.prefix for part in found.parts] == [f"layers.{n}.attn." for n in range(3)]
    assert [part.arguments["kdim"] for part in found.parts] == [6, 5, 6]
    assert str(found).startswith("layers.0.attn and 1 more like it: MultiheadAttention(embed_dim=6")
    assert "\nlayers.1.attn: MultiheadAttention(embed_dim=6" in str(found)
    assert [part["prefix"] for part in json.loads(json.dumps(found.to_json()))["parts"]] == [
        part.prefix for part in found.parts
    ]


@pytest.mark.parametrize("prefix", ["layers.1", "layers.1.", "layers.1.attn", "layers.1.attn."])
def test_prefix_chooses_a_part(prefix: str) -> None:
    found = mhadoc.infer(several(), prefix)
    assert (found.prefix, found.arguments["kdim"]) == ("layers.1.attn.", 5)
    assert (found.parts, found.attentions) == ((), (found,))


def test_wide_modules_have_no_list_of_heads() -> None:
    found = mhadoc.infer(mhadoc.predict("MultiheadAttention", 1 << 20, 2))
    assert found.undetermined["num_heads"] == (
        "not stored; embed_dim and num_heads must be greater than 0, "
        "num_heads must divide embed_dim"
    )


def broken(**changes: Any) -> dict[str, Any]:
    state = {**mhadoc.predict("MultiheadAttention", 6, 2), **changes}
    return {key: shape for key, shape in state.items() if shape}


NAMES = "MultiheadAttention, or of a module with one inside"
SAID = "\n  way out: the other keys say embed_dim=6, kdim=6, vdim=6, bias=True, add_bias_kv=False"
PROBLEMS = [
    (
        broken(in_proj_bias=None),
        "error: in_proj_bias: must be (3*embed_dim,) = (18,), but there is no such key "
        "[MultiheadAttention.in_proj_bias]." + SAID,
    ),
    (
        broken(**{"out_proj.weight": (6, 7)}),
        "error: out_proj.weight: must be (embed_dim, embed_dim) = (6, 6), but it is (6, 7) "
        "[MultiheadAttention.out_proj.weight]." + SAID,
    ),
    (
        broken(bias_k=(1, 1, 6)),
        "error: bias_k: exists only when add_bias_kv=True, but it is there "
        "[MultiheadAttention.bias_k]." + SAID,
    ),
    (
        broken(extra=(4,)),
        "error: extra: is no parameter of MultiheadAttention, but it is there "
        "[MultiheadAttention]." + SAID,
    ),
    (
        {"a": (3,)},
        "error: state_dict: must hold the parameters of " + NAMES + ", but its 1 keys are not "
        "those of one [keys].\n  way out: pass the state_dict of a model",
    ),
    (
        {"vit.attn.qkv.weight": (18, 6), "vit.attn.proj.weight": (6, 6)},
        "error: vit.attn.: must hold the parameters of " + NAMES + ", but it has the keys of "
        "timm's vision transformers [layouts].\n"
        "  way out:\n"
        "ours = {}  # state is the state_dict that was given\n"
        "ours['in_proj_weight'] = state['vit.attn.qkv.weight']\n"
        "ours['out_proj.weight'] = state['vit.attn.proj.weight']\n"
        "module = torch.nn.MultiheadAttention(6, num_heads, bias=False)\n"
        "module.load_state_dict(ours)",
    ),
]


@pytest.mark.parametrize(("state", "text"), PROBLEMS)
def test_problems_word_for_word(state: dict[str, Any], text: str) -> None:
    (problem,) = mhadoc.infer(state).problems
    assert str(problem) == text


def test_a_checkpoint_with_the_state_dict_inside() -> None:
    texts = [str(problem) for problem in mhadoc.infer({"model": broken(), "epoch": 3}).problems]
    assert texts[:2] == [
        "error: model: must be a tensor, but it is of type dict [state_dict].\n"
        "  way out: pass what is under 'model'",
        "error: epoch: must be a tensor, but it is of type int [state_dict].\n"
        "  way out: remove 'epoch'",
    ]


def test_a_prefix_under_which_there_is_nothing() -> None:
    (problem,) = mhadoc.infer(broken(), "encoder").problems
    assert str(problem) == (
        "error: prefix: must hold the parameters of " + NAMES + ", but no module is complete "
        "under 'encoder.' [keys].\n  way out: leave the prefix out"
    )


LAYERS = ["TransformerEncoderLayer", "TransformerDecoderLayer"]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("prefix", ["", "model.layers.3."])
def test_layers_give_their_arguments_back(name: str, bias: bool, prefix: str) -> None:
    arguments = {"d_model": 12, "dim_feedforward": 7, "bias": bias}
    state = mhadoc.predict(name, nhead=3, **arguments)
    found = mhadoc.infer({prefix + key: shape for key, shape in state.items()})
    assert (found.target, found.prefix, found.problems) == (name, prefix, [])
    assert found.arguments == arguments
    assert found.undetermined["nhead"] == (1, 2, 3, 4, 6, 12)
    assert {part.prefix for part in found.attentions} <= {
        f"{prefix}self_attn.",
        f"{prefix}multihead_attn.",
    }


@pytest.mark.parametrize(("encoders", "decoders"), [(1, 1), (2, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_transformer_gives_its_arguments_back(encoders: int, decoders: int, bias: bool) -> None:
    arguments = {
        "d_model": 12,
        "num_encoder_layers": encoders,
        "num_decoder_layers": decoders,
        "dim_feedforward": 7,
        "bias": bias,
    }
    module = torch.nn.Transformer(nhead=3, **arguments)
    found = mhadoc.infer(module.state_dict())
    assert (found.target, found.arguments, found.problems) == ("Transformer", arguments, [])
    assert len(found.attentions) == encoders + 2 * decoders
    assert {part.target for part in found.parts} == {"MultiheadAttention"}


@pytest.mark.parametrize("norm", [None, torch.nn.LayerNorm(12)])
def test_a_module_that_is_an_argument_is_a_record(norm: Any) -> None:
    layer = torch.nn.TransformerEncoderLayer(12, 3, 7)
    encoder = torch.nn.TransformerEncoder(layer, 2, norm, enable_nested_tensor=False)
    found = mhadoc.infer(torch.nn.ModuleDict({"enc": encoder, "head": norm or layer}).state_dict())
    found = found if found.target else found.parts[0]
    assert (found.target, found.prefix, found.arguments["num_layers"]) == (
        "TransformerEncoder",
        "enc.",
        2,
    )
    assert found.arguments["encoder_layer"].undetermined["nhead"] == (1, 2, 3, 4, 6, 12)
    after = "LayerNorm(normalized_shape=(12,), elementwise_affine=True, bias=True)"
    assert repr(found) == (
        "TransformerEncoder(encoder_layer=TransformerEncoderLayer(d_model=12, dim_feedforward=7, "
        f"bias=True), num_layers=2, norm={after if norm else None})"
    )
    assert "  encoder_layer.nhead: one of 1, 2, 3, 4, 6, 12\n" in str(found)


def test_layers_beside_others_are_found_one_by_one() -> None:
    layers = [torch.nn.TransformerEncoderLayer(12, 3, 7) for _ in range(2)]
    model = torch.nn.ModuleDict({"layers": torch.nn.ModuleList(layers), "x": torch.nn.Linear(2, 3)})
    found = mhadoc.infer(model.state_dict())
    assert [part.target for part in found.parts] == ["TransformerEncoderLayer"] * 2
    assert [part.prefix for part in found.attentions] == [
        "layers.0.self_attn.",
        "layers.1.self_attn.",
    ]


@pytest.mark.parametrize(
    "module",
    [
        torch.nn.Linear(5, 3),
        torch.nn.Linear(5, 3, bias=False),
        torch.nn.LayerNorm((3, 7)),
        torch.nn.LayerNorm(7, bias=False),
    ],
    ids=repr,
)
@pytest.mark.parametrize("prefix", ["", "layers.0.last."])
def test_a_layer_without_attention_gives_its_arguments_back(
    module: torch.nn.Module, prefix: str
) -> None:
    others = {"layers.1.weight": (4, 3)} if prefix else {}
    state = {prefix + key: tensor for key, tensor in module.state_dict().items()}
    found = mhadoc.infer({**state, **others}, prefix)
    assert (found.target, found.prefix, found.problems) == (type(module).__name__, prefix, [])
    built = type(module)(**found.arguments)
    assert [p.shape for p in built.parameters()] == [p.shape for p in module.parameters()]


DOUBLES = [
    torch.nn.LayerNorm((4, 4), bias=False),
    torch.nn.LayerNorm((5, 3), bias=False),
    torch.nn.RMSNorm(4),
    torch.nn.RMSNorm((4, 3)),
    torch.nn.RMSNorm((4, 3, 2)),
    torch.nn.PReLU(4),
    torch.nn.GroupNorm(2, 4),
    torch.nn.BatchNorm2d(3, track_running_stats=False),
    torch.nn.InstanceNorm1d(3, affine=True),
    torch.nn.Embedding(5, 3),
    torch.nn.EmbeddingBag(5, 3),
    torch.nn.Conv1d(2, 3, 1, bias=False),
    torch.nn.ConvTranspose3d(2, 3, 1, bias=False),
]


@pytest.mark.parametrize("module", DOUBLES, ids=repr)
def test_a_layer_with_doubles_is_told_with_them(module: torch.nn.Module) -> None:
    found = mhadoc.infer(module.state_dict())
    assert found.target in ("Linear", "LayerNorm")
    assert [name for name in found.others if name.startswith(type(module).__name__)]
    assert repr(found).endswith(f")  # or {', '.join(found.others)}")
    assert found.to_json()["others"] == list(found.others)


def test_doubles_word_for_word() -> None:
    state = torch.nn.LayerNorm((5, 3), bias=False).state_dict()
    norm = "LayerNorm(normalized_shape=(5, 3), elementwise_affine=True, bias=False)"
    assert str(mhadoc.infer(state)) == (
        "Linear(in_features=3, out_features=5, bias=False)\n"
        "  not stored: device, dtype\n"
        f"  may also be: {norm}, RMSNorm, Embedding, EmbeddingBag"
    )


@pytest.mark.parametrize("module", [torch.nn.Linear(5, 3), torch.nn.LayerNorm((3, 7))], ids=repr)
def test_a_layer_without_doubles_has_none(module: torch.nn.Module) -> None:
    assert mhadoc.infer(module.state_dict()).others == ()


@pytest.mark.parametrize(
    "module", [torch.nn.BatchNorm1d(4), torch.nn.Conv1d(3, 4, 2), torch.nn.Dropout()], ids=repr
)
def test_a_layer_that_has_no_spec_is_not_taken_for_another(module: torch.nn.Module) -> None:
    found = mhadoc.infer(module.state_dict())
    assert found.target is None
    assert [problem.rule for problem in found.problems] == ["keys"]


def test_a_layer_without_attention_is_not_looked_for_among_others() -> None:
    state = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.LayerNorm(3)).state_dict()
    assert mhadoc.infer(state).parts == ()
    assert mhadoc.infer(state, "0").target == "Linear"


@pytest.mark.parametrize("prefix", ["", ".", "a.", ".a."])
def test_keys_may_start_with_a_point(prefix: str) -> None:
    state = mhadoc.predict("MultiheadAttention", 6, 2)
    found = mhadoc.infer({prefix + key: shape for key, shape in state.items()})
    assert (found.target, found.prefix, found.problems) == ("MultiheadAttention", prefix, [])


@pytest.mark.parametrize(
    ("width", "listed"), [(1, True), (1 << 14, True), (1 << 15, False), (1 << 16, False)]
)
def test_a_list_of_heads_ends_somewhere(width: int, listed: bool) -> None:
    found = mhadoc.infer({"in_proj_weight": (3 * width, width), "out_proj.weight": (width, width)})
    heads = found.undetermined["num_heads"]
    assert isinstance(heads, tuple) is listed
    assert not listed or heads == tuple(2**n for n in range(width.bit_length()))
