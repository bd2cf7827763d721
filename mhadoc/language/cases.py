"""The cases of a spec: which choices there are, with which sizes, and what goes together."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import sympy

from mhadoc.errors import UnknownNameError
from mhadoc.language.compiled import compiled, free_names, number, truth
from mhadoc.language.releases import NEWEST, flags

__all__ = ["Axis", "Case", "Cases", "Choice", "Part"]

Part = Literal["constructor", "call"]


@dataclass(frozen=True)
class Choice:
    """One value of an axis: its label, and what it sets each symbol to.

    A setting is a number, or an expression in the sizes of the cases. ``passes`` is what the
    argument gets in Python where that is not the symbol's own value (None for ``kdim``).
    """

    label: str
    sets: Mapping[str, Any]
    passes: Any = ...


@dataclass(frozen=True)
class Axis:
    """One thing that can be chosen; the first choice is the plainest."""

    name: str
    part: Part
    choices: tuple[Choice, ...]

    @classmethod
    def flag(cls, name: str, part: Part, *, plain: bool) -> Axis:
        """Return the axis of a flag, its plain value first."""
        return cls(name, part, tuple(Choice(str(v), {name: int(v)}, v) for v in (plain, not plain)))

    @property
    def symbols(self) -> frozenset[str]:
        """Return the names of the symbols that a choice on this axis sets."""
        return frozenset(name for choice in self.choices for name in choice.sets)

    def index(self, label: str) -> int:
        """Return the position of the choice with this label; raise UnknownNameError otherwise."""
        labels = [choice.label for choice in self.choices]
        if label not in labels:
            raise UnknownNameError(f"choice of {self.name}", label, labels)
        return labels.index(label)


@dataclass(frozen=True, order=True)
class Case:
    """One choice on every axis, as the choices' positions in the order of the axes."""

    at: tuple[int, ...]

    @property
    def distance(self) -> int:
        """Return how many choices differ from the plainest one."""
        return sum(position > 0 for position in self.at)


@dataclass(frozen=True)
class Cases:
    """All cases of a spec: sizes, axes, and the condition under which choices are consistent.

    In a case all sizes differ, so that no two letters can be mistaken for each other. A size is
    a number, or an expression in sizes before it. In the quick proof every combination of
    ``strength`` choices occurs.

    ``apart`` are groups of axes that no statement names together. They are not crossed: in each
    case at most one group departs from its plainest choices. The quick proof crosses them all the
    same, as any axes. They are the cases of one ``release`` of torch.
    """

    sizes: Mapping[str, Any]
    axes: tuple[Axis, ...]
    consistent: sympy.Basic = field(default=sympy.true)
    strength: int = 3
    apart: tuple[tuple[str, ...], ...] = ()
    release: str = NEWEST

    @cached_property
    def flags(self) -> Mapping[str, int]:
        """Return what is 1 where the release is new enough for it, and 0 otherwise."""
        return flags(self.release)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Return every size in numbers."""
        numbers: dict[str, int] = {}
        for name, size in self.sizes.items():
            numbers[name] = number(size, numbers) if isinstance(size, sympy.Basic) else size
        return numbers

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the axes' names in order."""
        return tuple(axis.name for axis in self.axes)

    def part(self, part: Part) -> tuple[Axis, ...]:
        """Return the axes of one part."""
        return tuple(axis for axis in self.axes if axis.part == part)

    def __iter__(self) -> Iterator[Case]:
        """Iterate over every case; the last axis varies fastest, except of those that are apart."""
        return self.having({})

    def __contains__(self, case: Case) -> bool:
        """Tell whether a case's choices go together, and cross no groups that are apart."""
        departed = (any(case.at[place] for place in group) for group in self._groups)
        return sum(departed) <= 1 and self.allows(case)

    def having(self, fixed: Mapping[int, int]) -> Iterator[Case]:
        """Iterate over every case in which some axes are at the positions given."""
        for part in self._parted(fixed):
            yield from self._having(part)

    def _having(self, fixed: Mapping[int, int]) -> Iterator[Case]:
        places, allowed = self._coupled
        options = (
            (fixed[place],) if place in fixed else range(len(axis.choices))
            for place, axis in enumerate(self.axes)
        )
        for at in itertools.product(*options):
            if tuple([at[place] for place in places]) in allowed:
                yield Case(at)

    def __len__(self) -> int:
        """Return the number of cases."""
        return self.number({})

    def number(self, fixed: Mapping[int, int]) -> int:
        """Return the number of cases in which some axes are at the positions given."""
        return sum(map(self._number, self._parted(fixed)))

    def _number(self, fixed: Mapping[int, int]) -> int:
        places, allowed = self._coupled
        free = (
            len(axis.choices)
            for place, axis in enumerate(self.axes)
            if place not in places and place not in fixed
        )
        asked = [(i, fixed[place]) for i, place in enumerate(places) if place in fixed]
        agree = sum(all(at[i] == position for i, position in asked) for at in allowed)
        return agree * math.prod(free)

    def _parted(self, fixed: Mapping[int, int]) -> Iterator[Mapping[int, int]]:
        """Iterate over what is fixed together with each departure of one group, or of none."""
        for departure in self._departures:
            if all(fixed.get(place, position) == position for place, position in departure.items()):
                yield {**fixed, **departure}

    @cached_property
    def _departures(self) -> tuple[dict[int, int], ...]:
        plain = {place: 0 for group in self._groups for place in group}
        found = [plain]
        for group in self._groups:
            options = (range(len(self.axes[place].choices)) for place in group)
            combined = (dict(zip(group, at, strict=True)) for at in itertools.product(*options))
            found += [{**plain, **part} for part in combined if any(part.values())]
        return tuple(found)

    @cached_property
    def _groups(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(map(self.names.index, group)) for group in self.apart)

    @cached_property
    def _coupled(self) -> tuple[tuple[int, ...], frozenset[tuple[int, ...]]]:
        """Return the axes that consistency couples, and their choices that go together."""
        found = self.where(sympy.true)
        places = tuple(found[0]) if found else ()
        return places, frozenset(tuple(part.values()) for part in found)

    def where(self, condition: sympy.Basic, *axes: str) -> tuple[dict[int, int], ...]:
        """Return every choice, on the axes that matter, which meets a condition consistently.

        The axes that matter are those of the condition, those of consistency, and those named.
        Each choice is a mapping from the axis's place to a position; the axes that are not
        mentioned can be chosen freely.
        """
        key = (condition, axes)
        if key not in self._found:
            self._found[key] = tuple(self._search(condition, axes))
        return self._found[key]

    @cached_property
    def _found(self) -> dict[Any, tuple[dict[int, int], ...]]:
        return {}

    def _search(self, condition: sympy.Basic, axes: tuple[str, ...]) -> Iterator[dict[int, int]]:
        asked = {*free_names(condition, self.consistent)}
        places = [
            place
            for place, axis in enumerate(self.axes)
            if asked & axis.symbols or axis.name in axes
        ]
        names = free_names(both := sympy.And(condition, self.consistent))
        test, values = compiled((both,), names), dict(self.values(self.plainest()))
        for at in itertools.product(*(range(len(self.axes[place].choices)) for place in places)):
            for place, position in zip(places, at, strict=True):
                values.update(self._settings[place][position])
            if test(*[values[name] for name in names])[0]:
                yield dict(zip(places, at, strict=True))

    def draw(
        self, condition: sympy.Basic, chance: random.Random, fixed: Mapping[int, int]
    ) -> Case | None:
        """Return some consistent case that meets a condition; None where there is none.

        ``fixed`` holds what is chosen already: the axis's place and the position there.
        """
        order, checks = self._order(condition, tuple(fixed))
        at = self._drawn(order, checks, chance, fixed, dict(self.numbers))
        return None if at is None else Case(tuple(at[place] for place in range(len(self.axes))))

    def _drawn(
        self,
        order: tuple[int, ...],
        checks: Mapping[int, list[Any]],
        chance: random.Random,
        fixed: Mapping[int, int],
        values: Mapping[str, Any],
    ) -> dict[int, int] | None:
        if not order:
            return {}
        place, rest = order[0], order[1:]
        options = list(range(len(self.axes[place].choices)))
        chance.shuffle(options)
        for position in [fixed[place]] if place in fixed else options:
            chosen = {**values, **self._settings[place][position]}
            if all(test(*[chosen[n] for n in names])[0] for names, test in checks.get(place, ())):
                found = self._drawn(rest, checks, chance, fixed, chosen)
                if found is not None:
                    return {place: position, **found}
        return None

    def _order(
        self, condition: sympy.Basic, first: tuple[int, ...]
    ) -> tuple[tuple[int, ...], dict[int, list[Any]]]:
        """Return an order of the axes, and what can be asked once an axis is chosen."""
        key = (condition, first)
        if key not in self._orders:
            parts = sympy.And.make_args(sympy.And(condition, self.consistent))
            asked = sorted(
                ((self._places(part), part) for part in parts),
                key=lambda entry: (len(entry[0]), entry[0], str(entry[1])),
            )
            mentioned = (place for places, _ in asked for place in places)
            order = tuple(dict.fromkeys((*first, *mentioned, *range(len(self.axes)))))
            checks: dict[int, list[Any]] = {}
            for places, part in asked:
                last = max(places, key=order.index, default=order[0])
                names = free_names(part)
                checks.setdefault(last, []).append((names, compiled((part,), names)))
            self._orders[key] = order, checks
        return self._orders[key]

    @cached_property
    def _orders(self) -> dict[Any, tuple[tuple[int, ...], dict[int, list[Any]]]]:
        return {}

    def _places(self, condition: sympy.Basic) -> tuple[int, ...]:
        asked = {*free_names(condition)}
        return tuple(place for place, axis in enumerate(self.axes) if asked & axis.symbols)

    def completed(self, part: Mapping[int, int]) -> Case:
        """Return the case that chooses as told and plainly elsewhere."""
        return Case(tuple(part.get(place, 0) for place in range(len(self.axes))))

    def plainest(self) -> Case:
        """Return the case in which every choice is the plainest."""
        return Case((0,) * len(self.axes))

    def case(self, **labels: str) -> Case:
        """Return the case with these choices and the plainest elsewhere.

        Raises UnknownNameError for an axis or a choice that there is not.
        """
        for name in labels.keys() - set(self.names):
            raise UnknownNameError("axis", name, self.names)
        return Case(
            tuple(axis.index(labels[axis.name]) if axis.name in labels else 0 for axis in self.axes)
        )

    def choices(self, case: Case) -> dict[str, Choice]:
        """Return what a case chooses on each axis."""
        return {axis.name: axis.choices[i] for axis, i in zip(self.axes, case.at, strict=True)}

    def labels(self, case: Case) -> dict[str, str]:
        """Return the labels of a case's choices."""
        return {name: choice.label for name, choice in self.choices(case).items()}

    def allows(self, case: Case) -> bool:
        """Tell whether a case's choices go together."""
        return truth(self.consistent, self.values(case))

    def values(self, case: Case) -> dict[str, Any]:
        """Return the number of every size and flag in a case."""
        values: dict[str, Any] = {**self.flags, **self.numbers}
        for settings, position in zip(self._settings, case.at, strict=True):
            values.update(settings[position])
        return values

    @cached_property
    def _settings(self) -> tuple[tuple[dict[str, Any], ...], ...]:
        """Return what each choice sets, in numbers: an expression may ask for sizes only."""
        return tuple(
            tuple(
                {name: self._numeric(setting) for name, setting in choice.sets.items()}
                for choice in axis.choices
            )
            for axis in self.axes
        )

    def _numeric(self, setting: Any) -> Any:
        return number(setting, self.numbers) if isinstance(setting, sympy.Basic) else setting
