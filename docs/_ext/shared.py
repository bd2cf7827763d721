"""What search engines and messengers show of a page, and the list of pages that they ask for.

The site's own address is Sphinx's ``html_baseurl``. Each page says how it begins, and carries the
same picture; ``sitemap.xml`` lists the pages and ``robots.txt`` says where that list is. Without an
address nothing is said that would need one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from plain import beginning
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_LONGEST = 160
_MARKS = re.compile(r"[*`$]|\\(?=\W)")
_TAGS = re.compile(r"<[^>]+>")
#: The picture of the site, below its address, and what it shows.
CARD, _SHOWN = "_static/card.png", "The packed weight in_proj_weight with its blocks q, k and v"
_WIDTH, _HEIGHT = 1200, 630
_OTHERWISE = "{}: the reference for torch.nn.MultiheadAttention that cannot be wrong."
_ALLOWED = "User-agent: *\nAllow: /\n"
#: Pages that Sphinx makes of the others.
_MADE = {"genindex", "search", "404"}


def described(text: str) -> str:
    """Return the beginning of a page as plain words: whole sentences, where some fit.

    >>> described("**Drop.** True marks `padding`.")
    'Drop. True marks padding.'
    """
    plain = " ".join(_MARKS.sub("", text).split())
    sentences = re.match(rf"(.{{25,{_LONGEST}}}[.?!])(\s|$)", plain)
    if sentences or len(plain) <= _LONGEST:
        return sentences[1] if sentences else plain
    return plain[: _LONGEST - 1].rpartition(" ")[0] + "…"


def tags(page: str, title: str, description: str, site: str) -> Iterator[str]:
    """Iterate over the tags that describe a page; without a site none of them holds an address."""
    yield _tag("name", "description", description)
    facts = {
        "title": title,
        "description": description,
        "type": "website" if page == "index" else "article",
        "site_name": "mhadoc",
    }
    if site:
        facts |= _placed(page, site)
    yield from (_tag("property", f"og:{name}", text) for name, text in facts.items())
    yield _tag("name", "twitter:card", "summary_large_image" if site else "summary")


def _placed(page: str, site: str) -> dict[str, str]:
    """Return where a page and the picture of the site stand."""
    return {
        "url": urljoin(site, f"{page}.html"),
        "image": urljoin(site, CARD),
        "image:width": str(_WIDTH),
        "image:height": str(_HEIGHT),
        "image:alt": _SHOWN,
    }


def _tag(kind: str, name: str, text: str) -> str:
    return f'<meta {kind}="{name}" content="{escape(text)}">'


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Put the description of a page in its head."""
    if app.builder.name != "html":
        return
    title = unescape(_TAGS.sub("", context.get("title") or page.capitalize()))
    said = described(beginning(context.get("twin", ""))) or _OTHERWISE.format(title)
    found = "\n".join(tags(page, title, said, app.config.html_baseurl))
    context["metatags"] = f"{context.get('metatags') or ''}\n{found}"


def listed(app: Sphinx, error: Exception | None) -> None:
    """Write sitemap.xml and robots.txt once every page is there."""
    if error or app.builder.name != "html":
        return
    folder, site = Path(app.outdir), app.config.html_baseurl
    pages = sorted(page for page in app.env.found_docs if page not in _MADE)
    places = "".join(f"<url><loc>{escape(urljoin(site, f'{p}.html'))}</loc></url>\n" for p in pages)
    sitemap = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n'
    )
    robots = f"{_ALLOWED}Sitemap: {urljoin(site, 'sitemap.xml')}\n" if site else _ALLOWED
    for name, text in {"sitemap.xml": sitemap, "robots.txt": robots}.items():
        (folder / name).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for every page, after its twin was written, and for the end."""
    app.connect("html-page-context", describe, priority=600)
    app.connect("build-finished", listed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
