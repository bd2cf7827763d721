"""The numbers in the masks of a call, and what they hide: looked at only where they can be."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Mapping
from functools import cached_property, reduce
from typing import Any

from mhadoc.language import Call, ModuleSpec
from mhadoc.language.measures import Symbols

__all__ = ["HIDES", "MASKS", "Look", "level", "numbers_in"]

MASKS = ("attn_mask", "key_padding_mask")

#: Masks of more numbers are not looked at: it would take more than a few milliseconds.
_MOST = 1 << 20

#: What is added to a score hides its key, as good as ``-inf``, from here on.
HIDES = -1e4


class Look:
    """One call of a module, its symbols, and its masks as numbers on the CPU.

    All but ``module`` is worked out when it is first asked for. A mask that has no numbers, or none
    that can be had in no time, is missing in ``masks``; what depends on it is None. Each mask of an
    attention has four axes, as it is spread: N, heads, L, S, or 1. Masks on another device are
    fetched together.
    """

    def __init__(self, spec: ModuleSpec, module: Any, called: Callable[[], Call]) -> None:
        """Take the module and its spec, and what gives the call."""
        self.spec, self.module, self._called = spec, module, called

    @cached_property
    def call(self) -> Call:
        """Return the call."""
        return self._called()

    @property
    def values(self) -> Symbols:
        """Return the value of each symbol in the call."""
        return self.spec.symbols_of(self.call)

    @cached_property
    def given(self) -> dict[str, Any]:
        """Return the masks of an attention that are given."""
        return {name: self.call.inputs[name] for name in MASKS if self.call.facts[name].given}

    @cached_property
    def masks(self) -> dict[str, Any]:
        """Return the masks that can be looked at, laid out as (N, heads, L, S)."""
        fetched = _fetched({n: mask for n, mask in self.given.items() if _readable(mask)})
        laid_out = {name: self._laid_out(name, mask) for name, mask in fetched.items()}
        return {name: mask for name, mask in laid_out.items() if mask is not None}

    def _laid_out(self, name: str, mask: Any) -> Any:
        """Return a mask with four axes, read row by row; None where it has too few numbers."""
        batch, length, keys = self.sizes
        if name == "key_padding_mask":
            shape = (batch, 1, 1, keys)
        elif mask.dim() == 3:
            shape = (batch, mask.numel() // max(1, batch * length * keys), length, keys)
        else:
            shape = (1, 1, length, keys)
        return mask.reshape(shape) if mask.numel() == math.prod(shape) != 0 else None

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """Return the batch size, the number of queries and the number of keys."""
        return self.values["N"], self.values["L"], self.values["S"]

    def misread(self, name: str) -> bool:
        """Tell whether a mask of floats is read as one of bools, as the fused layer does."""
        return bool(self.call.facts[name].boolean and self.given[name].is_floating_point())

    def boolean(self, name: str) -> Any:
        """Return a mask that was given as one of bools; None for any other."""
        mask = self.masks.get(name)
        return mask if mask is not None and str(mask.dtype) == "torch.bool" else None

    def floats(self, name: str) -> Any:
        """Return a mask of floats that are added; None for any other."""
        mask = self.masks.get(name)
        added = mask is not None and mask.is_floating_point() and not self.misread(name)
        return mask if added else None

    def shut(self, name: str) -> Any:
        """Return where one mask hides a key, or as good as hides it."""
        mask = self.masks.get(name)
        return mask if mask is None or str(mask.dtype) == "torch.bool" else mask <= HIDES

    @cached_property
    def total(self) -> Any:
        """Return what the masks are together: bools, or floats that are added to the scores."""
        masks = [self.masks[name] for name in self.given if name in self.masks]
        shape = [max(sizes) for sizes in zip(*(mask.shape for mask in masks), strict=True)]
        if len(masks) < len(self.given) or not masks or math.prod(shape) > _MOST:
            return None
        if all(str(mask.dtype) == "torch.bool" for mask in masks):
            return reduce(operator.or_, masks)
        return reduce(operator.add, map(_as_floats, masks))

    @cached_property
    def hidden(self) -> Any:
        """Return from which query which key is hidden altogether."""
        if self.adds:
            return self.total == -math.inf
        return (
            self.total
            if self.total is None or not self.total.is_floating_point()
            else (self.total != 0)
        )

    @cached_property
    def closed(self) -> Any:
        """Return from which query which key is hidden, or as good as hidden by the others."""
        if self.total is None or not self.adds:
            return self.hidden
        extra = self.values["add_bias_kv"] or self.values["add_zero_attn"]
        return level(self.total, 0.0 if extra else -math.inf) <= HIDES

    @property
    def adds(self) -> bool:
        """Tell whether the masks are floats together, and are added to the scores."""
        floats = self.total is not None and self.total.is_floating_point()
        return floats and not any(self.misread(name) for name in self.given)


def level(added: Any, least: float = -math.inf) -> Any:
    """Return floats less the greatest of their row: what a softmax makes of them is the same.

    Where another key is appended to each row, ``least`` is what is added to its score.
    """
    wide = added.float() if added.element_size() < 4 else added  # old CPUs' kernels lack halves
    greatest = wide.amax(-1, keepdim=True).clamp(min=least)
    return (wide - greatest).nan_to_num(-math.inf, neginf=-math.inf).to(added.dtype)


def _as_floats(mask: Any) -> Any:
    """Return a mask of bools as what is added in its place."""
    if mask.is_floating_point():
        return mask
    return sys.modules["torch"].zeros(mask.shape).masked_fill_(mask, -math.inf)


def numbers_in(mask: Any) -> Any:
    """Return a mask with its numbers on the CPU; None where they cannot be had."""
    return _fetched({"mask": mask})["mask"] if _readable(mask) else None


def _readable(mask: Any) -> bool:
    """Tell whether a mask is a plain tensor that has numbers, and not too many."""
    torch = sys.modules["torch"]
    if type(mask) not in (torch.Tensor, torch.nn.Parameter) or mask.device.type == "meta":
        return False
    if torch.utils._python_dispatch._get_current_dispatch_mode_stack():
        return False  # who listens there would hear of what is asked here
    wrapped = getattr(getattr(torch._C, "_functorch", None), "is_functorch_wrapped_tensor", None)
    tiny = (
        mask.is_floating_point() and mask.element_size() < 2
    )  # torch neither adds nor compares it
    if tiny or mask.is_nested or mask.numel() > _MOST or (wrapped is not None and wrapped(mask)):
        return False
    return not (mask.is_cuda and torch.cuda.is_current_stream_capturing())


def _fetched(masks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masks on the CPU; those that are elsewhere come over together."""
    torch = sys.modules["torch"]
    here = {name: mask.detach() for name, mask in masks.items()}
    far = [name for name, mask in here.items() if _is_far(mask)]
    if far:
        flat = torch.cat([here[name].reshape(-1) for name in far]).cpu()
        parts = flat.split([here[name].numel() for name in far])
        for name, part in zip(far, parts, strict=True):
            here[name] = part.reshape(here[name].shape).to(here[name].dtype)
    return here


def _is_far(mask: Any) -> bool:
    return bool(mask.device.type != "cpu")
