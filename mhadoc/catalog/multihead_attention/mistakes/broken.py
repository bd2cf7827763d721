"""How a legal call is broken in one respect, and what the messages say of the broken call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from sympy import Not

from mhadoc.catalog.breaking import Shown
from mhadoc.catalog.multihead_attention.paths import SURROUNDINGS, hinted, reason
from mhadoc.language import Seen

__all__ = [
    "UNHINTED",
    "Inputs",
    "batch_axis",
    "form",
    "leading",
    "multiplies",
    "nested",
    "nested_reason",
    "sizes",
    "together",
]

Inputs = Mapping[str, Any]

#: The call is legal outside the fast path as well: a mistake may well lead there.
UNHINTED = Not(hinted)

_SEQUENCES = ("query", "key", "value")


def multiplies(shown: Shown) -> str:
    """Return the operator that projects: one that adds a bias wants a batch laid out in a row."""
    turned = shown["batched"] and shown["batch_first"]
    return "addmm" if shown["bias"] and not turned else "mm"


def batch_axis(seen: Seen) -> int:
    """Return the place of the batch in query, key and value of a batched call."""
    return 0 if seen.values["batch_first"] else 1


def together(seen: Seen, change: Callable[[Any], Any]) -> Inputs:
    """Change query, key and value alike; what was one object stays one."""
    given = {name: seen.inputs[name] for name in _SEQUENCES}
    changed = {id(tensor): change(tensor) for tensor in given.values()}
    return {name: changed[id(tensor)] for name, tensor in given.items()}


def nested(seen: Seen) -> Inputs:
    """Return query, key and value as nested tensors of two sequences."""
    return together(seen, _ragged)


def _ragged(tensor: Any) -> Any:
    from torch.nested import nested_tensor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nested tensors are a prototype
        return nested_tensor([tensor[0], tensor[-1, 1:]])


def nested_reason(shown: Shown) -> str:
    """Return torch's reason why a nested query does not take the fast path."""
    usual = {"fast_path_enabled": 1, "bias_dtype": 1, "weight_dtype": 1, "known_device": 1}
    around = {symbol.name: usual.get(symbol.name, 0) for symbol in SURROUNDINGS}
    return reason({**around, **shown, "nested": 1})


def form(shown: Shown) -> str:
    """Return the words in which messages tell the query's rank."""
    return "batched (3-D)" if shown["query"].ndim == 3 else "unbatched (2-D)"


def sizes(name: str) -> Callable[[Shown], list[int]]:
    """Return what gives a tensor's sizes as the attention sees them: sequence, batch, features."""

    def inside(shown: Shown) -> list[int]:
        found = list(shown[name].shape)
        if not shown["batched"]:
            return [found[0], 1, *found[1:]]
        return [found[1], found[0], *found[2:]] if shown["batch_first"] else found

    return inside


def leading(name: str) -> Callable[[Shown], list[int]]:
    """Return what gives the length and the batch size of a tensor."""
    return lambda shown: sizes(name)(shown)[:2]
