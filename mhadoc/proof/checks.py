"""How each kind of rule is compared with an observation, and with the class itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import sympy
import torch

from mhadoc.errors import RuleError
from mhadoc.language import (
    Argument,
    Attribute,
    Input,
    Mismatch,
    ModuleSpec,
    Named,
    Output,
    Parameter,
    Requirement,
    Rule,
    demands,
    said,
    same,
)
from mhadoc.language.compiled import free_names, joined, number, truth
from mhadoc.paths import imported
from mhadoc.proof.initial import check_blocks, check_initial, widened
from mhadoc.proof.observe import RAISED, Bench, Observation

__all__ = [
    "check_call",
    "check_case",
    "check_class",
    "check_mistake",
    "check_requirement",
    "speaks_of",
    "unexpected_inputs",
    "unexpected_outputs",
    "unexpected_state",
    "unmet",
]


def speaks_of(rule: Rule, seen: Observation) -> bool:
    """Tell whether a case can show a rule: a parameter or attribute always, also by its absence.

    An argument is compared with the class alone, except where None is passed and stands for
    something; a flag of a call with the class alone.
    """
    if isinstance(rule, Argument):
        choice = seen.spec.cases.choices(seen.case).get(rule.name)
        return rule.becomes is not None and choice is not None and choice.passes is None
    if isinstance(rule, Input) and rule.is_flag:
        return False
    return isinstance(rule, Parameter | Attribute) or rule.applies(seen.values)


@singledispatch
def check_case(rule: Rule, seen: Observation) -> Mismatch | None:
    """Compare a rule with what the module did in one case; None where it holds."""
    raise NotImplementedError(type(rule))


@check_case.register
def _(rule: Argument, seen: Observation) -> Mismatch | None:
    """Compare what None stands for with the attribute of the argument's name."""
    assert rule.becomes is not None
    return same(number(rule.becomes, seen.values), getattr(seen.module, rule.name, None))


@check_case.register
def _(rule: Parameter, seen: Observation) -> Mismatch | None:
    return _shapes(rule, seen.state, seen.values)


def _shapes(
    rule: Parameter, state: Mapping[str, Any], values: Mapping[str, Any]
) -> Mismatch | None:
    found = [state.get(name) for name in rule.names(values)]
    expected, stated = "absent", rule.applies(values)
    if stated:
        expected = str(rule.shape.evaluate(values) if rule.shape else ())
    observed = ["absent" if tensor is None else str(tuple(tensor.shape)) for tensor in found]
    wrong = [shape for shape in observed if shape != expected]
    return Mismatch(expected, wrong[0]) if wrong else None


@check_case.register
def _(rule: Attribute, seen: Observation) -> Mismatch | None:
    expected = number(rule.value, seen.values)
    observed = getattr(seen.module, rule.name, Mismatch)
    if observed is Mismatch:
        return Mismatch(f"an attribute {rule.name}", "none")
    return None if bool(expected == observed) else Mismatch(repr(expected), repr(observed))


@check_case.register
def _(rule: Input, seen: Observation) -> Mismatch | None:
    rank = seen.values.get(f"{rule.name}_rank")
    if rule.shape is not None and rank not in (None, len(rule.shape)):
        return Mismatch(f"{rank} axes", str(rule.shape))
    shapes = [
        r.shape for r in seen.bench.spec.inputs if _rivals(rule, r) and r.applies(seen.values)
    ]
    if shapes:
        return Mismatch(f"one shape for {rule.name}", f"{rule.shape} and {shapes[0]}")
    if seen.error is None:
        return None
    if any(not truth(demand.holds, seen.values) for demand in seen.bench.spec.call_requirements):
        return None
    return Mismatch("a call that torch accepts", said(seen.error))


def _rivals(rule: Input, other: Input) -> bool:
    return rule.name == other.name and rule.id != other.id


@check_case.register
def _(rule: Output, seen: Observation) -> Mismatch | None:
    if seen.error is not None:
        return None
    returned = list(seen.outputs.values())
    if rule.position >= len(returned):
        return Mismatch(f"an element {rule.position}", f"{len(returned)} elements")
    output = returned[rule.position]
    shape = None if output is None else tuple(output.shape)
    return same(rule.shape.evaluate(seen.values) if rule.shape else None, shape)


def unexpected_state(seen: Observation) -> Mismatch | None:
    """Compare the state_dict's keys with the parameters of the spec, none left out."""
    keys = same(list(seen.bench.spec.state(seen.values)), list(seen.state))
    return keys or _unexpected_answer(seen)


def _unexpected_answer(seen: Observation) -> Mismatch | None:
    """Compare what follows from the constructor's arguments with what follows from the case."""
    spec = seen.bench.spec
    if not spec.arguments:
        return None
    try:
        answer = spec.state(spec.values(spec.bind(**seen.bench.arguments(seen.case))))
    except (*RAISED, RuleError) as raised:
        return Mismatch("the value of each symbol, from the arguments", said(raised))
    known = spec.state(seen.values)
    wrong = [name for name in known if answer.get(name) != known[name]]
    return same(*({name: state.get(name) for name in wrong} for state in (known, answer)))


def unexpected_inputs(seen: Observation) -> Mismatch | None:
    """Compare what forward was given with what it requires: a rule has to say each shape."""
    required = {rule.name for rule in seen.spec.inputs if rule.required}
    return same(sorted(required), sorted(required & seen.inputs.keys()))


def unexpected_outputs(seen: Observation) -> Mismatch | None:
    """Compare what forward returned with the rules that apply: one for each element."""
    if seen.error is not None:
        return None
    positions = sorted(rule.position for rule in seen.spec.outputs if rule.applies(seen.values))
    return same(positions, list(range(len(seen.outputs))))


@singledispatch
def check_class(rule: Rule, bench: Bench) -> Mismatch | None:
    """Compare a rule with the class itself, apart from any case; None where it holds."""
    return None


@check_class.register
def _(rule: Argument, bench: Bench) -> Mismatch | None:
    if rule.becomes is not None and rule.name in free_names(rule.becomes):
        return Mismatch(f"what {rule.name}=None stands for", str(rule.becomes))
    position = [argument.name for argument in bench.spec.arguments].index(rule.name)
    return _signature(rule, bench.cls.__init__, position + 1)


@check_class.register
def _(rule: Input, bench: Bench) -> Mismatch | None:
    names = list(dict.fromkeys(other.name for other in bench.spec.inputs))
    return _signature(rule, bench.cls.forward, names.index(rule.name) + 1)


def _signature(rule: Argument | Input, function: Any, position: int) -> Mismatch | None:
    found = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in found.values()):
        return None
    if rule.name not in found:
        return Mismatch(f"an argument {rule.name}", f"arguments {', '.join(found)}")
    default = found[rule.name].default
    expected = inspect.Parameter.empty if rule.required else rule.default
    if isinstance(expected, Named):
        expected = imported(expected.path)
    return same(expected, default) or same(position, list(found).index(rule.name))


@check_class.register
def _(rule: Parameter, bench: Bench) -> Mismatch | None:
    """Look at a module that is wide enough to tell numbers, and letters, from each other."""
    if (wide := widened(bench, rule)) is None:
        return None
    bench, case = wide
    values = bench.spec.cases.values(case)
    wrong = check_blocks(rule, values) or check_initial(rule, bench, case)
    return wrong and (_shapes(rule, bench.initial(case), values) or wrong)  # a shape says more


def check_requirement(requirement: Requirement, bench: Bench) -> Mismatch | None:
    """Build the module with the call that breaks a requirement, and compare what torch raises.

    The spec itself has to refuse the same call for the same reason.
    """
    if requirement.example is None:
        return None
    expected = requirement.torch_error(bench.spec.bind(**requirement.example))
    try:
        bench.cls(**requirement.example)
    except RAISED as raised:
        wrong = _told(expected, said(raised))
        return wrong or _refused(requirement, bench.spec)
    return Mismatch(expected, "no error")


def _told(expected: str, observed: str) -> Mismatch | None:
    """Compare torch's words with a text, of which "..." at its end stands for any others."""
    begun = expected.removesuffix(" ...")
    return same(expected, observed if begun == expected else observed[: len(begun)] + " ...")


def _refused(requirement: Requirement, spec: ModuleSpec) -> Mismatch | None:
    try:
        spec.values(spec.bind(**requirement.example or {}))
    except RuleError as refusal:
        return same(spec.address(requirement), refusal.rule)
    return Mismatch(f"a refusal by {requirement.id}", "none")


def check_call(requirement: Requirement, seen: Observation) -> Mismatch | None:
    """Compare what forward raised with what a requirement of the call says; None where it fits.

    Requirements may share a text: where one is broken, its text is no fault of the others.
    """
    values = joined(seen.inputs, seen.values)
    expected = requirement.torch_error(values)
    if not truth(requirement.holds, seen.values):
        return same(expected, said(seen.error))
    if said(seen.error) != expected:
        return None
    others = (r for r in seen.bench.spec.call_requirements if not truth(r.holds, seen.values))
    explained = any(other.torch_error(values) == expected for other in others)
    return None if explained else Mismatch("no such error", expected)


def check_mistake(requirement: Requirement, seen: Observation) -> Mismatch | None:
    """Break one requirement in a legal call, and compare what torch raises with what is stated."""
    if requirement.breaks is None or seen.error is not None:
        return None
    wrong = seen.again(**requirement.breaks(seen))
    shown = {**wrong.values, **wrong.inputs, "module": wrong.module}
    told = same(requirement.torch_error(shown), said(wrong.error))
    if told or requirement.fits == sympy.true or seen.bench.spec.measured is None:
        return told
    return _decided(requirement, wrong)


def _decided(requirement: Requirement, wrong: Observation) -> Mismatch | None:
    """Compare the demands that a call does not meet with the one that was broken.

    A call that leaves the fast path by it may then break one that depends on the path, later on.
    """
    first, *later = unmet(wrong) or [""]
    on_path = {demand.id for demand in wrong.spec.call_requirements if demand.breaks is None}
    return same([requirement.id], [first, *(name for name in later if name not in on_path)])


def unmet(seen: Observation) -> list[str]:
    """Return the demands that a call does not meet, by what is measured of it."""
    spec = seen.bench.spec
    if spec.read is None or spec.measured is None:
        return []
    call = spec.called(seen.module, spec.read(seen.module), seen.inputs)
    with torch.set_grad_enabled(bool(seen.values.get("grad", True))):
        return [found.requirement.id for found in demands.unmet(spec, call)]
