"""Work to give out to other processes, some of it deadly."""

from __future__ import annotations

import os
from pathlib import Path


def double(number: int) -> int:
    return 2 * number


def die_once(mark: str) -> str:
    """Die the first time that a mark is seen, and return it the second time."""
    path = Path(mark)
    if path.exists():
        return path.name
    path.touch()
    os._exit(1)


def die(number: int) -> int:
    """Die, but for even numbers."""
    if number % 2:
        os._exit(1)
    return number


def fail(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number
