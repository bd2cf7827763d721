"""Tables of outcomes: what a module does, row by row and column by column, as observed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OutcomeTable"]

#: A heading and the choices, axis by axis, that it stands for.
Entry = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class OutcomeTable:
    """A question with one answer for each row and column; no cell is typed.

    Each cell is the case that chooses what ``always``, its row and its column say, and the text
    that ``shows`` gives for the observation of that case.
    """

    id: str
    question: str
    rows: tuple[Entry, ...]
    columns: tuple[Entry, ...]
    shows: Callable[[Any], str]
    always: Mapping[str, str] = field(default_factory=dict)
