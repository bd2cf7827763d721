"""What is true of torch's modules: one place a module, named as torch names it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from mhadoc.errors import UnknownNameError

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec

__all__ = ["spec", "specs"]

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
}


def specs() -> tuple[str, ...]:
    """Return the names of the modules that have a spec."""
    return tuple(_PLACES)


def spec(target: object) -> ModuleSpec:
    """Return the spec of a module, named by ``"MultiheadAttention"``, its class or an instance.

    A spec is returned as it is. Raises UnknownNameError with the closest names otherwise. torch
    is never imported here.
    """
    if isinstance(target, str):
        return _known(target)
    from mhadoc.language import ModuleSpec

    return target if isinstance(target, ModuleSpec) else _known(_name(target))


@cache
def _known(name: str) -> ModuleSpec:
    short = name.removeprefix("torch.").removeprefix("nn.")
    if short not in _PLACES:
        raise UnknownNameError("spec", short, _PLACES)
    module, _, name = _PLACES[short].partition(":")
    found: ModuleSpec = getattr(import_module(f"mhadoc.catalog.{module}"), name or "SPEC")
    return found


def _name(target: object) -> str:
    """Return the name of the nearest class of torch that a class or an instance derives from."""
    cls = target if isinstance(target, type) else type(target)
    torchs = [c.__name__ for c in cls.__mro__ if c.__module__.startswith("torch.nn.modules")]
    return next((name for name in torchs if name in _PLACES), cls.__name__)
