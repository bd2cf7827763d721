"""What others wrote, found by its path in Python, such as ``package.module:SPEC``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pkgutil import iter_modules
from traceback import extract_tb
from types import ModuleType
from typing import Any

from mhadoc.errors import BrokenModuleError, PathError, UnknownNameError

__all__ = ["imported", "look_here", "module_at", "nearby", "parted"]


def look_here(folder: str | os.PathLike[str] = "") -> None:
    """Let modules in a folder, by default the current one, be found first, as by `python -m`."""
    here = os.path.abspath(folder)
    if here not in sys.path[:1]:
        sys.path.insert(0, here)


def parted(path: str, form: str) -> tuple[str, str]:
    """Return the module and the name in a path; raise PathError where there are not both."""
    module, _, name = path.partition(":")
    if not _is_dotted(module) or not name.isidentifier():
        raise PathError(path, form)
    return module, name


def _is_dotted(module: str) -> bool:
    return all(part.isidentifier() for part in module.split("."))


def module_at(module: str) -> ModuleType:
    """Import a module.

    Raises PathError for what can be no module's name, UnknownNameError where there is no such
    module, and BrokenModuleError for one that raises, or ends the program, while it is imported.
    """
    if not _is_dotted(module):
        raise PathError(module, "package.module")
    try:
        return import_module(module)
    except (Exception, SystemExit) as raised:
        missing = raised.name if isinstance(raised, ModuleNotFoundError) else None
        if missing and f"{module}.".startswith(f"{missing}."):
            raise UnknownNameError("importable module", module, nearby(missing)) from raised
        raise BrokenModuleError(module, _told(raised)) from raised


def _told(raised: BaseException) -> str:
    """Return in one line what a module raised, and where."""
    first = f"{type(raised).__name__}: {raised}".partition("\n")[0]
    *_, last = extract_tb(raised.__traceback__)
    if isinstance(raised, SyntaxError) or last.filename.startswith("<"):
        return first  # Python says the place, or has none
    return f"{first} ({os.path.basename(last.filename)}, line {last.lineno})"


def nearby(module: str) -> list[str]:
    """Return the modules that lie where one was looked for: in its package, or in this folder."""
    parent = module.rpartition(".")[0]
    if not parent:
        return [found.name for found in iter_modules([os.getcwd()])]
    inside = getattr(sys.modules.get(parent), "__path__", ())
    return [f"{parent}.{found.name}" for found in iter_modules(inside)] or [parent]


def imported(path: str) -> Any:
    """Return what a path such as ``torch.nn.MultiheadAttention`` or ``torch.nn:Linear`` names.

    Raises what ``module_at`` does, and UnknownNameError where the module has no such part.
    """
    dotted = path if ":" in path else ":".join(path.rpartition(".")[::2])
    module, name = parted(dotted, "package.module:Class")
    found = module_at(module)
    if not hasattr(found, name):
        raise UnknownNameError(f"part of {module}", name, vars(found))
    return getattr(found, name)
