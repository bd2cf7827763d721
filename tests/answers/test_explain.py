"""explain: the rows as data, as text word for word, in a terminal and in a notebook."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from typing import Any

import pytest
import torch
from rich.console import Console

import mhadoc
from mhadoc.answers.built import arguments_of
from mhadoc.answers.explanation import Explanation, Row

TEXT = """\
MultiheadAttention(embed_dim=6, num_heads=2): 168 parameters
  in_proj_weight   (3*embed_dim, embed_dim) = (18, 6)  64.3%
      q, k and v are stored in one matrix, one block of `embed_dim` rows each, because
      all three have `embed_dim` features.
      rows 0:6 are q, rows 6:12 are k, rows 12:18 are v.
      rows 3*h:3*h + 3 are head h of q, rows 3*h + 6:3*h + 9 are head h of k, rows 3*h +
      12:3*h + 15 are head h of v.
  in_proj_bias     (3*embed_dim,) = (18,)  10.7%
      one vector for q, k and v in both layouts, since every projection ends in
      `embed_dim` features.
      entries 0:6 are q, entries 6:12 are k, entries 12:18 are v.
      entries 3*h:3*h + 3 are head h of q, entries 3*h + 6:3*h + 9 are head h of k,
      entries 3*h + 12:3*h + 15 are head h of v.
  out_proj.weight  (embed_dim, embed_dim) = (6, 6)  21.4%
      maps the heads' concatenated outputs back to `embed_dim`; head h enters by
      columns.
      columns 3*h:3*h + 3 are head h.
  out_proj.bias    (embed_dim,) = (6,)  3.6%
      added once after the heads were mixed, so no part of it belongs to one head.
  not here: q_proj_weight, k_proj_weight, v_proj_weight (exist when kdim != embed_dim or \
vdim != embed_dim)
  not here: bias_k, bias_v (exist when add_bias_kv=True)"""

ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"bias": False, "add_zero_attn": True},
    {"kdim": 5, "dropout": 0.25},
    {"vdim": 7, "add_bias_kv": True, "batch_first": True},
]


def test_text_word_for_word() -> None:
    answer = mhadoc.explain("MultiheadAttention", embed_dim=6, num_heads=2)
    assert str(answer) == repr(answer) == TEXT


def test_positional_arguments() -> None:
    assert str(mhadoc.explain("MultiheadAttention", 6, 2)) == TEXT


@pytest.mark.parametrize("changes", ARGUMENTS)
def test_rows_are_the_state_dict(changes: dict[str, Any]) -> None:
    module = torch.nn.MultiheadAttention(6, 2, **changes)
    answer = mhadoc.explain("MultiheadAttention", embed_dim=6, num_heads=2, **changes)
    state = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert {row.name: row.shape for row in answer.rows} == state
    assert answer.total == sum(p.numel() for p in module.parameters())
    assert sum(map(answer.share, answer.rows)) == pytest.approx(1)


@pytest.mark.parametrize("changes", ARGUMENTS)
def test_a_built_module_explains_itself(changes: dict[str, Any]) -> None:
    module = torch.nn.MultiheadAttention(6, 2, **changes)
    named = mhadoc.explain("MultiheadAttention", embed_dim=6, num_heads=2, **changes)
    assert str(mhadoc.explain(module)) == str(named)
    told = arguments_of(module, mhadoc.spec(module))
    assert {**changes, "embed_dim": 6, "num_heads": 2}.items() <= told.items()


def test_slices_are_the_projections() -> None:
    row = mhadoc.explain("MultiheadAttention", 6, 2).rows[0]
    assert [str(block) for block in row.blocks if not block.indexed] == [
        "rows 0:6 are q",
        "rows 6:12 are k",
        "rows 12:18 are v",
    ]


@pytest.mark.parametrize("target", ["MultiheadAttention", torch.nn.MultiheadAttention])
def test_without_arguments_in_symbols_alone(target: Any) -> None:
    answer = mhadoc.explain(target)
    assert {row.shape for row in answer.rows} == {None}
    assert "rows embed_dim:2*embed_dim are k" in str(answer)
    assert "exists when kdim == embed_dim and vdim == embed_dim." in str(answer)
    assert "%" not in str(answer)


@pytest.fixture
def model() -> torch.nn.Module:
    attentions = [torch.nn.MultiheadAttention(6, heads) for heads in (2, 2, 3)]
    return torch.nn.ModuleDict({"<b>a</b>": attentions[0], "b": torch.nn.Sequential(*attentions)})


def test_a_model_lists_every_attention(model: torch.nn.Module) -> None:
    answer = mhadoc.explain(model)
    assert [part.prefix for part in answer.parts] == ["<b>a</b>", "b.1", "b.2"]
    text = str(answer)
    start = "ModuleDict has 3 times MultiheadAttention: 504 of its 504 parameters, 100.0%\n\n"
    assert text.startswith(f"{start}<b>a</b>, b.1: Multi")
    assert text.count("in_proj_weight   (3*embed_dim") == 2


def test_a_model_tells_how_much_of_it_is_attention() -> None:
    attentions = [torch.nn.MultiheadAttention(6, 2) for _ in range(2)]
    attentions[1].out_proj = attentions[0].out_proj
    model = torch.nn.ModuleList([*attentions, torch.nn.Linear(6, 7)])
    inside, whole = 2 * (18 * 6 + 18) + 42, 2 * (18 * 6 + 18) + 42 + 49
    answer = mhadoc.explain(model)
    said = f"{inside} of its {whole} parameters, {inside / whole:.1%}"
    assert str(answer).startswith(f"ModuleList has 2 times MultiheadAttention: {said}\n")
    assert said in answer._repr_html_()
    assert (answer.to_json()["inside"], answer.to_json()["whole"]) == (inside, whole)


def test_a_model_without_attention() -> None:
    assert str(mhadoc.explain(torch.nn.ReLU())) == "ReLU has no attention"


class _Texts(HTMLParser):
    tags: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_notebook_escapes_every_text(model: torch.nn.Module) -> None:
    parser = _Texts()
    parser.feed(mhadoc.explain(model)._repr_html_())
    assert "b" not in parser.tags
    assert any("<b>a</b>, b.1: MultiheadAttention(" in text for text in parser.texts)
    assert parser.tags.count("table") == 2


def test_notebook_escapes_keys() -> None:
    row = Row("<i>", "(<u>,)", (3,), "always", "a & b", (), 1)
    html = Explanation("<script>", rows=(row,))._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<td>&lt;i&gt;</td><td>(&lt;u&gt;,)</td><td>(3,)</td>" in html
    assert "a &amp; b" in html


@pytest.mark.parametrize("width", [40, 200])
def test_terminal(model: torch.nn.Module, width: int) -> None:
    stream = io.StringIO()
    Console(file=stream, width=width).print(mhadoc.explain(model), mhadoc.explain(model["b"][0]))
    assert "share" in stream.getvalue()
    assert width == 40 or "rows 0:6 are q, rows 6:12 are k, rows 12:18 are v." in stream.getvalue()


def test_json(model: torch.nn.Module) -> None:
    data = json.loads(json.dumps(mhadoc.explain(model).to_json()))
    assert data["parts"][0]["rows"][0]["shape"] == [18, 6]


def test_a_built_module_takes_no_arguments() -> None:
    text = (
        r"^MultiheadAttention\.arguments: a module that is built has its arguments, "
        r"but got bias=False\.\n  way out: pass the module alone, or its name: "
        r"explain\('MultiheadAttention', \.\.\.\)$"
    )
    with pytest.raises(mhadoc.RuleError, match=text):
        mhadoc.explain(torch.nn.MultiheadAttention(6, 2), bias=False)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, ""),
        ({"bias": True, "kdim": None, "dropout": float("0.0")}, ""),
        ({"bias": False}, ", bias=False"),
        ({"bias": 1}, ", bias=1"),
        ({"dropout": 0}, ", dropout=0"),
    ],
)
def test_what_differs_from_a_default_is_shown(changes: dict[str, Any], shown: str) -> None:
    answer = mhadoc.explain("MultiheadAttention", 6, 2, **changes)
    assert answer.title.startswith(f"MultiheadAttention(embed_dim=6, num_heads=2{shown}): ")


def test_in_symbols_each_parameter_is_there_once() -> None:
    assert {row.times for row in mhadoc.explain("TransformerEncoder").rows} == {1}


def test_illegal_arguments() -> None:
    with pytest.raises(mhadoc.RuleError, match="num_heads must divide embed_dim"):
        mhadoc.explain("MultiheadAttention", embed_dim=6, num_heads=4)


def test_unknown_target() -> None:
    with pytest.raises(mhadoc.UnknownNameError, match="no spec is called 'Attention'"):
        mhadoc.explain("Attention")


def test_what_each_layer_has_counts_for_each_layer() -> None:
    answer = mhadoc.explain("Transformer", d_model=10, nhead=2)
    assert answer.total == sum(p.numel() for p in torch.nn.Transformer(10, 2).parameters())
    assert answer.rows[0].symbols == "(3*d_model, d_model)"


LAYER = {"d_model": 12, "nhead": 3, "dim_feedforward": 7, "dropout": 0.25, "bias": False}


@pytest.mark.parametrize("name", ["TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_a_built_layer_tells_its_arguments(name: str) -> None:
    module = getattr(torch.nn, name)(**LAYER, batch_first=True, norm_first=True)
    told = arguments_of(module, mhadoc.spec(name))
    assert {**LAYER, "batch_first": True, "norm_first": True}.items() <= told.items()


def test_a_built_stack_describes_the_layer_inside() -> None:
    layer = torch.nn.TransformerEncoderLayer(**LAYER)
    stack = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    told = arguments_of(stack, mhadoc.spec(stack))
    assert (told["num_layers"], told["norm"]) == (2, None)
    assert LAYER.items() <= told["encoder_layer"].arguments.items()


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("kdim", 5, 5),
        ("kdim", None, None),
        ("dropout", 0.5, 0.5),
        ("bias", False, False),
        ("device", "cpu", "cpu"),
        ("device", torch.device("cpu"), "cpu"),
        ("dtype", torch.float64, "torch.float64"),
    ],
)
def test_an_argument_is_plain_data_or_a_text(name: str, value: object, plain: object) -> None:
    told = mhadoc.explain("MultiheadAttention", 6, 2, **{name: value}).to_json()["arguments"][name]
    assert (told, type(told)) == (plain, type(plain))
