"""Watching a model: what a call inside it raises gets the diagnosis of that call as a note."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from types import TracebackType
from typing import Any

from mhadoc.answers.call.diagnose import diagnose_reached
from mhadoc.catalog import spec
from mhadoc.errors import UnknownNameError
from mhadoc.language.classes import base_of

__all__ = ["watch"]

_MARK = "mhadoc.watch: "
_LOCK = threading.Lock()

#: What a call can be so wrong as to raise in its diagnosis, which must not hide the first error.
_FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

#: The modules that are watched now, by identity: a name from each model that is watched.
_NAMES: dict[int, list[str]] = {}

#: The classes whose forward tells now: the forward they had, and how many modules need it.
_FORWARDS: dict[type, tuple[Callable[..., Any], int]] = {}


@contextmanager
def watch(module: Any) -> Iterator[Any]:
    """Add the diagnosis to what a call of a module, or of one inside it, raises.

    The exception stays what it is and gets notes (PEP 678), which a traceback shows below its
    text: what is wrong with the call that failed, by the name of its module, and what is wrong
    with the outermost call around it. A call that succeeds is left alone: no hook is registered,
    so the fast paths stay what they are. Blocks may be nested, and other threads may have their
    own. Modules that are put into the model later are not watched, and a module of which nothing
    is known, for example because a part of it was replaced, gets no note.

    >>> import mhadoc, torch
    >>> mha, x = torch.nn.MultiheadAttention(6, 2), torch.zeros(3, 5, 6)
    >>> with mhadoc.watch(mha):
    ...     _ = mha(x, x, x)
    """
    names = {id(inner): name for name, inner in module.named_modules()}
    inside = [inner for inner in module.modules() if _speaking(inner) is not None]
    with _LOCK:
        for inner in inside:
            _begin(inner, names[id(inner)])
    try:
        yield module
    finally:
        with _LOCK:
            for inner in inside:
                _end(inner, names[id(inner)])


def _speaking(module: Any) -> type | None:
    """Return the class that has the forward of a module, where a spec speaks of it."""
    try:
        found = spec(module)
    except UnknownNameError:
        return None
    base = base_of(type(module), found.name, found.path)
    classes = () if base is None else base.__mro__
    return next((cls for cls in classes if "forward" in vars(cls)), None)


def _begin(module: Any, name: str) -> None:
    _NAMES.setdefault(id(module), []).append(name)
    cls: Any = _speaking(module)
    forward, users = _FORWARDS.get(cls, (cls.forward, 0))
    _FORWARDS[cls] = forward, users + 1
    if not users:
        cls.forward = _telling(forward)


def _end(module: Any, name: str) -> None:
    _NAMES[id(module)].remove(name)
    if not _NAMES[id(module)]:
        del _NAMES[id(module)]
    cls: Any = _speaking(module)
    forward, users = _FORWARDS.pop(cls)
    if users > 1:
        _FORWARDS[cls] = forward, users - 1
    else:
        cls.forward = forward


def _telling(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return a forward that adds a note to what it raises for a module that is watched."""

    @wraps(forward)
    def told(self: Any, *args: Any, **kwargs: Any) -> Any:
        if id(self) not in _NAMES:
            return forward(self, *args, **kwargs)
        with _Call(self, args, kwargs):
            return forward(self, *args, **kwargs)

    return told


class _Call:
    """One call of a module that is watched."""

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.module, self.args, self.kwargs = module, args, kwargs

    def __enter__(self) -> None:
        """Let the call begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Add the diagnosis to what was raised; the exception goes on."""
        if not isinstance(raised, Exception):
            return
        with suppress(*_FAULTS):
            if note := self.note():
                _add(raised, note)

    def note(self) -> str:
        """Return where the call is and every problem in it; nothing where it is right."""
        problems = diagnose_reached(self.module, self.args, self.kwargs)
        if all(problem.severity != "error" for problem in problems):
            return ""
        name = next(iter(_NAMES.get(id(self.module), ())), "")
        called = type(self.module).__name__
        place = f"{name}, a {called}" if name else f"the {called} itself"
        lines = "\n".join(map(str, problems)).splitlines()
        return "\n".join([f"{_MARK}in {place}", *(f"  {line}" for line in lines)])


def _add(raised: Exception, note: str) -> None:
    """Add a note: the innermost call's stays, and of those around it the outermost one's."""
    ours = [text for text in getattr(raised, "__notes__", ()) if text.startswith(_MARK)]
    if ours[1:]:
        raised.__notes__.remove(ours[-1])
    raised.add_note(note)
