"""Scaled dot product attention worked out step by step, with conventions that can be changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mhadoc.language import Mismatch, Seen, close
from mhadoc.language.compiled import truth
from mhadoc.language.releases import newer

__all__ = ["TORCH", "Conventions", "by_hand", "recomputed"]


@dataclass(frozen=True)
class Conventions:
    """What torch chose: the truth by default, a false twin where one is changed.

    ``scale`` is the power of the features that multiplies the scores where no number is given, and
    ``scales_twice`` applies it beside a number; ``softmax_axis`` is the axis that sums to one;
    ``keeps`` is the boolean that lets a key through; ``adds_before`` adds floats before scaling;
    ``obeys_causal`` is whether the flag does anything, and ``bottom_right`` aligns its mask with
    the last key; ``interleaved`` lets head h of the query use head h modulo H of the key;
    ``hidden`` is what a query sees that may see nothing.
    """

    scale: float = -0.5
    scales_twice: bool = False
    softmax_axis: int = -1
    keeps: bool = True
    adds_before: bool = False
    obeys_mask: bool = True
    obeys_causal: bool = True
    bottom_right: bool = False
    interleaved: bool = False
    hidden: float = 0.0


TORCH = Conventions()

#: What sees nothing is zero; before, it was NaN.
_ZEROS = newer("2.5")


def recomputed(
    seen: Seen, conventions: Conventions = TORCH, change: Callable[[Seen], Seen] | None = None
) -> Mismatch | None:
    """Compare the output with the attention by hand; None where they agree.

    A call that torch refuses has no numbers: whether it may is said elsewhere.
    """
    seen = seen if change is None else change(seen)
    if seen.error is not None:
        return None
    return close(by_hand(seen, conventions), seen.outputs["output"])


def by_hand(seen: Seen, conventions: Conventions = TORCH) -> Any:
    """Return the output for an observed call, (..., L, Ev)."""
    query = seen.inputs["query"]
    key, value = (_heads(seen, name, conventions) for name in ("key", "value"))
    factor = _factor(seen, conventions)
    scores, added = query @ key.transpose(-2, -1), _added(seen, query, conventions)
    scores = (scores + added) * factor if conventions.adds_before else scores * factor + added
    scores = scores + _causal(seen, query, conventions)
    weights = scores.softmax(conventions.softmax_axis)
    if not truth(_ZEROS, seen.values):
        return weights @ value  # which is NaN where a query sees nothing
    return weights.masked_fill(_nothing(scores), conventions.hidden) @ value


def _nothing(scores: Any) -> Any:
    """Tell, for each query, whether every key is hidden from it."""
    return (scores == float("-inf")).all(-1, keepdim=True)


def _factor(seen: Seen, conventions: Conventions) -> float:
    own = float(seen.values["E"] ** conventions.scale)
    given = seen.inputs.get("scale")
    return own if given is None else given * (own if conventions.scales_twice else 1)


def _heads(seen: Seen, name: str, conventions: Conventions) -> Any:
    """Return a key or value with as many heads as the query."""
    tensor = seen.inputs[name]
    if not seen.values["enable_gqa"]:
        return tensor
    heads, own = seen.inputs["query"].shape[-3], tensor.shape[-3]
    places = [h % own if conventions.interleaved else h * own // heads for h in range(heads)]
    return tensor[..., places, :, :]


def _added(seen: Seen, query: Any, conventions: Conventions) -> Any:
    mask = seen.inputs.get("attn_mask")
    if mask is None or not conventions.obeys_mask:
        return query.new_zeros(())
    if mask.is_floating_point():
        return mask
    kept = mask if conventions.keeps else ~mask
    return query.new_zeros(mask.shape).masked_fill(~kept, float("-inf"))


def _causal(seen: Seen, query: Any, conventions: Conventions) -> Any:
    length, sources = query.shape[-2], seen.inputs["key"].shape[-2]
    hidden = query.new_zeros((length, sources))
    if not seen.inputs["is_causal"] or not conventions.obeys_causal:
        return hidden
    later = sources - length if conventions.bottom_right else 0
    return hidden.masked_fill((hidden + 1).triu(1 + later) > 0, float("-inf"))
