"""What the checks of claims share: call once more, and compare two calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import And

from mhadoc.catalog.multihead_attention.paths import CALL_REQUIREMENTS
from mhadoc.language import Mismatch, Seen, close, said

__all__ = [
    "ERRORS",
    "RUNS",
    "alike",
    "batch_axis",
    "describe",
    "failure",
    "plainly",
    "raised",
    "sequence_axis",
    "shapes",
    "told",
]

#: The call is one that torch accepts.
RUNS = And(*(requirement.holds for requirement in CALL_REQUIREMENTS))

#: What torch raises for a wrong call.
ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RuntimeError, TypeError, ValueError),
)


def alike(expected: Seen, observed: Seen, tolerance: float = 1e-9) -> Mismatch | None:
    """Compare what two calls returned, output and weights; None where they agree."""
    if failed := failure(expected) or failure(observed):
        return failed
    for name, tensor in expected.outputs.items():
        other = observed.outputs.get(name)
        if tensor is None or other is None:
            if tensor is not other:
                return Mismatch(f"{name}: {describe(tensor)}", describe(other))
        elif wrong := close(tensor, other, tolerance):
            return wrong
    return None


def failure(seen: Seen) -> Mismatch | None:
    """Return the mismatch of a call that should have been accepted; None where it was."""
    return Mismatch("a call that torch accepts", told(seen)) if seen.error else None


def told(seen: Seen) -> str:
    """Return what a call raised, as ``Class: text``, or ``no error``."""
    return said(seen.error)


def raised(function: Callable[..., object], *arguments: Any, **named: Any) -> str:
    """Call something and return what it raises, as ``Class: text``, or ``no error``."""
    try:
        function(*arguments, **named)
    except ERRORS as error:
        return said(error)
    return said(None)


def shapes(module: Any) -> dict[str, tuple[int, ...]]:
    """Return the keys and shapes of a module's state_dict, in its order."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def describe(tensor: Any) -> str:
    """Return the shape of a tensor in words, or None."""
    return "None" if tensor is None else f"a tensor of shape {tuple(tensor.shape)}"


def plainly(seen: Seen, **inputs: Any) -> Seen:
    """Call once more without masks, and with the weights of each head."""
    plain = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}
    heads = {"need_weights": True, "average_attn_weights": False}
    return seen.again(**{**plain, **heads, **inputs})


def batch_axis(seen: Seen) -> int:
    """Return the place of the batch in query, key, value and output of a batched call."""
    return 0 if seen.values["batch_first"] else 1


def sequence_axis(seen: Seen) -> int:
    """Return the place of the positions in query, key, value and output."""
    return 1 if seen.values["batched"] and seen.values["batch_first"] else 0
