"""Reading a spec backwards: from the keys and shapes of a state_dict to the values of symbols."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sympy

from mhadoc.language import ModuleSpec, Parameter, Shape
from mhadoc.language.compiled import free_names

__all__ = ["Entries", "Reading", "numbered", "read", "rules_by_key", "stored"]

Entries = Mapping[str, tuple[int, ...]]

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


@dataclass(frozen=True)
class Reading:
    """What entries say of a module, and where they differ from what it would hold.

    ``expected`` is the state_dict of a module with these ``values``.
    """

    spec: ModuleSpec
    entries: Entries
    values: Mapping[str, Any]
    expected: Entries

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Return the keys that should be there and are not."""
        return tuple(key for key in self.expected if key not in self.entries)

    @cached_property
    def unexpected(self) -> tuple[str, ...]:
        """Return the keys that should not be there."""
        return tuple(key for key in self.entries if key not in self.expected)

    @cached_property
    def wrong(self) -> tuple[str, ...]:
        """Return the keys whose shape is another one."""
        shared = (key for key in self.entries if key in self.expected)
        return tuple(key for key in shared if self.entries[key] != self.expected[key])

    @property
    def differences(self) -> int:
        """Return how many keys differ."""
        return len(self.missing) + len(self.unexpected) + len(self.wrong)

    @property
    def near(self) -> bool:
        """Tell whether more than half of the keys are there, and at least one as expected."""
        there = len(self.expected) - len(self.missing)
        return 2 * there > len(self.expected) and there > len(self.wrong)


def read(spec: ModuleSpec, entries: Entries) -> Reading | None:
    """Return what entries say of a module, the reading with fewest differences.

    None where they do not say how large it is.
    """
    return _read(spec, tuple(entries.items()))


@lru_cache(maxsize=512)
def _read(spec: ModuleSpec, entries: tuple[tuple[str, tuple[int, ...]], ...]) -> Reading | None:
    there = dict(entries)
    sizes = _sizes(spec, there)
    readings = (Reading(spec, there, v, spec.state(v)) for v in _guesses(spec, sizes))
    return min(readings, key=lambda reading: reading.differences, default=None)


def stored(spec: ModuleSpec) -> frozenset[str]:
    """Return the names of the symbols that the keys and shapes of a state_dict depend on."""
    return _stored(spec)[0]


@lru_cache
def _stored(spec: ModuleSpec) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return those names, and those of them that are flags."""
    names = {*free_names(*(p.when for p in spec.parameters), *(p.count for p in spec.parameters))}
    names |= {name for p in spec.parameters for name in (p.shape.symbols if p.shape else ())}
    names -= spec.constants.keys()
    flags = (symbol.name for symbol in spec.symbols if symbol.kind == "flag")
    return frozenset(names), tuple(name for name in flags if name in names)


@lru_cache(maxsize=1 << 14)
def numbered(key: str) -> str:
    """Return a key as rules write it: ``{i}`` for the number of a layer."""
    return _NUMBER.sub("{i}", key)


@lru_cache
def rules_by_key(spec: ModuleSpec) -> dict[str, Parameter]:
    """Return the rule of each parameter by its key, with ``{i}`` for the number of a layer."""
    return {parameter.name: parameter for parameter in spec.parameters}


def _sizes(spec: ModuleSpec, there: Entries) -> dict[str, int]:
    """Return the sizes that most of the shapes speak for, each shape being read by itself."""
    votes: dict[str, Counter[int]] = {}
    rules = rules_by_key(spec)
    shapes = Counter(
        (name, shape) for key, shape in there.items() if (name := numbered(key)) in rules
    )
    for (name, shape), times in shapes.items():
        expected = rules[name].shape
        for symbol, size in expected.match(shape).sizes.items() if expected is not None else ():
            votes.setdefault(symbol, Counter())[size] += times
    sizes = {name: counts.most_common(1)[0][0] for name, counts in votes.items()}
    return sizes | dict(_counts(rules, there))


def _counts(rules: Mapping[str, Parameter], there: Entries) -> Iterator[tuple[str, int]]:
    """Iterate over how many layers there are, by the symbol that says so."""
    largest: dict[sympy.Expr, int] = {}
    for key in there:
        rule = rules.get(numbered(key))
        if rule is not None and (number := _NUMBER.search(key)):
            largest[rule.count] = max(largest.get(rule.count, 0), int(number[0]) + 1)
    for count, layers in largest.items():
        yield from Shape(count).match((layers,)).sizes.items()


def _guesses(spec: ModuleSpec, sizes: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Iterate over values to try: every choice of the flags, the defaults first."""
    names, flags = _stored(spec)
    values: dict[str, Any] = {**spec.constants, **sizes}
    for argument in spec.arguments:
        if argument.becomes is not None and str(argument.becomes) in values:
            values.setdefault(argument.name, values[str(argument.becomes)])
    if names - {*values, *flags}:
        return
    defaults = {argument.name: bool(argument.default) for argument in spec.arguments}
    options = [(plain := defaults.get(name, False), not plain) for name in flags]
    for chosen in itertools.product(*options):
        yield values | dict(zip(flags, chosen, strict=True))
