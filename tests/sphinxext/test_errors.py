"""The catalogue of error texts: a section for each, found by its text, with causes and mends."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import mhadoc
from mhadoc.proof.refusals import entries, refusals
from mhadoc.sphinxext.errors import rarity

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


@pytest.mark.parametrize("when", ["building", "call"])
def test_what_people_meet_most_comes_first(when: str):
    found = entries([mhadoc.spec("MultiheadAttention")], building=when == "building")
    ranked = sorted(found, key=lambda entry: rarity(entry, "MultiheadAttention"))
    texts = [entry.text for entry in ranked]
    kinds = [text.partition(":")[0] for text in texts]
    assert kinds.index("TypeError") > kinds.index("RuntimeError")
    assert ("divisible" if when == "building" else "3-D") in texts[0]
    met = {
        "building": ["divisible by num_heads", "not implemented for"],
        "call": ["embedding dimension", "dropout probability", "must be bool, not int"],
    }
    places = [next(p for p, text in enumerate(texts) if part in text) for part in met[when]]
    assert places == sorted(places)


def test_an_unknown_spec_is_told(site: Callable):
    page = site("```{errors} MultiheadAttention, Attention\n```\n")
    assert "no spec is called 'Attention'" in page.warnings
