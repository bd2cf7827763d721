"""What claims to be a drop-in for a module or function: found, and refused where it cannot be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from mhadoc.errors import SubjectError
from mhadoc.language import ModuleSpec
from mhadoc.paths import imported, parted

__all__ = ["drop_in"]

_FORM = "package.module:Class"


def drop_in(subject: object, specs: Sequence[ModuleSpec]) -> Callable[..., Any] | None:
    """Return what is to be tried in the place of what some specs describe; None for None.

    ``subject`` is it, or its path. Raises SubjectError for what cannot take that place, and what
    ``imported`` does for a path that leads nowhere.
    """
    if subject is None:
        return None
    if isinstance(subject, str):
        parted(subject, _FORM)
    found: Any = imported(subject) if isinstance(subject, str) else subject
    name = subject if isinstance(subject, str) else getattr(found, "__name__", repr(found))
    for spec in specs:
        if spec.kind == "function":
            fits, wanted = callable(found), "a function"
        else:
            fits = inspect.isclass(found) and issubclass(found, torch.nn.Module)
            wanted = "a class derived from torch.nn.Module"
        if not fits:
            raise SubjectError(f"{name} is {_kind(found)}: a drop-in for {spec.name} is {wanted}")
    return found  # type: ignore[no-any-return]  # it is callable, as was just seen


def _kind(found: object) -> str:
    if inspect.isclass(found):
        return f"a class derived from {', '.join(base.__name__ for base in found.__bases__)}"
    return "a function" if inspect.isroutine(found) else f"a {type(found).__name__}"
