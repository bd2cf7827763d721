"""Autocast: what brings floats to one dtype where they meet, on some kinds of device."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

__all__ = ["CAST", "common"]

#: What stands for the dtype that autocast brings floats to.
CAST = "autocast"

_BROUGHT = {"float16", "bfloat16", "float32"}


def common(dtype: str, device: str) -> str:
    """Return the dtype that a tensor has where it meets others; float64 is left as it is.

    Of what is on no device, because it is only described, the dtype is what is told.
    """
    asked = device and dtype in _BROUGHT and "torch" in sys.modules
    return CAST if asked and _enabled(device)() else dtype


@cache
def _enabled(device: str) -> Callable[[], bool]:
    """Return what tells whether autocast is on for a kind of device, of which there are tensors."""
    torch: Any = sys.modules["torch"]
    older: dict[str, Callable[[], bool]] = {
        "cpu": torch.is_autocast_cpu_enabled,
        "cuda": torch.is_autocast_enabled,
    }
    try:
        torch.is_autocast_enabled(device)
    except TypeError:  # torch 2.3 and before asked for each kind by a name of its own
        return older.get(device, bool)
    except RuntimeError:  # there is none for such a device
        return bool
    return partial(torch.is_autocast_enabled, device)
