"""Answers for another release of torch than the one installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc import ReleaseError, RuleError
from mhadoc.catalog.ledgers import HOLDS, ledger, releases
from mhadoc.language import Input
from mhadoc.language.releases import order
from tests.answers.call.draws import Drawn, drawn

OURS = torch.__version__
X = torch.zeros(2, 3, 8)
LAYER = {"d_model": 8, "nhead": 2, "batch_first": True}
CLASSES = (
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerDecoder",
    "Transformer",
    "LayerNorm",
)

#: What can be asked of any release, and each takes the release by the same name.
ASKED: dict[str, Any] = {
    "predict": lambda **release: mhadoc.predict("LayerNorm", 8, **release),
    "predict_call": lambda **release: mhadoc.predict_call(
        "LayerNorm", {"normalized_shape": 8}, (2, 8), **release
    ),
    "explain": lambda **release: mhadoc.explain("LayerNorm", 8, **release).to_json(),
    "infer": lambda **release: mhadoc.infer({"weight": (8,), "bias": (8,)}, **release),
    "diagnose": lambda **release: mhadoc.diagnose(nn.LayerNorm(8), X, **release),
    "why_not_fast_path": lambda **release: mhadoc.why_not_fast_path(nn.LayerNorm(8), X, **release),
    "spec": lambda **release: mhadoc.spec("LayerNorm", **release),
}
EACH = pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)


@EACH
def test_the_installed_one_is_the_default(asked):
    assert asked(torch_version=OURS) == asked(torch_version=None) == asked()


@EACH
@pytest.mark.parametrize(
    ("release", "text"),
    [
        (
            "1.12.1",
            r"^torch '1\.12\.1': it is not known; rules are stated of torch 1\.13 to 2\.\d+$",
        ),
        ("9.0", r"^torch '9\.0': it is not known; rules are stated of torch 1\.13 to 2\.\d+$"),
        ("two", r"^torch 'two': write it as '2\.13' or '2\.13\.0'$"),
        (2.1, r"^torch 2\.1: write it as '2\.13' or '2\.13\.0'$"),
    ],
)
def test_what_is_not_known_is_refused(asked, release, text):
    with pytest.raises(ReleaseError, match=text):
        asked(torch_version=release)


def test_one_that_is_newer_than_all_ledgers_is_known_where_it_is_installed(monkeypatch):
    monkeypatch.setattr("mhadoc.catalog.ledgers.installed", lambda: "9.1.0+cpu")
    assert mhadoc.predict("LayerNorm", 8, torch_version="9.1")


class TestConstructor:
    @pytest.mark.parametrize("name", ["TransformerEncoderLayer", "LayerNorm"])
    def test_an_argument_that_came_later_is_refused(self, name):
        sizes = (8, 2) if name.startswith("T") else (8,)
        assert "bias" not in str(mhadoc.predict(name, *sizes, bias=False, torch_version="2.1"))
        message = rf"^{name}\.arguments: bias came with torch 2\.1, and torch 2\.0\.1 lacks it"
        with pytest.raises(RuleError, match=message):
            mhadoc.predict(name, *sizes, bias=False, torch_version="2.0.1")

    @pytest.mark.parametrize("built", [False, True])
    def test_so_is_a_module_inside_that_needs_it(self, built):
        described = mhadoc.spec("TransformerEncoderLayer").bound(8, 2, bias=False)
        layer = nn.TransformerEncoderLayer(8, 2, bias=False) if built else described
        assert mhadoc.predict("TransformerEncoder", layer, 2, torch_version="2.1")
        message = r"^TransformerEncoderLayer\.arguments: bias came with torch 2\.1"
        with pytest.raises(RuleError, match=message):
            mhadoc.predict("TransformerEncoder", layer, 2, torch_version="2.0")

    def test_an_explanation_does_not_speak_of_it(self):
        rows = mhadoc.explain("LayerNorm", 8, torch_version="2.0").rows
        assert [row.when for row in rows] == ["elementwise_affine=True"] * 2
        assert (
            mhadoc.explain("LayerNorm", 8).rows[1].when == "bias=True and elementwise_affine=True"
        )

    def test_a_checkpoint_is_read_without_it(self):
        state = mhadoc.predict("TransformerEncoderLayer", 8, 2)
        assert "bias" not in mhadoc.infer(state, torch_version="2.0").arguments
        assert mhadoc.infer(state, torch_version="2.1").arguments["bias"] is True

    def test_a_checkpoint_that_needs_it_is_of_no_such_layer(self):
        state = mhadoc.predict("TransformerEncoderLayer", 8, 2, bias=False)
        assert mhadoc.infer(state).target == "TransformerEncoderLayer"
        assert mhadoc.infer(state, torch_version="2.0").target == "MultiheadAttention"


class TestCall:
    @pytest.mark.parametrize("given", [(X, None, None, True), (X,)])
    def test_an_input_that_came_later_is_an_error(self, given):
        named = {} if given[1:] else {"is_causal": True}
        (problem,) = mhadoc.diagnose(
            nn.TransformerEncoderLayer(**LAYER), *given, torch_version="1.13.1", **named
        )
        assert str(problem) == (
            "error: is_causal: came with torch 2.0, and torch 1.13.1 lacks it "
            "[TransformerEncoderLayer.forward.known_names].\n"
            "  way out: leave is_causal out, or use torch 2.0 or newer"
        )

    def test_a_prediction_refuses_it(self):
        message = r"tgt_is_causal came with torch 2\.1, and torch 2\.0 lacks it"
        with pytest.raises(RuleError, match=message):
            mhadoc.predict_call("Transformer", {}, X, X, tgt_is_causal=True, torch_version="2.0")

    def test_a_function_that_came_later_is_refused(self):
        message = r"scaled_dot_product_attention came with torch 2\.0$"
        with pytest.raises(ReleaseError, match=message):
            mhadoc.diagnose(
                nn.functional.scaled_dot_product_attention, X, X, X, torch_version="1.13"
            )

    @pytest.mark.parametrize("release", ["1.13", "2.0"])
    @pytest.mark.parametrize("name", ["Transformer", "TransformerDecoder"])
    def test_hints_that_came_later_need_not_be_given(self, name, release):
        layer = mhadoc.spec("TransformerDecoderLayer").bound(8, 2)
        built = {"d_model": 8, "nhead": 2}
        built = built if name == "Transformer" else {"decoder_layer": layer, "num_layers": 2}
        found = mhadoc.predict_call(name, built, X, X, torch_version=release)
        assert found == {"output": (2, 3, 8)}

    def test_a_module_that_could_not_be_built_is_an_error(self):
        norm = nn.LayerNorm(8, bias=False)
        (problem,) = mhadoc.diagnose(norm, X, torch_version="2.0.1")
        assert str(problem) == (
            "error: bias: came with torch 2.1, and torch 2.0.1 lacks it, but the module has "
            "bias=False [LayerNorm.arguments].\n"
            "  way out: build it without, or use torch 2.1 or newer"
        )
        assert mhadoc.diagnose(norm, X, torch_version="2.1") == []
        assert mhadoc.diagnose(nn.LayerNorm(8, 1e-5, False), X, torch_version="2.0.1") == []

    def test_of_layers_alike_the_first_is_told(self):
        layer = nn.TransformerDecoderLayer(8, 2, bias=False)
        problems = mhadoc.diagnose(nn.TransformerDecoder(layer, 2), X, X, torch_version="1.13")
        assert [problem.argument for problem in problems] == ["layers.0.bias"]

    def test_a_bug_that_was_mended_is_warned_of_where_it_is(self):
        mha = nn.MultiheadAttention(8, 2, batch_first=True)
        padding = torch.tensor([[False] * 3, [True] * 3])
        call = {"key_padding_mask": padding, "need_weights": False}
        (now,) = mhadoc.diagnose(mha, X, X, X, **call, torch_version="2.5")
        (once,) = mhadoc.diagnose(mha, X, X, X, **call, torch_version="2.4.1")
        assert (now.rule, once.rule) == ("mha.nan.without_weights", "mha.nan.everywhere")
        assert once.observed.endswith("the attention gives NaN there")

    def test_a_stack_has_the_fast_path_of_the_release(self):
        layer = nn.TransformerEncoderLayer(8, 2, batch_first=True, bias=False).eval()
        stack = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
        with torch.no_grad():
            told = [mhadoc.why_not_fast_path(stack, X, torch_version=r) for r in ("2.13", "2.1")]
        assert [[reason.argument for reason in reasons] for reasons in told] == [["layers.0"], []]

    @pytest.mark.parametrize(
        ("release", "training", "broken"),
        [
            ("2.1.2", False, ["TransformerEncoderLayer.bias.fast"]),
            ("2.2.2", False, ["TransformerEncoderLayer.bias.fast"]),
            ("2.2.2", True, []),
            ("2.3.1", False, []),
        ],
    )
    def test_a_layer_without_biases_once_failed_in_eval_mode(self, release, training, broken):
        layer = nn.TransformerEncoderLayer(8, 2, batch_first=True, bias=False).train(training)
        problems = mhadoc.diagnose(layer, X, torch_version=release)
        assert list(rules(problems)) == broken

    @pytest.mark.parametrize(
        ("release", "dtype", "broken"),
        [
            ("2.14", torch.complex64, ["Dropout.input.floats"]),
            ("2.15", torch.complex64, []),
            ("2.15", torch.int64, ["Dropout.input.floats"]),
        ],
    )
    def test_complex_numbers_can_be_dropped_since(self, release, dtype, broken):
        problems = mhadoc.diagnose(nn.Dropout(0.3), X.to(dtype), torch_version=release)
        assert list(rules(problems)) == broken


def later(call: Drawn, release: str) -> list[str]:
    """Return the inputs of a call that a release has not got yet."""
    known = mhadoc.spec(call.module, torch_version=release).later
    return [name for name in call.inputs if isinstance(known.get(name), Input)]


def rules(problems: list[mhadoc.Problem]) -> Iterator[str]:
    """Iterate over the rules that problems break, without those that Python itself makes."""
    for problem in problems:
        if problem.rule.partition(".")[2] not in ("arguments", "inputs"):
            yield problem.rule


@pytest.fixture(scope="module")
def calls() -> list[Drawn]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [call for name in CLASSES for call in drawn(name, 60, 7)]


@pytest.mark.parametrize("release", releases())
def test_a_diagnosis_agrees_with_what_is_stated(release, calls):
    held = {address for address, entry in ledger(release).items() if entry.verdict == HOLDS}
    early = 0
    for call in calls:
        problems = mhadoc.diagnose(call.module, **call.inputs, torch_version=release)
        assert held.issuperset(rules(problems)), (release, call.inputs)
        unknown = [p.argument for p in problems if p.rule.endswith(".known_names")]
        assert unknown == later(call, release)[:1]
        early += bool(unknown)
        if release == OURS.partition("+")[0]:
            assert problems == mhadoc.diagnose(call.module, **call.inputs)
    assert bool(early) == (order(release) < order("2.1"))
