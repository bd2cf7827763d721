"""Demands: what forward demands of a call, compared with one that was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING, Any

import sympy

from mhadoc.language.compiled import compiled, free_names, joined, number, picker
from mhadoc.language.measures import ABSENT, Call, Passed
from mhadoc.language.rules import Requirement

if TYPE_CHECKING:
    from mhadoc.language.children import Child
    from mhadoc.language.specs import ModuleSpec

__all__ = ["Demands", "Unmet", "demands_of", "inside", "unmet"]


@dataclass(frozen=True)
class Unmet:
    """A demand that a call does not meet: its address, and what can be said of the call.

    ``names`` are the words of a module inside, and what the caller knows them as.
    """

    address: str
    requirement: Requirement
    call: Call
    values: Mapping[str, Any]
    hint: str
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def argument(self) -> str:
        """Return the argument that the demand is about, as the caller knows it."""
        name = self.requirement.id.partition(".")[0]
        return self.names.get(name, name)

    @property
    def expected(self) -> str:
        """Return what the argument has to be, in numbers."""
        return self._said(self.requirement.expected or self.requirement.demand)

    @property
    def observed(self) -> str:
        """Return what came."""
        return self._said(self.requirement.observed)

    @property
    def way_out(self) -> str:
        """Return the hint, in which the features of an input are told as a number."""
        text = self.hint
        for name, facts in self.call.facts.items():
            if facts.tensor:
                for known in {name, self.names.get(name, name)}:
                    text = text.replace(f"{known}.shape[-1]", str(facts.features))
        return self._renamed(text)

    def _said(self, template: str) -> str:
        shown = joined(self.call.facts, self.call.inputs, self.values)
        return self._renamed(self.requirement.filled(template, shown, self.values))

    def _renamed(self, text: str) -> str:
        if not self.names:
            return text
        longest = sorted(self.names, key=len, reverse=True)
        return re.sub(rf"\b({'|'.join(longest)})\b", lambda m: self.names[m[1]], text)


@cache
def demands_of(spec: ModuleSpec) -> Demands:
    """Return what forward of a module demands, to be compared with a call."""
    return Demands(spec.call_requirements)


def unmet(spec: ModuleSpec, call: Call) -> tuple[Unmet, ...]:
    """Return what a call does not meet, in the order in which torch looks.

    What the modules inside demand counts as well. An input of which a problem is told already is
    not looked at again further inside.
    """
    values = spec.symbols_of(call)
    found = [
        Unmet(spec.address(demand), demand, call, values, demand.hint)
        for demand in demands_of(spec).unmet(values)
    ]
    for child in spec.children:
        told = {problem.argument for problem in found}
        further = _further(spec, child, call, values)
        found += [problem for problem in further if problem.argument not in told]
    return tuple(found)


def _further(
    spec: ModuleSpec, child: Child, call: Call, values: Mapping[str, Any]
) -> Iterator[Unmet]:
    """Iterate over what a module inside demands that the call does not meet."""
    if child.spec is not None and child.inputs:
        idle = child.idle != sympy.false and number(child.idle, values)
        for problem in unmet(child.spec, inside(child, child.spec, call, values)):
            if not idle or problem.requirement.source in child.merely:
                yield _known_here(spec, child, problem)


def _known_here(spec: ModuleSpec, child: Child, problem: Unmet) -> Unmet:
    """Return a problem of a module inside in the caller's words, by the caller's rule if any."""
    names = {inner: child.words.get(outer, outer) for inner, outer in problem.names.items()}
    renamed = replace(problem, names=child.words | names)
    _, _, rest = problem.requirement.id.partition(".")
    own = demands_of(spec).named.get(f"{renamed.argument}.{rest}")
    return renamed if own is None else replace(renamed, address=spec.address(own), hint=own.hint)


def inside(child: Child, spec: ModuleSpec, call: Call, values: Mapping[str, Any]) -> Call:
    """Return the call of a module inside, of which this is the spec, that a call comes to."""
    first = next(iter(call.facts))
    passed = {**call.inputs, first: Passed(call.inputs[first])}
    inputs = {
        **spec.defaults,
        **child.constants,
        **{name: passed[outer] for name, outer in child.inputs.items()},
    }
    given = {name: call.facts[outer] for name, outer in child.inputs.items() if outer in call.facts}
    if child.floats is not None:
        dtype = call.facts[first].dtype if number(child.floats, values) else "bool"
        given = {n: f.to(dtype) if "mask" in n else f for n, f in given.items()}
    module = getattr(call.module, child.name, None)
    if module is not None and number(child.idle, values):
        passed[first].dtype = next(module.parameters()).dtype  # nobody compares it then
    settled = child.values(values) if module is None or spec.read is None else spec.read(module)
    return Call(module, settled, inputs, {**dict.fromkeys(spec.tensors, ABSENT), **given})


@dataclass(frozen=True)
class Demands:
    """Requirements in the order in which torch looks, compiled once for any call."""

    requirements: tuple[Requirement, ...]

    def unmet(self, values: Mapping[str, Any]) -> tuple[Requirement, ...]:
        """Return the requirements that a call with these symbols and measures does not meet."""
        asked, pick, test = self._compiled
        met = test(*pick(values))
        return () if all(met) else tuple(compress(asked, map(not_, met)))

    @cached_property
    def named(self) -> dict[str, Requirement]:
        """Return the requirements by their ids."""
        return {demand.id: demand for demand in self.requirements}

    @cached_property
    def decides(self) -> bool:
        """Tell whether any of them can be compared with a call."""
        return bool(self._compiled[0])

    @cached_property
    def _compiled(self) -> tuple[tuple[Requirement, ...], Callable[..., Any], Callable[..., Any]]:
        asked = tuple(demand for demand in self.requirements if demand.fits != sympy.true)
        conditions = tuple(demand.fits for demand in asked)
        names = free_names(*conditions)
        return asked, picker(names), compiled(conditions, names)
