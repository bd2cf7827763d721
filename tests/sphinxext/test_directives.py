"""Directives show every rule and claim once, with its place, its proof and its mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import mhadoc
from mhadoc.language import OutcomeTable
from mhadoc.sphinxext.parts import PARTS

SPEC = mhadoc.spec("MultiheadAttention")
ALL = "```{spec} MultiheadAttention\n```\n"
CLAIM = "```{claim} mha.scale\n```\n"


def part(name: str) -> str:
    return f"```{{spec}} MultiheadAttention\n:part: {name}\n```\n"


def ids(html: str) -> list[str]:
    return re.findall(r'id="((?:MultiheadAttention|mha|doc)\.[^"]*)"', html)


class TestSpec:
    def test_each_statement_stands_there_once(self, site: Callable):
        page = site(ALL)
        demands = (*SPEC.requirements, *SPEC.call_requirements, *SPEC.fast_path)
        groups = {f"{SPEC.name}.{rule.name}" for rule in (*SPEC.inputs, *SPEC.outputs)}
        stated = {SPEC.address(statement) for statement in (*SPEC.rules, *demands)}
        assert sorted(ids(page.html())) == sorted(stated | groups | {f"{SPEC.name}.state_dict"})
        assert page.warnings == ""

    def test_each_anchor_has_a_permanent_link(self, site: Callable):
        html = site(ALL).html()
        links = re.findall(
            r'class="headerlink[^"]*" href="#([^"]*)" title="Link to this rule"', html
        )
        assert sorted(links) == sorted(ids(html))

    @pytest.mark.parametrize("name", PARTS)
    def test_one_part_alone(self, site: Callable, name: str):
        page = site(part(name))
        assert page.warnings == ""
        assert page.html().count("<table") == 1

    def test_some_parts_in_the_order_asked_for(self, site: Callable):
        text = site(part("outputs, parameters")).text()
        assert 0 < text.index("attn_output") < text.index("in_proj_weight")

    def test_a_parameter(self, site: Callable):
        assert re.search(
            r"in_proj_weight¶ \(3\*embed_dim, embed_dim\) .* kdim == embed_dim and "
            r"vdim == embed_dim q, k and v are stored in one matrix, .* "
            r"Starts: uniform between .* \(xavier_uniform_: .*\) Blocks: "
            r"q rows \[0 : embed_dim\] k rows \[embed_dim : 2\*embed_dim\] "
            r"v rows \[2\*embed_dim : 3\*embed_dim\] Head h: q rows \[h\*head_dim : .*\] "
            r"held in \d+ cases on torch [\d.]+ .*torch/nn/modules/activation.py: "
            r"MultiheadAttention.__init__ \w+¶",
            site(part("parameters")).text(),
        )

    def test_an_argument_and_what_torch_raises(self, site: Callable):
        text = site(part("arguments")).text()
        assert "kdim¶ int or None None, which stands for embed_dim" in text
        assert "embed_dim¶ int required" in text
        assert re.search(
            r"num_heads must divide embed_dim¶ held in 1 case on torch [\d.]+ holds [\w., ]+"
            r"MultiheadAttention\(embed_dim=10, num_heads=3\) raises "
            r"AssertionError: embed_dim must be divisible by num_heads",
            text,
        )

    def test_the_forms_of_an_input_stand_together(self, site: Callable):
        assert re.search(
            r"query¶ Tensor, required One vector .*? features\. \(L, N, embed_dim\) .* "
            r"\(N, L, embed_dim\) .* \(L, embed_dim\) .* key¶ Tensor, required",
            site(part("inputs")).text(),
        )

    def test_an_output_that_may_be_none(self, site: Callable):
        assert re.search(
            r"attn_output_weights¶ element 1 .* None¶ need_weights=False held in \d+ cases",
            site(part("outputs")).text(),
        )

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("```{spec} MultiheadAtention\n```", "closest: MultiheadAttention"),
            (part("parameter"), "no part of a spec is called 'parameter'; closest: parameters"),
            ("```{symbols} Attention\n```", "no spec is called 'Attention'"),
            ("```{claim} mha.kdim.defalt\n```", "closest: mha.kdim.default"),
            ("```{claims} mha.kdin\n```", "closest: mha.kdim"),
            ("```{report} Multihead\n```", "closest: MultiheadAttention"),
        ],
    )
    def test_a_mistake_is_told_with_page_and_line(self, site: Callable, text: str, told: str):
        page = site(f"# Title\n\nA line.\n\n{text}")
        assert page.warnings.startswith("index.md:5: WARNING: ")
        assert told in page.warnings


class TestPlaces:
    def test_a_second_place_is_told(self, site: Callable):
        page = site(part("parameters"), second="# Second\n\n" + part("parameters"))
        assert re.search(
            r"second.md:3: WARNING: rule MultiheadAttention.\w+ and 9 more: stated already on "
            r"'index'; give one of the two :no-index:",
            page.warnings,
        )

    def test_twice_on_one_page_is_told(self, site: Callable):
        page = site(f"{CLAIM}\n{CLAIM}")
        assert "index.md:6: WARNING: claim mha.scale: stated already on 'index'" in page.warnings
        assert page.build().warnings.count("WARNING: claim mha.scale: stated already") == 1

    @pytest.mark.parametrize(
        "again",
        [
            "```{spec} MultiheadAttention\n:no-index:\n```",
            "```{claim} mha.kdim.default\n:no-index:\n```",
            "```{claims} mha.kdim\n:no-index:\n```",
        ],
    )
    def test_unless_it_is_no_place(self, site: Callable, again: str):
        page = site(f"{ALL}\n```{{claims}} mha\n```\n\n```{{toctree}}\nsecond\n```\n", second=again)
        assert page.warnings == ""
        assert ids(page.html("second")) == []

    def test_the_links_of_a_second_showing_lead_to_the_place(self, site: Callable):
        claim = "```{claim} mha.kdim.default\n```"
        page = site(claim, second=claim.replace("\n", "\n:no-index:\n", 1))
        assert 'href="index.html#mha.kdim.default"' in page.html("second")


class TestClaim:
    def test_sentence_example_and_proof(self, site: Callable):
        page = site("```{claim} mha.kdim.default\n```")
        assert re.search(
            r"kdim and vdim are set to embed_dim when they are None\.¶ "
            r">>> from torch import nn >>> mha = nn.MultiheadAttention\(.*\) "
            r">>> mha.kdim, mha.vdim \(512, 512\) "
            r"the example ran, and it held in \d+ cases on torch [\d.]+ holds [\w., ]+"
            r"torch/nn/modules/activation.py: MultiheadAttention.__init__ claim mha.kdim.default",
            page.text(),
        )
        assert ids(page.html()) == ["mha.kdim.default"]
        assert 'href="#mha.kdim.default" title="Link to this claim"' in page.html()

    def test_its_code_is_code(self, site: Callable):
        html = site("```{claim} mha.kdim.default\n```").html()
        assert '<span class="pre">embed_dim</span></code> when they are None' in html

    def test_its_example_is_highlighted_and_left_to_the_proof(self, site: Callable):
        page = site("```{claim} mha.kdim.default\n```")
        assert '<div class="highlight-pycon' in page.html()
        page.build("doctest", extensions=["myst_parser", "sphinx.ext.doctest", "mhadoc.sphinxext"])
        assert page.warnings == ""
        output = (page.source / "build/doctest/output.txt").read_text()
        assert "0 tests" in output

    def test_every_claim_can_be_stated(self, site: Callable):
        groups = ("mha", "doc.mha", "doc.function")
        page = site("\n\n".join(f"```{{claims}} {group}\n```" for group in groups))
        assert ids(page.html()) == [claim.id for claim in SPEC.claims]
        assert page.warnings == ""

    def test_a_group_and_nothing_else(self, site: Callable):
        found = ids(site("```{claims} mha.kdim\n```").html())
        assert found == [claim.id for claim in SPEC.claims if claim.id.startswith("mha.kdim.")]


class TestSymbols:
    def test_each_symbol_with_its_letter_and_meaning(self, site: Callable):
        page = site("```{symbols} MultiheadAttention\n```")
        for symbol in SPEC.symbols:
            asked = f": {symbol.python[0]}" if symbol.python else ""
            assert f"{symbol.name} {symbol.meaning.replace('`', '')}{asked}" in page.text()
        assert "\\(E\\) embed_dim" in page.text()
        assert page.warnings == ""


class TestOutcomes:
    @pytest.mark.parametrize("asked", SPEC.tables, ids=lambda asked: asked.id)
    def test_each_cell_names_its_column(self, site: Callable, asked: OutcomeTable):
        page = site(f"```{{outcomes}} {asked.id}\n```")
        assert page.html().count("<tr") == len(asked.rows) + 2 * len(asked.stated) + 1
        for title, _ in asked.columns:
            labels = page.html().count(f'<span class="mhadoc-label">{title} </span>')
            assert labels == len(asked.rows) + len(asked.stated)
        for row in asked.stated:
            assert len(row.cells) == len(asked.columns)
            assert f'href="{row.source}"' in page.html()
        assert f'id="{asked.id}"' in page.html()
        assert page.warnings == ""

    def test_an_unknown_one_is_told(self, site: Callable):
        told = site("```{outcomes} mha.table.non\n```").warnings
        assert "index.md:3: WARNING: outcomes: no table of outcomes is called" in told


def test_the_report_as_a_paragraph(site: Callable):
    page = site("```{report} MultiheadAttention\n```")
    line = r'<p class="mhadoc-report">\d+ rules, \d+ demands and \d+ claims checked in'
    assert re.search(line, page.html())


@pytest.mark.parametrize(
    ("spec", "attribute", "value", "why"),
    [
        ("TransformerEncoderLayer", "norm_first.attribute", "kept as given", "held in"),
        (
            "TransformerEncoderLayer",
            "activation_relu_or_gelu.attribute",
            "worked out by the constructor",
            "1 where the activation",
        ),
        (
            "MultiheadAttention",
            "num_heads.attribute",
            "kept as given",
            "It lives here only, never in the",
        ),
    ],
)
def test_no_attribute_is_told_to_be_itself(
    site: Callable, spec: str, attribute: str, value: str, why: str
):
    page = site(f"```{{spec}} {spec}\n:part: attributes\n```")
    row = page.html().partition(f'id="{spec}.{attribute}"')[2]
    words = " ".join(re.sub(r"<[^>]+>", " ", row.partition(">")[2]).split())
    assert re.match(rf"\S+ ¶ {value} {why}", words)
