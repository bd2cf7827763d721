"""The tally: in how many cases each statement held, and the smallest in which it did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

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

    def to_dict(self) -> dict[str, Any]:
        """Return the tally as plain data."""
        refuted = {
            statement: {"at": case.at, **asdict(mismatch)}
            for statement, (case, mismatch) in self.refuted.items()
        }
        return {"held": dict(self.held), "refuted": refuted, "cases": self.cases}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tally:
        """Return the tally that plain data describes."""
        refuted = {
            statement: (Case(tuple(why["at"])), Mismatch(why["expected"], why["observed"]))
            for statement, why in data["refuted"].items()
        }
        return cls(Counter(data["held"]), refuted, data["cases"])


def _size(case: Case) -> tuple[int, Case]:
    return case.distance, case
