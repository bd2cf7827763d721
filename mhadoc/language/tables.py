"""Tables of outcomes: what a module does, row by row and column by column, as observed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OutcomeTable", "Stated"]

#: A heading and the choices, axis by axis, that it stands for.
Entry = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Stated:
    """A row about what is not installed here: its cells are typed, from the ``source`` named."""

    title: str
    cells: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class OutcomeTable:
    """A question with one answer for each row and column; no cell of ``rows`` is typed.

    Each cell is the case that chooses what ``always``, its row and its column say, and the text
    that ``shows`` gives for the observation of that case; ``instead`` names the rows that
    something else shows. Rows that are ``stated`` follow: no case of this module shows them.
    """

    id: str
    question: str
    rows: tuple[Entry, ...]
    columns: tuple[Entry, ...]
    shows: Callable[[Any], str]
    always: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    stated: tuple[Stated, ...] = ()
