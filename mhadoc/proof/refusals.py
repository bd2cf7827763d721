"""Refusals: what torch says of each wrong call that a spec states, in its own words, as it runs."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import And, Not

from mhadoc.errors import MhadocError, RuleError
from mhadoc.language import ModuleSpec, Requirement, said
from mhadoc.language.compiled import joined
from mhadoc.language.usage import refused
from mhadoc.proof.observe import RAISED, Bench

__all__ = ["Entry", "Refusal", "entries", "refusals"]

#: In how many cases a wrong call is looked for.
_TRIES = 60


@dataclass(frozen=True)
class Refusal:
    """One wrong call: what torch said, the rule that was broken, and the way out.

    ``address`` is that of the rule, ``building`` tells whether the constructor refused, and
    ``template`` is the text with ``{name}`` for what differs from call to call. ``call`` is the
    wrong call where it fits on a line.
    """

    address: str
    text: str
    template: str
    demand: str
    hint: str
    building: bool
    call: str = ""

    @property
    def module(self) -> str:
        """Return the name of the class that refuses."""
        return self.address.partition(".")[0]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Return what every text of this kind matches."""
        parts = re.split(r"\{[^{}]*\}", self.template)
        return re.compile(".+?".join(map(re.escape, parts)), re.DOTALL)

    def like(self, other: Refusal) -> bool:
        """Tell whether one of the two texts is of the other's kind."""
        matches = (self.pattern.fullmatch(other.text), other.pattern.fullmatch(self.text))
        return any(matches)


@dataclass(frozen=True)
class Entry:
    """One text that torch raises, and every wrong call that it was raised for."""

    text: str
    causes: tuple[Refusal, ...]


def entries(specs: Iterable[ModuleSpec], *, building: bool) -> list[Entry]:
    """Return the texts that constructors, or calls, raise, in alphabetical order.

    Texts that differ only in numbers and names of what was passed are one.
    """
    found: dict[Refusal, list[Refusal]] = {}
    for refusal in (r for spec in specs for r in refusals(spec) if r.building is building):
        first = next(filter(refusal.like, found), refusal)
        found.setdefault(first, []).append(refusal)
    texts = (Entry(first.text, tuple(group)) for first, group in found.items())
    return sorted(texts, key=lambda entry: entry.text.partition(": ")[2].lower())


def refusals(spec: ModuleSpec) -> Iterator[Refusal]:
    """Iterate over every wrong call that a spec states, each made once on the real module.

    Raises MhadocError for one that torch does not refuse in the words stated.
    """
    bench = Bench(spec)
    yield from _usage(bench)
    for building, demands in ((True, spec.requirements), (False, spec.call_requirements)):
        for demand in demands:
            text = _built(bench, demand) if building else _called(bench, demand)
            if not text:
                raise MhadocError(f"{spec.address(demand)}: no case shows what torch raises")
            yield _refusal(spec, demand, text, building)


def _refusal(spec: ModuleSpec, demand: Requirement, text: str, building: bool) -> Refusal:
    template, hint, call = f"{demand.error}: {demand.message}", demand.hint, ""
    if demand.example is not None:
        call = _written(spec, demand.example)
        hint = refused(spec, demand, spec.bind(**demand.example)).hint
    return Refusal(spec.address(demand), text, template, demand.demand, hint, building, call)


def _written(spec: ModuleSpec, arguments: Mapping[str, Any]) -> str:
    """Return a call of the constructor as it would be typed."""
    given = (f"{n}={getattr(value, '__name__', repr(value))}" for n, value in arguments.items())
    return f"{spec.name}({', '.join(given)})"


def _usage(bench: Bench) -> Iterator[Refusal]:
    """Iterate over what Python says where an argument is missing, or is none."""
    required = {a.name: 1 for a in bench.spec.arguments if a.required}
    for given in ({}, {**required, "hidden_size": 512}):
        try:
            bench.spec.bind(**given)
        except RuleError as refusal:
            if text := _raised(bench, given):
                address = f"{bench.spec.name}.arguments"
                call = _written(bench.spec, given)
                yield Refusal(address, text, text, refusal.expected, refusal.hint, True, call)


def _raised(bench: Bench, arguments: Mapping[str, Any]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            bench.cls(**arguments)
        except RAISED as raised:
            return said(raised)
    return ""


def _built(bench: Bench, demand: Requirement) -> str:
    """Return what the constructor says of the example, or of a value that it cannot take."""
    if demand.example is not None:
        return _raised(bench, demand.example)
    arguments = bench.arguments(bench.spec.cases.plainest())
    for wrong in _wrong():
        given = {**arguments, **dict.fromkeys(demand.about, wrong)}
        text = _raised(bench, given)
        if text and text == demand.torch_error(bench.spec.bind(**given)):
            return text
    return ""


def _wrong() -> Iterator[Any]:
    """Iterate over values that an argument may be mistaken for: no flag, no number, a dtype."""
    import torch

    yield from (torch.zeros(2), "2", torch.float8_e4m3fn, torch.int64)


def _called(bench: Bench, demand: Requirement) -> str:
    """Return what forward says in a case in which the demand is broken, or is broken on purpose."""
    chance, cases = random.Random(demand.id), bench.spec.cases
    broken = And(demand.when, Not(demand.holds)) if demand.breaks is None else demand.when
    for _ in range(_TRIES):
        case = cases.draw(broken, chance, {})
        if case is None:
            return ""
        seen = bench.observe(case)
        if demand.breaks is not None and seen.error is None:
            seen = seen.again(**demand.breaks(seen))
        if seen.error is None:
            continue
        text = said(seen.error)
        shown = {**joined(seen.inputs, seen.values), "module": seen.module}
        if text == demand.torch_error(shown):
            return text
    return ""
