"""Releases of torch: their order, and what is stated of one of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mhadoc.errors import ReleaseError

if TYPE_CHECKING:
    from mhadoc.language.cases import Axis, Cases
    from mhadoc.language.children import Child
    from mhadoc.language.specs import ModuleSpec

__all__ = ["NEWEST", "at_release", "installed", "order", "stated", "there"]

#: Later than any release.
NEWEST = "9999.0"


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
)


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


@lru_cache(maxsize=256)
def at_release(spec: ModuleSpec, release: str) -> ModuleSpec:
    """Return what is stated of one release of torch: the spec itself where nothing differs.

    What a later release brought, or an earlier one ended, is left out. An argument that did not
    exist has its default in every case; a claim of which no case is left is left out. Raises
    ReleaseError for a release that lacks the module.
    """
    if spec.since is not None and order(release) < order(spec.since):
        raise ReleaseError(release, f"{spec.name} came with torch {spec.since}")
    whole = stated(spec, release)
    parts: dict[str, Any] = {n: _stated(getattr(whole, n), release) for n in _DATED}
    parts["children"] = tuple(_child(child, release) for child in whole.children)
    if whole is spec and all(_same(part, getattr(spec, name)) for name, part in parts.items()):
        return spec
    names = {rule.name for rule in (*parts["arguments"], *parts["inputs"])}
    dated = (*whole.arguments, *whole.inputs)
    parts["later"] = {rule.name: rule for rule in dated if rule.name not in names}
    parts["cases"] = cases = _without(whole.cases, parts["later"])
    if cases is not whole.cases:
        parts["claims"] = tuple(c for c in parts["claims"] if cases.where(c.when))
    return replace(whole, **parts, release=release, whole=spec)


def _stated(records: Iterable[Record], release: str) -> tuple[Record, ...]:
    return tuple(stated(record, release) for record in records if there(record, release))


def _same(part: tuple[object, ...], before: tuple[object, ...]) -> bool:
    return len(part) == len(before) and all(map(_is, part, before))


def _is(one: object, other: object) -> bool:
    return one is other


def _child(child: Child, release: str) -> Child:
    """Return a module inside as it is stated of a release."""
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
