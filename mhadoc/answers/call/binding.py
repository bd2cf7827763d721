"""Binding: which of forward's arguments each input of a call is, as torch would bind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from mhadoc.answers.tensors import shown
from mhadoc.errors import RuleError
from mhadoc.language import Input, ModuleSpec
from mhadoc.language.usage import too_early

__all__ = ["bound"]


def bound(spec: ModuleSpec, inputs: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return forward's arguments by name, defaults filled in.

    Raises RuleError for an input that is unknown, missing or given twice, or too many.
    """
    defaults, required = spec.defaults, _required(spec)
    found = {**defaults, **dict(zip(defaults, inputs, strict=False)), **named}
    twice = named.keys() & tuple(defaults)[: len(inputs)]
    unknown = len(inputs) > len(defaults) or len(found) > len(defaults)
    if twice or unknown or not _complete(required, inputs, named):
        raise _refusal(spec, inputs, named)
    return found


def _complete(required: Sequence[str], inputs: Sequence[Any], named: Mapping[str, Any]) -> bool:
    return all(name in named for name in required[len(inputs) :])


@cache
def _required(spec: ModuleSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.name for rule in spec.inputs if rule.required))


def _refusal(spec: ModuleSpec, inputs: Sequence[Any], named: Mapping[str, Any]) -> RuleError:
    """Return the error for inputs that cannot be bound: the first that Python would find."""
    defaults, required = spec.defaults, _required(spec)
    if len(inputs) > len(defaults):
        if late := [rule for rule in spec.later.values() if isinstance(rule, Input)]:
            return _too_early(spec, late[0].name, inputs[len(defaults)])
        return _usage(spec, "", "too many positional inputs", {"count": len(inputs)})
    given = dict(zip(defaults, inputs, strict=False))
    if twice := [name for name in named if name in given]:
        return _usage(spec, "", f"{twice[0]} is given twice", {twice[0]: named[twice[0]]})
    if unknown := [name for name in named if name not in defaults]:
        values = {unknown[0]: named[unknown[0]]}
        if isinstance(spec.later.get(unknown[0]), Input):
            return _too_early(spec, unknown[0], values[unknown[0]])
        return _usage(spec, "forward.known_names", f"there is no input {unknown[0]!r}", values)
    known = {**given, **named}
    missing = [name for name in required if name not in known]
    problem = f"{' and '.join(missing)} must be given"
    return _usage(spec, f"{missing[0]}.given", problem, known)


def _too_early(spec: ModuleSpec, name: str, value: Any) -> RuleError:
    """Return the error for an input that came with a later release."""
    problem = f"{name} {too_early(spec, name)}"
    refusal = _usage(spec, "forward.known_names", problem, {name: value})
    hint = f"leave {name} out, or use torch {spec.later[name].since} or newer"
    return RuleError(refusal.rule, values=refusal.values, expected=refusal.expected, hint=hint)


def _usage(spec: ModuleSpec, rule: str, problem: str, values: Mapping[str, Any]) -> RuleError:
    """Return the error by the rule of that id where the spec has one, and by that of all inputs."""
    stated = {demand.id: demand for demand in spec.call_requirements}
    hint = stated[rule].hint if rule in stated else f"the inputs are {', '.join(spec.defaults)}"
    address = f"{spec.name}.{rule if rule in stated else 'inputs'}"
    came = {name: shown(value) for name, value in values.items()}
    return RuleError(address, values=came, expected=problem, hint=hint)
