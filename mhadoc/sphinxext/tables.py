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
    """One statement in a table: its cells, its anchor, and what is said below them.

    A row without cells has only its details, which then stand across all columns.
    """

    cells: Sequence[list[nodes.Node]] = ()
    anchor: str = ""
    details: list[nodes.Node] = field(default_factory=list)


def table(columns: Sequence[Column], rows: Sequence[Row], *classes: str) -> nodes.table:
    """Return a table; the details of a row stand below it across all columns."""
    group = nodes.tgroup(cols=len(columns))
    group += [nodes.colspec(colwidth=column.share) for column in columns]
    titles = [nodes.entry("", nodes.paragraph("", column.title)) for column in columns]
    group += nodes.thead("", nodes.row("", *titles))
    group += nodes.tbody("", *(part for row in rows for part in _parts(columns, row)))
    return nodes.table("", group, classes=["mhadoc-table", "colwidths-given", *classes])


def _parts(columns: Sequence[Column], row: Row) -> list[nodes.row]:
    cells = [
        nodes.entry("", nodes.paragraph("", "", *cell), classes=[f"mhadoc-{column.name}"])
        for column, cell in zip(columns, row.cells, strict=False)
    ]
    parts = [nodes.row("", *cells, classes=["mhadoc-row"])] if cells else []
    if row.details:
        across = nodes.entry("", *row.details, morecols=len(columns) - 1)
        parts.append(nodes.row("", across, classes=["mhadoc-details" if cells else "mhadoc-head"]))
    if row.anchor:
        parts[0]["ids"].append(row.anchor)
    return parts
