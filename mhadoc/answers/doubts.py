"""What is probably not meant in a call that torch accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from mhadoc.answers.problem import Problem
from mhadoc.catalog import history
from mhadoc.catalog import spec as spec_of
from mhadoc.catalog.multihead_attention.looks import Look
from mhadoc.errors import UnknownNameError
from mhadoc.language import Call, Child, Doubt, ModuleSpec
from mhadoc.language.compiled import joined
from mhadoc.language.demands import inside
from mhadoc.language.doubts import doubts_of

__all__ = ["doubted", "doubted_beside"]

_ATTENTION = "MultiheadAttention"


def doubted(spec: ModuleSpec, call: Call, release: str | None) -> list[Problem]:
    """Return what is probably not meant in a call that torch accepts, as warnings.

    Each rests on a claim, which has to be stated of the ``release``; None is the one installed.

    What goes to a module inside is looked at there, and told in the words of the caller. The
    numbers in masks are looked at only where a doubt depends on them. What several layers of a
    stack have in common is told of the first.
    """
    told: dict[tuple[str, str], Problem] = {}
    for place in _places(_Place(spec, Look(spec, call.module, lambda: call))):
        for problem in place.problems(place.possible()):
            if not _stated(problem.rule, place.spec.name, release):
                continue
            alike = re.sub(r"\d+", "", problem.argument)
            told.setdefault((alike, problem.rule), problem)
    return list(told.values())


def doubted_beside(spec: ModuleSpec, call: Call, release: str | None) -> list[Problem]:
    """Return what may lie behind the errors of a call, as warnings."""
    place = _Place(spec, Look(spec, call.module, lambda: call))
    found = place.problems(doubts_of(spec).beside_errors)
    return [problem for problem in found if _stated(problem.rule, spec.name, release)]


@cache
def _stated(claim: str, name: str, release: str | None) -> bool:
    """Tell whether a claim of a module, or of its attention, is stated of a release."""
    for holder in (name, _ATTENTION):
        with suppress(UnknownNameError):
            if any(known.id == claim for known in history(holder).claims):
                return any(known.id == claim for known in spec_of(holder, release).claims)
    return True  # it is of a spec from outside


@dataclass
class _Place:
    """A module that is called, and what the caller knows its inputs and modules as.

    Where it is called plainly, without masks and hints, only the module itself can be in doubt.
    """

    spec: ModuleSpec
    look: Look
    names: Mapping[str, str] = field(default_factory=dict)
    within: str = ""
    plain: bool = False

    def possible(self) -> tuple[Doubt, ...]:
        """Return what can be in doubt here."""
        doubts = doubts_of(self.spec)
        if self.plain or not doubts.conditional:
            return doubts.unconditional
        return doubts.possible(self.look.values)

    def problems(self, possible: tuple[Doubt, ...]) -> Iterator[Problem]:
        """Iterate over what is in doubt here, out of what can be."""
        for doubt in possible:
            if self.within and not doubt.inside:
                continue
            found = doubt.finds(self.look) if doubt.finds is not None else {}
            if found is not None:
                yield self._problem(doubt, found)

    def _problem(self, doubt: Doubt, found: Mapping[str, Any]) -> Problem:
        about = found.get("argument", doubt.argument)
        shown = joined(found, self.look.call.facts, self.look.values)
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
        return re.sub(rf"\b(?:{known})\b", lambda m: self.names[m[0]], text) if known else text


def _places(place: _Place) -> Iterator[_Place]:
    """Iterate over a module and those inside; of layers alike only the first is asked of masks."""
    yield place
    for child, spec, optional in _in_doubt(place.spec):
        modules = child.inside(place.look.module)
        if not all(map(child.is_here, modules)):
            return
        plain = place.plain or not _given(optional, place.look.call)
        names = {} if plain else _names(child, place.names)
        for number, module in enumerate(modules):
            name = child.name.replace("{i}", str(number))
            within = f"{place.within}.{name}" if place.within else name
            look = Look(spec, module, partial(_inside, place, child, spec, module))
            yield from _places(_Place(spec, look, names, within, plain or number > 0))


@cache
def _in_doubt(spec: ModuleSpec) -> tuple[tuple[Child, ModuleSpec, tuple[str, ...]], ...]:
    """Return the children that have doubts, or some inside, and the masks and hints they get."""
    return tuple(
        (child, inner, tuple(n for n in child.inputs.values() if "mask" in n or "causal" in n))
        for child, inner in spec.called_children
        if inner.doubts or _in_doubt(inner)
    )


def _given(names: tuple[str, ...], call: Call) -> bool:
    """Tell whether a mask or a hint is given."""
    for name in names:
        value = call.inputs[name]
        if value is not None and value is not False:
            return True
    return False


def _inside(place: _Place, child: Child, spec: ModuleSpec, module: Any) -> Call:
    return inside(child, spec, place.look.call, place.look.values, module, {})


def _names(child: Child, known: Mapping[str, str]) -> dict[str, str]:
    return {inner: known.get(outer, outer) for inner, outer in child.words.items()}
