"""The symbols of the Transformer classes, read off a real call and what surrounds it."""

from __future__ import annotations

from itertools import chain
from typing import Any

from mhadoc.catalog.multihead_attention.measured import sizes
from mhadoc.catalog.surroundings import (
    USUAL,
    around,
    modules_of,
    needs_grad,
    tensors_of,
    truth_of,
)
from mhadoc.language import Call, Facts

__all__ = ["measured", "surroundings", "told"]

_LENGTHS = {"src": "S", "memory": "S", "tgt": "T"}


def measured(call: Call) -> dict[str, Any]:
    """Return the symbols that a call decides, and those of what surrounds it."""
    if call.module is None:
        return told(call)
    return told(call) | surroundings(call.module, call.inputs[next(iter(call.facts))])


def told(call: Call) -> dict[str, Any]:
    """Return the symbols that the inputs of a call decide; what is described is as usual."""
    batch_first = call.values["batch_first"]
    first = next(iter(call.facts.values()))
    found: dict[str, Any] = {} if call.module is not None else dict(USUAL)
    found["batched"], found["N"] = int(first.rank == 3), sizes(first, batch_first)[1]
    found["nested"] = first.nested
    for name, facts in call.facts.items():
        if name in _LENGTHS:
            found[_LENGTHS[name]] = sizes(facts, batch_first)[0]
        else:
            found.update(_mask(name, facts))
    for name, flag in call.inputs.items():
        if name not in call.facts:
            found[name] = truth_of(flag)
    return found


def _mask(name: str, facts: Facts) -> dict[str, int]:
    if name.endswith("padding_mask"):
        return {name: facts.given, f"{name}_float": facts.floating}
    return {f"{name}_rank": facts.rank, f"{name}_float": facts.floating}


def surroundings(module: Any, tensor: Any) -> dict[str, Any]:
    """Return what surrounds a call of a real module with a tensor, as the fast path looks at it."""
    return {
        "training": int(module.training),
        "grad": needs_grad(chain((tensor,), tensors_of(modules_of(module)))),
        **around((tensor,)),
    }
