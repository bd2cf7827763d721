"""Soundness: what a spec has to be in itself before a module is held against it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import sympy

from mhadoc.errors import SpecError
from mhadoc.language import ModuleSpec
from mhadoc.language.compiled import free_names

__all__ = ["demand_soundness"]


def demand_soundness(spec: ModuleSpec) -> None:
    """Raise SpecError with everything that keeps a spec from being tried in its own cases."""
    problems = [*_sizes(spec)] or [*_alike(spec.cases.numbers), *_names(spec), *_axes(spec)]
    if problems:
        raise SpecError(spec.name, problems)


def _sizes(spec: ModuleSpec) -> Iterator[str]:
    """Iterate over sizes that are no numbers, or made of sizes that are unknown."""
    known: dict[str, Any] = {}
    for name, size in spec.cases.sizes.items():
        missing = free_names(size) if isinstance(size, sympy.Basic) else ()
        if unknown := [other for other in missing if other not in known]:
            yield _unknown(f"the size {name}", unknown[0], known)
        elif not isinstance(size, sympy.Basic | int):
            yield f"the size {name} is {size!r}: give an int, or an expression in sizes before it"
        known[name] = size


def _alike(sizes: dict[str, Any]) -> Iterator[str]:
    """Iterate over sizes that cannot be told apart in a case."""
    first: dict[Any, str] = {}
    for name, size in sizes.items():
        if first.setdefault(size, name) != name:
            yield (
                f"the sizes {first[size]} and {name} are both {size}: give numbers that all "
                "differ, so that no two can be mistaken for each other"
            )


def _names(spec: ModuleSpec) -> Iterator[str]:
    """Iterate over symbols that a statement speaks of and no case sets."""
    cases, sizes = spec.cases, spec.cases.numbers
    known = {*sizes, *cases.flags, *(name for axis in cases.axes for name in axis.symbols)}
    for axis in cases.axes:
        for choice in axis.choices:
            set_to = [value for value in choice.sets.values() if isinstance(value, sympy.Basic)]
            yield from _strange(f"the choice {axis.name}={choice.label}", set_to, sizes)
    for rule in spec.rules:
        about = [rule.when, *(rule.shape or ())]
        yield from _strange(spec.address(rule), about, known)
    for claim in spec.claims:
        yield from _strange(claim.id, [claim.when], known)
    for demand in spec.call_requirements:
        yield from _strange(spec.address(demand), [demand.when], known)


def _strange(where: str, about: list[Any], known: Any) -> Iterator[str]:
    for name in free_names(*about) if about else ():
        if name not in known:
            yield _unknown(where, name, known)


def _axes(spec: ModuleSpec) -> Iterator[str]:
    for claim in spec.claims:
        for name in claim.axes or ():
            if name not in spec.cases.names:
                yield _unknown(f"axes= of {claim.id}", name, spec.cases.names, "axis")


def _unknown(where: str, name: str, known: Any, kind: str = "size or axis") -> str:
    near = get_close_matches(name, known, n=3) or sorted(known)[:8]
    return f"{where} names {name}, but no {kind} of the cases sets it; closest: {', '.join(near)}"
