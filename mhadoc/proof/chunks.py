"""The pieces of a sweep: constructors that are called alike, and the calls, made once for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import torch

from mhadoc.language import Case, Cases, Input, ModuleSpec, Rule
from mhadoc.language.compiled import free_names
from mhadoc.proof.memory import Page
from mhadoc.proof.observe import Bench

__all__ = ["Call", "Chunk", "Group", "Part", "SharedBench", "chunks", "groups"]

#: So many calls are made ready at a time, at most.
_CALLS = 4096
#: So many of their inputs are kept, at most.
_KEPT = 16384

#: The positions that a case chooses on some axes, by the axes' places.
Part = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Chunk:
    """Constructors that are alike in all that a rule speaks of, so that their calls are the same.

    It is the piece of a sweep that one worker does, and that is written down when it is finished.
    Where there are very many calls, ``calls`` fixes some of their choices.
    """

    constructors: tuple[Part, ...]
    calls: Part
    cases: int

    @property
    def name(self) -> str:
        """Return a name that no other chunk has."""
        return "-".join(str(position) for _, position in (*self.constructors[0], *self.calls))


def chunks(spec: ModuleSpec) -> tuple[Chunk, ...]:
    """Return the pieces of a sweep, the largest first; together they are all cases."""
    cases, names = spec.cases, _mentioned(spec)
    places = [place for place, axis in enumerate(cases.axes) if axis.part == "constructor"]
    alike: dict[tuple[object, ...], list[tuple[str, Part]]] = {}
    for at in product(*(range(len(cases.axes[place].choices)) for place in places)):
        constructor = tuple(zip(places, at, strict=True))
        values = cases.values(cases.completed(dict(constructor)))
        group = alike.setdefault(tuple(values.get(name) for name in names), [])
        group.append((repr(values), constructor))
    found = []
    for group in alike.values():
        constructors = tuple(constructor for _, constructor in sorted(group))
        for calls, number in _split(cases, constructors[0], ()):
            found.append(Chunk(constructors, calls, number * len(constructors)))
    return tuple(sorted(found, key=lambda chunk: -chunk.cases))


def _split(cases: Cases, constructor: Part, calls: Part) -> Iterator[tuple[Part, int]]:
    """Iterate over parts of the calls of a constructor, none of them too large, with their size."""
    fixed = dict((*constructor, *calls))
    number = cases.number(fixed)
    place = next((place for place in range(len(cases.axes)) if place not in fixed), None)
    if number > _CALLS and place is not None:
        for position in range(len(cases.axes[place].choices)):
            yield from _split(cases, constructor, (*calls, (place, position)))
    elif number:
        yield calls, number


def _mentioned(spec: ModuleSpec) -> tuple[str, ...]:
    """Return the names of the symbols that any rule or demand of the call mentions."""
    parts = [attribute.value for attribute in spec.attributes]
    for demand in spec.call_requirements:
        parts += [demand.when, demand.holds, demand.unless]
    rules: tuple[Rule, ...] = (*spec.parameters, *spec.inputs, *spec.outputs)
    return tuple(sorted({*_symbols(rules), *free_names(*parts, spec.cases.consistent)}))


def _symbols(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """Return the names of the symbols that some rules mention."""
    parts = [rule.when for rule in rules]
    parts += [axis for rule in rules for axis in rule.shape or ()]
    for rule in rules:
        if isinstance(rule, Input):
            parts += [rule.floating, *(rule.alias or ())[1:]]
            parts += [] if rule.value is None else [rule.value]
    return free_names(*parts)


@dataclass(frozen=True)
class SharedBench(Bench):
    """A bench that makes each input once, for all cases."""

    def inputs(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return forward's arguments, the same objects for cases that agree in all they need."""
        key = tuple([values.get(name) for name in self._needed])
        if key not in self._inputs:
            if len(self._inputs) > _KEPT:
                self._inputs.clear()
            self._inputs[key] = super().inputs(values)
        return self._inputs[key]

    def tensor(self, name: str, shape: tuple[int, ...], floating: bool) -> torch.Tensor:
        """Return the input that belongs to a name and a shape, the same object each time."""
        key = (name, shape, floating)
        if key not in self._tensors:
            self._tensors[key] = super().tensor(name, shape, floating)
        return self._tensors[key]

    @cached_property
    def _needed(self) -> tuple[str, ...]:
        flags = {rule.name for rule in self.spec.inputs if rule.is_flag}
        return tuple(sorted({*_symbols(self.spec.inputs), *flags}))

    @cached_property
    def _inputs(self) -> dict[Any, dict[str, Any]]:
        return {}

    @cached_property
    def _tensors(self) -> dict[Any, torch.Tensor]:
        return {}


@dataclass(slots=True)
class Call:
    """One way to call the modules of a chunk, and the verdicts on such calls so far.

    ``exact`` tells whether a claim speaks of its numbers: they are compared only then.
    """

    at: tuple[int, ...]
    inputs: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    exact: bool = False
    page: Page = field(default_factory=list)

    def case(self, constructor: Part) -> Case:
        """Return the case in which a constructor's module is called so."""
        at = list(self.at)
        for place, position in constructor:
            at[place] = position
        return Case(tuple(at))


@dataclass
class Group:
    """The calls of a chunk in one mode: training or not, with gradients or without."""

    training: bool
    grad: bool
    calls: list[Call]
    ready: object = None


def groups(bench: Bench, chunk: Chunk) -> list[Group]:
    """Return the calls of a chunk, mode by mode."""
    cases = bench.spec.cases
    found: dict[tuple[bool, bool], list[Call]] = {}
    for case in cases.having(dict((*chunk.constructors[0], *chunk.calls))):
        values = cases.values(case)
        mode = bool(values.get("training", True)), bool(values.get("grad", True))
        found.setdefault(mode, []).append(Call(case.at, bench.inputs(values), values))
    return [Group(training, grad, calls) for (training, grad), calls in found.items()]
