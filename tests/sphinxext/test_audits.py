"""The directives audit and audits: what they show, and which mistakes they notice."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from mhadoc.catalog.audits import AUDITS, audit
from mhadoc.language import HOLDS, WRONG, Audit, Remark
from mhadoc.proof import documented
from mhadoc.sphinxext import audits
from mhadoc.sphinxext.remarks import counted, quoted

MERGE = "torch.nn.MultiheadAttention.merge_masks"
PAGE = f"```{{audit}} {MERGE}\n```\n"
CLAIMS = "```{claims} mha.merge_masks\n```\n"


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that changes the first remark of an audit, for pages to show."""

    def change(**parts: object) -> None:
        found = audit(MERGE)
        first = Remark(**{**vars(found.remarks[0]), **parts})
        other = replace(found, remarks=(first, *found.remarks[1:]))
        monkeypatch.setattr(audits, "audited", lambda path: other)

    return change


class TestAudit:
    def test_each_statement_with_its_verdict_and_what_shows_it(self, site: Callable):
        page = site(PAGE + CLAIMS)
        assert page.warnings == ""
        assert page.text().count("“") == len(audit(MERGE).remarks)
        assert re.search(
            r"10 statements: 5 holds 1 incomplete 4 wrong .* wrong “combined with logical or” "
            r"They are added\. .*? mha\.merge_masks\.sum \d+ cases",
            page.text(),
        )

    def test_what_shows_it_is_one_click_away(self, site: Callable):
        html = site(PAGE + CLAIMS).html()
        assert html.count('href="#mha.merge_masks.kind"') > 5

    def test_each_statement_has_an_address_of_its_own(self, site: Callable):
        found = re.findall(r'id="(audit-[^"]*)"', site(PAGE + CLAIMS).html())
        assert len(set(found)) == len(found) == len(audit(MERGE).remarks)

    def test_only_one_verdict(self, site: Callable):
        page = site(f"```{{audit}} {MERGE}\n:verdict: incomplete\n```\n{CLAIMS}")
        assert page.text().count("“") == 1
        assert "None without masks." in page.text()

    def test_a_reworded_docstring_is_noticed(self, site: Callable, monkeypatch: pytest.MonkeyPatch):
        text = documented.docstring(MERGE).replace("logical ``or``", "a sum").replace("0, 1,", "1,")
        monkeypatch.setattr(documented, "docstring", lambda path: text)
        page = site(f"# Title\n\n{PAGE}{CLAIMS}")
        assert (
            f"index.md:3: WARNING: {MERGE}: torch does not say 'combined with logical "
            "``or``' any more" in page.warnings
        )
        assert "torch does not say 'merged mask type (0, 1, or 2)' any more" in page.warnings

    def test_a_new_sentence_is_noticed(self, site: Callable, monkeypatch: pytest.MonkeyPatch):
        text = f"{documented.docstring(MERGE)}\n\nAll masks are green."
        monkeypatch.setattr(documented, "docstring", lambda path: text)
        assert "nothing is said of 'All masks are green.'" in site(PAGE + CLAIMS).warnings

    @pytest.mark.parametrize(
        ("parts", "told"),
        [
            ({"proof": ("mha.merge_masks.knd",)}, "closest: mha.merge_masks.kind"),
            ({"proof": ("MultiheadAttention.kdm",)}, "closest: kdim"),
            ({"proof": ("Multihead.kdim",)}, "no claim or rule is called 'Multihead.kdim'"),
            (
                {"verdict": WRONG, "instead": "it is `{MultiheadAttention.qdim}`"},
                "no rule is called 'qdim'; closest: vdim, kdim",
            ),
        ],
        ids=["claim", "rule", "neither", "shape"],
    )
    def test_a_mistake_is_told_with_page_and_line(
        self, site: Callable, changed: Callable, parts: dict, told: str
    ):
        changed(**parts)
        page = site(f"# Title\n\n{PAGE}{CLAIMS}")
        assert page.warnings.startswith("index.md:3: WARNING: audit: ")
        assert told in page.warnings

    def test_what_no_case_bears_out_is_told(self, site: Callable, changed: Callable):
        changed(proof=("MultiheadAttention.fast_path.bias",))
        assert (
            "MultiheadAttention.fast_path.bias is to show a remark, and held in no case"
            in site(PAGE + CLAIMS).warnings
        )

    def test_a_shape_comes_from_its_rule(self, site: Callable, changed: Callable):
        changed(verdict=WRONG, instead="it is `{MultiheadAttention.bias_k}`")
        assert "it is (1, 1, embed_dim)" in site(PAGE + CLAIMS).text()

    def test_an_unknown_docstring_is_told(self, site: Callable):
        assert f"closest: {MERGE}" in site(f"```{{audit}} {MERGE}s\n```").warnings

    def test_without_a_proof_it_says_so(self, site: Callable):
        page = site(PAGE + CLAIMS).build(mhadoc_proof=False)
        assert page.warnings == ""
        assert "mha.merge_masks.sum not checked in this build" in page.text()


class TestAudits:
    def test_each_docstring_leads_to_its_audit(self, site: Callable):
        page = site(f"```{{audits}} {MERGE}\n```\n\n{PAGE}{CLAIMS}")
        assert page.warnings == ""
        assert f'href="#{MERGE}"' in page.html()
        assert "MultiheadAttention.merge_masks holds 5 incomplete 1 wrong 4" in page.text()

    def test_one_that_stands_nowhere_is_told(self, site: Callable):
        page = site(f"```{{audits}} {MERGE}\n```")
        assert f"no page audits {MERGE}: show it with the directive audit" in page.warnings

    def test_all_of_them_and_their_sum(self, site: Callable):
        text = site("```{audits} all\n```").text()
        assert all(found.name in text for found in AUDITS)
        total = sum(found.count[HOLDS] for found in AUDITS)
        assert f"all holds {total} " in text


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("is ``False`` here", "“is False here”"),
        ("see :class:`~torch.nn.Linear`", "“see torch.nn.Linear”"),
        (r"of :math:`(L, S)`", "“of (L, S)”"),
        (r"\text{head}_i", r"“\text{head}_i”"),
        ("a `b` c", "“a b c”"),
        ("``open", "“``open”"),
    ],
)
def test_the_markup_of_a_quotation_becomes_code_and_maths(words: str, shown: str):
    assert "".join(node.astext() for node in quoted(words)) == shown


def test_counts_are_worked_out():
    found = Audit("a", (Remark("b", HOLDS, ("c",)), Remark("d", WRONG, ("e",), "f")))
    assert counted(found.count).astext() == "2 statements: 1 holds 0 incomplete 1 wrong"
