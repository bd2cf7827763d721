"""Doubts: calls that torch accepts and that are probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import compress
from typing import TYPE_CHECKING, Any

import sympy

from mhadoc.language.compiled import compiled, free_names
from mhadoc.language.measures import Symbols, measure_picker
from mhadoc.language.rules import Before

if TYPE_CHECKING:
    from mhadoc.language.specs import ModuleSpec

__all__ = ["Doubt", "Doubts", "doubts_of"]


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """One kind of call that torch accepts and that is probably not meant.

    ``argument`` is what it is about: an input, which has to be given then, or an argument of the
    constructor. ``claim`` is the id of the claim that says what torch does. ``when`` says of which
    calls it can be true, in symbols and measures; ``finds`` looks at the rest, the numbers in the
    masks first of all, and returns what the texts show of it, or None where nothing is wrong.
    What is not asked of a module inside another one is not ``inside``; what is asked of a call
    with errors, and of no other, is ``beside_errors``. ``title`` is what a person
    notices, and ``example`` a call that prints the warning. ``since`` and ``until`` are releases of
    torch, and ``before`` tells which fields were different before one.
    """

    id: str
    title: str
    argument: str
    claim: str
    example: str
    expected: str
    observed: str
    hint: str
    when: sympy.Basic = sympy.true
    finds: Callable[[Any], Mapping[str, Any] | None] | None = None
    inside: bool = True
    beside_errors: bool = False
    since: str | None = None
    until: str | None = None
    before: Before = field(default_factory=dict)


class Doubts:
    """The doubts of one module, whose conditions are compiled once for any call."""

    def __init__(self, doubts: tuple[Doubt, ...]) -> None:
        """Take the doubts, in the order in which they are told."""
        self.beside_errors = tuple(doubt for doubt in doubts if doubt.beside_errors)
        self._doubts = tuple(doubt for doubt in doubts if not doubt.beside_errors)
        self.unconditional = tuple(doubt for doubt in self._doubts if doubt.when == sympy.true)
        conditions = tuple(doubt.when for doubt in self._doubts)
        self.conditional = len(self.unconditional) < len(conditions)
        names, self._pick = measure_picker(free_names(*conditions))
        self._test = compiled(conditions, names)

    def possible(self, values: Symbols) -> tuple[Doubt, ...]:
        """Return the doubts whose conditions hold for these symbols and measures."""
        held = self._test(*self._pick(values))
        return tuple(compress(self._doubts, held)) if any(held) else ()


@cache
def doubts_of(spec: ModuleSpec) -> Doubts:
    """Return the doubts of a module, to be compared with a call."""
    return Doubts(spec.doubts)
