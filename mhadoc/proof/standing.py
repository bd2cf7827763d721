"""How a statement stands on each release that has a ledger, and how to say it in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import sympy

from mhadoc.catalog import history, ledgers, specs
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED, UNTRIED, Entry
from mhadoc.errors import ReleaseError
from mhadoc.language import Claim, ModuleSpec, Requirement, Rule
from mhadoc.language.releases import NEWEST, flags, order, settled, stated, there
from mhadoc.proof.ledgers import fingerprint

__all__ = [
    "OTHERWISE",
    "UNKNOWN",
    "Standing",
    "changed",
    "disagreements",
    "follows",
    "form",
    "short",
    "standings",
]

#: What a ledger does not say by itself: the same in other words, and nothing of what is stated now.
OTHERWISE, UNKNOWN = "otherwise", "unknown"

#: The minor release after which the next major one came.
_LAST_MINOR = {1: 13}

Statement = Rule | Requirement | Claim
Made = TypeVar("Made", bound=Statement)

#: What a reader is told of a demand or a claim, and is not told of a rule.
_TOLD: dict[type, tuple[str, ...]] = {
    Claim: ("sentence", "doctest"),
    Requirement: ("demand", "error", "message"),
}
_UNTOLD = {
    *("source", "since", "until", "before"),
    *("floating", "alias", "unmeasured", "broadcasts", "nullable"),
}


def short(release: str) -> str:
    """Return a release without its patch.

    >>> short("2.13.0")
    '2.13'
    """
    return ".".join(map(str, order(release)[:2]))


@dataclass(frozen=True)
class Standing:
    """The verdict on one statement, by release, the oldest first.

    ``holds`` is the verdict where it holds in the words in which it is shown, and ``otherwise``
    where it holds in others.
    """

    verdicts: Mapping[str, str]

    @property
    def throughout(self) -> bool:
        """Tell whether it holds, as it is shown, on every release that has a ledger."""
        return set(self.verdicts.values()) == {HOLDS}

    def words(self) -> str:
        """Return on which releases it is proved to hold, and on no others; "" for none.

        What no case shows is untried where it is stated.

        >>> Standing({"2.0.1": NOT_THERE, "2.1.2": HOLDS, "2.2.2": HOLDS}).words()
        'holds since 2.1'
        >>> Standing({"2.0.1": NOT_THERE, "2.1.2": HOLDS, "2.2.2": NOT_THERE}).words()
        'holds on 2.1 only'
        >>> Standing({"2.0.1": OTHERWISE, "2.1.2": HOLDS, "2.13.0": HOLDS}).words()
        'holds on 2.1 and since 2.13, otherwise on 2.0'
        """
        held, otherwise = self._said(HOLDS), self._said(OTHERWISE)
        if not held and not otherwise and NOT_THERE in self.verdicts.values():
            return self._said(UNTRIED)
        only = " only" if held and not otherwise and self._told and "since" not in held else ""
        return ", ".join(part for part in (held + only, otherwise) if part)

    def _said(self, verdict: str) -> str:
        """Return a verdict with the releases that have it, run by run; "" where none has."""
        newest = [*self.verdicts][-1:]
        found = [_run(run, open_ended=run[-1:] == newest) for run in self._runs(verdict)]
        before, last = ", ".join(found[:-1]), "".join(found[-1:])
        return f"{verdict} {before} and {last}" if before else f"{verdict} {last}" * bool(last)

    @property
    def _told(self) -> bool:
        """Tell whether of no release in between, and of none with a ledger, anything is unknown."""
        known = self.verdicts.keys() == {r for r, v in self.verdicts.items() if v in _CERTAIN}
        return known and all(follows(*pair) for pair in pairwise(self.verdicts))

    def _runs(self, verdict: str) -> list[list[str]]:
        """Return the releases with a verdict, those together between which there is no other."""
        runs: list[list[str]] = []
        before = ""
        for release, found in self.verdicts.items():
            if found == verdict:
                joined = runs and runs[-1][-1] == before and follows(before, release)
                runs[-1].append(release) if joined else runs.append([release])
            before = release
        return runs


_CERTAIN = (HOLDS, OTHERWISE, NOT_THERE, REFUTED)


def follows(one: str, other: str) -> bool:
    """Tell whether no minor release of torch lies between two."""
    (major, minor, *_), (next_major, next_minor, *_) = order(one), order(other)
    if major == next_major:
        return next_minor <= minor + 1
    return (next_major, next_minor) == (major + 1, 0) and _LAST_MINOR.get(major) == minor


def _run(run: list[str], *, open_ended: bool) -> str:
    first, last = short(run[0]), short(run[-1])
    if open_ended:
        return f"since {first}"
    return f"on {first}" if first == last else f"on {first} to {last}"


def standings(spec: ModuleSpec) -> Mapping[str, Standing]:
    """Return how each statement of a spec stands, by address: nothing for one that has no ledger.

    ``spec`` is what is shown: on a release for which a statement reads otherwise, it stands
    otherwise.
    """
    return _standings(spec, ledgers.FOLDER)


@cache
def _standings(spec: ModuleSpec, folder: Path) -> Mapping[str, Standing]:
    """Return the standings, found once: every page of a site asks for them."""
    whole = spec.whole or spec
    if whole.name not in specs() or history(whole.name) is not whole:
        return {}
    known = {release: ledgers.ledger(release) for release in ledgers.releases()}
    shown = {spec.address(statement): statement for statement in spec.statements}
    found = {}
    for statement in whole.statements:
        address = whole.address(statement)
        entries = {release: ledger.get(address) for release, ledger in known.items()}
        found[address] = Standing(dict(_verdicts(statement, shown.get(address), entries)))
    return found


def _verdicts(
    statement: Statement, shown: Statement | None, entries: Mapping[str, Entry | None]
) -> Iterator[tuple[str, str]]:
    """Iterate over releases, each with what its entry says of a statement as it is shown."""
    asked, last = _asked(statement), None
    for release, entry in entries.items():
        known = flags(release)
        turns = [known[name] for name in asked]
        turns += [order(bound) <= order(release) for bound in statement.before]
        if turns != last:
            made = form(statement, release)
            mark, same = fingerprint(made), not changed(shown or statement, made)
            last = turns
        if entry is None or entry.fingerprint not in ("", mark):
            yield release, UNKNOWN
        else:
            yield release, OTHERWISE if entry.verdict == HOLDS and not same else entry.verdict


def form(statement: Made, release: str) -> Made:
    """Return a statement as it is made of a release; its dates do not count."""
    made: Made = settled(stated(statement, release), release)
    return made


def _asked(statement: Statement) -> set[str]:
    """Return the symbols by which the conditions of a statement ask for the release of torch."""
    parts = [getattr(statement, part.name) for part in fields(statement)]
    symbols = [part.free_symbols for part in parts if isinstance(part, sympy.Basic)]
    return {symbol.name for symbol in set().union(*symbols)} & flags(NEWEST).keys()


def changed(one: Statement, other: Statement) -> tuple[str, ...]:
    """Return the names of the fields in which a reader sees two forms of a statement differ."""
    if one is other:
        return ()
    told = _TOLD.get(type(one)) or [f.name for f in fields(one) if f.name not in _UNTOLD]
    return tuple(name for name in told if getattr(one, name) != getattr(other, name))


def disagreements(spec: ModuleSpec) -> tuple[tuple[str, str], ...]:
    """Return what is stated of a release and is not so in its ledger, or the other way round.

    Each line comes with the address of its statement.
    """
    return _disagreements(spec, ledgers.FOLDER)


@cache
def _disagreements(spec: ModuleSpec, folder: Path) -> tuple[tuple[str, str], ...]:
    return tuple(_unlike_ledgers(spec.whole or spec, standings(spec)))


def _unlike_ledgers(whole: ModuleSpec, found: Mapping[str, Standing]) -> Iterator[tuple[str, str]]:
    for statement in whole.statements if found else ():
        address = whole.address(statement)
        for release, verdict in found[address].verdicts.items():
            if verdict != UNKNOWN and (text := _unlike(whole, statement, release, verdict)):
                yield address, text


def _unlike(whole: ModuleSpec, statement: Statement, release: str, verdict: str) -> str:
    if verdict == REFUTED:
        return f"the ledger of torch {release} refutes it"
    made = _is_made(whole, statement, release, verdict)
    if made == (verdict != NOT_THERE):
        return ""
    return f"it is {'' if made else 'not '}stated of torch {release}, whose ledger says: {verdict}"


def _is_made(whole: ModuleSpec, statement: Statement, release: str, verdict: str) -> bool:
    """Tell whether a statement is made of a release; its dates alone do not tell that it is."""
    if verdict != NOT_THERE or not there(statement, release):
        return there(statement, release)
    try:
        return statement.id in {each.id for each in whole.at(release).statements}
    except ReleaseError:
        return False
