"""Modules of torch without a spec whose keys and shapes can be those of a Linear or a LayerNorm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ALIKE", "Alike"]

_MANY = 1 << 10


@dataclass(frozen=True)
class Alike:
    """Modules that store a ``weight`` of so many axes, and maybe a ``bias`` of the same shape."""

    names: tuple[str, ...]
    axes: range
    bias: tuple[bool, ...] = (False,)

    def stores(self, entries: Mapping[str, tuple[int, ...]]) -> bool:
        """Tell whether these can be the entries of such a module."""
        shapes = {*entries.values()}
        known = any(entries.keys() == {"weight", *["bias"] * given} for given in self.bias)
        return known and len(shapes) == 1 and len(shapes.pop()) in self.axes


_NORMS = ("GroupNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
_INSTANCES = ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")

ALIKE = (
    Alike(("RMSNorm",), range(1, _MANY)),
    Alike(("PReLU",), range(1, 2)),
    Alike(_NORMS, range(1, 2), (True, False)),
    Alike(_INSTANCES, range(1, 2), (True, False)),
    Alike(("Embedding", "EmbeddingBag"), range(2, 3)),
    Alike(("Conv1d", "ConvTranspose1d"), range(3, 4)),
    Alike(("Conv2d", "ConvTranspose2d"), range(4, 5)),
    Alike(("Conv3d", "ConvTranspose3d"), range(5, 6)),
)
