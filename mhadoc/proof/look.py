"""Looking: each statement of a spec compared with the class, and with what it did in a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mhadoc.language import (
    Argument,
    Case,
    Claim,
    Input,
    Mismatch,
    ModuleSpec,
    Output,
    Parameter,
    said,
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
from mhadoc.proof.covering import Statement
from mhadoc.proof.doctests import run
from mhadoc.proof.observe import RAISED, Bench, Observation
from mhadoc.proof.tally import Tally

__all__ = [
    "look",
    "look_again",
    "look_at_call",
    "look_at_case",
    "look_at_cases",
    "look_at_class",
    "look_at_examples",
    "look_at_module",
    "look_further",
    "note_unbuilt",
    "tried",
]


def look(
    bench: Bench,
    plan: Mapping[Case, tuple[Statement, ...]],
    *,
    to_the_end: bool = True,
    rules: bool = True,
) -> Tally:
    """Check the class itself once, and then each case with what is planned for it.

    Without ``to_the_end`` it stops after the first case that refutes something. Without ``rules``
    it looks only at what is planned.
    """
    tally = Tally()
    look_at_class(bench, tally)
    look_at_cases(bench, plan, tally, to_the_end=to_the_end, rules=rules)
    return tally


def look_at_cases(
    bench: Bench,
    plan: Mapping[Case, tuple[Statement, ...]],
    tally: Tally,
    *,
    to_the_end: bool = True,
    rules: bool = True,
) -> None:
    """Check each case with what is planned for it."""
    for case, statements in plan.items():
        if tally.refuted and not to_the_end:
            break
        tally.cases += 1
        if (seen := _built(bench, case, tally)) is not None:
            (look_at_case if rules else look_further)(seen, statements, tally)


def _built(bench: Bench, case: Case, tally: Tally) -> Observation | None:
    """Observe a case; a class that cannot even be built in it is refuted, and None returned."""
    try:
        return bench.observe(case)
    except RAISED as raised:
        note_unbuilt(bench, case, raised, tally)
        return None


def note_unbuilt(bench: Bench, case: Case, raised: Exception, tally: Tally) -> None:
    """Note that a class cannot even be built in a case."""
    mismatch = Mismatch("a module that can be built", said(raised))
    tally.note(f"{bench.spec.name}.state_dict", case, mismatch)


def tried(check: Callable[..., Mismatch | None], *about: Any) -> Mismatch | None:
    """Check a statement; what a class raises on the way refutes it."""
    try:
        found: object = check(*about)
        if found is None or isinstance(found, Mismatch):
            return found
        return Mismatch("a check that returns None or a Mismatch", f"{found!r} was returned")
    except (*RAISED, ImportError) as raised:
        return Mismatch("a check that comes to its end", said(raised))


def look_at_class(bench: Bench, tally: Tally) -> None:
    """Check what can be told without a case: signatures, initial values, refused arguments."""
    found, plainest = bench.spec, bench.spec.cases.plainest()
    for rule in found.rules:
        if isinstance(rule, Argument | Input | Parameter):
            mismatch = tried(check_class, rule, bench)
            if mismatch or not isinstance(rule, Parameter):
                tally.note(found.address(rule), plainest, mismatch)
    for requirement in found.requirements:
        if requirement.example is not None:
            mismatch = tried(check_requirement, requirement, bench)
            tally.note(found.address(requirement), plainest, mismatch)


def look_at_examples(spec: ModuleSpec, tally: Tally) -> None:
    """Run the example of each claim; being no case, one that holds is not counted as one."""
    for claim in spec.claims:
        if mismatch := run(claim):
            tally.note(claim.id, spec.cases.plainest(), mismatch)


def look_at_case(seen: Observation, statements: tuple[Statement, ...], tally: Tally) -> None:
    """Check every rule that speaks of a case, and some claims and mistakes."""
    look_at_module(seen, tally)
    look_at_call(seen, tally)
    look_further(seen, statements, tally)


def look_at_module(seen: Observation, tally: Tally) -> None:
    """Check what a call does not change: the module's parameters and attributes."""
    found = seen.bench.spec
    tally.note(f"{found.name}.state_dict", seen.case, unexpected_state(seen))
    for rule in (*found.arguments, *found.parameters, *found.attributes):
        if speaks_of(rule, seen):
            tally.note(found.address(rule), seen.case, tried(check_case, rule, seen))


def look_at_call(seen: Observation, tally: Tally) -> None:
    """Check what can be told from one call: its inputs, its outputs, or its error."""
    found = seen.bench.spec
    for requirement in found.call_requirements:
        if requirement.breaks is None and truth(requirement.when, seen.values):
            tally.note(found.address(requirement), seen.case, check_call(requirement, seen))
    tally.note(f"{found.name}.inputs", seen.case, unexpected_inputs(seen))
    tally.note(f"{found.name}.outputs", seen.case, unexpected_outputs(seen))
    rules: tuple[Input | Output, ...] = (*found.inputs, *found.outputs)
    for rule in rules:
        if speaks_of(rule, seen):
            tally.note(found.address(rule), seen.case, tried(check_case, rule, seen))


def look_further(seen: Observation, statements: tuple[Statement, ...], tally: Tally) -> None:
    """Check what needs more calls: some claims, and mistakes in calls that are legal."""
    for stated in statements:
        if isinstance(stated, Claim):
            tally.note(stated.id, seen.case, tried(stated.check, seen))
        elif seen.error is None:
            address = seen.bench.spec.address(stated)
            tally.note(address, seen.case, tried(check_mistake, stated, seen))


def look_again(statement: str, bench: Bench, case: Case) -> Mismatch | None:
    """Check one statement in one case; None where it holds or does not speak."""
    tally, values, spec = Tally(), bench.spec.cases.values(case), bench.spec
    mistakes = [demand for demand in spec.call_requirements if demand.breaks is not None]
    known: list[Statement] = [*spec.claims, *mistakes]
    stated = (s for s in known if spec.address(s) == statement and truth(s.when, values))
    if (seen := _built(bench, case, tally)) is not None:
        look_at_case(seen, tuple(stated), tally)
    _, mismatch = tally.refuted.get(statement, (case, None))
    return mismatch
