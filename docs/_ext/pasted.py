"""Let a question, or a message that is pasted, find its heading, whatever its sizes are."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.util.typing import ExtensionMetadata


class PastedMessages(SearchEnglish):
    """English, and sizes such as ``21x11`` in what is looked for count as little as numbers do."""

    js_splitter_code = r"""
function splitQuery(query) {
  return query
    .split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu)
    .filter((term) => term && !/^\d+x\d+$/.test(term));
}
"""


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Let the page of the search compare what is typed with the headings of all pages."""
    if page == "search":
        app.add_js_file("headings.js", loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of English, and listen for the page of the search."""
    app.add_search_language(PastedMessages)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
