"""Tables that stay readable on a phone: a row of cells a statement, and a row of details."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from docutils import nodes

__all__ = ["Column", "Row", "table"]


@dataclass(frozen=True)
class Column:
    """A column: its title, its share of the width, and the class of its cells."""

    title: str
    share: int
    name: str


@dataclass
class Row:
    """One statement in a table: its cells, its anchor, and what is said below them."""

    cells: Sequence[list[nodes.Node]]
    anchor: str = ""
    details: list[nodes.Node] = field(default_factory=list)


def table(columns: Sequence[Column], rows: Sequence[Row], *classes: str) -> nodes.table:
    """Return a table; the details of a row stand below it across all columns."""
    group = nodes.tgroup(cols=len(columns))
    group += [nodes.colspec(colwidth=column.share) for column in columns]
    titles = [nodes.entry("", nodes.paragraph("", column.title)) for column in columns]
    group += nodes.thead("", nodes.row("", *titles))
    body = nodes.tbody()
    for row in rows:
        body += _cells(columns, row)
        if row.details:
            span = nodes.entry("", *row.details, morecols=len(columns) - 1)
            body += nodes.row("", span, classes=["mhadoc-details"])
    group += body
    return nodes.table("", group, classes=["mhadoc-table", *classes])


def _cells(columns: Sequence[Column], row: Row) -> nodes.row:
    cells = [
        nodes.entry("", nodes.paragraph("", "", *cell), classes=[f"mhadoc-{column.name}"])
        for column, cell in zip(columns, row.cells, strict=True)
    ]
    ids = [row.anchor] if row.anchor else []
    return nodes.row("", *cells, ids=ids, classes=["mhadoc-row"])
