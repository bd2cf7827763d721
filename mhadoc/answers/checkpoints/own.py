"""What modules do on their own while they load: other state, sizes to come, methods of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from mhadoc.answers.problem import Problem
from mhadoc.answers.tensors import shape_of

__all__ = ["ANY", "is_extra", "own_methods", "taken"]

#: The shape of a lazy parameter: it takes whichever comes.
ANY = (-1,)

_Entries = dict[str, tuple[int, ...] | None]

_EXTRA, _COUNTER = "_extra_state", "num_batches_tracked"
_LOADS = "_load_from_state_dict"
_FEW = 3

#: Where torch's own methods are that take what is saved, and nothing else.
_PLAIN = {f"torch.nn.modules.{name}" for name in ("module", "batchnorm", "instancenorm")}


def is_extra(key: str) -> bool:
    """Tell whether a key is of a module's extra state, which may be anything."""
    return key.rpartition(".")[2] == _EXTRA


def taken(module: Any, state_dict: Mapping[str, Any]) -> tuple[_Entries, _Entries]:
    """Return the entries that a module takes and those of a file, with their shapes.

    Extra state has no shape that counts; what is no tensor has none at all. What goes to a method
    of a module's own is left out.
    """
    saved, starts = module.state_dict(), tuple(_starts(module))
    lazy = {k for k, value in state_dict.items() if _lazy(value) and _lazy(saved.get(k))}
    ours = _expected(module, saved, state_dict)
    theirs = {k: () if is_extra(k) else shape_of(value) for k, value in state_dict.items()}
    return _judged(ours, starts, lazy), _judged(theirs, starts, lazy)


def _expected(module: Any, saved: Mapping[str, Any], state_dict: Mapping[str, Any]) -> _Entries:
    """Return what a module wants of a file: counters that an old one lacks are not missed."""
    plain = {k: value for k, value in saved.items() if not is_extra(k)}
    ours: _Entries = {k: ANY if _lazy(value) else shape_of(value) for k, value in plain.items()}
    ours |= dict.fromkeys(_extras(module), ())
    for key in _counters(module, getattr(state_dict, "_metadata", None) or {}):
        if not any(k.endswith(key) for k in state_dict):
            ours.pop(key, None)
    return ours


def _judged(found: _Entries, starts: tuple[str, ...], lazy: Set[str]) -> _Entries:
    """Return the entries without those of methods of the module's own, and of sizes to come."""
    return {k: s for k, s in found.items() if not k.startswith(starts) and k not in lazy}


def own_methods(module: Any, state_dict: Mapping[str, Any]) -> Iterator[Problem]:
    """Iterate over the modules with a loading method of their own for which the file differs."""
    saved = module.state_dict()
    for start, name in _starts(module).items():
        if keys := _differing(saved, state_dict, start):
            more = f" and {len(keys) - _FEW} more" if keys[_FEW:] else ""
            expected = f"{name} has a loading method of its own, which alone knows what it takes"
            observed = f"the file has not what it saves: {', '.join(keys[:_FEW])}{more} differ"
            place = start.removesuffix(".") or "state_dict"
            hint = "load it to see whether it is taken"
            yield Problem(place, "state_dict.methods", expected, observed, hint, "warning")


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], start: str) -> list[str]:
    """Return the keys that start so and are not in both, or with other shapes."""
    here, there = (
        {k: shape_of(v) for k, v in found.items() if k.startswith(start)} for found in (one, other)
    )
    return [k for k in here | there if k not in here or k not in there or here[k] != there[k]]


def _lazy(value: Any) -> bool:
    return callable(getattr(value, "materialize", None))


def _extras(module: Any) -> Iterator[str]:
    """Iterate over the keys of extra state that is taken: its class has a method that does."""
    for start, inner in _inside(module):
        if _owner(inner, "set_extra_state") not in _PLAIN:
            yield f"{start}{_EXTRA}"


def _counters(module: Any, metadata: Mapping[str, Any]) -> Iterator[str]:
    """Iterate over the counters that a file may lack: one that says no version is an old one."""
    for start, inner in _inside(module):
        version = metadata.get(start.removesuffix("."), {}).get("version")
        kept = getattr(inner, "_buffers", {}).get(_COUNTER) is not None
        if kept and _owner(inner, _LOADS) in _PLAIN and (version is None or version < 2):
            yield f"{start}{_COUNTER}"


def _starts(module: Any) -> dict[str, str]:
    """Return the outermost modules with a method of their own: where keys start, and the class."""
    found: dict[str, str] = {}
    for start, inner in _inside(module):
        if _owner(inner, _LOADS) not in _PLAIN and not start.startswith(tuple(found)):
            found[start] = type(inner).__name__
    return found


def _inside(module: Any) -> Iterator[tuple[str, Any]]:
    for name, inner in module.named_modules(remove_duplicate=False):
        yield f"{name}." if name else "", inner


def _owner(module: Any, method: str) -> str:
    """Return where the method of a module is from."""
    if method in vars(module):
        return ""
    classes = type(module).__mro__
    return next((c.__module__ for c in classes if method in vars(c)), "")
