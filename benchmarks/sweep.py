"""How long the exhaustive sweep takes, next to the bare calls of torch that it makes.

The cases are a sample of all, alike in size and kind to the rest:

- the sweep takes at most 1.3 times as long as the bare calls, in one process;
- two processes are at least 1.8 times as fast as one;
- the same cases as a ``pytest.mark.parametrize`` take at least 10 times as long;
- memory stays flat: after all cases it is what it was after a tenth of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

import mhadoc
from benchmarks.promises import Promise
from mhadoc.language import Claim
from mhadoc.proof.chunks import Chunk, SharedBench, chunks, groups
from mhadoc.proof.covering import covering
from mhadoc.proof.executors import Workers
from mhadoc.proof.journal import Journal
from mhadoc.proof.memory import Memory
from mhadoc.proof.observe import RAISED, Bench
from mhadoc.proof.sweep import claims_on_calls, sweep, sweep_chunk
from mhadoc.proof.tally import Tally

ROOT = Path(__file__).resolve().parents[1]
SPEC = mhadoc.spec("MultiheadAttention")
#: A sixteenth of all cases each, alike in size and kind to the rest: flags of the constructor.
SAMPLE = ({"add_bias_kv": "True"}, {"batch_first": "True"})


def sample() -> list[Chunk]:
    """Return chunks in which large and small ones occur as among all."""
    cases, wanted = SPEC.cases, []
    for labels in SAMPLE:
        case = cases.case(**labels)
        fixed = [place for place, axis in enumerate(cases.axes) if len(axis.choices) == 2]
        wanted += [
            chunk
            for chunk in chunks(SPEC)
            if all(case.at[place] == at for place, at in chunk.constructors[0] if place in fixed)
        ]
    return wanted


def bare(bench: SharedBench, chunk: Chunk) -> float:
    """Return the seconds of a chunk's calls, with everything made ready beforehand."""
    seconds, modes = 0.0, groups(bench, chunk)
    for constructor in chunk.constructors:
        module = bench.build(bench.arguments(modes[0].calls[0].case(constructor)))
        for group in modes:
            module.train(group.training)
            with torch.set_grad_enabled(group.grad), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                begun = time.process_time()
                for call in group.calls:
                    try:
                        module(**call.inputs)
                    except RAISED:
                        continue
                seconds += time.process_time() - begun
    return seconds


def swept(bench: SharedBench, chunk: Chunk, memory: Memory) -> float:
    """Return the seconds of a chunk's sweep, all that belongs to it included."""
    begun = time.process_time()
    assert not sweep_chunk(bench, chunk, memory).refuted
    return time.process_time() - begun


def against_bare_calls(found: list[Chunk], claims: tuple[Claim, ...]) -> Iterator[Promise]:
    """Compare the sweep with the bare calls, chunk after chunk, and watch the memory."""
    bench, memory = SharedBench(SPEC), Memory(claims)
    for chunk in (chunks(SPEC)[-1], found[0]):
        swept(bench, chunk, memory)  # what is learned once would weigh too much in a sample
    calls = sweeps = done = 0.0
    used: dict[int, float] = {}
    total = sum(chunk.cases for chunk in found)
    for chunk in found:
        calls += bare(bench, chunk)
        sweeps += swept(bench, chunk, memory)
        done += chunk.cases
        used[int(10 * done / total)] = megabytes()
    yield Promise("sweep: a case", "none", 1e6 * sweeps / total, 1000, "µs")
    yield Promise("sweep", "torch's bare calls", sweeps / calls, 1.3)
    growth = used[10] - min(used.values())
    yield Promise("sweep: growth of memory", "a tenth of the cases", growth, 50, "MB")


def megabytes() -> float:
    """Return how much memory this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


class Rest(Journal):
    """A journal in which everything is finished but some chunks, and nothing is written."""

    def __init__(self, waiting: list[Chunk]) -> None:
        super().__init__(Path(os.devnull))
        self.waiting = {chunk.name for chunk in waiting}

    def read(self) -> dict[str, Tally]:
        """Return the finished chunks, of which nothing is known."""
        return {chunk.name: Tally() for chunk in chunks(SPEC) if chunk.name not in self.waiting}

    def write(self, chunk: str, tally: Tally) -> None:
        """Count a chunk as finished."""
        self.waiting.discard(chunk)


def two_processes(found: list[Chunk], claims: tuple[Claim, ...]) -> Promise:
    """Compare two workers with one, all of them at work before the clock starts."""
    seconds = []
    for number in (1, 2):
        with Workers(number) as workers:
            sweep(Bench(SPEC), claims, executor=workers, journal=Rest(found[-2 * number :]))
            begun = time.perf_counter()
            sweep(Bench(SPEC), claims, executor=workers, journal=Rest(found))
            seconds.append(time.perf_counter() - begun)
    return Promise(
        "sweep: two processes", "one process", seconds[0] / seconds[1], 1.8, at_least=True
    )


PARAMETRIZED = """
import itertools
import pytest
import mhadoc
from mhadoc.proof.look import look_at_call, look_at_module
from mhadoc.proof.observe import Bench
from mhadoc.proof.tally import Tally

BENCH = Bench(mhadoc.spec("MultiheadAttention"))
CLAIMS = [BENCH.spec.claim(name) for name in {claims}]
CASES = list(itertools.islice(BENCH.spec.cases, 0, None, len(BENCH.spec.cases) // {number}))

@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case):
    tally, seen = Tally(), BENCH.observe(case)
    look_at_module(seen, tally)
    look_at_call(seen, tally)
    for claim in CLAIMS:
        if claim.applies(seen.values):
            tally.note(claim.id, case, claim.check(seen))
    assert not tally.refuted
"""


def parametrized(number: int, claims: tuple[Claim, ...]) -> float:
    """Return the seconds that pytest takes for so many cases, evenly taken from all."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test_cases.py"
        names = [claim.id for claim in claims]
        file.write_text(PARAMETRIZED.format(claims=names, number=number), encoding="utf-8")
        begun = time.perf_counter()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
        subprocess.run([*command, f"--rootdir={folder}"], check=True, capture_output=True)
        return time.perf_counter() - begun


def against_pytest(microseconds: float, claims: tuple[Claim, ...]) -> Promise:
    """Compare the sweep with a parametrized test, whose start does not count."""
    few, many = 100, 1100
    seconds = parametrized(many, claims) - parametrized(few, claims)
    ratio = seconds / (many - few) / microseconds * 1e6
    return Promise("sweep: a case", "pytest.mark.parametrize", ratio, 10, at_least=True)


def measured() -> Iterator[Promise]:
    """Measure each promise."""
    found = sample()
    claims = claims_on_calls(Bench(SPEC), covering(SPEC))
    alone, *others = against_bare_calls(found, claims)
    yield from (alone, *others, two_processes(found, claims))
    yield against_pytest(alone.measured, claims)
