"""The trial of a false twin: the quick cases, observed once, and looked at until one refutes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, singledispatchmethod

from mhadoc.language import (
    Claim,
    Input,
    Mismatch,
    ModuleSpec,
    Output,
    Parameter,
    Requirement,
    Rule,
)
from mhadoc.language.compiled import truth
from mhadoc.proof.checks import (
    check_call,
    check_case,
    check_class,
    check_mistake,
    check_requirement,
    speaks_of,
    unexpected_inputs,
    unexpected_outputs,
    unexpected_state,
)
from mhadoc.proof.covering import Statement, covering
from mhadoc.proof.observe import Bench, Observation

__all__ = ["Trial"]

Mismatches = Iterator[Mismatch | None]


@dataclass(frozen=True)
class Trial:
    """The quick cases of a true spec, before which twins with one statement changed are brought.

    The module does the same whatever is said of it, so each case is observed once for all twins.
    Only a twin that changes what is passed to forward is observed anew.
    """

    spec: ModuleSpec

    def refutes(self, statement: str, twin: ModuleSpec) -> bool:
        """Tell whether some case refutes a twin in which the statement at an address is changed."""
        (changed,) = (found for found in twin.statements if twin.address(found) == statement)
        return any(self._mismatches(changed, replace(self._bench, spec=twin)))

    @cached_property
    def _seen(self) -> tuple[tuple[Observation, tuple[Statement, ...]], ...]:
        plan = covering(self.spec)
        return tuple((self._bench.observe(case), planned) for case, planned in plan.items())

    @cached_property
    def _bench(self) -> Bench:
        return Bench(self.spec)

    def _on(self, bench: Bench) -> Iterator[Observation]:
        """Iterate over the observations as if they had been made for a twin."""
        for seen, _ in self._seen:
            yield replace(seen, bench=bench)

    @singledispatchmethod
    def _mismatches(self, changed: object, bench: Bench) -> Mismatches:
        """Iterate over what is found wrong with a changed statement, None where nothing is."""
        raise NotImplementedError(type(changed))

    @_mismatches.register
    def _(self, changed: Rule, bench: Bench) -> Mismatches:
        yield check_class(changed, bench)
        yield from self._in_cases(changed, bench)

    @_mismatches.register
    def _(self, changed: Parameter, bench: Bench) -> Mismatches:
        before = self.spec.rule(changed.id)
        if (before.when, before.shape) != (changed.when, changed.shape):
            yield from self._in_cases(changed, bench)
        yield check_class(changed, bench)
        yield from map(unexpected_state, self._on(bench))
        for seen, planned in self._seen:
            for claim in planned:
                if isinstance(claim, Claim):
                    yield claim.check(replace(seen, bench=bench))

    @_mismatches.register
    def _(self, changed: Output, bench: Bench) -> Mismatches:
        yield from self._in_cases(changed, bench)
        yield from map(unexpected_outputs, self._on(bench))

    @_mismatches.register
    def _(self, changed: Input, bench: Bench) -> Mismatches:
        yield check_class(changed, bench)
        before = self.spec.rule(changed.id)
        for seen, _ in self._seen:
            if changed.applies(seen.values) or before.applies(seen.values):
                new = bench.observe(seen.case)
                yield unexpected_inputs(new)
                for rule in bench.spec.rules:
                    if isinstance(rule, Input | Output) and speaks_of(rule, new):
                        yield check_case(rule, new)

    @_mismatches.register
    def _(self, changed: Requirement, bench: Bench) -> Mismatches:
        yield check_requirement(changed, bench)
        if changed in bench.spec.call_requirements:
            check = check_call if changed.breaks is None else check_mistake
            for seen in self._on(bench):
                if truth(changed.when, seen.values):
                    yield check(changed, seen)

    @_mismatches.register
    def _(self, changed: Claim, bench: Bench) -> Mismatches:
        for seen, planned in self._seen:
            if any(claim.id == changed.id for claim in planned):
                yield changed.check(seen)

    def _in_cases(self, changed: Rule, bench: Bench) -> Mismatches:
        for seen in self._on(bench):
            if speaks_of(changed, seen):
                yield check_case(changed, seen)
