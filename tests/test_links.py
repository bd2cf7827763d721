"""A finished site is searched for links that lead nowhere, and for addresses that are gone."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from links import PUBLISHED, broken, gone
from strict import outside

PAGES = {
    "index.html": '<a href="a/one.html#there">1</a> <a href="https://x.org/no">2</a> '
    '<a href="#me">3</a><i id="me"></i><img src="data:,">',
    "a/one.html": '<h1 id="there">One</h1><a href="../index.html?q=1#me">back</a>',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    for name, html in PAGES.items():
        (tmp_path / name).write_text(html)
    return tmp_path


def test_links_that_lead_somewhere_are_fine(folder: Path) -> None:
    assert list(broken(folder)) == []


@pytest.mark.parametrize(
    "link", ["two.html", "one.html#nowhere", "#nowhere", "../index.html#there", "../picture.svg"]
)
def test_a_link_that_leads_nowhere_is_found(folder: Path, link: str) -> None:
    (folder / "a/one.html").write_text(f'{PAGES["a/one.html"]}<a href="{link}">?</a>')
    assert list(broken(folder)) == [("a/one.html", link)]


def test_an_address_that_is_gone_is_found(folder: Path) -> None:
    kept = "index.html\na/one.html#there\n"
    assert list(gone(folder, kept)) == []
    assert list(gone(folder, f"{kept}a/two.html\na/one.html#here\n")) == [
        "a/two.html",
        "a/one.html#here",
    ]


def test_each_published_address_is_stated_once() -> None:
    addresses = PUBLISHED.read_text().split()
    assert len(addresses) >= 40
    assert sorted(set(addresses)) == addresses


def test_scripts_and_styles_go_into_files_of_the_site() -> None:
    page = "<style>a {}</style><script>b()</script><svg x='' style=\"display: none;\">"
    html, files = outside(page, PurePosixPath("a/b.html"))
    assert files == {"theme_before.js": "b()", "theme_colours.css": "a {}"}
    assert '<script src="../_static/theme_before.js"></script>' in html
    assert 'href="../_static/theme_colours.css"' in html
    assert "style=" not in html
    assert outside(html, PurePosixPath("a/b.html")) == (html, {})
