"""The cells of a table of outcomes, each observed on the real module."""

from __future__ import annotations

from mhadoc.errors import MhadocError
from mhadoc.language.tables import OutcomeTable
from mhadoc.proof.observe import Bench

__all__ = ["outcomes"]


def outcomes(table: OutcomeTable, bench: Bench) -> tuple[tuple[str, ...], ...]:
    """Return the text of every cell, row by row.

    Raises MhadocError where a row and a column do not go together.
    """
    return tuple(
        tuple(
            _cell(table, bench, title, {**table.always, **row, **column})
            for _, column in table.columns
        )
        for title, row in table.rows
    )


def _cell(table: OutcomeTable, bench: Bench, title: str, labels: dict[str, str]) -> str:
    case = bench.spec.cases.case(**labels)
    if not bench.spec.cases.allows(case):
        raise MhadocError(f"{table.id}: these choices do not go together: {labels}")
    return table.instead.get(title, table.shows)(bench.observe(case))
