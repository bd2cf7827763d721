"""What is kept to be known again: so many signatures, and then none."""

from __future__ import annotations

from collections.abc import Hashable

__all__ = ["Legal"]


class Legal:
    """Signatures of calls that leave no demand unmet; so many are kept, and then none."""

    def __init__(self, most: int = 4096) -> None:
        """Take how many are kept."""
        self._most = most
        self._known: set[Hashable] = set()

    def __contains__(self, found: Hashable) -> bool:
        """Tell whether a call of this signature was legal."""
        return found in self._known

    def add(self, found: Hashable) -> None:
        """Keep the signature of a legal call."""
        if len(self._known) >= self._most:
            self._known.clear()
        self._known.add(found)
