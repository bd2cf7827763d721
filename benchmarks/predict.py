"""Predictions, next to building the module without its numbers and to torchinfo."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torchinfo
from torch import nn

import mhadoc
from benchmarks.promises import Promise, race, seconds

META = "built on the meta device"
#: Source and target: S, N, E and T, N, E.
SIZES = ((9, 2, 512), (7, 2, 512))


def gpt3() -> object:
    """Predict an encoder of the size of GPT-3: 96 layers, 12288 wide, 96 heads."""
    layer = mhadoc.spec("TransformerEncoderLayer").bound(12288, 96, 4 * 12288)
    return mhadoc.predict("TransformerEncoder", layer, 96)


def measured() -> Iterator[Promise]:
    """Measure each promise."""
    warnings.simplefilter("ignore")
    ours, theirs = race(
        lambda: mhadoc.predict("Transformer"),
        lambda: nn.Transformer(device="meta"),
        repeat=3,
        ahead=20,
    )
    yield Promise("predict: Transformer", META, theirs / ours, 200, at_least=True)
    ours, theirs = race(
        lambda: mhadoc.predict("MultiheadAttention", embed_dim=512, num_heads=8),
        lambda: nn.MultiheadAttention(512, 8, device="meta"),
        repeat=50,
        ahead=20,
    )
    yield Promise("predict: MultiheadAttention", META, theirs / ours, 30, at_least=True)
    gpt3()
    took = min(seconds(gpt3, 5) for _ in range(7))
    yield Promise("predict: an encoder of GPT-3's size", "none", 1e3 * took, 5, "ms")
    yield counted()


def counted() -> Promise:
    """Compare the shapes of parameters and output with torchinfo's, which calls the module."""
    ours, theirs = race(_predicted, _summarized, repeat=3, ahead=20)
    peer = "torchinfo.summary on the meta device"
    return Promise("predict, predict_call: Transformer", peer, theirs / ours, 5, at_least=True)


def _predicted() -> object:
    shapes = mhadoc.predict("Transformer")
    return shapes, mhadoc.predict_call("Transformer", {}, *SIZES)


def _summarized() -> object:
    module = nn.Transformer(device="meta")
    return torchinfo.summary(module, input_size=list(SIZES), device="meta", verbose=0)
