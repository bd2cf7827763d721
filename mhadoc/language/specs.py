"""Specs: everything that is stated of one torch module, and the binding of its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import sympy

from mhadoc.errors import RuleError, UnknownNameError
from mhadoc.language.cases import Cases
from mhadoc.language.claims import Claim
from mhadoc.language.compiled import compiled, free_names, truth
from mhadoc.language.rules import (
    Argument,
    Attribute,
    Input,
    Output,
    Parameter,
    Requirement,
    Rule,
)
from mhadoc.language.symbols import Symbol
from mhadoc.language.values import ANYTHING, TRUTH

__all__ = ["ModuleSpec"]

Named = TypeVar("Named", Rule, Claim)


@dataclass(frozen=True, kw_only=True)
class ModuleSpec:
    """All rules and claims of one torch module.

    ``path`` is where the class is imported from; ``requirements`` are what the constructor
    demands and ``call_requirements`` what forward demands, each in the order in which torch
    looks; ``fast_path`` lists what has to hold for torch's fused inference kernel.
    """

    name: str
    path: str
    summary: str
    symbols: tuple[Symbol, ...]
    arguments: tuple[Argument, ...]
    requirements: tuple[Requirement, ...]
    attributes: tuple[Attribute, ...]
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    cases: Cases
    claims: tuple[Claim, ...] = ()
    call_requirements: tuple[Requirement, ...] = ()
    fast_path: tuple[Requirement, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return every rule, in the order of the page."""
        return (
            *self.arguments,
            *self.attributes,
            *self.parameters,
            *self.inputs,
            *self.outputs,
        )

    def rule(self, name: str) -> Rule:
        """Return the rule with this id (``attn_output.unbatched``)."""
        return _find("rule", name, {rule.id: rule for rule in self.rules})

    def named(self, name: str) -> tuple[Rule, ...]:
        """Return every rule of one tensor or argument, or the one rule with this id.

        Raises UnknownNameError, with the closest names, where there is none.
        """
        found = tuple(rule for rule in self.rules if name in (rule.name, rule.id))
        if not found:
            raise UnknownNameError(f"rule of {self.name}", name, self._names)
        return found

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(n for rule in self.rules for n in (rule.name, rule.id)))

    def claim(self, name: str) -> Claim:
        """Return the claim with this id."""
        return _find("claim", name, {claim.id: claim for claim in self.claims})

    def address(self, statement: Rule | Requirement | Claim) -> str:
        """Return the id that names a rule, requirement or claim everywhere."""
        return statement.id if isinstance(statement, Claim) else f"{self.name}.{statement.id}"

    def sentence(self, address: str) -> str:
        """Return the sentence that stands at an address."""
        return self._sentences[address]

    @cached_property
    def _sentences(self) -> dict[str, str]:
        rules = {self.address(rule): rule.sentence for rule in self.rules}
        demands = (*self.requirements, *self.call_requirements, *self.fast_path)
        return {
            f"{self.name}.state_dict": "these keys, in this order",
            **rules,
            **{self.address(requirement): requirement.demand for requirement in demands},
            **{claim.id: claim.sentence for claim in self.claims},
        }

    def __iter__(self) -> Iterator[Rule]:
        """Iterate over the rules."""
        return iter(self.rules)

    def bind(self, *positional: object, **named: object) -> dict[str, Any]:
        """Return the constructor's arguments by name, defaults filled in, as torch would bind them.

        Raises RuleError for an unknown, missing or doubly given argument, or too many.
        """
        if not positional and named.keys() <= self._defaults.keys():
            bound = {**self._defaults, **named}
            if ... not in bound.values():
                return bound
        return self._bind_with_care(positional, named)

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {a.name: ... if a.required else a.default for a in self.arguments}

    def _bind_with_care(
        self, positional: tuple[object, ...], named: Mapping[str, object]
    ) -> dict[str, Any]:
        names = [argument.name for argument in self.arguments]
        if len(positional) > len(names):
            raise self._usage("too many positional arguments", {"count": len(positional)}, names)
        for name in named:
            if name not in names:
                raise self._usage(f"there is no argument {name!r}", {name: named[name]}, names)
            if name in names[: len(positional)]:
                raise self._usage(f"{name} is given twice", {name: named[name]}, names)
        bound = {**self._defaults, **dict(zip(names, positional, strict=False)), **named}
        missing = [name for name, value in bound.items() if value is ...]
        if missing:
            raise self._usage(f"{' and '.join(missing)} must be given", dict(named), names)
        return bound

    def _usage(self, problem: str, values: Mapping[str, object], names: list[str]) -> RuleError:
        return RuleError(
            f"{self.name}.arguments",
            values=values,
            expected=problem,
            hint=f"the arguments are {', '.join(names)}",
            torch_error="TypeError",
        )

    def values(self, bound: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every constructor symbol for bound arguments, checked.

        Raises RuleError with the first requirement that torch would find broken.
        """
        values = dict(bound)
        for name, becomes in self._nones:
            if values[name] is None:
                values[name] = values[becomes]
        if all(type(values[name]) is plain for name, plain in self._plain):
            names, test = self._conditions
            if all(test(*[values[name] for name in names])):
                return values
        for requirement in self.requirements:
            if not _meets(requirement, values):
                raise self.refusal(requirement, bound)
        return values | {name: int(bool(values[name])) for name in self._flags}

    def state(self, values: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        """Return the state_dict's keys and shapes, in torch's order, for checked values."""
        keys, names, rows = self._rows
        found = zip(keys, rows(*[values[name] for name in names]), strict=True)
        return {key: shape for key, (exists, shape) in found if exists}

    @cached_property
    def _rows(self) -> tuple[tuple[str, ...], tuple[str, ...], Any]:
        rows = tuple(
            sympy.Tuple(parameter.when, sympy.Tuple(*(parameter.shape or ())))
            for parameter in self.parameters
        )
        names = free_names(*rows)
        return tuple(parameter.name for parameter in self.parameters), names, compiled(rows, names)

    @cached_property
    def _nones(self) -> tuple[tuple[str, str], ...]:
        return tuple((a.name, str(a.becomes)) for a in self.arguments if a.becomes is not None)

    @cached_property
    def _plain(self) -> tuple[tuple[str, type], ...]:
        return tuple((a.name, a.accepts.plain) for a in self.arguments if a.accepts is not ANYTHING)

    @cached_property
    def _flags(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.arguments if a.accepts is TRUTH)

    @cached_property
    def _conditions(self) -> tuple[tuple[str, ...], Any]:
        conditions = tuple(sympy.Or(r.holds, r.unless) for r in self.requirements)
        names = free_names(*conditions)
        return names, compiled(conditions, names)

    def refusal(self, requirement: Requirement, bound: Mapping[str, Any]) -> RuleError:
        """Return the error for a requirement that bound arguments break."""
        about = {name: bound[name] for name in requirement.about}
        return RuleError(
            f"{self.name}.{requirement.id}",
            values=about,
            expected=requirement.demand,
            hint=requirement.hint.format(**bound, **_hints(bound)),
            torch_error=requirement.torch_error(bound),
        )


def _meets(requirement: Requirement, values: Mapping[str, Any]) -> bool:
    if requirement.accepts is None:
        return truth(requirement.holds, values) or truth(requirement.unless, values)
    accepted = all(requirement.accepts(values[name]) for name in requirement.about)
    return accepted or truth(requirement.unless, values)


def _hints(bound: Mapping[str, Any]) -> dict[str, str]:
    """Return texts that a hint may ask for: the numbers of heads that would do."""
    width = bound.get("embed_dim")
    if not isinstance(width, int) or not 0 < width <= 1 << 20:
        return {"divisors": "a divisor of embed_dim"}
    divisors = [str(n) for n in range(1, width + 1) if width % n == 0]
    return {"divisors": ", ".join(divisors)}


def _find(kind: str, name: str, known: Mapping[str, Named]) -> Named:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]
