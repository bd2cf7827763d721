"""What kinds of Python value an argument accepts, told apart without importing torch.

Each test does to the value what torch does to it, so that numpy numbers, tensors and objects of
your own are taken exactly where torch takes them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

__all__ = [
    "ANYTHING",
    "AXES",
    "COUNT",
    "DEVICE",
    "DTYPE",
    "INITIALISABLE",
    "INTEGER",
    "LEARNABLE",
    "NUMBER",
    "ORDERED",
    "REFUSALS",
    "SIZE",
    "TRUTH",
    "Accepts",
    "Named",
    "axes",
    "c_name",
]

#: What Python, numpy or torch raise where a value cannot be compared or asked for its truth.
REFUSALS = (ArithmeticError, RuntimeError, TypeError, ValueError)


def _as_it_is(value: object) -> object:
    return value


@dataclass(frozen=True)
class Accepts:
    """A kind of value: its name for the reader, the test that tells, and its plain type.

    A value of exactly the plain type is accepted without asking further; ``convert`` makes a
    plain value of any other that is accepted.
    """

    name: str
    plain: type
    test: Callable[[object], bool]
    convert: Callable[[object], object] = _as_it_is

    def __call__(self, value: object) -> bool:
        """Tell whether a value is of this kind."""
        return type(value) is self.plain or self.test(value)

    def plainly(self, value: object) -> object:
        """Return a value of this kind as a plain one, and any other as it is."""
        return self.convert(value) if self(value) else value


def c_name(kind: type) -> str:
    """Return a type's name as messages of C code give it: ``int``, ``numpy.float64``.

    A type that is written in C carries its module in its name. Only C knows which these are: its
    refusal to make an ellipsis of a type names the type.
    """
    try:
        type(...).__new__(kind)
    except TypeError as refused:
        return str(refused).partition("(")[2].partition(")")[0]
    return kind.__name__


@dataclass(frozen=True)
class Named:
    """A value that is an object of torch, by its path: ``torch.nn.functional.relu``."""

    path: str

    def __repr__(self) -> str:
        return self.path


def _index(value: Any) -> int:
    return operator.index(value)


def _is_size(value: object) -> bool:
    try:
        _index(value)
    except REFUSALS:
        return False
    return str(getattr(value, "dtype", "")) != "torch.bool"


def _is_integer(value: object) -> bool:
    return _is_size(value) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    try:
        _index(value)
    except REFUSALS:
        return False
    return True


def axes(value: Any) -> tuple[Any, ...]:
    """Return sizes given as one number, or as any sequence of them, as a tuple."""
    sizes = (value,) if isinstance(value, Integral) else tuple(value)
    return tuple(map(INTEGER.plainly, sizes))


def _is_axes(value: object) -> bool:
    try:
        axes(value)
    except REFUSALS:
        return False
    return True


def _is_number(value: Any) -> bool:
    return _has_truth(lambda: value <= 0)


def _is_ordered(value: Any) -> bool:
    return _has_truth(lambda: value < 0)


def _has_truth(ask: Callable[[], object]) -> bool:
    try:
        bool(ask())
    except REFUSALS:
        return False
    return True


_BUILT_IN = (float, complex, int, bool)


def _is_dtype(value: object) -> bool:
    return c_name(type(value)) == "torch.dtype" or any(value is kind for kind in _BUILT_IN)


def _is_learnable(value: object) -> bool:
    name = getattr(value, "__name__", str(value)).removeprefix("torch.")
    return _is_dtype(value) and name.startswith(("float", "bfloat", "complex"))


def _is_initialisable(value: object) -> bool:
    return not str(value).startswith(("torch.float4", "torch.float8"))


def _is_device(value: object) -> bool:
    number = isinstance(value, Integral) and not isinstance(value, bool)
    return number or isinstance(value, (str, bytes)) or c_name(type(value)) == "torch.device"


INTEGER = Accepts("int", int, _is_integer, _index)
SIZE = Accepts("int", int, _is_size, _index)
COUNT = Accepts("int", int, _is_count, _index)
AXES = Accepts("int or tuple of ints", object, _is_axes, axes)
ORDERED = Accepts("float", float, _is_ordered)
NUMBER = Accepts("int", int, _is_number)
TRUTH = Accepts("bool", bool, lambda value: _has_truth(lambda: value), bool)
DTYPE = Accepts("torch.dtype", type(None), _is_dtype)
LEARNABLE = Accepts("torch.dtype", type(None), _is_learnable)
INITIALISABLE = Accepts("torch.dtype", type(None), _is_initialisable)
DEVICE = Accepts("torch.device", type(None), _is_device)
ANYTHING = Accepts("any", object, lambda value: True)
