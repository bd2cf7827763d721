"""From a state_dict back to constructor arguments, also for a part of a bigger model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sympy

from mhadoc.answers.checkpoints.conversion import foreign_problems
from mhadoc.answers.checkpoints.foreign import Foreign, foreign
from mhadoc.answers.checkpoints.parts import ATTENTION, Part, alone, find, unspecified
from mhadoc.answers.checkpoints.reading import Entries, stored
from mhadoc.answers.problem import Problem
from mhadoc.answers.tensors import check_state_dict, shape_of, unusable
from mhadoc.language import Argument, Child, ModuleSpec
from mhadoc.language.compiled import truth

__all__ = ["Inference", "infer"]

#: Widths up to this are tried one by one; a longer list of divisors would help nobody.
_LIMIT = 1 << 15

_EXPECTED = f"must hold the parameters of {ATTENTION}, or of a module with one inside"


@dataclass(frozen=True)
class Inference:
    """What a state_dict says of the module that it was saved from.

    ``target`` is the name of the spec, None where there are several parts or none; ``prefix`` is
    where its keys start. ``arguments`` are those that the shapes decide, a module that is one being
    a record of its own; ``undetermined`` holds the others: their possible values where those can be
    listed, or else a sentence. ``parts`` are the modules found in a model, or the attentions inside
    a module, each as a record. ``others`` are calls or names of modules with the same keys and
    shapes, where there are any: the file may as well be theirs.
    """

    target: str | None
    prefix: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    undetermined: Mapping[str, tuple[int, ...] | str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    parts: tuple[Inference, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def attentions(self) -> tuple[Inference, ...]:
        """Return every attention found, wherever it is."""
        if self.target == ATTENTION:
            return (self,)
        return tuple(found for part in self.parts for found in part.attentions)

    def __str__(self) -> str:
        """Return the call that builds each part, what is not known of it, and every problem."""
        found = [self] if self.target else self.parts
        alike: dict[str, list[Inference]] = {}
        for part in found:
            alike.setdefault(part._text(), []).append(part)
        calls = [f"{parts[0]._place(len(parts))}{text}" for text, parts in alike.items()]
        return "\n".join([*calls, *map(str, self.problems)])

    def _place(self, count: int) -> str:
        others = f" and {count - 1} more like it" if count > 1 else ""
        return f"{self.prefix.removesuffix('.')}{others}: " if self.prefix else ""

    def __repr__(self) -> str:
        """Return the call that builds the module, as far as it is known, and other candidates."""
        return f"{self._call()}{f'  # or {self._others()}' if self.others else ''}"

    def _call(self) -> str:
        given = (f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.target}({', '.join(given)})"

    def _others(self) -> str:
        return ", ".join(self.others)

    def _text(self) -> str:
        unknown = dict(self._unknown())
        lists = {name: known for name, known in unknown.items() if not isinstance(known, str)}
        lines = [f"  {name}: one of {', '.join(map(str, n))}" for name, n in lists.items()]
        others = ", ".join(name for name in unknown if name not in lists)
        lines += [f"  not stored: {others}"] * bool(others)
        lines += [f"  may also be: {self._others()}"] * bool(self.others)
        return "\n".join([self._call(), *lines])

    def _unknown(self, place: str = "") -> Iterator[tuple[str, tuple[int, ...] | str]]:
        """Iterate over what is undetermined, in the modules that are arguments as well."""
        for name, value in self.arguments.items():
            if isinstance(value, Inference):
                yield from value._unknown(f"{place}{name}.")
        yield from ((f"{place}{name}", known) for name, known in self.undetermined.items())

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain data."""
        return {
            "target": self.target,
            "prefix": self.prefix,
            "arguments": {
                name: value.to_json() if isinstance(value, Inference) else value
                for name, value in self.arguments.items()
            },
            "undetermined": {
                name: known if isinstance(known, str) else list(known)
                for name, known in self.undetermined.items()
            },
            "problems": [problem.to_json() for problem in self.problems],
            "parts": [part.to_json() for part in self.parts],
            "others": list(self.others),
        }


def infer(
    state_dict: Mapping[str, Any], prefix: str = "", *, torch_version: str | None = None
) -> Inference:
    """Return the constructor arguments of the module that a state_dict was saved from.

    Its values may be tensors, arrays or shapes. Only keys that start with ``prefix`` count. In a
    bigger model every module that has a spec is found, with its prefix, as one of ``.parts``; one
    without an attention, such as a Linear, only where no other key starts like its own. The
    arguments are those that the module has in a ``torch_version``, by default the one installed.

    Raises StateDictError for what is no mapping from names, and ReleaseError for a version of torch
    that is not known.

    >>> import mhadoc
    >>> found = mhadoc.infer({"in_proj_weight": (12, 4), "out_proj.weight": (4, 4)})
    >>> found.target, found.arguments["embed_dim"], found.arguments["bias"]
    ('MultiheadAttention', 4, False)
    >>> found.undetermined["num_heads"]
    (1, 2, 4)
    """
    check_state_dict(state_dict)
    start = f"{prefix}." if prefix and not prefix.endswith(".") else prefix
    tensors = _shapes(state_dict, start)
    found, others = _split(find(tensors, torch_version), tensors)
    parts = tuple(map(_inference, found))
    if not parts and not others:
        parts = tuple(_alone(tensors, start, torch_version))
    if len(parts) == 1 and not others:
        return parts[0]
    problems = [problem for part in parts for problem in part.problems]
    problems += foreign_problems(others, _EXPECTED, tensors)
    nothing = () if parts or others else (*unusable(state_dict, start), *_nothing(tensors, start))
    return Inference(None, start, problems=[*problems, *nothing], parts=parts)


def _shapes(state_dict: Mapping[str, Any], start: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors whose keys start so."""
    shapes = {key: shape_of(value) for key, value in state_dict.items() if key.startswith(start)}
    return {key: shape for key, shape in shapes.items() if shape is not None}


def _alone(tensors: Entries, start: str, release: str | None) -> Iterator[Inference]:
    """Iterate over the one module without an attention, if there is one, with its doubles."""
    found = [(part, _inference(part)) for part in alone(tensors, start, release)]
    for part, first in found[:1]:
        calls = (repr(other) for _, other in found if other.arguments != first.arguments)
        yield replace(first, others=(*calls, *unspecified(part)))


def _split(parts: Iterable[Part], shapes: Entries) -> tuple[list[Part], list[Foreign]]:
    """Return the parts, and attentions of other libraries that a part took some keys of.

    Some libraries call one or two of their keys as we do.
    """
    parts = list(parts)
    others = list(foreign(shapes)) if not all(part.exact for part in parts) else []
    shared = [other for other in others if any(_shares(part, other) for part in parts)]
    kept = [part for part in parts if not any(_shares(part, other) for other in shared)]
    return kept, shared


def _shares(part: Part, other: Foreign) -> bool:
    return not part.exact and not part.keys.isdisjoint(other.keys.values())


def _inference(part: Part) -> Inference:
    reading = part.reading
    arguments, undetermined = _arguments(reading.spec, tuple(reading.values.items()))
    parts = tuple(map(_inference, part.inner))
    problems = list(part.problems())
    return Inference(
        reading.spec.name, part.prefix, dict(arguments), dict(undetermined), problems, parts
    )


@lru_cache
def _arguments(
    spec: ModuleSpec, values: tuple[tuple[str, Any], ...]
) -> tuple[dict[str, Any], dict[str, tuple[int, ...] | str]]:
    """Return the arguments that values decide, and what is known of the others."""
    known: dict[str, Any] = dict(values)
    unknown: dict[str, tuple[int, ...] | str] = {}
    given = {child.given: child for child in spec.children if child.when != sympy.true}
    given |= {child.given: child for child in spec.children if child.given in _required(spec)}
    arguments: dict[str, Any] = {}
    for argument in spec.arguments:
        name = argument.name
        if name in given:
            arguments[name] = _module(given[name], known)
        elif name in stored(spec):
            flag = type(argument.default) is bool
            arguments[name] = bool(known[name]) if flag else known[name]
        else:
            unknown[name] = _possible(spec, argument, known)
    return arguments, unknown


def _required(spec: ModuleSpec) -> frozenset[str]:
    return frozenset(argument.name for argument in spec.arguments if argument.required)


def _module(child: Child, known: Mapping[str, Any]) -> Inference | None:
    """Return what is known of a module that is an argument; None where there is none."""
    if child.spec is None or not truth(child.when, known):
        return None
    symbols = stored(child.spec)
    values = {n: v for n, v in child.values(known).items() if n in symbols}
    arguments, undetermined = _arguments(child.spec, tuple(values.items()))
    return Inference(child.spec.name, "", dict(arguments), dict(undetermined))


def _possible(
    spec: ModuleSpec, argument: Argument, known: Mapping[str, Any]
) -> tuple[int, ...] | str:
    """Return the values that an argument can have, where those are a list of numbers."""
    demands = [r for r in spec.requirements if argument.name in r.about and r.about[1:]]
    settled = {name: known[name] for r in demands for name in r.about if name in known}
    if not settled:
        return f"not stored; {argument.default!r} unless it was given"
    if max(settled.values()) < _LIMIT:
        return _tried(spec, argument.name, tuple(settled.items()))
    return f"not stored; {', '.join(dict.fromkeys(r.demand for r in demands))}"


@lru_cache
def _tried(spec: ModuleSpec, name: str, settled: tuple[tuple[str, Any], ...]) -> tuple[int, ...]:
    """Return the numbers, up to the largest size, that meet every demand on an argument."""
    demands = [r for r in spec.requirements if name in r.about]
    largest = max(size for _, size in settled)
    others = {argument.name: argument.default for argument in spec.arguments} | dict(settled)
    trials = ((n, {**others, name: n}) for n in range(largest + 1))
    return tuple(n for n, values in trials if all(r.met(values) for r in demands))


def _nothing(tensors: Mapping[str, tuple[int, ...]], start: str) -> Iterator[Problem]:
    """Iterate over what may be there instead of a module that has a spec."""
    found = list(foreign_problems(foreign(tensors), _EXPECTED, tensors))
    yield from found
    if not found and start:
        observed = f"no module is complete under {start!r}"
        yield Problem("prefix", "keys", _EXPECTED, observed, "leave the prefix out")
    elif not found:
        observed = f"its {len(tensors)} keys are not those of one"
        yield Problem("state_dict", "keys", _EXPECTED, observed, "pass the state_dict of a model")
