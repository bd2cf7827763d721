"""Steps: what a call makes of its inputs on the way to its outputs, shape by shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhadoc.language.shapes import Shape

__all__ = ["Made", "Step"]


@dataclass(frozen=True)
class Made:
    """A tensor on the way through a call; ``kind`` is the block whose colour it has."""

    name: str
    shape: Shape
    kind: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a call: what is done, with which parameter, and the tensors that it makes.

    ``uses`` is the id of the rule of a parameter.
    """

    how: str
    makes: tuple[Made, ...]
    uses: str = ""
