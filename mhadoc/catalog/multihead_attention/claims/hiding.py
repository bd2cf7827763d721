"""What the checks about masks share: masks laid over the weights, and masks made anew."""

from __future__ import annotations

from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.symbols import (
    attn_mask_float,
    attn_mask_rank,
    padding_mask,
    padding_mask_float,
)
from mhadoc.language import Mismatch, Seen

__all__ = [
    "BOOL",
    "FLOAT",
    "GIVEN",
    "PADDING_BOOL",
    "PADDING_FLOAT",
    "as_floats",
    "batch",
    "elsewhere",
    "laid_out",
    "over_weights",
    "stretched",
    "weights",
]

#: Which masks the call gives, and of which kind.
GIVEN = attn_mask_rank > 0
BOOL = And(GIVEN, Not(attn_mask_float))
FLOAT = And(GIVEN, attn_mask_float)
PADDING_BOOL = And(padding_mask, Not(padding_mask_float))
PADDING_FLOAT = And(padding_mask, padding_mask_float)


def weights(seen: Seen, **inputs: Any) -> Any:
    """Call once more and return the weights of each head, (N, H, L, keys)."""
    again = seen.again(**{"need_weights": True, "average_attn_weights": False, **inputs})
    found = again.outputs["attn_output_weights"]
    return found if seen.values["batched"] else found[None]


def over_weights(seen: Seen, name: str) -> Any:
    """Return a mask of the call with the axes of the weights: (N or 1, H or 1, L or 1, S)."""
    mask = seen.inputs[name]
    if name == "key_padding_mask":
        return mask[:, None, None] if mask.dim() == 2 else mask[None, None, None]
    if mask.dim() == 2:
        return mask[None, None]
    return mask.unflatten(0, (batch(seen), seen.values["num_heads"]))


def batch(seen: Seen) -> int:
    """Return the batch size that the attention works with: one for an unbatched call."""
    return int(seen.values["N"]) if seen.values["batched"] else 1


def stretched(seen: Seen, mask: Any) -> Any:
    """Return a mask over the weights as the 3-D attn_mask that says the same."""
    sizes = (batch(seen), seen.values["num_heads"], seen.values["L"], seen.values["S"])
    return mask.expand(*sizes).flatten(0, 1)


def as_floats(mask: Any, like: Any, hides: bool = True) -> Any:
    """Return a boolean mask as floats: minus infinity where it hides, and zero elsewhere."""
    if mask is None or mask.is_floating_point():
        return mask
    return like.new_zeros(mask.shape).masked_fill(mask if hides else ~mask, float("-inf"))


def laid_out(seen: Seen, vector: Any) -> Any:
    """Return what belongs to (N, L, ...) as forward lays its output out."""
    if not seen.values["batched"]:
        return vector[0]
    return vector if seen.values["batch_first"] else vector.transpose(0, 1)


def elsewhere(expected: Any, observed: Any, what: str) -> Mismatch | None:
    """Compare where something is so with where it was observed; None where the places agree."""
    expected = expected.expand_as(observed)
    if bool((expected == observed).all()):
        return None
    wrong = int((expected != observed).sum())
    return Mismatch(f"{what}, and nowhere else", f"{wrong} of {observed.numel()} places otherwise")
