"""The calculator's form and its rules come from the spec; tests in a browser use them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import mhadoc
from mhadoc.errors import MhadocError, UnknownNameError
from mhadoc.sphinxext.calculator.fields import fields, sizes
from mhadoc.sphinxext.calculator.form import form
from mhadoc.sphinxext.calculator.rules import rules
from tests.sphinxext.conftest import Site

SPEC = mhadoc.spec("MultiheadAttention")
START = {"embed_dim": "10", "num_heads": "2"}
FIELDS = fields(SPEC, START)
SHOWN = "```{calculator} MultiheadAttention\n:start: %s\n```\n"


def test_each_argument_size_and_axis_has_a_field():
    arguments = [argument.name for argument in SPEC.arguments]
    axes = [axis.name for axis in SPEC.cases.part("call")]
    assert [field.name for field in FIELDS] == [*arguments, *sizes(SPEC), *axes]


@pytest.mark.parametrize(
    ("name", "kind", "plain", "start", "empty"),
    [
        ("embed_dim", "int", "", "10", ""),
        ("kdim", "int", "", "", "embed_dim"),
        ("dropout", "number", "0.0", "0.0", ""),
        ("bias", "flag", "True", "True", ""),
        ("dtype", "choice", "None", "None", ""),
        ("L", "int", "", "4", ""),
        ("attn_mask", "choice", "None", "None", ""),
        ("training", "flag", "True", "True", ""),
    ],
)
def test_a_field_is_asked_for_as_its_values_need(name, kind, plain, start, empty):
    field = next(field for field in FIELDS if field.name == name)
    assert (field.kind, field.plain, field.start, field.empty) == (kind, plain, start, empty)


def test_an_unknown_start_is_refused_with_the_closest_name():
    with pytest.raises(UnknownNameError, match="embed_dim"):
        fields(SPEC, {"embed_dims": "3"})


def test_a_module_with_modules_inside_has_no_calculator():
    with pytest.raises(MhadocError, match="no calculator of Transformer: it has modules inside"):
        fields(mhadoc.spec("Transformer"), {})


def test_every_control_has_a_label_a_help_and_room_for_errors():
    html = form(SPEC, FIELDS, {})
    for field in FIELDS:
        place = f"calculator-{field.name}"
        assert f'<label for="{place}">' in html
        assert f'aria-describedby="{place}-error {place}-help"' in html
        assert html.count(f'id="{place}-error"') == html.count(f'id="{place}-help"') == 1
    assert html.count("<legend>") == html.count("</fieldset>") == 3
    assert re.findall(r"\son\w+=|javascript:|style=", html) == []


def test_each_demand_on_what_is_typed_stands_beside_its_field():
    found = rules(SPEC, FIELDS)
    places = {demand["id"]: demand["at"] for demand in found["requirements"]}
    assert places["num_heads.divides"] == "num_heads"
    assert {"dtype.learnable", "bias.truth"}.isdisjoint(places)
    assert [demand["id"] for demand in found["demands"]] == ["is_causal.needs_mask"]
    assert [part["at"] for part in found["together"]] == ["identity", "identity"]


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., Site]:
    """Return a function that builds a calculator which starts with some settings."""

    def build(start: str = "embed_dim=10, num_heads=2", builder: str = "html") -> Site:
        index = SHOWN % start + "\n```{toctree}\nother\n```\n"
        pages = Site(tmp_path, tmp_path).write(index=index, other="Other.")
        return pages.build(builder, mhadoc_proof=False)

    return build


def test_the_page_loads_the_rules_and_no_other_page_does(built: Callable[..., Site]):
    site = built()
    names = ("calculator.js", "calculator_MultiheadAttention.js", "calculator_form.js")
    loaded = re.findall(r'<script defer="defer" src="_static/(calculator\w*\.js)', site.html())
    assert loaded == list(names)
    assert "calculator" not in site.html("other").partition("</head>")[0]
    assert all((site.source / "build/html/_static" / name).is_file() for name in names)
    assert site.warnings == ""


@pytest.mark.parametrize(
    ("start", "problem"),
    [("embed_dim", "'embed_dim' sets nothing: write name=value"), ("heads=2", "heads")],
)
def test_a_wrong_start_is_a_warning(built: Callable[..., Site], start: str, problem: str):
    assert problem in built(start).warnings


def test_a_page_of_text_leaves_it_out(built: Callable[..., Site]):
    assert "calculator" not in (built(builder="text").source / "build/text/index.txt").read_text()
