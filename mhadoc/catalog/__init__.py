"""What is true of torch's modules and functions: one place each, named as torch names it."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING

from mhadoc.errors import FunctionError, UndescribedError, UnknownNameError
from mhadoc.paths import module_at, nearby, parted

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec

__all__ = ["history", "module_spec", "spec", "specs", "specs_in", "specs_of"]

_FUNCTIONS = "torch.nn.functional"
_PLACES = {
    "MultiheadAttention": "multihead_attention",
    "Linear": "linear",
    "NonDynamicallyQuantizableLinear": "linear:NON_DYNAMICALLY_QUANTIZABLE",
    "Transformer": "transformer",
    "TransformerEncoder": "transformer_encoder",
    "TransformerDecoder": "transformer_decoder",
    "TransformerEncoderLayer": "transformer_encoder_layer",
    "TransformerDecoderLayer": "transformer_decoder_layer",
    "LayerNorm": "layer_norm",
    "Dropout": "dropout",
    "multi_head_attention_forward": "multi_head_attention_forward",
    "scaled_dot_product_attention": "scaled_dot_product_attention",
}


def specs() -> tuple[str, ...]:
    """Return the names of the modules and functions that have a spec."""
    return tuple(_PLACES)


def spec(target: object, torch_version: str | None = None) -> ModuleSpec:
    """Return the spec of a module, named by ``"MultiheadAttention"``, its class or an instance.

    That of a function is named by its name or by the function itself; ``"package.module:SPEC"``
    is one from outside this package. What is stated is what holds for a version of torch, by
    default the installed one, which is not imported, and the newest where there is none.

    Raises UnknownNameError with the closest names for what has no spec, also for a class that only
    has the name of one of torch's, and ReleaseError for a version of torch that lacks it, or of
    which nothing is known; for what lies outside of this package also PathError and
    BrokenModuleError.
    """
    release = _installed() if torch_version is None else _asked(torch_version)
    if not isinstance(target, str):
        from mhadoc.language import ModuleSpec

        return (target if isinstance(target, ModuleSpec) else _of(target)).at(release)
    return _outside(target).at(release) if ":" in target else _stated(target, release)


@cache
def _installed() -> str:
    from mhadoc.language.releases import installed

    return installed()


@cache
def _asked(release: str) -> str:
    from mhadoc.catalog.ledgers import known

    return known(release)


@cache
def _stated(name: str, release: str) -> ModuleSpec:
    """Return what is stated of a release, found once: predictions ask for it each time."""
    return _known(name).at(release)


def specs_of(torch_version: str | None = None) -> tuple[ModuleSpec, ...]:
    """Return the spec of each module and function that a version of torch has.

    Raises ReleaseError for a version of torch of which nothing is known.
    """
    from mhadoc.language.releases import NEWEST, order

    release = _installed() if torch_version is None else _asked(torch_version)
    at = order(release or NEWEST)
    wholes = map(history, specs())
    return tuple(w.at(release) for w in wholes if w.since is None or order(w.since) <= at)


def specs_in(target: str) -> tuple[ModuleSpec, ...]:
    """Return the spec of a name, or every spec of an importable ``"package.module"``.

    Raises UnknownNameError where there is neither, and else what ``spec`` does.
    """
    if ":" in target or _is_known(target):
        return (spec(target),)
    if target.isidentifier() and find_spec(target) is None:
        raise UnknownNameError("spec", target, (*_PLACES, *nearby(target)))
    from mhadoc.language import ModuleSpec

    named = vars(module_at(target))
    found = {id(value): value for value in named.values() if isinstance(value, ModuleSpec)}
    if not found:
        raise UnknownNameError("spec", target, (*_PLACES, *named))
    return tuple(map(spec, found.values()))


def _is_known(target: str) -> bool:
    return target.rpartition(".")[2] in _PLACES


def _outside(path: str) -> ModuleSpec:
    from mhadoc.language import ModuleSpec

    module, name = parted(path, "package.module:SPEC")
    named = vars(module_at(module))
    if not isinstance(found := named.get(name), ModuleSpec):
        known = [each for each, value in named.items() if isinstance(value, ModuleSpec)]
        raise UnknownNameError(f"spec in {module}", name, known)
    return found


def history(name: str) -> ModuleSpec:
    """Return all that is stated of a module or function, whatever the release of torch."""
    return _known(name)


def module_spec(target: object, torch_version: str | None = None) -> ModuleSpec:
    """Return the spec of something that has parameters: as ``spec``, but not of a function.

    Raises FunctionError for one.
    """
    found = spec(target, torch_version)
    if found.kind == "function":
        raise FunctionError(found.name)
    return found


@cache
def _known(name: str) -> ModuleSpec:
    short = name.removeprefix("torch.").removeprefix("nn.")
    short = short.removeprefix("functional.").removeprefix("F.")
    if short not in _PLACES:
        raise UnknownNameError("spec", short, _PLACES)
    module, _, name = _PLACES[short].partition(":")
    found: ModuleSpec = getattr(import_module(f"mhadoc.catalog.{module}"), name or "SPEC")
    return found


def _of(target: object) -> ModuleSpec:
    if isinstance(target, FunctionType | BuiltinFunctionType):
        return _known(_function(target, target.__name__))
    return _of_class(target if isinstance(target, type) else type(target))


def _function(target: object, name: str) -> str:
    """Return the name of a function of torch; who holds one has loaded where it lives."""
    known = getattr(sys.modules.get(_FUNCTIONS), name, None) is target
    return name if known else type(target).__name__


@lru_cache(maxsize=1024)
def _of_class(cls: type) -> ModuleSpec:
    """Return the spec of the nearest class of torch that a class is or derives from.

    Raises UndescribedError for a class that only has the name of one.
    """
    from mhadoc.language.classes import full_name, torchs

    names = (base.__name__ for base in cls.__mro__ if torchs(base))
    if (name := next((n for n in names if n in _PLACES), "")) or cls.__name__ not in _PLACES:
        return _known(name or cls.__name__)
    path = _known(cls.__name__).path
    hint = f"pass a {path}, or describe your class with a spec of its own"
    raise UndescribedError(full_name(cls), f"it only has the name of {path}", hint)
