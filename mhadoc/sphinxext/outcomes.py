"""A table of outcomes on a page: the question, and one observed answer a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from docutils import nodes

from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import code, sentence

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec, OutcomeTable, Stated

__all__ = ["outcome_table"]


def outcome_table(spec: ModuleSpec, question: OutcomeTable) -> list[nodes.Node]:
    """Return a table in which each cell is what the real module just did.

    Each cell holds its column's title as well, for pages too narrow for columns.
    """
    from mhadoc.proof.observe import Bench
    from mhadoc.proof.outcomes import outcomes

    titles = [title for title, _ in question.columns]
    width = 100 // (len(titles) + 1)
    columns = [Column("", width, "outcome-row")]
    columns += [Column(title, width, "outcome") for title in titles]
    rows = [
        Row([[code(name)], *map(_cell, titles, cells)])
        for (name, _), cells in zip(question.rows, outcomes(question, Bench(spec)), strict=True)
    ]
    rows += [_stated(titles, row) for row in question.stated]
    title = nodes.paragraph("", "", *sentence(question.question), classes=["mhadoc-question"])
    return [nodes.container("", title, table(columns, rows, "mhadoc-matrix"), ids=[question.id])]


def _stated(titles: Sequence[str], row: Stated) -> Row:
    """Return a row that was not observed, and where it is said instead."""
    source = nodes.reference("", urlsplit(row.source).netloc, refuri=row.source)
    said = "Not run here; the answer is from "
    told = nodes.paragraph("", said, source, classes=["mhadoc-stated"])
    return Row([[code(row.title)], *map(_cell, titles, row.cells)], details=[told])


def _cell(title: str, outcome: str) -> list[nodes.Node]:
    return [nodes.inline("", f"{title} ", classes=["mhadoc-label"]), *sentence(outcome)]
