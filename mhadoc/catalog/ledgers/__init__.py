"""Ledgers: which statements hold on which release of torch, one file a release, as proved there.

They are written by ``make matrix``, which installs each release and verifies every spec on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mhadoc.errors import ReleaseError
from mhadoc.language.releases import OLDEST, installed, order

__all__ = [
    "FOLDER",
    "HOLDS",
    "NOT_THERE",
    "REFUTED",
    "UNTRIED",
    "Entry",
    "known",
    "ledger",
    "releases",
]

#: What a ledger says of a statement: a release may lack what it speaks of, and no case may try it.
HOLDS, REFUTED, NOT_THERE, UNTRIED = "holds", "refuted", "not there", "untried"

#: Where the ledgers lie.
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    """What a ledger says of one statement, and the fingerprint of what was stated.

    Of a refuted one it tells the choices of the smallest case, what was expected and what came.
    """

    verdict: str
    fingerprint: str
    case: Mapping[str, str] | None = None
    expected: str = ""
    observed: str = ""


def releases() -> tuple[str, ...]:
    """Return the releases of torch that have a ledger, the oldest first."""
    return tuple(sorted((path.stem for path in FOLDER.glob("*.json")), key=order))


def known(release: object) -> str:
    """Return a release of torch of which something is known: one of the matrix, or the installed.

    Raises ReleaseError for an older or a newer one, and for what is no release.
    """
    if not isinstance(release, str):  # 2.10 as a number would be 2.1
        raise ReleaseError(release)
    newest = releases()[-1]
    if order(OLDEST)[:2] <= order(release)[:2] <= order(newest)[:2]:
        return release
    if (here := installed()) and order(here) == order(release):
        return release
    minor = ".".join(map(str, order(newest)[:2]))
    raise ReleaseError(release, f"it is not known; rules are stated of torch {OLDEST} to {minor}")


@cache
def ledger(release: str) -> Mapping[str, Entry]:
    """Return what is known of each statement on a release, by address.

    Raises ReleaseError for a release that has no ledger.
    """
    path = FOLDER / f"{release}.json"
    if not path.is_file():
        raise ReleaseError(release, f"it has no ledger; make one with make matrix TORCH={release}")
    found = json.loads(path.read_text(encoding="utf-8"))
    return {address: Entry(*entry) for address, entry in found["statements"].items()}
