"""Demands: what forward demands of a call, compared with one that was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING, Any

import sympy

from mhadoc.language.compiled import compiled, free_names, joined, number
from mhadoc.language.measures import ABSENT, Call, Facts, Passed, Symbols, measure_picker
from mhadoc.language.parts import altered
from mhadoc.language.recalled import LEGAL, signature
from mhadoc.language.rules import Requirement

if TYPE_CHECKING:
    from mhadoc.language.children import Child
    from mhadoc.language.specs import ModuleSpec

__all__ = ["Demands", "Unmet", "demands_of", "inside", "known", "unmet", "unmet_before"]


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
    def arguments(self) -> tuple[str, ...]:
        """Return every argument that the demand compares, as the caller knows it."""
        about = (self.names.get(name, name) for name in self.requirement.about)
        return (self.argument, *about)

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
        return re.sub(rf"\b(?:{'|'.join(longest)})\b", lambda m: self.names[m[0]], text)


@cache
def demands_of(spec: ModuleSpec) -> Demands:
    """Return what forward of a module demands, to be compared with a call."""
    return Demands(spec.call_requirements)


def unmet(spec: ModuleSpec, call: Call) -> tuple[Unmet, ...]:
    """Return what a call does not meet, in the order in which torch looks.

    What the modules inside demand counts as well. An input of which a problem is told already is
    not looked at again further inside; nor is what comes after a module of another class.
    """
    return tuple(_unmet(spec, call))


def unmet_before(spec: ModuleSpec, call: Call) -> tuple[Unmet, ...]:
    """Return what a call does not meet before it comes to a module that is not as stated.

    Nothing is known of what follows, so that the call is not remembered as a legal one.
    """
    return tuple(_looked_at(spec, call, _unaltered))


def known(spec: ModuleSpec, call: Call) -> bool:
    """Tell whether a call was found to be legal before, of a module that was built as this is."""
    signed = signature(spec, call)
    return signed is not None and signed in LEGAL


def _unmet(spec: ModuleSpec, call: Call) -> list[Unmet]:
    """Return what a call does not meet; one that is known to be legal is not looked at again."""
    if known(spec, call):
        return []
    found, signed = _looked_at(spec, call), signature(spec, call)
    if signed is not None and not found:
        LEGAL.add(signed)
    return found


def _of_the_class(child: Child, module: Any) -> bool:
    return child.is_here(module)


def _unaltered(child: Child, module: Any) -> bool:
    """Tell whether a module is of the class that is stated of, and was not altered since."""
    spec = child.spec
    return spec is not None and child.is_here(module) and altered(spec, module) is None


def _looked_at(
    spec: ModuleSpec, call: Call, stated: Callable[[Child, Any], bool] = _of_the_class
) -> list[Unmet]:
    values = spec.symbols_of(call)
    found = [
        Unmet(spec.address(demand), demand, call, values, demand.hint)
        for demand in demands_of(spec).unmet(values)
    ]
    for child, inner in spec.called_children:
        modules = _places(child, call, values)
        if not all(module is None or stated(child, module) for module in modules):
            break
        for problems in _further(child, inner, call, values, modules):
            told = {problem.argument for problem in found}
            known = (_known_here(spec, child, problem) for problem in problems)
            found += [problem for problem in known if told.isdisjoint(problem.arguments)]
    return found


def _places(child: Child, call: Call, values: Mapping[str, Any]) -> Sequence[Any]:
    """Return the modules in the place of a child; None for one that is only described."""
    if call.module is not None:
        return child.inside(call.module)
    given = values.get(child.given)
    if given is not None and not child.is_here(given):
        return (given,)
    return (None,) * bool(number(child.when, values) and number(child.count, values) > 0)


def _further(
    child: Child, spec: ModuleSpec, call: Call, values: Mapping[str, Any], modules: Sequence[Any]
) -> Iterator[list[Unmet]]:
    """Iterate over what each of the modules in a child's place demands that the call lacks."""
    idle, grad = bool(number(child.idle, values)), False
    for module in modules:
        known = {"requires_grad": True} if grad else {}
        if idle and module is not None:
            known["dtype"] = next(module.parameters()).dtype  # nobody compares it then
        inner = inside(child, spec, call, values, module, known)
        found = _unmet(spec, inner)
        grad = grad or bool(spec.around(inner).get("grad"))
        yield [p for p in found if not idle or p.requirement.source in child.merely]


def _known_here(spec: ModuleSpec, child: Child, problem: Unmet) -> Unmet:
    """Return a problem of a module inside in the caller's words, by the caller's rule if any."""
    names = {inner: child.words.get(outer, outer) for inner, outer in problem.names.items()}
    renamed = replace(problem, names=child.words | names)
    _, _, rest = problem.requirement.id.partition(".")
    own = demands_of(spec).named.get(f"{renamed.argument}.{rest}")
    return renamed if own is None else replace(renamed, address=spec.address(own), hint=own.hint)


def inside(
    child: Child,
    spec: ModuleSpec,
    call: Call,
    values: Mapping[str, Any],
    module: Any,
    known: Mapping[str, Any],
) -> Call:
    """Return the call of a module inside that a call comes to; some of its input is known."""
    first = next(iter(call.facts))
    passed = {**call.inputs, **{outer: bool(values[outer]) for outer in child.decided}}
    if known or sum(each is passed[first] for each in call.inputs.values()) > 1:
        passed[first] = Passed(passed[first], known)
    handed = {name: passed[outer] for name, outer in child.inputs.items()}
    inputs = {**spec.defaults, **child.constants, **handed}
    settled = child.values(values) if module is None or spec.read is None else spec.read(module)
    if module is None:
        settled = {"dtype": values.get("dtype"), **settled}
    if child.settles:
        settled = {**settled, **{n: number(e, values) for n, e in child.settles.items()}}
    return Call(module, settled, inputs, _facts_inside(child, spec, call, values))


def _facts_inside(
    child: Child, spec: ModuleSpec, call: Call, values: Mapping[str, Any]
) -> dict[str, Facts]:
    """Return what is known of each tensor that a module inside is handed.

    Nested, it comes without a mask; a mask may come as one of floats, or of bools.
    """
    given = dict.fromkeys(spec.tensors, ABSENT)
    given |= {n: call.facts[o] for n, o in child.inputs.items() if o in call.facts}
    masks = [name for name in given if "mask" in name]
    if child.nested != sympy.false and number(child.nested, values):
        nested = {name: facts._replace(nested=1) for name, facts in given.items()}
        given = nested | dict.fromkeys(masks, ABSENT)
    if child.floats is not None:
        dtype = next(iter(call.facts.values())).dtype if number(child.floats, values) else "bool"
        given |= {name: given[name].to(dtype) for name in masks if given[name].given}
    return given


@dataclass(frozen=True)
class Demands:
    """Requirements in the order in which torch looks, compiled once for any call."""

    requirements: tuple[Requirement, ...]

    def unmet(self, values: Symbols) -> tuple[Requirement, ...]:
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
        names, pick = measure_picker(free_names(*conditions))
        return asked, pick, compiled(conditions, names)
