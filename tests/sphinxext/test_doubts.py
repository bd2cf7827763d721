"""The warnings on a page: each with an example that ran and the claim that says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import mhadoc
from mhadoc.errors import MhadocError
from mhadoc.proof.doctests import printed
from mhadoc.sphinxext.doubts import doubt_section

MHA = mhadoc.spec("MultiheadAttention")
SPECS = [mhadoc.spec(name) for name in mhadoc.specs()]
DOUBTS = list({doubt.id: doubt for spec in SPECS for doubt in spec.doubts}.values())
PAGE = Path(__file__).parents[2] / "docs/warnings.md"


def test_a_section_has_a_title_an_example_and_its_reason(site: Callable):
    page = site(
        "```{doubts} MultiheadAttention\n:about: need_weights\n```\n\n"
        "```{claim} mha.dropout.returned\n```\n"
    )
    assert page.warnings == ""
    assert 'id="doubt-need-weights-dropout"' in page.html()
    assert "Returned weights do not add up to 1" in page.text()
    assert "warning: need_weights: should be asked for in eval mode" in page.text()
    assert 'href="#mha.dropout.returned"' in page.html()


def test_only_those_asked_for_are_listed(site: Callable):
    html = site("```{doubts} MultiheadAttention\n:about: dropout, out_proj\n```\n").html()
    assert re.findall(r'id="(doubt-[\w-]+)"', html) == [
        "doubt-dropout-negative",
        "doubt-out-proj-hooks",
        "doubt-out-proj-replaced",
    ]


@pytest.mark.parametrize("doubt", DOUBTS, ids=lambda doubt: doubt.id)
def test_each_example_prints_its_warning(doubt: mhadoc.language.Doubt):
    lines = printed(doubt.example).splitlines()
    said = [line for line in lines if line.startswith(("warning: ", "error: "))]
    own, *others = reversed(said) if doubt.beside_errors else said
    assert f"[{doubt.claim}]" in own
    assert all(line.startswith("error: ") == doubt.beside_errors for line in others)


def test_an_example_without_a_warning_is_told():
    silent = replace(DOUBTS[0], example=">>> print('nothing')")
    with pytest.raises(MhadocError, match=r"the example of attn_mask\.sense prints no warning"):
        doubt_section(silent)


def test_each_doubt_is_on_the_page_once():
    prefixes = [
        prefix.strip()
        for line in re.findall(r"^:about: (.*)$", PAGE.read_text(), re.MULTILINE)
        for prefix in line.split(",")
    ]
    for doubt in DOUBTS:
        assert sum(doubt.id.startswith(prefix) for prefix in prefixes) == 1, doubt.id
