"""The tally: in how many cases each statement held, and the smallest in which it did not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mhadoc.language import Case, Mismatch

__all__ = ["Tally"]


@dataclass
class Tally:
    """What has been found so far: in how many cases each statement held, and where not."""

    held: Counter[str] = field(default_factory=Counter)
    refuted: dict[str, tuple[Case, Mismatch]] = field(default_factory=dict)
    cases: int = 0

    def note(self, statement: str, case: Case, mismatch: Mismatch | None) -> None:
        """Count a check that held; of those that did not, keep the smallest case."""
        if mismatch is None:
            self.held[statement] += 1
        elif statement not in self.refuted or _size(case) < _size(self.refuted[statement][0]):
            self.refuted[statement] = (case, mismatch)

    def add(self, other: Tally) -> None:
        """Take in what another tally found."""
        self.held += other.held
        self.cases += other.cases
        for statement, (case, mismatch) in other.refuted.items():
            self.note(statement, case, mismatch)


def _size(case: Case) -> tuple[int, Case]:
    return case.distance, case
