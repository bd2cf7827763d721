"""How a tensor of a legal call is changed so that it is wrong, and what messages say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "Shown",
    "elements",
    "features",
    "in_c",
    "longer",
    "other_rank",
    "scalar",
    "wider",
]

#: Everything that a message may speak of, by name.
Shown = Mapping[str, Any]


def wider(tensor: Any) -> Any:
    """Return a tensor of zeros with one feature more."""
    return longer(tensor, tensor.dim() - 1)


def longer(tensor: Any, axis: int) -> Any:
    """Return a tensor of zeros that is longer by one on one axis."""
    return tensor.new_zeros([size + (place == axis) for place, size in enumerate(tensor.shape)])


def other_rank(tensor: Any) -> Any:
    """Return one sequence of a batch, or a batch of one sequence."""
    return tensor[0] if tensor.dim() == 3 else tensor[None]


def features(name: str) -> Callable[[Shown], int]:
    """Return what gives the last size of a tensor."""
    return lambda shown: int(shown[name].shape[-1])


def elements(name: str) -> Callable[[Shown], int]:
    """Return what gives the number of elements of a tensor."""
    return lambda shown: int(shown[name].numel())


#: What C++ calls a dtype, where it is not the name with a capital.
_SCALARS = {"float64": "Double", "float32": "Float", "float16": "Half", "bfloat16": "BFloat16"}
_SCALARS |= {"complex64": "ComplexFloat", "complex128": "ComplexDouble"}
_PLAIN = {"Double": "double", "Float": "float"}
_PLAIN |= {f"Complex{name}": f"c10::complex<{in_c}>" for name, in_c in _PLAIN.items()}


def scalar(tensor: Any) -> str:
    """Return a tensor's dtype as messages of matrix products write it: ``Double``, ``Half``."""
    return _SCALARS[str(tensor.dtype).removeprefix("torch.")]


def in_c(tensor: Any) -> str:
    """Return a tensor's dtype as a type of C++: ``double``, ``c10::Half``."""
    return _PLAIN.get(scalar(tensor), f"c10::{scalar(tensor)}")
