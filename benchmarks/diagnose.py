"""How long the diagnosis of a legal call takes, next to the same call on the meta device.

Both are timed side by side in one run. Run it as ``python benchmarks/diagnose.py``; its exit status
tells whether every promise is kept.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import mhadoc

_ROUNDS, _REPEAT = 9, 100
MICROSECONDS, TIMES = 100, 10


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


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes, on average over so many times."""
    begun = time.perf_counter()
    for _ in range(_REPEAT):
        action()
    return (time.perf_counter() - begun) / _REPEAT


def race(module: Any, inputs: dict[str, Any]) -> tuple[float, float]:
    """Return the best of several rounds, in turns: of the diagnosis, and of the call itself."""
    rounds = [
        (
            seconds(lambda: mhadoc.diagnose(module, **inputs)),
            seconds(lambda: module(**inputs)),
        )
        for _ in range(_ROUNDS)
    ]
    return min(told for told, _ in rounds), min(called for _, called in rounds)


def main() -> int:
    """Run every race and print the results; 0 when every promise is kept."""
    kept = True
    for name, (module, inputs) in calls().items():
        if problems := mhadoc.diagnose(module, **inputs):
            raise AssertionError(problems)
        told, called = race(module, inputs)
        kept &= 1e6 * told <= MICROSECONDS and called >= TIMES * told
        print(f"{name:24} {1e6 * told:6.0f} µs, {called / told:5.1f} times faster than the call")
    print(f"promised: at most {MICROSECONDS} µs, and {TIMES} times faster than on the meta device")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
