"""What surrounds a call: switches and modes of torch, and the modules and tensors inside a module.

torch is reached through ``sys.modules`` alone: where there is a module, it is there as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from mhadoc.language import Symbol

__all__ = [
    "GRAD",
    "TRAINING",
    "USUAL",
    "around",
    "asked",
    "devices",
    "has_truth",
    "held",
    "modules_of",
    "needs_grad",
    "tensors_of",
    "truth_of",
]

TRAINING = Symbol(
    "training",
    "whether the module is in training mode",
    "flag",
    python=("module.training", "not module.training"),
)
GRAD = Symbol(
    "grad",
    "whether autograd is enabled",
    "flag",
    python=("torch.is_grad_enabled()", "not torch.is_grad_enabled()"),
)

#: What surrounds a call of a module that is only described: nothing unusual, in training.
USUAL = {
    "training": 1,
    "grad": 1,
    "fast_path_enabled": 1,
    "bias_dtype": 1,
    "weight_dtype": 1,
    "nested": 0,
    "autocast": 0,
    "overridden": 0,
    "known_device": 1,
    "traced": 0,
}


def around(tensors: Sequence[Any]) -> dict[str, int]:
    """Return what surrounds any call on these tensors: switches and modes of torch."""
    torch = sys.modules["torch"]
    modes = asked("utils._python_dispatch._get_current_dispatch_mode_stack", ())
    proxies = modes and any(type(mode).__name__ == "ProxyTorchDispatchMode" for mode in modes)
    return {
        "fast_path_enabled": int(asked("backends.mha.get_fastpath_enabled", True)),
        "autocast": int(torch.is_autocast_enabled()),
        "overridden": int(torch.overrides.has_torch_function(tensors)),
        "traced": int(bool(proxies) or asked("compiler.is_exporting", False)),
    }


def asked(path: str, otherwise: Any) -> Any:
    """Return what a function of torch says, and something else on a release that lacks it."""
    function = _function(path)
    return otherwise if function is None else function()


@cache
def _function(path: str) -> Any:
    """Return a function of torch by its path; None where the release has none."""
    try:
        return attrgetter(path)(sys.modules["torch"])
    except AttributeError:
        return None


def needs_grad(tensors: Iterable[Any]) -> int:
    """Tell whether autograd is enabled, and one of the tensors requires a gradient."""
    if sys.modules["torch"].is_grad_enabled():
        for tensor in tensors:
            if getattr(tensor, "requires_grad", False):
                return 1
    return 0


def truth_of(value: Any) -> int:
    """Return 1 for what counts as true, and 0 for what does not or cannot tell."""
    try:
        return int(bool(value))
    except (RuntimeError, TypeError, ValueError):
        return 0


def has_truth(value: Any) -> int:
    """Return 1 for what counts as true or false, and 0 for what raises where that is asked."""
    if type(value) is bool:
        return 1
    try:
        return int(bool(value) in (True, False))
    except (RuntimeError, TypeError, ValueError):
        return 0


def held(module: Any, *names: str) -> Iterator[Any]:
    """Iterate over parameters and modules of a module by name: as ``getattr``, in less time."""
    parameters, modules = module._parameters, module._modules
    for name in names:
        if name in parameters:
            yield parameters[name]
        else:
            yield modules[name] if name in modules else getattr(module, name)


def modules_of(module: Any) -> Iterator[Any]:
    """Iterate over a module and those inside it: as ``modules()`` does, in less time."""
    yield module
    for inside in module._modules.values():
        if inside is not None:
            yield from modules_of(inside) if inside._modules else (inside,)


def tensors_of(modules: Iterable[Any]) -> Iterator[Any]:
    """Iterate over the parameters that these modules have themselves."""
    for module in modules:
        for parameter in module._parameters.values():
            if parameter is not None:
                yield parameter


def devices(tensors: Sequence[Any]) -> set[str]:
    """Return the kinds of device that tensors are on; what has none, as an array, is left out."""
    try:
        return {tensor.device.type for tensor in tensors if tensor is not None}
    except AttributeError:
        found = {getattr(tensor, "device", None) for tensor in tensors}
    return {kind for kind in (getattr(device, "type", None) for device in found) if kind}
