"""The page for an address at which nothing stands: it works at any depth, and it searches.

A server sends ``404.html`` under whatever address was asked for, so its links begin at the root of
the site: at the path of ``html_baseurl``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_PAGE = "404"
_BODY = """
<section><h1>Nothing stands at this address</h1>
<p><strong>Search for what you came for, or start from a page below.</strong></p>
<form class="mhadoc-search" method="get" action="search.html" role="search" aria-label="For pages">
<label for="lost-words">Search for</label>
<input id="lost-words" name="q" type="search" data-words="address">
<button type="submit">Search</button>
</form>
<ul>{links}</ul></section>
<script defer src="_static/lost.js"></script>
"""
_STARTS = ("in_proj_weight", "questions/index", "reference/index", "errors", "calculator")
_RELATIVE = re.compile(r'((?:href|src|action|data-content_root)=")(?!#|/|[a-z]+:)(?:\./)?')


def root(site: str) -> str:
    """Return the path at which a site stands.

    >>> root("https://people.example/mhadoc/"), root("https://mhadoc.example")
    ('/mhadoc/', '/')
    """
    return f"{urlsplit(site).path.rstrip('/')}/"


def rooted(html: str, place: str) -> str:
    """Return a page at the top of a site whose links work at any depth.

    >>> rooted('<a href="index.html"><a href="#x"><a href="https://x.org/">', "/mhadoc/")
    '<a href="/mhadoc/index.html"><a href="#x"><a href="https://x.org/">'
    """
    return _RELATIVE.sub(rf"\g<1>{place}", html)


def page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Let Sphinx make the page."""
    titles = {page: app.env.titles[page].astext() for page in _STARTS if page in app.env.titles}
    links = (
        f'<li><a href="{page}.html">{escape(title)}</a></li>' for page, title in titles.items()
    )
    yield _PAGE, {"title": "Not found", "body": _BODY.format(links="\n".join(links))}, "page.html"


def write(app: Sphinx, error: Exception | None) -> None:
    """Let the links of the finished page begin at the root of the site."""
    path = Path(app.outdir) / f"{_PAGE}.html"
    if not error and app.builder.name == "html":
        html = path.read_text(encoding="utf-8")
        path.write_text(rooted(html, root(app.config.html_baseurl)), encoding="utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the page, and listen for the end, after scripts and styles were taken out."""
    app.connect("html-collect-pages", page)
    app.connect("build-finished", write, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
