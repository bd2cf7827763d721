"""Measures: what a condition may ask of the inputs of one call, as they were given.

A symbol says what a legal call has: ``S`` keys, of ``kdim`` features. A measure says what came:
``Measured("key").features``. A demand on a call is an equation between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

import sympy

from mhadoc.language.autocast import common
from mhadoc.language.compiled import picker
from mhadoc.language.values import c_name

__all__ = [
    "ABSENT",
    "Call",
    "Facts",
    "Kind",
    "Measured",
    "Passed",
    "Symbols",
    "dtype_of",
    "kind_of",
    "measure_picker",
]


class Kind(NamedTuple):
    """What is asked of a dtype: its name, and whether it is one of floats or of bools."""

    name: str
    floating: int
    boolean: int


@cache
def kind_of(dtype: Any) -> Kind:
    """Return the kind of a dtype of torch or numpy, or of a dtype's name."""
    name = str(dtype).rpartition(".")[2]
    return Kind(name, int("float" in name), int(name == "bool"))


def dtype_of(told: Any) -> str:
    """Return the name of the dtype that a constructor is given: torch's, or Python's float."""
    return _PYTHONS.get(told) or kind_of(told).name


#: What torch takes for a dtype besides its own.
_PYTHONS: dict[Any, str] = {float: "float64", complex: "complex128"}


class Facts(NamedTuple):
    """What is known of one input without looking at its numbers; flags are 0 and 1.

    ``given`` says that it is not None, and ``tensor`` that it is a tensor; an axis that it has
    not got is -1, and so is one of a nested tensor of which the size is not known. ``in_order``
    says that its axes lie in memory in their order, so that its numbers can be seen in another
    shape. ``common`` is the dtype that it has where it meets others, which autocast decides.
    """

    given: int = 0
    tensor: int = 0
    rank: int = 0
    axis_0: int = -1
    axis_1: int = -1
    axis_2: int = -1
    features: int = -1
    numel: int = 0
    dtype: str = ""
    floating: int = 0
    boolean: int = 0
    in_order: int = 1
    nested: int = 0
    device: str = ""
    shape: tuple[int, ...] = ()
    type: str = "NoneType"
    common: str = ""

    @classmethod
    def of(cls, value: Any) -> Facts:
        """Return what is known of a tensor; of anything else, that it is none."""
        if value is None:
            return ABSENT
        if not hasattr(value, "is_nested"):
            return cls(given=1, type=c_name(type(value)))
        device = value.device.type
        if value.is_nested:
            inside = (-1,) * (value.dim() - 1)
            shape = (*inside, _last(value))[-value.dim() :]
            return cls.shaped(shape, value.dtype, device)._replace(nested=1)
        return cls.shaped(tuple(value.shape), value.dtype, device, _in_order(value))

    @classmethod
    def shaped(
        cls, shape: tuple[int, ...], dtype: Any, device: str = "", in_order: int = 1
    ) -> Facts:
        """Return what is known of a tensor of some shape and dtype."""
        name, floating, boolean = kind_of(dtype)
        first, second, third = (*shape[:3], -1, -1, -1)[:3]
        last, count = shape[-1] if shape else -1, math.prod(shape)
        axes, met = (len(shape), first, second, third, last, count, name), common(name, device)
        return cls(1, 1, *axes, floating, boolean, in_order, 0, device, shape, "Tensor", met)

    def to(self, dtype: Any) -> Facts:
        """Return the facts of a mask as floats or bools; floats keep their own dtype."""
        name, floating, boolean = kind_of(dtype)
        met = common(name, self.device)
        if not (self.boolean or (self.floating and boolean)):
            return self
        return self._replace(dtype=name, common=met, floating=floating, boolean=boolean)


class Passed:
    """What a module makes of an input and passes on: another tensor, of the same shape."""

    def __init__(self, given: Any, known: Mapping[str, Any]) -> None:
        """Take the input that it is made from, and what is known of it to be different."""
        self._given = given
        vars(self).update(known)

    def __getattr__(self, name: str) -> Any:
        """Return a fact of the input: its dtype, its device, whether it requires a gradient."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._given, name)


ABSENT = Facts()


def _last(nested: Any) -> int:
    """Return the size of a nested tensor's last axis; -1 where its tensors differ in it."""
    try:
        size = nested.size(-1)
    except RuntimeError:
        return -1
    return size if isinstance(size, int) else -1


def _in_order(tensor: Any) -> int:
    if tensor.is_contiguous():
        return 1
    pairs = zip(tensor.stride(), tensor.shape, strict=True)
    steps = [step for step, size in pairs if size > 1 and step]
    return int(steps == sorted(steps, reverse=True))


class Measured:
    """The measures of one input, as symbols for conditions: ``Measured("key").features``."""

    def __init__(self, name: str) -> None:
        """Take the input's name."""
        self.name = name

    def __getattr__(self, fact: str) -> sympy.Symbol:
        """Return the symbol of one fact; a name that no fact has is refused."""
        if fact not in Facts._fields:
            raise AttributeError(f"nothing is measured that is called {fact!r}")
        return sympy.Symbol(f"{self.name}.{fact}", integer=True)


class Symbols(dict[str, Any]):
    """The value of each symbol in a call; a measure is looked up in the facts when it is asked."""

    def __init__(self, facts: Mapping[str, Facts]) -> None:
        """Take what is known of each input."""
        super().__init__()
        self.facts = facts

    def __missing__(self, name: str) -> Any:
        """Return the value of a measure: ``key.features``."""
        given, _, fact = name.rpartition(".")
        if given not in self.facts or fact not in Facts._fields:
            raise KeyError(name)
        return getattr(self.facts[given], fact)


def measure_picker(
    names: tuple[str, ...],
) -> tuple[tuple[str, ...], Callable[[Symbols], tuple[Any, ...]]]:
    """Return these names in another order, and a function that takes their values out in it.

    The measures of one input are taken together, which is quicker than one by one.
    """
    inputs: dict[str, list[str]] = {}
    plain = []
    for name in names:
        given, _, fact = name.rpartition(".")
        if given and fact in Facts._fields:
            inputs.setdefault(given, []).append(fact)
        else:
            plain.append(name)
    take, getters = (
        picker(tuple(plain)),
        [(given, _facts(facts)) for given, facts in inputs.items()],
    )

    def pick(symbols: Symbols) -> tuple[Any, ...]:
        found = take(symbols)
        for given, get in getters:
            found += get(symbols.facts[given])
        return found

    order = (f"{given}.{fact}" for given, facts in inputs.items() for fact in facts)
    return (*plain, *order), pick


def _facts(names: list[str]) -> Callable[[Facts], tuple[Any, ...]]:
    """Return what takes these facts out of all, as a tuple."""
    places = [Facts._fields.index(name) for name in names]
    if len(places) > 1:
        return itemgetter(*places)
    (place,) = places
    return lambda facts: (facts[place],)


@dataclass(frozen=True)
class Call:
    """One call that is asked about: what came in, and what the constructor decided.

    ``inputs`` are forward's arguments by name, and ``facts`` what is known of those that are
    tensors. ``module`` is None where there is only a description of one. ``symbols`` and
    ``around`` are where the spec keeps the value of each symbol, once it is asked, and ``signed``
    where its signature is kept.
    """

    module: Any
    values: Mapping[str, Any]
    inputs: Mapping[str, Any]
    facts: Mapping[str, Facts]
    symbols: Symbols = field(init=False, repr=False, compare=False)
    around: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    signed: list[Hashable] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the place where symbols are kept."""
        object.__setattr__(self, "symbols", Symbols(self.facts))

    @classmethod
    def of(
        cls, module: Any, values: Mapping[str, Any], inputs: Mapping[str, Any], *tensors: str
    ) -> Call:
        """Return the call with real inputs, of which those named are tensors or None."""
        seen = {id(inputs[name]): inputs[name] for name in tensors}
        known = {key: Facts.of(value) for key, value in seen.items()}
        return cls(module, values, inputs, {name: known[id(inputs[name])] for name in tensors})
