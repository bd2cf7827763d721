"""The catalogue of error texts: a section for each, found by its text, with causes and mends."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import mhadoc
from mhadoc.proof.refusals import refusals

PAGE = "## A\n\n```{{errors}} MultiheadAttention\n:when: {when}\n```\n"


@pytest.mark.parametrize("when", ["building", "call"])
def test_each_text_is_there_as_it_was_raised(site: Callable, when: str):
    page = site(PAGE.format(when=when))
    assert page.warnings == ""
    text = page.text().replace("&quot;", '"')
    stated = list(refusals(mhadoc.spec("MultiheadAttention")))
    stated = [r for r in stated if r.building is (when == "building")]
    for refusal in stated:
        assert f'id="error-{refusal.address}"' in page.html()
        assert " ".join(refusal.demand.replace("`", "").split()) in text
    titles = set(re.findall(r"(\S.*?)¶", text))
    assert len(titles) > 10


def test_a_text_has_its_cause_and_its_mend(site: Callable):
    text = site(PAGE.format(when="building")).text()
    assert re.search(
        r"embed_dim must be divisible by num_heads ?¶ Raised as AssertionError by "
        r"MultiheadAttention\(embed_dim=10, num_heads=3\) ?\. The broken rule The way out "
        r"num_heads must divide embed_dim: MultiheadAttention Choose num_heads from 1, 2, 5, 10,",
        text,
    )


def test_an_unknown_spec_is_told(site: Callable):
    page = site("```{errors} MultiheadAttention, Attention\n```\n")
    assert "no spec is called 'Attention'" in page.warnings
