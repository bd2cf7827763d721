"""diagnose: every problem of a call at once, in words that name the wrong argument."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc.errors import UndescribedError

X, KEY = torch.zeros(2, 3, 512), torch.zeros(2, 5, 512)
MHA = nn.MultiheadAttention(512, 8, batch_first=True)
SEPARATE = nn.MultiheadAttention(512, 8, kdim=300, vdim=200, batch_first=True)
ENCODER = nn.TransformerEncoderLayer(512, 8, batch_first=True)
DECODER = nn.TransformerDecoderLayer(512, 8, batch_first=True)
BOOL = torch.bool

TEXTS: list[tuple[Any, dict[str, Any], list[str]]] = [
    (
        MHA,
        {"query": X, "key": torch.zeros(2, 5, 300), "value": torch.zeros(2, 5, 300)},
        [
            "error: key: must have kdim = embed_dim = 512 features, but has 300 "
            "[MultiheadAttention.key.features_apart].\n"
            "  way out: build with kdim=300 and vdim=300, or project key and value"
        ],
    ),
    (
        SEPARATE,
        {"query": X, "key": KEY, "value": torch.zeros(2, 5, 200)},
        [
            "error: key: must have kdim = 300 features, but has 512 "
            "[MultiheadAttention.key.separate_features].\n  way out: the key does not fit, not the "
            "weight: build with kdim=512, or project the key"
        ],
    ),
    (
        MHA,
        {
            "query": X[..., :300],
            "key": KEY.double(),
            "value": KEY[:, :4],
            "attn_mask": torch.zeros(5, 3, dtype=BOOL),
            "key_padding_mask": torch.zeros(5, 2, dtype=torch.int64),
        },
        [
            "error: key_padding_mask: must be one of bools or floats, but is one of int64 "
            "[MultiheadAttention.key_padding_mask.dtype].\n"
            "  way out: pass key_padding_mask.bool(), True meaning hidden",
            "error: query: must have embed_dim = 512 features, but has 300 "
            "[MultiheadAttention.query.features].\n"
            "  way out: project the query, or build with embed_dim=300",
            "error: value: must be as long as the key, in as many batch elements: (2, 5, 512) up "
            "to the features, but has shape (2, 4, 512) [MultiheadAttention.value.length].\n"
            "  way out: give key and value the same length and batch size",
            "error: key: must have the dtype of the parameters: float32, but has float64 "
            "[MultiheadAttention.key.dtype_in_c].\n"
            "  way out: convert one of the two: key.to(module.out_proj.weight.dtype), or "
            "module.to(...)",
            "error: attn_mask: must have shape (L, S) = (3, 5), but has shape (5, 3) "
            "[MultiheadAttention.attn_mask.shape].\n  way out: pass a mask of shape (L, S): rows "
            "are queries, columns keys; extra keys have no column",
            "error: key_padding_mask: must have shape (N, S) = (2, 5), but has shape (5, 2) "
            "[MultiheadAttention.key_padding_mask.batch].\n"
            "  way out: pass a mask of shape (N, S), whatever batch_first is",
            "error: key_padding_mask: must have one entry for each of S = 5 keys, but has shape "
            "(5, 2) [MultiheadAttention.key_padding_mask.length].\n  way out: pass a mask of shape "
            "(N, S): the extra keys have no entry, so take both numbers less add_bias_kv and "
            "add_zero_attn",
        ],
    ),
    (
        ENCODER,
        {"src": X, "src_mask": torch.zeros(4, 4, dtype=BOOL)},
        [
            "error: src_mask: must have shape (S, S) = (3, 3), but has shape (4, 4) "
            "[TransformerEncoderLayer.src_mask.shape].\n  way out: pass a mask of shape (S, S)"
        ],
    ),
    (
        DECODER,
        {"tgt": X, "memory": torch.zeros(2, 5, 300)},
        [
            "error: memory: must have d_model = 512 features, but has 300 "
            "[TransformerDecoderLayer.memory.features].\n  way out: build the encoder with the "
            "decoder's d_model, or project the memory"
        ],
    ),
    (
        MHA,
        {"query": X, "key": X, "value": X, "needs_weights": True},
        [
            "error: needs_weights: there is no input 'needs_weights' "
            "[MultiheadAttention.forward.known_names].\n  way out: the flag is need_weights, and "
            "the masks are attn_mask and key_padding_mask"
        ],
    ),
]


@pytest.mark.parametrize(("module", "inputs", "texts"), TEXTS)
def test_in_these_words(module: Any, inputs: dict[str, Any], texts: list[str]) -> None:
    assert list(map(str, mhadoc.diagnose(module, **inputs))) == texts
    with pytest.raises((AssertionError, RuntimeError, TypeError), match=r"\S"):
        module(**inputs)


def test_a_legal_call_has_no_problem() -> None:
    assert mhadoc.diagnose(MHA, X, KEY, KEY) == []
    assert mhadoc.diagnose(DECODER, X, KEY) == []


@pytest.mark.parametrize(("module", "inputs", "texts"), TEXTS)
def test_each_rule_exists(module: Any, inputs: dict[str, Any], texts: list[str]) -> None:
    for problem in mhadoc.diagnose(module, **inputs):
        assert mhadoc.spec(problem.rule.partition(".")[0]).sentence(problem.rule)


class Own(nn.Module):
    """A layer of one's own, of which nothing is known but its attention."""

    def __init__(self, width: int = 512) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, 8, batch_first=True)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_stack_of_layers_of_ones_own() -> None:
    with pytest.raises(UndescribedError, match=r"layers\.0 is an Own, not torch\.nn\.Trans"):
        mhadoc.diagnose(nn.TransformerEncoder(Own(), 2), X)
    (problem,) = mhadoc.diagnose(nn.TransformerEncoder(nn.Linear(3, 3), 2), X)
    assert problem.rule == "TransformerEncoder.encoder_layer.attends"
    (problem,) = mhadoc.diagnose(nn.TransformerDecoder(nn.Linear(3, 3), 2), X, KEY)
    assert problem.observed == "has none"


def test_a_whole_one_with_an_encoder_of_ones_own() -> None:
    whole = nn.Transformer(512, 8, 1, 1, 5, custom_encoder=nn.Identity(), batch_first=True)
    with pytest.raises(UndescribedError, match="encoder is an Identity, not torch"):
        mhadoc.diagnose(whole, X, KEY)
    (problem,) = mhadoc.diagnose(whole, X, KEY[..., 1:])
    assert str(problem) == (
        "error: tgt: must have d_model = 512 features, but has 511 [Transformer.tgt.features].\n"
        "  way out: pass tgt with d_model features: embed it first"
    )


@pytest.mark.parametrize(
    "module", [nn.TransformerEncoder(ENCODER, 3), nn.Transformer(512, 8, 1, 1, 5)]
)
def test_all_problems_of_a_stack(module: nn.Module) -> None:
    inputs: dict[str, Any] = {"src": torch.zeros(3, 2, 300)}
    name = "mask"
    if isinstance(module, nn.Transformer):
        inputs["tgt"], name = torch.zeros(5, 4, 512), "src_mask"
    inputs |= {name: torch.zeros(9, 9, dtype=torch.int64)}
    problems = mhadoc.diagnose(module, **inputs)
    assert {problem.argument for problem in problems} >= {"src", name}
    assert len(problems) == len({problem.rule for problem in problems})


def test_a_function() -> None:
    function = nn.functional.scaled_dot_product_attention
    assert mhadoc.diagnose(function, X, KEY, KEY) == []
    (problem,) = mhadoc.diagnose(function, X, KEY[..., 1:], KEY)
    assert (problem.argument, problem.rule) == ("key", "scaled_dot_product_attention.key.plain")


def test_a_module_without_a_spec() -> None:
    with pytest.raises(mhadoc.UnknownNameError, match="no spec is called 'Conv1d'"):
        mhadoc.diagnose(nn.Conv1d(1, 1, 1), X)


@pytest.mark.parametrize(
    ("inputs", "named", "argument", "expected"),
    [
        ((), {}, "MultiheadAttention", "query and key and value must be given"),
        ((X,), {}, "key", "key and value must be given"),
        ((X, KEY), {}, "value", "value must be given"),
        ((X, KEY, KEY), {"query": X}, "query", "is given twice"),
        ((X, KEY, KEY), {"mask": X}, "mask", "there is no input 'mask'"),
        ((X, KEY, KEY, *[None] * 6), {}, "count", "too many positional inputs"),
    ],
)
def test_inputs_that_cannot_be_bound(
    inputs: tuple[Any, ...], named: dict[str, Any], argument: str, expected: str
) -> None:
    (problem,) = mhadoc.diagnose(MHA, *inputs, **named)
    assert (problem.argument, problem.expected, problem.observed) == (argument, expected, "")


NUMBERS = X.numpy()
STACKS: dict[str, tuple[nn.Module, int]] = {
    "attention": (MHA, 3),
    "encoder layer": (ENCODER, 1),
    "decoder layer": (DECODER, 2),
    "encoder": (nn.TransformerEncoder(ENCODER, 1), 1),
    "decoder": (nn.TransformerDecoder(DECODER, 1), 2),
    "whole": (nn.Transformer(512, 8, 1, 1, 5, batch_first=True), 2),
}


@pytest.mark.parametrize(("module", "count"), STACKS.values(), ids=STACKS)
def test_an_array_is_no_tensor(module: nn.Module, count: int) -> None:
    for wrong in range(count):
        inputs = [NUMBERS if place == wrong else X for place in range(count)]
        first, *_ = mhadoc.diagnose(module, *inputs)
        assert (first.rule.rpartition(".")[2], first.observed[:8]) == ("tensor", "is of ty")
        with pytest.raises((AttributeError, TypeError)):
            module(*inputs)


@pytest.mark.parametrize("name", ["need_weights", "average_attn_weights", "is_causal"])
@pytest.mark.parametrize("flag", [torch.zeros(3, 3, dtype=BOOL), torch.zeros(0), NUMBERS])
def test_a_mask_is_no_flag(name: str, flag: Any) -> None:
    (problem,) = mhadoc.diagnose(MHA, X, X, X, **{name: flag})
    assert problem.rule == f"MultiheadAttention.{name}.truth"
    assert "a mask is key_padding_mask= or attn_mask=" in problem.hint
    with pytest.raises((RuntimeError, ValueError), match="ambiguous"):
        MHA(X, X, X, **{name: flag})


def test_a_mask_at_the_fifth_place_is_need_weights() -> None:
    (problem,) = mhadoc.diagnose(MHA, X, X, X, None, torch.zeros(3, 3, dtype=BOOL))
    assert (problem.argument, problem.observed) == (
        "need_weights",
        "is of type Tensor, which counts as neither",
    )


@pytest.mark.parametrize("call", [{"average_attn_weights": BOOL}, {"need_weights": torch.ones(1)}])
def test_a_flag_that_torch_can_take_or_does_not_look_at_is_none_of_them(call: Any) -> None:
    given = {"need_weights": False, **call}
    assert mhadoc.diagnose(MHA, X, X, X, **given) == []
    MHA(X, X, X, **given)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("masks", [(True, False), (True, True), (False, True)])
def test_masks_of_eight_bit_floats(masks: tuple[bool, bool], need_weights: bool) -> None:
    names = {"attn_mask": torch.zeros(3, 3), "key_padding_mask": torch.zeros(2, 3)}
    eight = torch.float8_e4m3fn
    given: dict[str, Any] = {
        name: mask.to(eight if small else BOOL)
        for (name, mask), small in zip(names.items(), masks, strict=True)
    }
    problems = mhadoc.diagnose(MHA, X, X, X, **given, need_weights=need_weights)
    assert [problem.severity for problem in problems] == ["error"] * len(problems) != []
    with pytest.raises(RuntimeError):
        MHA(X, X, X, **given, need_weights=need_weights)
