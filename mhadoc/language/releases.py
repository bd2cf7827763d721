"""Releases of torch: their order, and what is stated of one of them."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sympy

from mhadoc.errors import ReleaseError

if TYPE_CHECKING:
    from mhadoc.language.cases import Axis, Cases
    from mhadoc.language.children import Child
    from mhadoc.language.rules import Rule
    from mhadoc.language.specs import ModuleSpec

__all__ = [
    "NEWEST",
    "OLDEST",
    "at_release",
    "flags",
    "installed",
    "newer",
    "of_release",
    "order",
    "stated",
    "there",
    "without_later",
]

#: Later than any release.
NEWEST = "9999.0"

#: The first release that anything is stated of.
OLDEST = "1.13"


#: The fields of a spec whose records a release may lack, or state otherwise.
_DATED = (
    "arguments",
    "requirements",
    "attributes",
    "parameters",
    "inputs",
    "outputs",
    "claims",
    "call_requirements",
    "fast_path",
    "doubts",
)


#: The releases that conditions ask for, by the symbol that says whether torch is one or newer.
_TURNS: dict[sympy.Symbol, str] = {}


#: Those of which each record speaks of some cases.
_IN_CASES = ("inputs", "outputs", "claims", "requirements", "call_requirements")


class Dated(Protocol):
    """What holds from one release of torch on, and maybe not for ever."""

    @property
    def since(self) -> str | None:
        """The first release in which it holds; None for the first that is known."""

    @property
    def until(self) -> str | None:
        """The first release in which it no longer holds, if any."""

    @property
    def before(self) -> Mapping[str, Mapping[str, Any]]:
        """What was different before a release, field by field, the newest release first."""


Record = TypeVar("Record", bound=Any)


@cache
def order(release: str) -> tuple[int, ...]:
    """Return a version of torch as numbers in the order of releases.

    Raises ReleaseError for a text that is no version.

    >>> order("2.13.0+cpu"), order("2.2")
    ((2, 13, 0), (2, 2, 0))
    """
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?(?!\d)", release)
    if match is None:
        raise ReleaseError(release)
    return tuple(int(part or 0) for part in match.groups())


def newer(release: str) -> sympy.Symbol:
    """Return the symbol by which a condition asks whether torch is this release or a newer one.

    A spec of one release has the answer in its place. To be called where a module is loaded, so
    that every answer is known before it is asked for.
    """
    turn = sympy.Symbol(f"torch_{release.replace('.', '_')}", integer=True, nonnegative=True)
    _TURNS[turn] = release
    return turn


def flags(release: str) -> Mapping[str, int]:
    """Return for each symbol of a release in conditions whether torch is that one or newer."""
    return {turn.name: int(order(bound) <= order(release)) for turn, bound in _TURNS.items()}


@cache
def installed() -> str:
    """Return the version of torch that is installed, which is not imported; "" without one."""
    loaded = sys.modules.get("torch")
    if loaded is not None:
        return str(loaded.__version__)
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def there(record: Dated, release: str) -> bool:
    """Tell whether something holds in a release at all."""
    at = order(release)
    begun = record.since is None or order(record.since) <= at
    return begun and (record.until is None or at < order(record.until))


def stated(record: Record, release: str) -> Record:
    """Return a record as it was stated of a release: itself where nothing was different."""
    changes: dict[str, Any] = {}
    for bound in sorted(record.before, key=order, reverse=True):
        if order(release) < order(bound):
            changes |= record.before[bound]
    return replace(record, **changes) if changes else record


def of_release(spec: ModuleSpec, release: str) -> ModuleSpec:
    """Return what is stated of a release, also for a spec that is of another one.

    Raises ReleaseError for one that was changed after it was made for a release.
    """
    if release == spec.release:
        return spec
    if spec.whole is None:
        return at_release(spec, release)
    if at_release(spec.whole, spec.release) is not spec:
        raise ReleaseError(release, f"{spec.name} was changed for torch {spec.release} alone")
    return at_release(spec.whole, release)


def at_release(spec: ModuleSpec, release: str) -> ModuleSpec:
    """Return what is stated of one release of torch: the spec itself where nothing differs.

    What a later release brought, or an earlier one ended, is left out. An argument that did not
    exist has its default in every case; a claim of which no case is left is left out. It is always
    the same object. Raises ReleaseError for a release that lacks the module.
    """
    made: dict[str, ModuleSpec] = vars(spec).setdefault("_made", {})  # goes when the spec goes
    if release not in made:
        made[release] = _at_release(spec, release)
    return made[release]


def _at_release(spec: ModuleSpec, release: str) -> ModuleSpec:
    if spec.since is not None and order(release) < order(spec.since):
        raise ReleaseError(release, f"{spec.name} came with torch {spec.since}")
    whole = stated(spec, release)
    parts: dict[str, Any] = {n: _stated(getattr(whole, n), release) for n in _DATED}
    parts["children"] = tuple(_child(child, release) for child in whole.children)
    if _unchanged(spec, whole, parts):
        return spec
    parts["later"] = later = _later(whole, parts)
    absent = {*later, *chain.from_iterable(map(_later_inside, parts["children"]))}
    cases = replace(_without(settled(whole.cases, release), absent), release=release)
    if cases.axes != whole.cases.axes:
        parts |= {name: _shown(parts[name], cases, later) for name in _IN_CASES}
    return replace(whole, **parts, cases=cases, release=release, whole=spec)


def _unchanged(spec: ModuleSpec, whole: ModuleSpec, parts: Mapping[str, Any]) -> bool:
    return whole is spec and all(_same(part, getattr(spec, n)) for n, part in parts.items())


def _later(whole: ModuleSpec, parts: Mapping[str, Any]) -> dict[str, Rule]:
    """Return the arguments and inputs, by name, that a release did not yet have."""
    names = {rule.name for rule in (*parts["arguments"], *parts["inputs"])}
    return {r.name: r for r in (*whole.arguments, *whole.inputs) if r.name not in names}


def without_later(spec: ModuleSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what arguments are given, less the default of one that a later release brought.

    Anything but its default stays, for torch to refuse.
    """
    later = {name: rule.default for name, rule in spec.later.items()}
    return {name: it for name, it in given.items() if name not in later or it is not later[name]}


def _later_inside(child: Child) -> Iterator[str]:
    """Iterate over what the parent calls the arguments that a module inside did not yet have."""
    for name in child.spec.later if child.spec else ():
        if isinstance(outer := child.sets.get(name), sympy.Symbol):
            yield outer.name


def _shown(records: Iterable[Record], cases: Cases, later: Container[str]) -> tuple[Record, ...]:
    """Return the records of which a case is left, and that speak of no argument that is later."""
    spoken = (record for record in records if not _only_of(record, later))
    chance = random.Random(0)
    return tuple(r for r in spoken if cases.draw(r.when, chance, {}) is not None)


def _only_of(record: Any, later: Container[str]) -> bool:
    about = getattr(record, "about", ())
    told = bool(about) and all(name in later for name in about)
    return told or record.id.partition(".")[0] in later


def _stated(records: Iterable[Record], release: str) -> tuple[Record, ...]:
    return tuple(settled(stated(r, release), release) for r in records if there(r, release))


def settled(record: Record, release: str) -> Record:
    """Return a record in whose conditions each question for the release is answered."""
    named = ((f.name, getattr(record, f.name)) for f in fields(record))
    parts = {name: part for name, part in named if isinstance(part, sympy.Basic)}
    changes = {n: new for n, part in parts.items() if (new := _answered(part, release)) is not part}
    return replace(record, **changes) if changes else record


def _answered(condition: sympy.Basic, release: str) -> sympy.Basic:
    """Return a condition with its questions answered: the very same where it asks none."""
    asked = condition.free_symbols & _TURNS.keys()
    if not asked:
        return condition
    return _with(condition, tuple((t, order(_TURNS[t]) <= order(release)) for t in asked))


@cache  # many releases answer alike, and to put an answer in costs a hundred times the question
def _with(condition: sympy.Basic, answers: tuple[tuple[sympy.Symbol, bool], ...]) -> sympy.Basic:
    return condition.xreplace({turn: sympy.S(answer) for turn, answer in answers})


def _same(part: tuple[object, ...], before: tuple[object, ...]) -> bool:
    return len(part) == len(before) and all(map(_is, part, before))


def _is(one: object, other: object) -> bool:
    return one is other


def _child(child: Child, release: str) -> Child:
    """Return a module inside as it is stated of a release."""
    child = settled(stated(child, release), release)
    if child.spec is None:
        return child
    spec = at_release(child.spec, release)
    return child if spec is child.spec else replace(child, spec=spec)


def _without(cases: Cases, names: Iterable[str]) -> Cases:
    """Return the cases in which these arguments have their defaults."""
    axes = tuple(_plain(axis, names) for axis in cases.axes)
    return cases if _same(axes, cases.axes) else replace(cases, axes=axes)


def _plain(axis: Axis, names: Iterable[str]) -> Axis:
    plainest = axis.choices[0].sets
    told = [name for name in names if name in axis.symbols]
    left = tuple(c for c in axis.choices if all(c.sets[n] == plainest[n] for n in told))
    return axis if len(left) == len(axis.choices) else replace(axis, choices=left)
