"""The table of false twins: how many there are, kind by kind, and that none survived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.sphinxext.tables import Column, Row, table

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec, Requirement, Rule

__all__ = ["twin_table"]

_COLUMNS = (
    Column("Statements about", 40, "twins"),
    Column("Statements", 20, "count"),
    Column("False twins", 20, "count"),
    Column("Survived", 20, "count"),
)


def twin_table(spec: ModuleSpec, counts: Mapping[str, tuple[int, int]]) -> list[nodes.Node]:
    """Return the table, a row a kind of statement and one for all; a word where none was tried."""
    if not counts:
        return [nodes.paragraph("", "Not checked in this build.")]
    kinds = _kinds(spec)
    found: dict[str, list[tuple[int, int]]] = {}
    for statement, count in counts.items():
        found.setdefault(kinds.get(statement, "claims"), []).append(count)
    order = dict.fromkeys((*kinds.values(), *found))
    rows = [_row(kind, found[kind]) for kind in order if kind in found]
    return [table(_COLUMNS, [*rows, _row("all", list(counts.values()))], "mhadoc-twins-table")]


def _kinds(spec: ModuleSpec) -> dict[str, str]:
    """Return what kind of statement stands at each address that is not a claim's."""
    kinds: dict[str, tuple[Rule | Requirement, ...]] = {
        "constructor arguments": spec.arguments,
        "what the constructor demands": spec.requirements,
        "attributes": spec.attributes,
        "parameters": spec.parameters,
        "inputs": spec.inputs,
        "outputs": spec.outputs,
        "what a call demands": spec.call_requirements,
    }
    return {spec.address(each): kind for kind, group in kinds.items() for each in group}


def _row(kind: str, counts: list[tuple[int, int]]) -> Row:
    twins = sum(count for count, _ in counts)
    numbers = len(counts), twins, twins - sum(refuted for _, refuted in counts)
    cells: list[list[nodes.Node]] = [[nodes.strong("", kind)]]
    cells += [[nodes.Text(str(number))] for number in numbers]
    return Row(cells)
