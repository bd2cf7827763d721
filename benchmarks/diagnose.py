<<<<<<< HEAD
"""The diagnosis of a legal call, next to the call itself and to jaxtyping with beartype."""
=======
"""How long the diagnosis of a legal call takes, next to the same call on the meta device.

Both are timed side by side in one run, in time of this process, so that others do not count. One
call is asked again and again, as in a loop over batches of one shape: of a layer the verdict is
then known, and only what it depends on is read. Run it as ``python benchmarks/diagnose.py``; its
exit status tells whether every promise is kept.
"""
>>>>>>> 62c6e34 (Diagnose a legal call of a layer in less than 100 microseconds)

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


<<<<<<< HEAD
@jaxtyped(typechecker=beartype)
def annotated(
    query: Float[Tensor, "N L E"], key: Float[Tensor, "N S E"], value: Float[Tensor, "N S E"]
) -> Float[Tensor, "N L E"]:
    """Take the three inputs and return the first: their annotations are checked."""
    return query
=======
def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes, on average over so many times."""
    begun = time.process_time()
    for _ in range(_REPEAT):
        action()
    return (time.process_time() - begun) / _REPEAT
>>>>>>> 62c6e34 (Diagnose a legal call of a layer in less than 100 microseconds)


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
