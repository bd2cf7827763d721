"""Entries: the keys and shapes of a state_dict, from the rules of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import compress, groupby
from typing import Any

import sympy

from mhadoc.language.compiled import compiled, free_names, picker
from mhadoc.language.rules import Parameter

__all__ = ["Entries", "State", "numbers", "prefixed"]

State = dict[str, tuple[int, ...]]
Picker = Callable[[Mapping[str, Any]], tuple[Any, ...]]
Evaluator = Callable[..., Any]


@dataclass(frozen=True)
class Entries:
    """The entries that parameters stand for: every rule is compiled once, for any values.

    Parameters that occur several times, one for each layer, follow each other layer by layer.
    """

    parameters: tuple[Parameter, ...]

    def __call__(self, values: Mapping[str, Any]) -> State:
        """Return keys and shapes in order, for the values of the symbols."""
        keys, groups, pick, evaluate = self._compiled
        rows = evaluate(*pick(values))
        if not groups:
            return {key: shape for key, (there, shape) in zip(keys, rows, strict=True) if there}
        found: State = {}
        for (start, stop), count in zip(groups, rows[-1], strict=True):
            there, shapes = zip(*rows[start:stop], strict=True)
            names = keys[start:stop]
            if not all(there):
                names, shapes = tuple(compress(names, there)), tuple(compress(shapes, there))
            found.update(zip(_numbered(names, count), shapes * count, strict=True))
        return found

    @cached_property
    def _compiled(self) -> tuple[tuple[str, ...], list[tuple[int, int]], Picker, Evaluator]:
        """Return the keys, where each run of equally frequent ones is, and what finds shapes."""
        counts = [parameter.count for parameter in self.parameters]
        groups = [] if all(count == 1 for count in counts) else list(_runs(counts))
        parts = [sympy.Tuple(p.when, sympy.Tuple(*(p.shape or ()))) for p in self.parameters]
        if groups:
            parts.append(sympy.Tuple(*(counts[start] for start, _ in groups)))
        names = free_names(*parts)
        keys = tuple(parameter.name for parameter in self.parameters)
        return keys, groups, picker(names), compiled(tuple(parts), names)


def _runs(counts: list[sympy.Expr]) -> Iterator[tuple[int, int]]:
    start = 0
    for _, run in groupby(counts):
        stop = start + len(list(run))
        yield start, stop
        start = stop


@lru_cache(maxsize=256)
def _numbered(keys: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return keys that hold ``{i}`` once for each number, and others as they are."""
    if not any("{i}" in key for key in keys):
        return keys * count
    return tuple(key.replace("{i}", str(i)) for i in range(count) for key in keys)


def prefixed(name: str, count: int, state: Mapping[str, tuple[int, ...]]) -> State:
    """Return the entries of a module as they are called inside another one.

    ``name`` holds ``{i}`` where the module occurs ``count`` times.
    """
    places = [f"{name.replace('{i}', str(i))}." for i in range(count)]
    return {f"{place}{key}": shape for place in places for key, shape in state.items()}


def numbers(rule: Parameter) -> sympy.Expr:
    """Return how many numbers a rule stands for: none where its condition does not hold."""
    flag = rule.when.is_Symbol
    there = rule.when if flag else sympy.Piecewise((1, rule.when), (0, True))
    return there * rule.count * (rule.shape.numel if rule.shape is not None else 1)
