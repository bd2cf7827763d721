"""Keys that are moved: a file whose keys start otherwise than the module's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mhadoc.answers.checkpoints.reading import Entries
from mhadoc.answers.problem import Problem

__all__ = ["Moved", "moved"]


@dataclass(frozen=True)
class Moved:
    """How the keys of a file are moved against the module's: what to strip, what to put before."""

    strip: str = ""
    add: str = ""
    others: bool = False

    def aligned(self, theirs: Entries) -> dict[str, tuple[int, ...]]:
        """Return the file's entries under the names that the module has."""
        kept = {key: shape for key, shape in theirs.items() if key.startswith(self.strip)}
        return {self.add + key.removeprefix(self.strip): shape for key, shape in kept.items()}

    def problems(self) -> Iterator[Problem]:
        """Iterate over the one problem of keys that are moved."""
        if self.add:
            expected = f"the module's keys start with {self.add!r}"
            inner = f"module.get_submodule({self.add.rstrip('.')!r})"
            hint = f"load it into {inner}"
            yield self._problem(expected, "the file's do not", hint)
        elif self.strip:
            which = "some of the file's" if self.others else "the file's"
            chosen = f" if key.startswith({self.strip!r})" if self.others else ""
            hint = (
                f"load {{key.removeprefix({self.strip!r}): tensor "
                f"for key, tensor in state_dict.items(){chosen}}}"
            )
            expected = f"the module's keys do not start with {self.strip!r}"
            yield self._problem(expected, f"{which} do", hint)

    def _problem(self, expected: str, observed: str, hint: str) -> Problem:
        return Problem("state_dict", "state_dict.prefix", expected, observed, hint)


def moved(ours: Entries, theirs: Entries) -> Moved:
    """Return how the keys are moved, as far as most of them agree on it."""
    overlap, least = sum(key in ours for key in theirs), min(len(ours), len(theirs))
    strip, stripped = _starts(theirs, ours)
    add, added = _starts(ours, theirs)
    if stripped > overlap and 2 * stripped > least and stripped >= added:
        others = not all(key.startswith(strip) for key in theirs)
        return Moved(strip=strip, others=others)
    if added > overlap and 2 * added > least:
        return Moved(add=add)
    return Moved()


def _starts(longer: Iterable[str], shorter: Entries) -> tuple[str, int]:
    """Return what most of the longer keys have before a shorter one, and how many do."""
    votes = Counter(
        key[: dot.end()]
        for key in longer
        for dot in re.finditer(r"\.", key)
        if key[dot.end() :] in shorter
    )
    return votes.most_common(1)[0] if votes else ("", 0)
