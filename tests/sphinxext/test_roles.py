"""Roles print what the rules say, and tell of every mistake with page and line."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

import mhadoc

SPEC = mhadoc.spec("MultiheadAttention")
TABLE = "```{spec} MultiheadAttention\n```\n"


def codes(html: str) -> list[str]:
    """Return the pieces of code in a page's first paragraph."""
    paragraph = re.search(r"<p>(.*?)</p>", html, re.DOTALL)
    assert paragraph
    pieces = re.findall(r"<code[^>]*>(.*?)</code>", paragraph[1])
    return [re.sub(r"<[^>]+>", "", piece) for piece in pieces]


class TestShape:
    @pytest.mark.parametrize(
        ("text", "printed"),
        [
            ("MultiheadAttention.in_proj_weight", "(3*embed_dim, embed_dim)"),
            ("MultiheadAttention.in_proj_weight; embed_dim=512", "(1536, 512)"),
            ("MultiheadAttention.out_proj.weight; embed_dim=512", "(512, 512)"),
            ("MultiheadAttention.in_proj_bias", "(3*embed_dim,)"),
            ("MultiheadAttention.attn_output.unbatched", "(L, embed_dim)"),
            ("MultiheadAttention.attn_output.unbatched; L=4, embed_dim=8", "(4, 8)"),
            ("MultiheadAttention.attn_output_weights.none", "None"),
            ("MultiheadAttention.k_proj_weight; embed_dim=512, kdim=300", "(512, 300)"),
            (
                "MultiheadAttention.attn_output_weights.averaged_unbatched",
                "(L, S + add_bias_kv + add_zero_attn)",
            ),
            (
                "MultiheadAttention.attn_output_weights.averaged_unbatched; "
                "L=4, S=7, add_bias_kv=True, add_zero_attn=False",
                "(4, 8)",
            ),
        ],
    )
    def test_one_form(self, site: Callable, text: str, printed: str):
        page = site(f"{{shape}}`{text}`")
        assert (codes(page.html()), page.warnings) == ([printed], "")

    def test_each_rule_with_a_shape_prints_it(self, site: Callable):
        rules = [rule for rule in SPEC.rules if rule.shape is not None]
        page = site(" ".join(f"{{shape}}`{SPEC.address(rule)}`" for rule in rules))
        assert codes(page.html()) == [rule.shape.text() for rule in rules]

    def test_two_forms_are_told_apart_by_what_they_do_not_share(self, site: Callable):
        text = site("{shape}`MultiheadAttention.key_padding_mask`").text()
        assert "(N, S) when query.ndim == 3, or (S,) when query.ndim == 2" in text

    @pytest.mark.parametrize(
        ("name", "printed"),
        [
            ("attn_output", "It is (L, N, embed_dim) (2 other forms)."),
            ("attn_mask", "It is (L, S) (2 other forms)."),
            (
                "attn_output_weights",
                "It is (N, L, S + add_bias_kv + add_zero_attn) (4 other forms).",
            ),
        ],
    )
    def test_of_many_forms_the_plain_one_is_told(self, site: Callable, name: str, printed: str):
        page = site(f"It is {{shape}}`MultiheadAttention.{name}`.\n\n{TABLE}")
        assert printed in page.text()
        assert f'<a class="reference internal" href="#MultiheadAttention.{name}"' in page.html()

    def test_what_is_given_rules_forms_out(self, site: Callable):
        sizes = "L=4, N=3, embed_dim=8, batched=True, batch_first=True"
        page = site(f"{{shape}}`MultiheadAttention.attn_output; {sizes}`")
        assert codes(page.html()) == ["(3, 4, 8)"]

    def test_it_links_to_the_rule_on_another_page(self, site: Callable):
        page = site("{shape}`MultiheadAttention.in_proj_weight`", rules=TABLE)
        assert 'href="rules.html#MultiheadAttention.in_proj_weight"' in page.html()
        assert page.warnings.count("WARNING") == 1  # the page is in no toctree

    def test_without_that_page_it_is_no_link(self, site: Callable):
        page = site("{shape}`MultiheadAttention.in_proj_weight`")
        assert "href" not in re.search(r"<p>(.*?)</p>", page.html(), re.DOTALL)[1]
        assert page.warnings == ""

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("MultiheadAttention.in_proj_weigth", "closest: in_proj_weight"),
            ("MultiheadAttentoin.in_proj_weight", "closest: MultiheadAttention"),
            ("MultiheadAttention", "no rule of MultiheadAttention is called ''"),
            ("MultiheadAttention.num_heads", "MultiheadAttention.num_heads has no shape"),
            ("MultiheadAttention.in_proj_weight; kdim=3", "needs a value for embed_dim"),
            ("MultiheadAttention.in_proj_weight; embed_dims=3", "closest: embed_dim"),
            ("MultiheadAttention.in_proj_weight; embed_dim=x", "write a whole number"),
            (
                "MultiheadAttention.in_proj_weight; embed_dim=512, kdim=300, vdim=512",
                "MultiheadAttention.in_proj_weight does not exist with embed_dim=512, kdim=300",
            ),
        ],
    )
    def test_a_mistake_is_told_with_page_and_line(self, site: Callable, text: str, told: str):
        page = site(f"# Title\n\nOne line.\n\nThe shape {{shape}}`{text}`.\n")
        assert page.warnings.startswith("index.md:5: WARNING: ")
        assert told in page.warnings
        assert f"shape `{text}`: " in page.warnings


class TestRule:
    @pytest.mark.parametrize(
        "name",
        [
            "in_proj_weight",
            "query",
            "query.batch_first",
            "embed_dim.attribute",
            "num_heads.divides",
            "is_causal.needs_mask",
            "fast_path.eval",
            "state_dict",
        ],
    )
    def test_every_kind_of_statement_can_be_linked_to(self, site: Callable, name: str):
        page = site(f"{{rule}}`MultiheadAttention.{name}`\n\n{TABLE}")
        assert (codes(page.html()), page.warnings) == ([name], "")
        assert f'href="#MultiheadAttention.{name}"' in page.html()
        assert f'id="MultiheadAttention.{name}"' in page.html()

    def test_a_text_of_its_own(self, site: Callable):
        page = site(f"{{rule}}`the weight <MultiheadAttention.in_proj_weight>`\n\n{TABLE}")
        assert '<span class="' not in page.html().partition("the weight")[0][-20:]
        assert ">the weight</span></a>" in page.html()

    def test_an_unknown_name(self, site: Callable):
        page = site("\n\n{rule}`MultiheadAttention.bias_q`")
        assert re.match(
            r"index.md:5: WARNING: .*no rule of MultiheadAttention is called 'bias_q'; "
            r"closest: bias_v, bias_k",
            page.warnings,
        )

    def test_a_rule_on_no_page(self, site: Callable):
        page = site("{rule}`MultiheadAttention.bias_k`")
        assert "index.md:3: WARNING: no page states the rule MultiheadAttention.bias_k" in (
            page.warnings
        )


class TestClaim:
    def test_it_links_to_the_claim(self, site: Callable):
        page = site("{claim}`mha.kdim.default`", other="```{claim} mha.kdim.default\n```\n")
        assert 'href="other.html#mha.kdim.default"' in page.html()

    def test_a_text_of_its_own(self, site: Callable):
        page = site("{claim}`by default <mha.kdim.default>`\n\n```{claim} mha.kdim.default\n```")
        assert ">by default</span></a>" in page.html()

    def test_an_unknown_name(self, site: Callable):
        page = site("{claim}`mha.kdim.defualt`")
        assert "no claim is called 'mha.kdim.defualt'; closest: mha.kdim.default" in page.warnings

    def test_a_claim_on_no_page(self, site: Callable):
        page = site("{claim}`mha.kdim.default`")
        assert "index.md:3: WARNING: no page states the claim mha.kdim.default" in page.warnings


class TestReport:
    def test_the_line(self, site: Callable):
        text = site("{report}`MultiheadAttention`").text()
        found = re.search(
            r"(\d+) rules, (\d+) demands and (\d+) claims checked in \d+ cases on torch [\d.]+: "
            r"all hold\.",
            text,
        )
        assert found
        counts = list(map(int, found.groups()))
        assert counts[::2] == [len(SPEC.rules), len(SPEC.claims)]
        assert sum(counts) == len(SPEC.statements)

    def test_all_specs_together(self, site: Callable, monkeypatch: pytest.MonkeyPatch):
        some = ("Linear", "LayerNorm", "Dropout")
        monkeypatch.setattr("mhadoc.catalog.specs", lambda: some)
        page = site("{report}`all`")
        rules = sum(len(mhadoc.spec(name).rules) for name in some)
        assert f"{rules} rules" in page.text()

    @pytest.mark.parametrize(
        ("part", "number"),
        [("rules", len(SPEC.rules)), ("claims", len(SPEC.claims)), ("torch", r"\d+\.\d+\.\d+")],
    )
    def test_one_number(self, site: Callable, part: str, number: object):
        page = site(f"There: {{report}}`MultiheadAttention; {part}`!")
        assert re.search(rf"There: {number}!", page.text())

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("MultiheadAttention; claim", "no part of a report is called 'claim'; closest: claims"),
            ("Multihead", "no spec is called 'Multihead'; closest: MultiheadAttention"),
        ],
    )
    def test_a_mistake(self, site: Callable, text: str, told: str):
        page = site(f"{{report}}`{text}`")
        assert page.warnings.startswith("index.md:3: WARNING: ")
        assert told in page.warnings
