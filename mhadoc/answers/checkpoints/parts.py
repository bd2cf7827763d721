"""Parts: the modules with a spec in a state_dict's keys."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property

from mhadoc.answers.checkpoints.reading import Entries, Reading, numbered, read, rules_by_key
from mhadoc.answers.problem import Problem
from mhadoc.catalog import history, spec, specs
from mhadoc.catalog.alike import ALIKE
from mhadoc.language import ModuleSpec, Parameter, condition_text

__all__ = [
    "ATTENTION",
    "Part",
    "alone",
    "attending",
    "find",
    "unspecified",
]

ATTENTION = "MultiheadAttention"
_TOP = "\U0010ffff"


@dataclass(frozen=True)
class Part:
    """One module in a state_dict: where its keys start, what they say, and other keys there.

    ``inner`` are the attentions inside it.
    """

    prefix: str
    reading: Reading
    extra: tuple[str, ...]
    inner: tuple[Part, ...] = ()

    @property
    def exact(self) -> bool:
        """Tell whether the keys are those of a module, with nothing missing and nothing else."""
        return not self.reading.differences and not self.extra

    @cached_property
    def keys(self) -> frozenset[str]:
        """Return the whole keys that the part is made of."""
        return frozenset(self.prefix + key for key in self.reading.entries)

    def problems(self) -> Iterator[Problem]:
        """Iterate over what is wrong with the keys, given what most of them say."""
        reading = self.reading
        said = ", ".join(f"{name}={value}" for name, value in reading.values.items())
        hint = f"the other keys say {said}"
        for key in reading.missing:
            yield self._problem(key, self._shape(key), "there is no such key", hint)
        for key in reading.wrong:
            yield self._problem(key, self._shape(key), f"it is {reading.entries[key]}", hint)
        for key in reading.unexpected:
            when = condition_text(self._rule(key).when)
            yield self._problem(key, f"exists only when {when}", "it is there", hint)
        for key in self.extra:
            expected = f"is no parameter of {reading.spec.name}"
            yield Problem(key, reading.spec.name, expected, "it is there", hint)

    def _problem(self, key: str, expected: str, observed: str, hint: str) -> Problem:
        rule = f"{self.reading.spec.name}.{self._rule(key).id}"
        return Problem(self.prefix + key, rule, expected, observed, hint)

    def _shape(self, key: str) -> str:
        shape = self._rule(key).shape
        symbols = shape.text() if shape is not None else "()"
        return f"must be {symbols} = {self.reading.expected[key]}"

    def _rule(self, key: str) -> Parameter:
        return rules_by_key(self.reading.spec)[numbered(key)]


@cache
def attending() -> tuple[str, ...]:
    """Return the names of the specs that have an attention in them; they are looked for."""
    return tuple(name for name in specs() if _attends(history(name)))


def _attends(found: ModuleSpec) -> bool:
    inside = (child.spec for child in found.children if child.spec is not None)
    return found.name == ATTENTION or any(map(_attends, inside))


def find(shapes: Entries, release: str | None) -> tuple[Part, ...]:
    """Return every module with a spec whose parameters are among the keys, in their order.

    It is a module as a release of torch has it, by default the one installed.

    Exact ones first, the outermost; then those of which more than half is there.
    """
    ordered = sorted(shapes)
    found = []
    for (prefix, name), entries in _candidates(shapes).items():
        reading = read(spec(name, release), entries)
        if reading is not None and reading.near:
            found.append(Part(prefix, reading, _extra(ordered, prefix, entries)))
    order = {key: place for place, key in enumerate(shapes)}
    chosen = sorted(_chosen(found), key=lambda part: min(order[key] for key in part.keys))
    attentions = [part for part in found if part.reading.spec.name == ATTENTION and part.exact]
    return tuple(replace(part, inner=tuple(_inside(part, attentions))) for part in chosen)


def alone(shapes: Entries, prefix: str, release: str | None) -> Iterator[Part]:
    """Iterate over the modules without an attention that all keys with a prefix can be, if any.

    Such keys (``weight``, ``bias``) are in every model, so they count only where nothing else is.
    """
    entries = {key.removeprefix(prefix): shape for key, shape in shapes.items()}
    others = (name for name in specs() if name not in attending())
    modules = (name for name in others if history(name).kind == "module")
    readings = (read(spec(name, release), entries) for name in modules if entries)
    exact = (reading for reading in readings if reading is not None and not reading.differences)
    yield from (Part(prefix, reading, ()) for reading in exact)


def unspecified(part: Part) -> tuple[str, ...]:
    """Return the modules without a spec that a part without an attention can be as well."""
    entries = part.reading.entries
    return tuple(name for alike in ALIKE if alike.stores(entries) for name in alike.names)


def _inside(part: Part, attentions: Iterable[Part]) -> Iterator[Part]:
    return (a for a in attentions if a.prefix != part.prefix and a.keys <= part.keys)


def _chosen(parts: Iterable[Part]) -> list[Part]:
    """Return parts of which no two share a key."""
    taken: set[str] = set()
    chosen = []
    for part in sorted(parts, key=_rank):
        if taken.isdisjoint(part.keys):
            taken |= part.keys
            chosen.append(part)
    return chosen


def _rank(part: Part) -> tuple[bool, int, int, int]:
    return not part.exact, part.prefix.count("."), part.reading.differences, -len(part.keys)


def _candidates(shapes: Entries) -> dict[tuple[str, str], dict[str, tuple[int, ...]]]:
    """Return the entries that could be a spec's, by their prefix and its name."""
    names = _names()
    depth = max(name.count(".") for name in names) + 1
    found: dict[tuple[str, str], dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        pattern = numbered(key)
        cut, at = len(key), len(pattern)
        for _ in range(depth):
            cut, at = key.rfind(".", 0, cut), pattern.rfind(".", 0, at)
            for name in names.get(pattern[at + 1 :], ()):
                found.setdefault((key[: cut + 1], name), {})[key[cut + 1 :]] = shape
            if cut < 0:
                break
    return found


def _extra(ordered: list[str], prefix: str, entries: Entries) -> tuple[str, ...]:
    """Return the keys with this prefix that are not among the entries."""
    start = bisect_left(ordered, prefix)
    stop = bisect_left(ordered, prefix + _TOP)
    if stop - start == len(entries):
        return ()
    return tuple(key for key in ordered[start:stop] if key[len(prefix) :] not in entries)


@cache
def _names() -> dict[str, tuple[str, ...]]:
    """Return the name of each parameter, and the specs that have it."""
    found: dict[str, tuple[str, ...]] = {}
    for name in attending():
        for parameter in history(name).parameters:
            found[parameter.name] = (*found.get(parameter.name, ()), name)
    return found
