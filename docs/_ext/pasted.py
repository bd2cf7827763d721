"""Let a message that is pasted into the search find its page, whatever its sizes are."""

from __future__ import annotations

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


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take the place of English."""
    app.add_search_language(PastedMessages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
