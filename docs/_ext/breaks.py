"""Where a long name may go on in the next line: after a dot, an underscore, a word in camel case.

Browsers break it in the middle of a word otherwise. A ``<wbr>`` is neither seen nor copied.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

#: What is read by programs, or laid out by itself, is left as it is.
_WHOLE = "pre|script|style|svg|math|textarea|option|title"
_PARTS = re.compile(rf"(<(?P<tag>{_WHOLE})\b.*?</(?P=tag)>|<[^>]*>)", re.DOTALL)
_LONG = re.compile(r"[A-Za-z_][\w.]{12,}")
_PLACES = re.compile(r"(?<=[A-Za-z0-9][._])(?=[A-Za-z])|(?<=[a-z])(?=[A-Z][a-z])")
_MINUS = re.compile(r"(?<!\w)-inf\b")
#: Where a page is narrow; elsewhere names stay whole, so that what was searched for can be marked.
_NARROW = re.compile(r"<(?P<tag>table|h[1-4]|dt|label)\b.*?</(?P=tag)>", re.DOTALL)
#: The parts of a page's frame that are narrow throughout.
_SIDES = ("toc", "furo_navigation_tree")


def broken(html: str) -> str:
    """Return HTML in which long names can be broken, and minus infinity cannot.

    >>> broken('<a href="x_y_and_more">self_attn.in_proj_weight</a>')
    '<a href="x_y_and_more">self_<wbr>attn.<wbr>in_<wbr>proj_<wbr>weight</a>'
    >>> broken("<h1>TransformerEncoderLayer</h1><p>in_proj</p><pre>average_attn_weights</pre>")
    '<h1>Transformer<wbr>Encoder<wbr>Layer</h1><p>in_proj</p><pre>average_attn_weights</pre>'
    """
    parts = _PARTS.split(html)
    return "".join(_text(part) if place % 3 == 0 else part for place, part in _kept(parts))


def _kept(parts: list[str]) -> list[tuple[int, str]]:
    """Return the parts by their places, without the names of tags that the split has put in."""
    return [(place, part) for place, part in enumerate(parts) if place % 3 != 2]


def _text(text: str) -> str:
    named = _LONG.sub(lambda found: _PLACES.sub("<wbr>", found[0]), text)
    return _MINUS.sub('<span class="mhadoc-unbroken">-inf</span>', named)


def add_breaks(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Let the names on a page be broken."""
    if "body" in context:
        context["body"] = _NARROW.sub(lambda found: broken(found[0]), context["body"])
    for name in _SIDES:
        if context.get(name):
            context[name] = broken(context[name])
    for name in ("prev", "next"):
        if near := context.get(name):
            context[name] = {**near, "title": broken(near["title"])}


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for every page, after the theme has made its navigation."""
    app.connect("html-page-context", add_breaks, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
