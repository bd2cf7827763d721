"""The diagnosis of a legal call, next to the call itself and to jaxtyping with beartype."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor, nn

import mhadoc
from benchmarks.promises import Promise, race


def calls() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return legal calls by a name: modules and inputs on the meta device."""
    x, key = torch.empty(2, 7, 512, device="meta"), torch.empty(2, 9, 512, device="meta")
    mask = torch.empty(7, 9, dtype=torch.bool, device="meta")
    attention = nn.MultiheadAttention(512, 8, batch_first=True, device="meta")
    encoder = nn.TransformerEncoderLayer(512, 8, batch_first=True, device="meta")
    decoder = nn.TransformerDecoderLayer(512, 8, batch_first=True, device="meta")
    inputs = {"query": x, "key": key, "value": key}
    return {
        "MultiheadAttention": (attention, inputs),
        "with a mask": (attention, {**inputs, "attn_mask": mask}),
        "TransformerEncoderLayer": (encoder, {"src": x}),
        "TransformerDecoderLayer": (decoder, {"tgt": x, "memory": key}),
    }


@jaxtyped(typechecker=beartype)
def annotated(
    query: Float[Tensor, "N L E"], key: Float[Tensor, "N S E"], value: Float[Tensor, "N S E"]
) -> Float[Tensor, "N L E"]:
    """Take the three inputs and return the first: their annotations are checked."""
    return query


def measured() -> Iterator[Promise]:
    """Measure each promise."""
    for name, (module, inputs) in calls().items():
        if problems := mhadoc.diagnose(module, **inputs):
            raise AssertionError(problems)
        ours, theirs = race(
            partial(mhadoc.diagnose, module, **inputs), partial(module, **inputs), repeat=100
        )
        yield Promise(f"diagnose: {name}", "none", 1e6 * ours, 100, "µs")
        meta = "called on the meta device"
        yield Promise(f"diagnose: {name}", meta, theirs / ours, 10, at_least=True)
    module, inputs = calls()["MultiheadAttention"]
    ours, theirs = race(
        partial(mhadoc.diagnose, module, **inputs), partial(annotated, **inputs), repeat=100
    )
    checked = "shapes checked by jaxtyping and beartype"
    yield Promise("diagnose: MultiheadAttention", checked, ours / theirs, 3)
