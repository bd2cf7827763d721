"""Why a state_dict does not load into a module, or loads into something else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mhadoc.answers.built import is_built
from mhadoc.answers.checkpoints.conversion import foreign_problems
from mhadoc.answers.checkpoints.foreign import Foreign, foreign, paired
from mhadoc.answers.checkpoints.moved import moved
from mhadoc.answers.checkpoints.own import ANY, is_extra, own_methods, taken
from mhadoc.answers.checkpoints.parts import ATTENTION, attending
from mhadoc.answers.checkpoints.reading import (
    Entries,
    Reading,
    numbered,
    read,
    rules_by_key,
    stored,
)
from mhadoc.answers.checkpoints.values import copied
from mhadoc.answers.problem import Problem
from mhadoc.answers.tensors import check_state_dict, unusable
from mhadoc.catalog import spec
from mhadoc.errors import StateDictError, UnknownNameError
from mhadoc.language import ModuleSpec

__all__ = ["diagnose_load"]

_MANY = 8


def diagnose_load(module: Any, state_dict: Mapping[str, Any]) -> list[Problem]:
    """Return why a state_dict does not load into a module; ``[]`` means that it loads.

    Errors are what ``load_state_dict(strict=True)`` raises for, each said in the arguments and
    layouts that explain the keys. Warnings are what loads and is probably not meant. The values
    may be tensors or shapes. Nothing is loaded.

    Modules whose hooks rename keys while they load are judged by the keys that they save. Where a
    module has a loading method of its own, it is told that the file differs there, as a warning.

    Raises StateDictError for what is no mapping from names, or no module that is built.
    """
    check_state_dict(state_dict)
    if not is_built(module):
        raise StateDictError(f"the module must be one that is built, not {module!r}")
    apart = list(own_methods(module, state_dict))
    ours, theirs = taken(module, state_dict)
    state = {key: value for key, value in state_dict.items() if key in theirs}
    wrong = [*unusable({key: value for key, value in state.items() if not is_extra(key)})]
    if any(isinstance(state[problem.argument], Mapping) for problem in wrong):
        return wrong
    loading = _Loading(module, _shapes(ours), _shapes(theirs))
    return [*wrong, *apart, *loading.problems(), *_few(copied(module, state))]


def _shapes(found: Mapping[str, tuple[int, ...] | None]) -> dict[str, tuple[int, ...]]:
    """Return the entries that are tensors; what is none has no shape to compare."""
    return {key: shape for key, shape in found.items() if shape is not None}


@dataclass(frozen=True)
class _Loading:
    """A module's entries and a file's, and the keys that a problem has explained already."""

    module: Any
    ours: Entries
    theirs: Entries
    told: set[str] = field(default_factory=set)

    def problems(self) -> Iterator[Problem]:
        """Iterate over what keeps the file from loading, the larger explanations first."""
        if self.differing():
            found = moved(self.ours, self.theirs)
            yield from found.problems()
            aligned = replace(self, theirs=found.aligned(self.theirs))
            yield from aligned.explained()

    def explained(self) -> Iterator[Problem]:
        """Iterate over the differences of keys that start alike."""
        found, theirs = self.converted()
        yield from foreign_problems(found, f"must hold the parameters of {ATTENTION}", self.theirs)
        yield from replace(self, theirs=theirs).different()

    def different(self) -> Iterator[Problem]:
        """Iterate over the differences of keys that no other library explains."""
        yield from _once(self.arguments())
        yield from self.layers()
        yield from self.entries()

    def differing(self) -> list[str]:
        """Return the keys that are in one only, or in another shape, and not explained yet."""
        keys = dict.fromkeys((*self.ours, *self.theirs))
        return [key for key in keys if key not in self.told and not self.agree(key)]

    def agree(self, key: str) -> bool:
        """Tell whether an entry loads: torch takes a single number for a tensor of no axes."""
        mine, other = self.ours.get(key), self.theirs.get(key)
        lazy = mine == ANY and other is not None
        return lazy or mine == other or (mine == () and other == (1,))

    def foreign(self) -> tuple[list[Foreign], list[str]]:
        """Return attentions in another library's layout, and as many places that wait for them."""
        places = [prefix for prefix, found in _described(self.module) if found.name == ATTENTION]
        waiting = [p for p in places if any(k.startswith(p) for k in self.differing())]
        others = list(foreign(self.theirs))
        one = len({other.layout.library for other in others}) == 1
        return (others, waiting) if one and len(others) == len(waiting) else ([], [])

    def converted(self) -> tuple[list[Foreign], dict[str, tuple[int, ...]]]:
        """Return attentions in another library's layout, and the entries with ours in their place.

        Where names do not tell which is which, none is loaded into a module.
        """
        others, waiting = self.foreign()
        starts = [other.prefix for other in others]
        known = paired(starts, waiting)
        places = known or dict(zip(starts, waiting, strict=True))
        found = [self.into(other, places[other.prefix]) for other in others]
        entries = self.exchanged(found, places)
        return [other if known else replace(other, into=None) for other in found], entries

    def exchanged(
        self, found: list[Foreign], places: Mapping[str, str]
    ) -> dict[str, tuple[int, ...]]:
        """Return the file's entries with ours in the place of attentions of another library."""
        taken = {key for other in found for key in other.taken}
        entries = {key: shape for key, shape in self.theirs.items() if key not in taken}
        for other in found:
            place = places[other.prefix]
            made = other.shapes if other.fits else _under(place, self.ours, spec(ATTENTION))
            entries |= {f"{place}{key}": shape for key, shape in made.items()}
        return entries

    def into(self, other: Foreign, place: str) -> Foreign:
        """Return an attention of the file together with the module's that takes it."""
        name = place.removesuffix(".")
        heads = str(getattr(self.module.get_submodule(name), "num_heads", other.heads))
        biased = f"{place}in_proj_bias" in self.ours
        return replace(other, into=name, bias=biased, heads=heads)

    def arguments(self) -> Iterator[tuple[str, Problem]]:
        """Iterate over the arguments in which a module inside and the file differ, and where."""
        for prefix, found in _described(self.module):
            if not any(key.startswith(prefix) for key in self.differing()):
                continue
            here = read(found, _under(prefix, self.ours, found))
            there = read(found, _under(prefix, self.theirs, found))
            if here is None or here.differences or there is None or not there.near:
                continue
            for name in _differing(found, here, there):
                yield prefix, _argument(found, name, here, there)
            agreeing = {*there.entries} - {*there.wrong, *there.unexpected}
            absent = {*here.entries} - {*there.entries, *there.missing}
            self.told.update(prefix + key for key in agreeing | absent)

    def layers(self) -> Iterator[Problem]:
        """Iterate over the lists of layers that are longer in one than in the other."""
        mine, other = _layers(self.ours), _layers(self.theirs)
        for place in mine:
            only = mine[place] ^ other.get(place, mine[place])
            starts = tuple(f"{place}{number}." for number in only)
            keys = [key for key in self.differing() if key.startswith(starts)]
            if keys:
                here, there = len(mine[place]), len(other[place])
                expected = f"the module has {here} layers in {place.rstrip('.')}"
                hint = f"build the module with {there} layers, or load a file of {here}"
                observed = f"the file has {there}"
                yield Problem(place.rstrip("."), "state_dict.layers", expected, observed, hint)
                self.told.update(keys)

    def entries(self) -> Iterator[Problem]:
        """Iterate over the differences that nothing else explains."""
        keys = self.differing()
        missing = [key for key in keys if key not in self.theirs]
        extra = [key for key in keys if key not in self.ours]
        yield from _listed(missing, "must be there", "the file has no such key", _ADD)
        yield from _listed(extra, "must not be there", "the module has no such key", _REMOVE)
        yield from _once(self.shapes(keys))

    def shapes(self, keys: Iterable[str]) -> Iterator[tuple[str, Problem]]:
        """Iterate over the entries that have another shape, and where."""
        for key in keys:
            if key in self.ours and key in self.theirs:
                yield key, _shape(self.ours[key], self.theirs[key])


_ADD = "look for it under another name, or build the module without it"
_REMOVE = "remove it, or build the module with it"


def _listed(keys: list[str], expected: str, observed: str, hint: str) -> Iterator[Problem]:
    """Iterate over one problem a key; over one problem for all where they are many."""
    if len(keys) > _MANY:
        first = ", ".join(keys[:3])
        keys = [f"{len(keys)} keys ({first}, ...)"]
    for key in keys:
        yield Problem(key, "state_dict.keys", expected, observed, hint)


def _shape(mine: tuple[int, ...], other: tuple[int, ...]) -> Problem:
    turned = len(mine) == 2 and other == mine[::-1]
    sizes = [(m, o) for m, o in zip(mine, other, strict=False) if m != o]
    hint = "build the module with the sizes of the file, or load another file"
    if turned:
        expected, observed = f"must be {mine}", f"it is {other}, the same transposed"
        hint = "pass its .T"
    elif len(mine) != len(other) or len(set(sizes)) != 1:
        expected, observed = f"must be {mine}", f"it is {other}"
    else:
        ((ours, theirs),) = {*sizes}
        expected, observed = f"must have {ours} there", f"it has {theirs}"
    return Problem("", "state_dict.shapes", expected, observed, hint)


def _once(found: Iterable[tuple[str, Problem]]) -> Iterator[Problem]:
    """Iterate over problems that are found at several places, each once, with its places."""
    for problem, (first, *more) in _placed(found).items():
        others = f" and {len(more)} more" if more else ""
        yield replace(problem, argument=f"{first}{problem.argument}{others}")


def _few(found: Iterable[tuple[str, Problem]]) -> Iterator[Problem]:
    """Iterate over problems at each of their places; over one for all where these are many."""
    for problem, places in _placed(found).items():
        if len(places) > _MANY:
            yield from _once((place, problem) for place in places)
        else:
            yield from (replace(problem, argument=place) for place in places)


def _placed(found: Iterable[tuple[str, Problem]]) -> dict[Problem, list[str]]:
    places: dict[Problem, list[str]] = {}
    for place, problem in found:
        places.setdefault(problem, []).append(place)
    return places


def _described(module: Any) -> Iterator[tuple[str, ModuleSpec]]:
    """Iterate over the modules inside that have a spec, with the prefixes of their keys."""
    for name, inner in module.named_modules():
        try:
            found = spec(inner)
        except UnknownNameError:
            continue
        if found.name in attending():
            yield f"{name}." if name else "", found


def _under(prefix: str, shapes: Entries, found: ModuleSpec) -> dict[str, tuple[int, ...]]:
    """Return the entries below a prefix that a spec speaks of."""
    inside = (
        (key[len(prefix) :], shape) for key, shape in shapes.items() if key.startswith(prefix)
    )
    return {key: shape for key, shape in inside if numbered(key) in rules_by_key(found)}


def _layers(shapes: Entries) -> dict[str, set[str]]:
    """Return the numbers that occur in keys, by what stands before them."""
    found: dict[str, set[str]] = {}
    for key in shapes:
        parts = key.split(".")
        for place, part in enumerate(parts):
            if part.isdigit():
                found.setdefault("".join(f"{p}." for p in parts[:place]), set()).add(part)
    return found


def _differing(found: ModuleSpec, here: Reading, there: Reading) -> Iterator[str]:
    """Iterate over the symbols that differ, without those that only follow another one."""
    leaders = {argument.name: str(argument.becomes) for argument in found.arguments}
    for name in sorted(stored(found), key=[*leaders, *sorted(stored(found))].index):
        leader = leaders.get(name, "")
        follows = _follows(here, name, leader) and _follows(there, name, leader)
        if here.values[name] != there.values[name] and not follows:
            yield name


def _follows(reading: Reading, name: str, leader: str) -> bool:
    return leader in reading.values and reading.values[name] == reading.values[leader]


def _argument(found: ModuleSpec, name: str, here: Reading, there: Reading) -> Problem:
    """Return the problem of one argument in which the module and the file differ."""
    mine, other = (_said(found, name, r.values[name]) for r in (here, there))
    leaders = {a.name: str(a.becomes) for a in found.arguments if a.becomes is not None}
    following = [n for n, leader in leaders.items() if leader == name and _follows(here, n, name)]
    changed = found.state({**here.values, **dict.fromkeys([*following, name], there.values[name])})
    equal = leaders.get(name, "") if _follows(there, name, leaders.get(name, "")) else ""
    value = f"{name} = {equal} = {other}" if equal else f"{name}={other}"
    hint = f"leave {name} out" if equal else f"build the module with {name}={other}"
    return Problem(
        name,
        f"{found.name}.{name}",
        f"the module was built with {name}={mine}",
        f"the file was saved with {value}{_exchanged(here.expected, changed)}",
        f"{hint}, or load a file that was saved with {name}={mine}",
    )


def _said(found: ModuleSpec, name: str, value: Any) -> Any:
    """Return a value as it is passed: a module that may be given is a class, or None."""
    modules = {child.given: child.spec.name for child in found.children if child.spec is not None}
    if isinstance(value, bool) and name in modules:
        return f"{modules[name]}(...)" if value else None
    return value


def _exchanged(here: Entries, there: Entries) -> str:
    """Return in words which keys the file has for which of the module's."""
    gained = _short([key for key in there if key not in here])
    lost = _short([key for key in here if key not in there])
    has = f"it has {gained}" if gained else ""
    lacks = f"{'in place of' if has else 'it has no'} {lost}" if lost else ""
    return f": {' '.join(filter(None, (has, lacks)))}" if has or lacks else ""


def _short(keys: list[str]) -> str:
    first, rest = keys[:3], keys[3:]
    return ", ".join(first) + (f" and {len(rest)} more" if rest else "")
