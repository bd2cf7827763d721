"""A promise of speed: what was measured, of what peer, and the limit that it must not miss."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

_ROUNDS = 7


@dataclass(frozen=True)
class Promise:
    """One figure with its limit: ``unit`` is what it counts, ``peer`` what it is compared with.

    A figure in "times" is a ratio of two things that were timed in turns in one run.
    """

    name: str
    peer: str
    measured: float
    limit: float
    unit: str = "times"
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Tell whether the figure is on the right side of its limit."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        """Return the promise as a line of a table."""
        word = "at least" if self.at_least else "at most"
        kept = "kept" if self.kept else "BROKEN"
        limit = f"{word} {self.limit:g}"
        figure = f"{self.measured:9.3g} {self.unit:6}"
        return f"{self.name:44}{figure}{limit:14}{kept:8}{self.peer}"

    def to_json(self) -> dict[str, Any]:
        """Return the promise as what JSON can hold."""
        return asdict(self) | {"measured": float(f"{self.measured:.3g}"), "kept": self.kept}


def seconds(action: Callable[[], object], times: int) -> float:
    """Return how long an action takes, on average over so many times."""
    begun = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - begun) / times


def race(
    ours: Callable[[], object], theirs: Callable[[], object], *, repeat: int, ahead: int = 1
) -> tuple[float, float]:
    """Return the seconds of two actions: the best of several rounds, in turns.

    ``ahead`` is how many times more often ours runs in a round, being so much faster.
    """
    rounds = [(seconds(ours, ahead * repeat), seconds(theirs, repeat)) for _ in range(_ROUNDS)]
    return min(our for our, _ in rounds), min(their for _, their in rounds)
