"""Badges say on which releases a statement holds, and a page on which that is false fails."""

import re
from collections.abc import Callable

import pytest
from torch_choice import choice

import mhadoc
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED
from mhadoc.language.releases import installed
from mhadoc.proof.standing import short
from tests.ledgered import Made, made

__all__ = ["made"]

FEW = ("2.0.1", "2.1.2", "2.2.2")
PAGE = "```{spec} LayerNorm\n:part: arguments\n```\n\n```{claims} layer_norm\n```\n"
BADGE = re.compile(r'<span class="mhadoc-badge([^"]*)" data-verdicts="(\w*)">([^<]*)</span>')


def badge(html: str, address: str) -> tuple[str, str, str]:
    """Return the class, the verdicts and the words of the badge of what stands at an anchor."""
    proof = html.partition(f'id="{address}"')[2].partition('class="mhadoc-proof">')[2]
    found = BADGE.search(proof)
    assert found
    return found[1].strip(), found[2], found[3]


class TestBadge:
    def test_stands_with_each_rule_and_claim(self, site: Callable, made: Made):
        made("LayerNorm", releases=FEW)
        html = site(PAGE).html()
        spec = mhadoc.spec("LayerNorm")
        assert len(BADGE.findall(html)) == len([*spec.arguments, *spec.requirements, *spec.claims])

    @pytest.mark.parametrize(
        ("address", "found"),
        [
            ("LayerNorm.eps", ("mhadoc-throughout", "hhh", "holds since 2.0")),
            ("LayerNorm.bias", ("", "nhh", "holds since 2.1")),
        ],
    )
    def test_is_quiet_where_it_holds_throughout(
        self, site: Callable, made: Made, address: str, found: tuple[str, str, str]
    ):
        made("LayerNorm", releases=FEW)
        page = site(PAGE)
        assert badge(page.html(), address) == found
        assert page.warnings == ""

    def test_stands_in_each_form_of_an_input_and_each_demand(self, site: Callable, made: Made):
        made("LayerNorm", releases=FEW)
        page = site("```{spec} LayerNorm\n:part: inputs, calls\n```\n")
        assert badge(page.html(), "LayerNorm.input.floats")[2] == "otherwise since 2.0"
        assert page.text().count("holds since 2.0") > 3

    def test_there_is_none_without_a_ledger(self, site: Callable, made: Made):
        made("LayerNorm", releases=())
        assert "mhadoc-badge" not in site(PAGE).html()

    @pytest.mark.parametrize(
        ("release", "verdict", "told", "shown"),
        [
            ("2.0.1", HOLDS, "LayerNorm.bias: it is not stated of torch 2.0.1", "hhh"),
            ("2.2.2", NOT_THERE, "LayerNorm.bias: it is stated of torch 2.2.2", "nhn"),
            ("2.2.2", REFUTED, "LayerNorm.bias: the ledger of torch 2.2.2 refutes it", "nhr"),
        ],
    )
    def test_a_false_ledger_is_told_and_shown(
        self, site: Callable, made: Made, release: str, verdict: str, told: str, shown: str
    ):
        made("LayerNorm", releases=FEW, verdicts={(release, "LayerNorm.bias"): verdict})
        page = site(PAGE)
        assert f"WARNING: {told}" in page.warnings
        assert page.warnings.count("WARNING") == 1
        assert badge(page.html(), "LayerNorm.bias")[1] == shown
        assert page.build().warnings.count("WARNING") == 1


class TestAside:
    """Where a statement is only mentioned, what is not seen says where it holds."""

    @pytest.mark.parametrize(
        ("role", "words"),
        [
            ("{rule}`LayerNorm.bias`", "holds since 2.1"),
            ("{claim}`sdpa.scale`", "holds since 2.1"),
        ],
    )
    def test_is_put_after_a_link(self, site: Callable, made: Made, role: str, words: str):
        made("LayerNorm", "scaled_dot_product_attention", releases=FEW)
        html = site(f"{role}\n\n{PAGE}\n```{{claim}} sdpa.scale\n```\n").html()
        assert f'</a><span class="mhadoc-aside" data-verdicts="nhh" data-words="{words}">' in html

    def test_there_is_none_where_it_holds_throughout(self, site: Callable, made: Made):
        made("LayerNorm", releases=FEW)
        text = f"{{rule}}`LayerNorm.eps` {{shape}}`LayerNorm.weight`\n\n{PAGE}"
        assert "mhadoc-aside" not in site(text).html()


def test_what_can_be_chosen_are_the_releases_with_a_ledger(made: Made):
    made("LayerNorm", releases=("2.0.1", "2.13.0", "2.15.0"))
    here = short(installed())
    others = [(place, name) for place, name in enumerate(("2.0", "2.13", "2.15")) if name != here]
    assert choice() == (here, others[::-1])
