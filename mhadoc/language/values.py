"""What kinds of Python value an argument accepts, told apart without importing torch."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

__all__ = ["ANYTHING", "DTYPE", "INTEGER", "NUMBER", "SIZE", "TRUTH", "Accepts"]


@dataclass(frozen=True)
class Accepts:
    """A kind of value: its name for the reader, the test that tells, and its plain type.

    A value of exactly the plain type is accepted without asking further.
    """

    name: str
    plain: type
    test: Callable[[object], bool]

    def __call__(self, value: object) -> bool:
        """Tell whether a value is of this kind."""
        return type(value) is self.plain or self.test(value)


def _is_size(value: object) -> bool:
    try:
        operator.index(value)  # type: ignore[arg-type]  # the question is whether it is one
    except TypeError:
        return False
    return True


def _is_integer(value: object) -> bool:
    return _is_size(value) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) or _is_size(value)


def _has_truth(value: object) -> bool:
    try:
        bool(value)
    except (RuntimeError, ValueError, TypeError):
        return False
    return True


def _is_learnable_dtype(value: object) -> bool:
    learnable = ("float16", "float32", "float64", "bfloat16", "complex")
    return str(value).removeprefix("torch.").startswith(learnable) and not isinstance(value, str)


INTEGER = Accepts("int", int, _is_integer)
SIZE = Accepts("int", int, _is_size)
NUMBER = Accepts("int", int, _is_number)
TRUTH = Accepts("bool", bool, _has_truth)
DTYPE = Accepts("torch.dtype", type(None), _is_learnable_dtype)
ANYTHING = Accepts("any", object, lambda value: True)
