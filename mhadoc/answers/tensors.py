"""What is known of a tensor without looking at its numbers: its shape and its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral
from operator import index
from typing import Any

from mhadoc.answers.problem import Problem
from mhadoc.errors import StateDictError

__all__ = ["Given", "check_state_dict", "is_nested", "shape_of", "shown", "unusable"]


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a tensor or an array, or a shape itself; None for anything else."""
    if is_nested(value):
        return None
    try:
        shape = getattr(value, "shape", value)
    except RuntimeError:  # a lazy parameter has none yet
        return None
    if not isinstance(shape, tuple | list) or not all(isinstance(n, Integral) for n in shape):
        return None
    return tuple(map(index, shape))


def is_nested(value: Any) -> bool:
    """Tell whether this is a nested tensor, which has no shape."""
    return getattr(value, "is_nested", False) is True


def shown(value: Any) -> Any:
    """Return what a message shows of an input: its shape, and itself where it has none."""
    if is_nested(value):
        return "a nested tensor"
    shape = getattr(value, "shape", value)
    return tuple(shape) if isinstance(shape, tuple) else shape


def check_state_dict(state_dict: object) -> None:
    """Raise StateDictError for what is no mapping from names."""
    if not isinstance(state_dict, Mapping):
        hint = "; call its state_dict()" if hasattr(state_dict, "state_dict") else ""
        name = type(state_dict).__name__
        raise StateDictError(f"a state_dict is a mapping from names to tensors, not {name}{hint}")
    for key in state_dict:
        if not isinstance(key, str):
            text = f"a key of a state_dict is a name, not {key!r}, which is {type(key).__name__}"
            raise StateDictError(text)


def unusable(state_dict: Mapping[str, Any], prefix: str = "") -> Iterator[Problem]:
    """Iterate over the entries of a state_dict that are no tensors."""
    for key, value in state_dict.items():
        if not key.startswith(prefix) or shape_of(value) is not None:
            continue
        observed = f"it is of type {type(value).__name__}"
        nested = isinstance(value, Mapping)
        hint = f"pass what is under {key!r}" if nested else f"remove {key!r}"
        yield Problem(str(key), "state_dict", "must be a tensor", observed, hint)


@dataclass(frozen=True)
class Given:
    """What is known of an input that is a tensor: its shape, and its kind where it has a dtype.

    ``kind`` is ``bool``, ``float`` or another dtype's name, and None where only a shape is given.
    """

    shape: tuple[int, ...]
    kind: str | None = None

    @classmethod
    def of(cls, value: Any) -> Given | None:
        """Return what is known of a tensor, an array or a shape; None for anything else."""
        if (shape := shape_of(value)) is None:
            return None
        dtype = str(getattr(value, "dtype", "")).rpartition(".")[2]
        floating = any(word in dtype for word in ("float", "complex"))
        return cls(shape, "float" if floating else dtype or None)
