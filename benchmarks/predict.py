"""How much faster a prediction is than building the module without its numbers.

Both are timed side by side in one run, and only their ratio is compared with what is promised.
Run it as ``python benchmarks/predict.py``; its exit status tells whether every promise is kept.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

import mhadoc

_ROUNDS = 7


@dataclass(frozen=True)
class Race:
    """A prediction, what torch does for the same answer, and how much faster it has to be."""

    name: str
    predicted: Callable[[], object]
    built: Callable[[], object]
    least: float
    repeat: int

    def ratio(self) -> float:
        """Return how many times faster the prediction is: the best of several rounds, in turns."""
        fastest = {self.predicted: float("inf"), self.built: float("inf")}
        for _ in range(_ROUNDS):
            fastest[self.predicted] = min(
                fastest[self.predicted], seconds(self.predicted, 20 * self.repeat)
            )
            fastest[self.built] = min(fastest[self.built], seconds(self.built, self.repeat))
        return fastest[self.built] / fastest[self.predicted]


def seconds(action: Callable[[], object], times: int) -> float:
    """Return how long an action takes, on average over so many times."""
    begun = time.perf_counter()
    for _ in range(times):
        action()
    return (time.perf_counter() - begun) / times


def gpt3() -> object:
    """Predict an encoder of the size of GPT-3: 96 layers, 12288 wide, 96 heads."""
    layer = mhadoc.spec("TransformerEncoderLayer").bound(12288, 96, 4 * 12288)
    return mhadoc.predict("TransformerEncoder", layer, 96)


RACES = (
    Race(
        "Transformer",
        lambda: mhadoc.predict("Transformer"),
        lambda: nn.Transformer(device="meta"),
        least=200,
        repeat=3,
    ),
    Race(
        "MultiheadAttention",
        lambda: mhadoc.predict("MultiheadAttention", embed_dim=512, num_heads=8),
        lambda: nn.MultiheadAttention(512, 8, device="meta"),
        least=30,
        repeat=50,
    ),
)
GPT3_SECONDS = 0.005


def main() -> int:
    """Run every race and print the results; 0 when every promise is kept."""
    warnings.simplefilter("ignore")
    kept = True
    for race in RACES:
        ratio = race.ratio()
        kept &= ratio >= race.least
        print(
            f"{race.name:20} {ratio:7.0f} times faster than the meta device, at least {race.least}"
        )
    gpt3()
    took = min(seconds(gpt3, 5) for _ in range(_ROUNDS))
    kept &= took < GPT3_SECONDS
    print(f"{'GPT-3-sized encoder':20} {1000 * took:7.2f} ms, less than {1000 * GPT3_SECONDS:.0f}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
