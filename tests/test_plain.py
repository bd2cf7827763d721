"""Pages as Markdown keep headings, code, links, lists and tables."""

from __future__ import annotations

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from plain import markdown


def read(text: str) -> str:
    """Return a page of reStructuredText as Markdown, in which a title stands alone."""
    tree = publish_doctree(text, settings_overrides={"doctitle_xform": False})
    return markdown(tree)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One\n===\n\nTwo\n---\n\nText.\n", "# One\n\n## Two\n\nText."),
        ("**a** *b* ``c``\n", "**a** *b* `c`"),
        ("`here <https://x.org/a>`_ on\n", "[here](https://x.org/a) on"),
        (">>> 1 + 1\n2\n", "```python\n>>> 1 + 1\n2\n```"),
        ("- a\n- b\n\n  - c\n", "- a\n- b\n  \n  - c"),
        ("1. a\n2. b\n", "1. a\n1. b"),
        (":math:`3 E`\n", "$3 E$"),
        (".. math:: 3 E\n", "$$\n3 E\n$$"),
        (".. tip::\n\n   Text.\n", "Text."),
        (".. admonition:: Title\n\n   Text.\n", "**Title**\n\nText."),
        (".. comment\n\nText.\n", "Text."),
        ("== ==\na  b\n== ==\n1  x|y\n== ==\n", "| a | b |\n| --- | --- |\n| 1 | x\\|y |"),
    ],
)
def test_a_page_becomes_markdown(text: str, expected: str) -> None:
    assert read(text) == expected


def test_a_row_that_is_shorter_is_filled() -> None:
    cells = [[nodes.paragraph("", text) for text in row] for row in (["a", "b"], ["c"])]
    rows = [nodes.row("", *(nodes.entry("", cell) for cell in row)) for row in cells]
    table = nodes.table("", nodes.tgroup("", nodes.tbody("", *rows)))
    assert markdown(table) == "| a | b |\n| --- | --- |\n| c |  |"


def test_a_table_without_cells_is_left_out() -> None:
    assert markdown(nodes.table("", nodes.tgroup("", nodes.tbody()))) == ""


def test_the_sign_that_links_to_a_heading_is_left_out() -> None:
    link = nodes.reference("", "¶", refuri="#a", classes=["headerlink"])
    assert markdown(nodes.paragraph("", "a", link)) == "a"
