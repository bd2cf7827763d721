"""What search engines and messengers show of a page, and where lost readers are sent."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest
from lost import root, rooted
from origin import link, source
from plain import beginning
from shared import described, tags
from sphinx.util.tags import Tags

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Drop.** True marks `padding`.", "Drop. True marks padding."),
        ("One sentence that is long enough. And what follows ends in a list:", "One sentence that"),
        ("A text\nof two lines without an end", "A text of two lines without an end"),
        ("word " * 60, "word word"),
    ],
)
def test_a_description_is_plain_words(text: str, expected: str) -> None:
    found = described(text)
    assert found.startswith(expected)
    assert len(found) <= 160
    assert found[-1] in ".…d"


def test_a_long_sentence_is_cut_between_words() -> None:
    assert described("ab " * 90) == "ab " * 52 + "ab…"


@pytest.mark.parametrize("before", ["# Title", "```python\nimport x\n\ny = 1\n```", "| a |", "- b"])
def test_a_page_begins_with_its_first_paragraph(before: str) -> None:
    assert beginning(f"{before}\n\n`forward` [gives](x.md) a pair.\n") == "`forward` gives a pair."


def test_tags_tell_of_a_page_at_its_address() -> None:
    found = "\n".join(tags("a/b", "X < Y", 'It "is".', "https://x.org/mhadoc/"))
    assert '<meta name="description" content="It &quot;is&quot;.">' in found
    assert '<meta property="og:title" content="X &lt; Y">' in found
    assert '<meta property="og:url" content="https://x.org/mhadoc/a/b.html">' in found
    assert 'content="https://x.org/mhadoc/_static/card.png"' in found


def test_without_an_address_no_tag_holds_one() -> None:
    found = "\n".join(tags("index", "Title", "It is.", ""))
    assert '<meta property="og:title" content="Title">' in found
    assert "http" not in found
    assert "og:url" not in found
    assert "og:image" not in found


@pytest.mark.parametrize("given", ["", "https://x.org/mhadoc", "https://x.org/mhadoc/"])
def test_the_site_has_an_address_once_somebody_gave_one(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_ADDRESS", given)
    monkeypatch.delenv("SOURCE_REPOSITORY", raising=False)
    said = run_path(str(ROOT / "conf.py"), {"tags": Tags()})
    assert said["html_baseurl"] == ("https://x.org/mhadoc/" if given else "")
    assert said["source_repository"] == ""


def test_without_a_repository_no_page_can_be_edited() -> None:
    app = SimpleNamespace(config=SimpleNamespace(source_repository=""))
    context = {"page_source_suffix": ".md"}
    link(app, "errors", "page.html", context, None)
    assert context == {}


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="a/b.html">', '<a href="/m/a/b.html">'),
        ('<form action="search.html">', '<form action="/m/search.html">'),
        ('<html data-content_root="./">', '<html data-content_root="/m/">'),
        ('<script src="_static/x.js?v=1">', '<script src="/m/_static/x.js?v=1">'),
        ('<a href="#here">', '<a href="#here">'),
        ('<a href="https://x.org/">', '<a href="https://x.org/">'),
        ('<img src="data:,">', '<img src="data:,">'),
    ],
)
def test_links_of_the_lost_page_begin_at_the_root(html: str, expected: str) -> None:
    assert rooted(html, root("https://x.org/m")) == expected


@pytest.mark.parametrize(
    ("page", "suffix", "path"),
    [
        ("questions/masks", ".md", "docs/questions/masks.md"),
        ("auto_gallery/plot_04_masks", ".rst", "gallery/plot_04_masks.py"),
        ("auto_gallery/index", ".rst", "gallery/GALLERY_HEADER.rst"),
    ],
)
def test_a_page_is_edited_where_it_was_written(page: str, suffix: str, path: str) -> None:
    assert source(page, suffix) == path
