"""Ledgers in the making: what a report says of each statement, and whether that is still stated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any

import sympy

from mhadoc.catalog import history, specs
from mhadoc.catalog.ledgers import HOLDS, NOT_THERE, REFUTED, UNTRIED, Entry
from mhadoc.errors import ReleaseError
from mhadoc.language import Claim, ModuleSpec, Requirement, Rule
from mhadoc.proof.report import Refutation, Report

__all__ = ["entries", "fingerprint", "fingerprints", "stale", "text"]

#: A ledger tells what came, not all of it.
LONGEST = 160

Statement = Rule | Requirement | Claim


def entries(report: Report, *targets: ModuleSpec) -> dict[str, Entry]:
    """Return a ledger's entries for specs, from a report on one release of torch."""
    refuted = {found.statement: found for found in report.refutations}
    found: dict[str, Entry] = {}
    for whole in targets:
        known = fingerprints(whole, report.torch_version)
        for address, mark in known.items():
            held = HOLDS if address in report.held else UNTRIED
            found[address] = Entry(held if mark else NOT_THERE, mark)
        for address, why in refuted.items():
            if address in known or address.partition(".")[0] == whole.name:
                found[address] = _refuted(why, known.get(address, ""))
    return found


def _refuted(found: Refutation, mark: str) -> Entry:
    short = (text[:LONGEST] for text in (found.expected, found.observed))
    return Entry(REFUTED, mark, found.case, *short)


def fingerprints(whole: ModuleSpec, release: str) -> dict[str, str]:
    """Return the fingerprint of each statement as it is made of a release: "" where it is not."""
    found = dict.fromkeys(map(whole.address, whole.statements), "")
    with suppress(ReleaseError):
        spec = whole.at(release)
        found |= {spec.address(s): fingerprint(s) for s in spec.statements}
    return found


def text(release: str, found: Mapping[str, Entry]) -> str:
    """Return a ledger as JSON: sorted, and a line for each statement."""
    lines = (
        f"  {json.dumps(address)}: {json.dumps(_plain(entry))}"
        for address, entry in sorted(found.items())
    )
    statements = ",\n".join(lines)
    return f'{{\n "torch": {json.dumps(release)},\n "statements": {{\n{statements}\n }}\n}}\n'


def _plain(entry: Entry) -> list[object]:
    told = [entry.verdict, entry.fingerprint]
    if entry.case is None:
        return [*told]
    return [*told, dict(entry.case), entry.expected, entry.observed]


def stale(release: str, known: Mapping[str, Entry]) -> Iterator[str]:
    """Iterate over a line for each statement that is stated otherwise by now, or not at all."""
    present: dict[str, str] = {}
    for name in specs():
        present |= fingerprints(history(name), release)
    for address, mark in present.items():
        entry = known.get(address)
        if entry is None:
            if mark:
                yield f"{address} was never tried"
        elif (entry.verdict == NOT_THERE) == bool(mark):
            yield f"{address} is {'' if mark else 'no longer '}stated of it"
        elif entry.fingerprint != mark:
            yield f"{address} has changed since"
    yield from (f"{address} is gone" for address in known.keys() - present.keys())


def fingerprint(statement: Statement) -> str:
    """Return a short text that changes with what is stated: its words, shapes and conditions.

    How it is checked does not count, nor what was different before the release it is stated of.
    """
    return sha256(_content(statement).encode()).hexdigest()[:8]


#: What is no part of a statement: how it is checked, where torch's code says so, other releases.
_ASIDE = {"before", "breaks", "check", "computes", "hint", "since", "source", "twins", "until"}


def _content(part: Any) -> str:
    """Return a text for a part of a statement, the same in each run."""
    if is_dataclass(part) and not isinstance(part, type):
        return _record(part)
    if isinstance(part, Mapping):
        told = {key: _content(part[key]) for key in part if key not in _ASIDE}
        return str({key: text for key, text in told.items() if text != "{}"})
    if isinstance(part, tuple | list):
        return str([_content(value) for value in part])
    if isinstance(part, sympy.Basic):
        return str(sympy.srepr(part))
    return str(getattr(part, "__qualname__", None) or repr(part))


def _record(part: Any) -> str:
    named = ((f.name, getattr(part, f.name)) for f in fields(part) if f.name not in _ASIDE)
    parts = (f"{name}={_content(value)}" for name, value in named)
    return f"{type(part).__name__}({', '.join(parts)})"
