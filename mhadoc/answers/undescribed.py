"""What cannot be answered: a module that was altered, or a class with a way of its own."""

from __future__ import annotations

from typing import Any

from mhadoc.errors import UndescribedError
from mhadoc.language import ModuleSpec
from mhadoc.language.classes import full_name, own_method
from mhadoc.language.parts import Altered, altered

__all__ = ["refuse_altered", "refuse_own", "undescribed"]


def undescribed(found: ModuleSpec, different: Altered, place: str = "") -> UndescribedError:
    """Return the error for a module of which something is not as its spec says."""
    hint = "ask about the modules inside that are torch's own, or write a spec for what is not"
    return UndescribedError(found.name, str(different.inside(place)), hint)


def refuse_altered(found: ModuleSpec, module: Any, place: str = "") -> None:
    """Raise UndescribedError for a module that is built, and is not as its spec says."""
    if found.kind == "module" and (different := altered(found, module)):
        raise undescribed(found, different, place)


def refuse_own(found: ModuleSpec, target: Any, *methods: str) -> None:
    """Raise UndescribedError for a class, or one of it, that has one of these methods itself."""
    if isinstance(target, str | ModuleSpec) or found.kind != "module":
        return
    kind = target if isinstance(target, type) else type(target)
    if method := own_method(kind, found.name, found.path, *methods):
        hint = f"ask about {found.path}, or describe your class with a spec of its own"
        reason = f"it has its own {method}, which is not that of {found.path}"
        raise UndescribedError(full_name(kind), reason, hint)
