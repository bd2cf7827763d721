"""Classes: which of them a spec speaks of, and what a class derived from it does in its own way."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["base_of", "derives", "full_name", "own_method", "torchs"]

_TORCH = "torch.nn."

#: What a class may have in its own way, and be called as the one that it derives from.
_UNCALLED = {"__init__", "__setstate__", "_reset_parameters", "extra_repr", "reset_parameters"}


def full_name(kind: type) -> str:
    """Return a class with its module: ``torch.nn.modules.linear.Linear``."""
    return f"{kind.__module__}.{kind.__qualname__}"


def torchs(kind: type) -> bool:
    """Tell whether a class is one of torch's modules, whatever it is called."""
    return kind.__module__.startswith(f"{_TORCH}modules.")


@lru_cache(maxsize=1024)
def derives(kind: type, name: str, path: str) -> bool:
    """Tell whether a class is the one of a spec with this name and path, or derives from it."""
    return base_of(kind, name, path) is not None


def base_of(kind: type, name: str, path: str) -> type | None:
    """Return the class that a spec with this name and path speaks of, among a class's bases."""
    of_torch = path.startswith(_TORCH)
    bases = (base for base in kind.__mro__ if base.__name__ == name)
    return next((base for base in bases if torchs(base) or not of_torch), None)


@lru_cache(maxsize=1024)
def own_method(kind: type, name: str, path: str, *methods: str) -> str:
    """Return a method that a class has in another way than the one of a spec; "" for none.

    Without ``methods`` it is any that a call comes to.
    """
    base = base_of(kind, name, path)
    if base is None:
        return ""
    called = {n for n, value in vars(base).items() if _is_method(value)} - _UNCALLED
    asked = methods or ("forward", "__call__", *sorted(called))
    nearer = kind.__mro__[: kind.__mro__.index(base)]
    return next((n for n in asked if any(n in vars(cls) for cls in nearer)), "")


def _is_method(value: Any) -> bool:
    return callable(getattr(value, "__func__", value)) and not isinstance(value, type)
