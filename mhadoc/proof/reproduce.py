"""A refutation as code: the case on plain torch, ready to paste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mhadoc.language import Attribute, Case, Mismatch, Output, Parameter, Requirement, Rule
from mhadoc.language.compiled import number, truth
from mhadoc.proof.observe import Bench

__all__ = ["reproduction"]


def reproduction(bench: Bench, statement: str, case: Case, mismatch: Mismatch) -> str:
    """Return a program that does on plain torch what the case does, and shows what came.

    The program builds the module, gives every parameter random numbers, makes the inputs, calls,
    and prints; for the shape of a parameter or an output its last line asserts what was expected.
    """
    demands = {bench.spec.address(demand): demand for demand in bench.spec.requirements}
    if statement in demands:
        return _refused(bench, demands[statement])
    values = bench.spec.cases.values(case)
    observed = mismatch.observed.replace("\n", " ")
    lines = [
        f"# {statement}",
        f"# expected: {mismatch.expected.splitlines()[0] if mismatch.expected else ''}",
        f"# observed: {observed}",
        "import torch",
        *(_module(bench, case, values) if _builds(bench) else _function(bench)),
        *_inputs(bench, values),
        *_call(bench, values),
        *_shown(bench, statement, mismatch),
    ]
    return "\n".join(lines) + "\n"


def _refused(bench: Bench, demand: Requirement) -> str:
    """Return the program that builds the module with arguments that should be refused."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in (demand.example or {}).items())
    return f"""# {demand.demand}
# expected: {demand.error}
from {_place(bench)} import {bench.cls.__name__}

{bench.cls.__name__}({arguments})
"""


def _place(bench: Bench) -> str:
    path = bench.spec.path
    if bench.subject is None and bench.spec.kind == "function":
        return path.partition(":")[0] if ":" in path else path.rpartition(".")[0]
    module: str = bench.cls.__module__
    return "torch.nn" if module.startswith("torch.nn.modules") else module


def _builds(bench: Bench) -> bool:
    return bench.spec.kind == "module" or isinstance(bench.subject, type)


def _function(bench: Bench) -> Iterator[str]:
    yield f"from {_place(bench)} import {bench.cls.__name__}"
    yield ""
    yield "torch.manual_seed(0)"


def _module(bench: Bench, case: Case, values: Mapping[str, Any]) -> Iterator[str]:
    cls = bench.cls
    yield f"from {_place(bench)} import {cls.__name__}"
    yield ""
    defaults = {argument.name: argument.default for argument in bench.spec.arguments}
    given = {
        name: value
        for name, value in bench.arguments(case).items()
        if name not in ("device", "dtype") and (name not in defaults or value != defaults[name])
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    yield "torch.manual_seed(0)"
    yield f"module = {cls.__name__}({arguments})"
    yield "for parameter in module.parameters():"
    yield "    torch.nn.init.normal_(parameter, std=1 / 3)"
    if not values.get("training", True):
        yield "module.eval()"


def _inputs(bench: Bench, values: Mapping[str, Any]) -> Iterator[str]:
    for rule in bench.spec.inputs:
        if rule.value is not None and rule.applies(values):
            yield f"{rule.name} = {number(rule.value, values)!r}"
        if rule.shape is None or not rule.applies(values):
            continue
        if rule.alias and truth(rule.alias[1], values):
            yield f"{rule.name} = {rule.alias[0]}"
            continue
        shape = rule.shape.evaluate(values)
        if truth(rule.floating, values):
            yield f"{rule.name} = torch.randn({shape})"
        else:
            yield f"{rule.name} = torch.rand({shape}) > 0.5"
            yield f"{rule.name}[..., 0] = False"


def _call(bench: Bench, values: Mapping[str, Any]) -> Iterator[str]:
    given = []
    for rule in bench.spec.inputs:
        flag = rule.is_flag
        if flag and bool(values[rule.name]) is not rule.default:
            given.append(f"{rule.name}={bool(values[rule.name])}")
        elif not flag and rule.applies(values):
            given.append(rule.name if rule.required else f"{rule.name}={rule.name}")
    names = ", ".join(dict.fromkeys(rule.name for rule in bench.spec.outputs))
    yield f"with torch.set_grad_enabled({bool(values.get('grad', True))}):"
    called = "module" if _builds(bench) else bench.cls.__name__
    yield f"    {names} = {called}({', '.join(given)})"


def _shown(bench: Bench, statement: str, mismatch: Mismatch) -> Iterator[str]:
    rule = {bench.spec.address(rule): rule for rule in bench.spec.rules}.get(statement)
    if _builds(bench):
        yield "for name, parameter in module.state_dict().items():"
        yield "    print(name, tuple(parameter.shape))"
    for name in dict.fromkeys(rule.name for rule in bench.spec.outputs):
        yield f"print({name!r}, getattr({name}, 'shape', None))"
        if rule is None:
            yield f"print({name})"
    if rule is not None and mismatch.expected.startswith("("):
        yield f"assert {_actual(rule)} == {mismatch.expected}"


def _actual(rule: Rule) -> str:
    """Return the expression that gives what a rule speaks of."""
    if isinstance(rule, Parameter):
        return f"tuple(module.state_dict()[{rule.name!r}].shape)"
    if isinstance(rule, Attribute):
        return f"module.{rule.name}"
    assert isinstance(rule, Output)
    return f"tuple({rule.name}.shape)"
