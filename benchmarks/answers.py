"""Answers at a prompt and the start of the command line, in milliseconds of the processor."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

import mhadoc
from benchmarks.promises import Promise, race
from mhadoc.answers.checkpoints import infer as inferring
from mhadoc.answers.checkpoints import reading

_BUILT = {"embed_dim": 512, "num_heads": 8, "batch_first": True}
_QUERY, _KEY = (2, 3, 512), (2, 5, 512)


def thousand_keys() -> dict[str, Any]:
    """Return a state_dict of a thousand keys: attentions of different widths among other layers."""
    state: dict[str, Any] = {}
    for layer in range(60):
        kdim = None if layer % 2 else 300 + layer
        entries = mhadoc.predict("MultiheadAttention", 512, 8, kdim=kdim)
        state |= {f"encoder.layers.{layer}.self_attn.{key}": s for key, s in entries.items()}
        state |= {f"encoder.layers.{layer}.linear{n}.weight": (512, 512) for n in range(12)}
    return dict(list(state.items())[:1000])


def encoder_layers() -> dict[str, Any]:
    """Return a state_dict of 62 encoder layers."""
    layers = mhadoc.predict("TransformerEncoderLayer", 512, 8)
    return {f"layers.{n}.{key}": shape for n in range(62) for key, shape in layers.items()}


def forget() -> None:
    """Empty what infer remembers of earlier calls."""
    reading._read.cache_clear()
    inferring._arguments.cache_clear()
    inferring._tried.cache_clear()


def median(
    ask: Callable[[], object], before: Callable[[], object] = lambda: None, times: int = 30
) -> float:
    """Return the median of the milliseconds that an answer takes, the first not counted."""
    ask()
    taken = []
    for _ in range(times):
        before()
        start = time.process_time()
        ask()
        taken.append(time.process_time() - start)
    return statistics.median(taken) * 1e3


def measured() -> Iterator[Promise]:
    """Measure each promise."""
    for what, state in {"1000 keys": thousand_keys(), "62 layers": encoder_layers()}.items():
        found = median(partial(mhadoc.infer, state), forget)
        yield Promise(f"infer: {what}", "none", found, 20, "ms")
    called = median(
        lambda: mhadoc.predict_call("MultiheadAttention", _BUILT, _QUERY, _KEY, _KEY), times=300
    )
    yield Promise("predict_call: MultiheadAttention", "none", called, 1, "ms")
    explained = median(lambda: str(mhadoc.explain("MultiheadAttention", **_BUILT)))
    yield Promise("explain: MultiheadAttention", "none", explained, 20, "ms")
    yield from paths()
    yield watching()
    yield helping()


def paths() -> Iterator[Promise]:
    """Measure why_not_fast_path."""
    mha = nn.MultiheadAttention(512, 8, batch_first=True).eval()
    layer = nn.TransformerEncoderLayer(512, 8, batch_first=True)
    encoder, x = nn.TransformerEncoder(layer, 6).eval(), torch.zeros(2, 5, 512)
    one = median(lambda: mhadoc.why_not_fast_path(mha, x, x, x), times=300)
    yield Promise("why_not_fast_path: an attention", "none", one, 1, "ms")
    six = median(lambda: mhadoc.why_not_fast_path(encoder, x), times=100)
    yield Promise("why_not_fast_path: six layers", "none", six, 10, "ms")


def watching() -> Promise:
    """Compare a call inside watch with a bare one."""
    mha, x = nn.MultiheadAttention(512, 8, batch_first=True).eval(), torch.zeros(2, 5, 512)
    other = nn.MultiheadAttention(512, 8, batch_first=True).eval()
    with mhadoc.watch(mha), torch.no_grad():
        ours, theirs = race(lambda: mha(x, x, x), lambda: other(x, x, x), repeat=100)
    return Promise("watch: a call inside", "the same call outside", ours / theirs, 1.5)


def helping() -> Promise:
    """Measure a new process that prints the help."""
    taken = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mhadoc", "--help"], check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return Promise("mhadoc --help", "none", 1e3 * statistics.median(taken), 150, "ms")
