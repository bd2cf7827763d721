"""Every claim stands on exactly one page, and every page can be reached."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import mhadoc

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "auto_gallery" not in path.parts]
DIRECTIVE = re.compile(r"^```\{(claims?)\} (\S+)\n(?P<options>(?::.*\n)*)", re.MULTILINE)


def stated(page: Path) -> list[tuple[str, str]]:
    """Return for which ids (claim) and groups of ids (claims) a page is the place to link to."""
    found = DIRECTIVE.finditer(page.read_text(encoding="utf-8"))
    return [(match[1], match[2]) for match in found if ":no-index:" not in match["options"]]


PLACES = Counter(entry for page in PAGES for entry in stated(page))


def places(claim: str) -> int:
    parts = claim.split(".")
    groups = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return PLACES["claim", claim] + sum(PLACES["claims", group] for group in groups)


@pytest.mark.parametrize("name", mhadoc.specs())
def test_each_claim_stands_on_one_page(name: str) -> None:
    claims = [claim.id for claim in mhadoc.spec(name).claims]
    assert {claim: places(claim) for claim in claims if places(claim) != 1} == {}


def test_a_lost_claim_would_be_noticed() -> None:
    assert places("mha.no.such.claim") == 0
    assert len(PLACES) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_pages_begin_with_a_title_and_the_answer(page: Path) -> None:
    text = re.sub(r"\A---\n.*?\n---\n\n", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    if text.startswith("```{include}"):
        return
    title, answer = text.split("\n\n")[:2]
    assert title.startswith("# ")
    assert len(title) <= 70
    assert answer[0] in "*`" or answer[0].isupper()
