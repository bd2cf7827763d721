"""The table of false twins: how many there are, theme by theme, and that none survived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import code

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec

__all__ = ["twin_table"]

_COLUMNS = (
    Column("Statements about", 40, "twins"),
    Column("Statements", 20, "count"),
    Column("False twins", 20, "count"),
    Column("Survived", 20, "count"),
)


def twin_table(spec: ModuleSpec, counts: Mapping[str, tuple[int, int]]) -> list[nodes.Node]:
    """Return the table, a row a theme and one for all; a word where nothing was tried."""
    if not counts:
        return [nodes.paragraph("", "Not checked in this build.")]
    themes: dict[str, list[tuple[int, int]]] = {}
    for statement, count in counts.items():
        themes.setdefault(_theme(spec, statement), []).append(count)
    rows = [_row(code(theme), found) for theme, found in sorted(themes.items())]
    total = _row(nodes.strong("", "all"), list(counts.values()))
    return [table(_COLUMNS, [total, *rows], "mhadoc-twins-table")]


def _row(theme: nodes.Node, counts: list[tuple[int, int]]) -> Row:
    twins = sum(count for count, _ in counts)
    numbers = len(counts), twins, twins - sum(refuted for _, refuted in counts)
    cells: list[list[nodes.Node]] = [[theme]]
    cells += [[nodes.Text(str(number))] for number in numbers]
    return Row(cells)


def _theme(spec: ModuleSpec, statement: str) -> str:
    """Return the theme of a claim, ``mha.mask``, or the name of the tensor that a rule is about."""
    names = statement.removeprefix(f"{spec.name}.").split(".")
    return ".".join(names[:2]) if spec.name not in statement else names[0]
