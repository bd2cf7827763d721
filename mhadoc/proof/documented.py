"""What the installed torch says of itself: its docstrings."""

from __future__ import annotations

import inspect
from pathlib import Path
from pkgutil import resolve_name

import torch

from mhadoc.errors import UnknownNameError

__all__ = ["docstring", "version_file"]


def docstring(path: str) -> str:
    """Return the docstring of what a dotted path names, such as ``torch.nn.Transformer.forward``.

    Raises UnknownNameError where there is no such thing, or nothing is said of it.
    """
    try:
        found = inspect.getdoc(resolve_name(path))
    except (ImportError, AttributeError, ValueError) as missing:
        raise UnknownNameError("part of torch", path, ()) from missing
    if not found:
        raise UnknownNameError("docstring", path, ())
    return found


def version_file() -> Path:
    """Return the file that is another one in every build of torch."""
    return Path(torch.version.__file__)
