"""What is probably not meant in a call that torch accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mhadoc.answers.problem import Problem
from mhadoc.catalog.multihead_attention.looks import Look
from mhadoc.language import Call, Child, Doubt, ModuleSpec
from mhadoc.language.compiled import joined
from mhadoc.language.demands import inside
from mhadoc.language.doubts import doubts_of

__all__ = ["doubted"]


def doubted(spec: ModuleSpec, call: Call) -> list[Problem]:
    """Return what is probably not meant in a call that torch accepts, as warnings.

    What goes to a module inside is looked at there, and told in the words of the caller. The
    numbers in masks are looked at only where a doubt depends on them.
    """
    told: dict[tuple[str, str], Problem] = {}
    for place in _places(_Place(spec, call)):
        for problem in place.problems():
            told.setdefault((problem.argument, problem.rule), problem)
    return list(told.values())


@dataclass(frozen=True)
class _Place:
    """A module, the call that it gets, and what its caller knows inputs and modules as.

    Of a call that is ``plain``, without masks and hints, nothing is known but the module.
    """

    spec: ModuleSpec
    call: Call
    names: Mapping[str, str] = field(default_factory=dict)
    within: str = ""
    plain: bool = False

    @cached_property
    def look(self) -> Look:
        """Return the call with the numbers in its masks, none of them fetched yet."""
        return Look(self.call, {} if self.plain else self.spec.symbols_of(self.call))

    def problems(self) -> Iterator[Problem]:
        """Iterate over what is in doubt here."""
        doubts = doubts_of(self.spec)
        possible = doubts.unconditional if self.plain else doubts.possible(self.look.values)
        for doubt in possible:
            if self.within and not doubt.inside:
                continue
            found = doubt.finds(self.look) if doubt.finds is not None else {}
            if found is not None:
                yield self._problem(doubt, found)

    def _problem(self, doubt: Doubt, found: Mapping[str, Any]) -> Problem:
        about = found.get("argument", doubt.argument)
        shown = joined(found, self.call.facts, self.look.values)
        expected, observed, hint = (
            self._renamed(text.format_map(shown))
            for text in (doubt.expected, doubt.observed, doubt.hint)
        )
        apart = self.within and about not in self.spec.defaults
        place = f"{self.within}.{about}" if apart else self.names.get(about, about)
        return Problem(place, doubt.claim, expected, observed, hint, "warning")

    def _renamed(self, text: str) -> str:
        """Return a text with the caller's names of masks and arguments; other words stay."""
        known = "|".join(name for name in self.names if name.isidentifier() and "_" in name)
        return re.sub(rf"\b({known})\b", lambda m: self.names[m[1]], text) if known else text


def _places(place: _Place) -> Iterator[_Place]:
    """Iterate over a module and those inside that have doubts of their own."""
    yield place
    for child in place.spec.children:
        if child.spec is None or not child.inputs or not child.spec.doubts:
            continue
        within = f"{place.within}.{child.name}" if place.within else child.name
        for module in child.inside(place.call.module):
            if place.plain or not _given(child, place.call):
                bare = Call(module, {}, {}, {})
                yield from _places(_Place(child.spec, bare, within=within, plain=True))
                continue
            call = inside(child, child.spec, place.call, place.look.values, module, {})
            names = {inner: place.names.get(outer, outer) for inner, outer in child.words.items()}
            yield from _places(_Place(child.spec, call, names, within))


def _given(child: Child, call: Call) -> bool:
    """Tell whether a module inside gets a mask or a hint."""
    optional = [outer for outer in child.inputs.values() if "mask" in outer or "causal" in outer]
    return any(
        call.inputs[name] is not None and call.inputs[name] is not False for name in optional
    )
