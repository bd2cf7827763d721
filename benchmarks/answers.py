"""How long answers take: ``python benchmarks/answers.py`` prints a median for each, with its limit.

The time is that of the processor, so that other work on the machine does not count. The exit
status is 1 where a median is over its limit.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import mhadoc
from mhadoc.answers.checkpoints import infer as inferring
from mhadoc.answers.checkpoints import reading

_BUILT = {"embed_dim": 512, "num_heads": 8, "batch_first": True}
_QUERY, _KEY = (2, 3, 512), (2, 5, 512)


def _thousand_keys():
    """Return a state_dict of a thousand keys: attentions of different widths among other layers."""
    state = {}
    for layer in range(60):
        kdim = None if layer % 2 else 300 + layer
        entries = mhadoc.predict("MultiheadAttention", 512, 8, kdim=kdim)
        state |= {f"encoder.layers.{layer}.self_attn.{key}": s for key, s in entries.items()}
        state |= {f"encoder.layers.{layer}.linear{n}.weight": (512, 512) for n in range(12)}
    return dict(list(state.items())[:1000])


def _forget():
    """Empty what infer remembers of earlier calls."""
    reading._read.cache_clear()
    inferring._arguments.cache_clear()
    inferring._tried.cache_clear()


def _median(ask, before=lambda: None, times=30):
    taken = []
    for _ in range(times):
        before()
        start = time.process_time()
        ask()
        taken.append(time.process_time() - start)
    return statistics.median(taken) * 1e3


def _seconds(*command):
    """Return the median of the seconds that a new process takes, in milliseconds."""
    taken = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def _fast_path():
    """Return what asks about a call of an attention and of six layers, and runs the first."""
    import torch

    mha = torch.nn.MultiheadAttention(512, 8, batch_first=True).eval()
    layer = torch.nn.TransformerEncoderLayer(512, 8, batch_first=True)
    encoder, x = torch.nn.TransformerEncoder(layer, 6).eval(), torch.zeros(2, 5, 512)

    def watched():
        with torch.no_grad():
            mha(x, x, x)

    return (
        lambda: mhadoc.why_not_fast_path(mha, x, x, x),
        lambda: mhadoc.why_not_fast_path(encoder, x),
        watched,
        mha,
    )


def main():
    """Print the medians in milliseconds; tell whether one is over its limit."""
    state = _thousand_keys()
    layers = mhadoc.predict("TransformerEncoderLayer", 512, 8)
    deep = {f"layers.{n}.{key}": shape for n in range(62) for key, shape in layers.items()}
    mhadoc.infer(state), mhadoc.infer(deep)
    medians = {
        "infer, 1000 keys, nothing remembered": (_median(lambda: mhadoc.infer(state), _forget), 20),
        "infer, 1000 keys, again": (_median(lambda: mhadoc.infer(state)), 20),
        "infer, 62 encoder layers, nothing remembered": (
            _median(lambda: mhadoc.infer(deep), _forget),
            20,
        ),
        "infer, 62 encoder layers, again": (_median(lambda: mhadoc.infer(deep)), 20),
        "predict_call": (
            _median(
                lambda: mhadoc.predict_call("MultiheadAttention", _BUILT, _QUERY, _KEY, _KEY),
                times=300,
            ),
            1,
        ),
        "explain": (_median(lambda: str(mhadoc.explain("MultiheadAttention", **_BUILT))), 20),
    }
    attention, stack, call, mha = _fast_path()
    bare = _median(call, times=300)
    with mhadoc.watch(mha):
        watched = _median(call, times=300)
    medians |= {
        "why_not_fast_path, an attention": (_median(attention, times=300), 1),
        "why_not_fast_path, six layers": (_median(stack, times=100), 10),
        f"a call inside watch (bare: {bare:.3f} ms)": (watched, 1.5 * bare),
    }
    least = _seconds("-c", "import click")
    helped = _seconds("-m", "mhadoc", "--help")
    medians[f"mhadoc --help (import click: {least:.0f} ms)"] = (helped, 150)
    for name, (median, limit) in medians.items():
        print(f"{name:46}{median:9.3f} ms  (limit {limit:.3g} ms)")
    sys.exit(any(median > limit for median, limit in medians.values()))


if __name__ == "__main__":
    main()
