"""The sweep finds what looking at each case by itself finds, and it finds it at its leisure."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc.language import Axis, Case, Mismatch, ModuleSpec, Shape, same
from mhadoc.proof.chunks import SharedBench, chunks, groups
from mhadoc.proof.journal import Journal
from mhadoc.proof.memory import Memory, Sight, Verdict
from mhadoc.proof.observe import Bench
from mhadoc.proof.sweep import exhaust, sweep, sweep_chunk
from mhadoc.proof.tally import Tally
from tests.mutants import MUTANTS
from tests.narrow import NARROW, TINY, WHOLE, WIDE, assert_agree, one_by_one
from tests.shy import SHY, twin
from tests.toy import LINEAR, N, columns, rows

CHANGED = {mutant.name: mutant for mutant in MUTANTS}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that takes the place of the user's cache."""
    monkeypatch.setenv("MHADOC_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "spec",
    [WHOLE, NARROW, TINY, mhadoc.spec("Transformer")],
    ids=["whole", "narrow", "tiny", "apart"],
)
def test_chunks_are_all_cases(spec: ModuleSpec) -> None:
    found = chunks(spec)
    assert sum(chunk.cases for chunk in found) == len(spec.cases)
    assert len({chunk.name for chunk in found}) == len(found)
    assert [chunk.cases for chunk in found] == sorted((c.cases for c in found), reverse=True)


@pytest.mark.parametrize("at_most", [4096, 50])
def test_every_case_is_called_once(at_most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mhadoc.proof.chunks._CALLS", at_most)
    monkeypatch.setattr("mhadoc.proof.chunks._KEPT", at_most)
    bench = SharedBench(NARROW)
    found = chunks(NARROW)
    assert all(chunk.cases <= at_most * len(chunk.constructors) for chunk in found)
    tried = Counter(
        call.case(constructor)
        for chunk in found
        for constructor in chunk.constructors
        for group in groups(bench, chunk)
        for call in group.calls
    )
    assert tried == Counter(NARROW.cases)


@pytest.mark.parametrize(
    "change",
    [
        None,
        "batch_first ignored",
        "dropout in eval mode",
        "is_causal ignored",
        "is_causal makes its own mask",
        "is_causal obeyed with weights",
        "no fast path",
        "out_proj without its bias, with weights only",
        "scale wrong without weights only",
        "weights before the mask when averaged",
    ],
)
def test_the_sweep_agrees_with_each_case_alone(change: str | None) -> None:
    with CHANGED[change].applied() if change else nullcontext():
        bench = Bench(TINY)
        swept, alone = sweep(bench), one_by_one(bench)
    assert_agree(swept, alone)
    assert bool(alone.refuted) == (change is not None)
    assert swept.cases == len(TINY.cases) == 256


@pytest.mark.parametrize("wrong", [False, True])
def test_what_is_apart_is_crossed_in_the_quick_cases(wrong: bool) -> None:
    def crossed(seen: Any) -> Mismatch | None:
        return Mismatch("here", "there") if wrong and seen.case.distance == 2 else None

    cases = replace(LINEAR.cases, apart=(("bias",), ("rank",)))
    claim = replace(LINEAR.claims[0], check=crossed, axes=("bias", "rank"))
    spec = replace(LINEAR, cases=cases, claims=(claim,))
    found = exhaust(Bench(spec))
    assert (len(cases), found.cases) == (3, 4)
    assert list(found.refuted) == ([claim.id] if wrong else [])


@pytest.mark.parametrize(("fresh", "cases"), [(False, 1003), (True, 4)])
def test_what_is_in_the_journal_counts_unless_all_is_to_be_fresh(fresh: bool, cases: int) -> None:
    bench = Bench(LINEAR)
    first, *_ = chunks(LINEAR)
    Journal.of(bench).write(first.name, Tally(Counter({"linear.width": 7}), {}, 1001))
    found = exhaust(bench, fresh=fresh) if fresh else exhaust(bench)
    assert found.cases == cases
    assert found.held["linear.width"] == (4 if fresh else 9)
    assert not Journal.of(bench).path.exists()


def test_the_journal_is_written_chunk_by_chunk() -> None:
    bench = Bench(LINEAR)
    journal = Journal.of(bench)
    found = sweep(bench, journal=journal)
    kept = journal.read()
    assert list(kept) == [chunk.name for chunk in chunks(LINEAR)]
    assert [tally.cases for tally in kept.values()] == [2, 2]
    assert found.cases == 4
    assert sweep(bench, journal=journal) == found


def test_one_way_to_call_is_enough() -> None:
    axes = tuple(axis for axis in LINEAR.cases.axes if axis.name == "bias")
    cases = replace(LINEAR.cases, axes=axes, sizes={**LINEAR.cases.sizes, "batched": 1})
    found = sweep(Bench(replace(LINEAR, cases=cases)))
    assert found.cases == 2
    assert found.refuted == {}
    assert found.held["Linear.output.batched"] == 2
    assert found.held["Linear.weight"] == 2


def test_each_case_counts_once_and_each_statement_where_it_speaks() -> None:
    found = sweep(Bench(LINEAR))
    assert found.refuted == {}
    assert dict(found.held) == {
        "Linear.state_dict": 2,
        "Linear.weight": 2,
        "Linear.bias.parameter": 2,
        "Linear.in_features.attribute": 2,
        "Linear.inputs": 4,
        "Linear.outputs": 4,
        "Linear.input.batched": 2,
        "Linear.input.single": 2,
        "Linear.output.batched": 2,
        "Linear.output.single": 2,
        "linear.width": 4,
    }


def test_what_no_call_alone_shows_is_added_once() -> None:
    found = exhaust(Bench(SHY))
    assert (found.refuted, found.cases) == ({}, 4)
    held = dict(found.held)
    of_the_class = ("in_features", "out_features", "bias", "device", "dtype", "loud")
    assert [held.pop(f"Linear.{name}") for name in of_the_class] == [1] * 6
    assert held.pop("Linear.out_features.negative") == 1
    assert held.pop("Linear.width") == 2  # a mistake, tried in the plan
    assert held.pop("Linear.input.batched") == held.pop("Linear.input.single") == 2 + 1
    assert held == {
        **dict.fromkeys(("Linear.single", "Linear.inputs", "Linear.outputs"), 4),
        **dict.fromkeys(("Linear.output.batched", "Linear.output.single"), 2),
        **dict.fromkeys(("linear.width", "linear.first"), 2),
        **dict.fromkeys(("Linear.state_dict", "Linear.weight", "Linear.bias.parameter"), 2),
        "Linear.in_features.attribute": 2,
    }


@pytest.mark.parametrize(
    ("name", "changes", "case"),
    [
        ("linear.width", {"check": lambda seen: same(1, 2)}, (0, 0)),
        ("linear.width", {"check": lambda seen: same(1, seen.values["bias"])}, (1, 0)),
        ("linear.width", {"check": lambda seen: same(1, seen.again() and 2)}, (0, 0)),
        ("width", {"message": "no"}, (0, 0)),
        ("single", {"message": "no"}, (0, 1)),
        ("weight", {"shape": Shape(rows, columns)}, (0, 0)),
        ("bias", {"default": False}, (0, 0)),
        ("output.batched", {"shape": Shape(N, rows)}, (0, 0)),
    ],
)
def test_what_is_false_is_refuted_in_the_plainest_case(
    name: str, changes: dict[str, Any], case: tuple[int, int]
) -> None:
    found = exhaust(Bench(twin(name, changes))).refuted
    assert [place for s, (place, _) in found.items() if s.endswith(name)] == [Case(case)]


def test_a_module_is_refuted_in_its_plainest_call() -> None:
    found = sweep(Bench(twin("in_features.attribute", {"value": columns}))).refuted
    assert {name: case for name, (case, _) in found.items()} == {
        "Linear.in_features.attribute": Case((0, 0))
    }


def test_pieces_and_calls_of_a_small_spec() -> None:
    first, second = chunks(LINEAR)
    assert (first.name, second.name) == ("0", "1")
    assert (first.constructors, second.constructors) == ((((0, 0),),), (((0, 1),),))
    bench = SharedBench(LINEAR)
    (group,) = groups(bench, second)
    assert (group.training, group.grad) == (True, True)
    assert [call.at for call in group.calls] == [(1, 0), (1, 1)]
    assert [call.case(first.constructors[0]).at for call in group.calls] == [(0, 0), (0, 1)]
    (again,) = groups(bench, first)
    for call, other in zip(group.calls, again.calls, strict=True):
        assert call.inputs is other.inputs
        assert not call.exact


@pytest.mark.parametrize(
    ("at_most", "names"),
    [(1, ["0-0", "0-1", "1-0", "1-1"]), (2, ["0", "1"]), (0, ["0-0", "0-1", "1-0", "1-1"])],
)
def test_large_pieces_are_cut(at_most: int, names: list[str], monkeypatch) -> None:
    monkeypatch.setattr("mhadoc.proof.chunks._CALLS", at_most)
    found = chunks(LINEAR)
    assert [chunk.name for chunk in found] == names
    assert {chunk.cases for chunk in found} == {4 // len(names)}
    assert sweep(Bench(LINEAR)).cases == 4


def test_calls_are_grouped_by_mode() -> None:
    axes = (*LINEAR.cases.axes, *(Axis.flag(n, "call", plain=True) for n in ("training", "grad")))
    spec = replace(LINEAR, cases=replace(LINEAR.cases, axes=axes))
    found = groups(SharedBench(spec), chunks(spec)[0])
    modes = {(group.training, group.grad): len(group.calls) for group in found}
    assert modes == {(True, True): 2, (True, False): 2, (False, True): 2, (False, False): 2}


def test_a_call_that_comes_to_the_same_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Sight] = []
    look = Memory.look

    def watched(memory: Memory, sight: Sight) -> Verdict:
        looks.append(sight)
        return look(memory, sight)

    monkeypatch.setattr(Memory, "look", watched)
    axes = (*LINEAR.cases.axes, Axis.flag("unread", "call", plain=True))
    spec = replace(LINEAR, cases=replace(LINEAR.cases, axes=axes))
    found = sweep(Bench(spec))
    assert (found.cases, found.held["Linear.outputs"]) == (8, 8)
    assert len(looks) == 4


class Silent(nn.MultiheadAttention):
    """Takes is_causal without a mask."""

    def forward(self, *args: Any, **inputs: Any) -> Any:
        inputs["is_causal"] = inputs["is_causal"] and inputs.get("attn_mask") is not None
        return super().forward(*args, **inputs)


class Other(nn.MultiheadAttention):
    """Refuses is_causal without a mask, in other words."""

    def forward(self, *args: Any, **inputs: Any) -> Any:
        try:
            return super().forward(*args, **inputs)
        except RuntimeError as refused:
            raise RuntimeError("no mask") from refused


class Twice(nn.MultiheadAttention):
    """Returns each time another output."""

    times = 0

    def forward(self, *args: Any, **inputs: Any) -> Any:
        type(self).times += 1
        output, weights = super().forward(*args, **inputs)
        return output + self.times, weights


class Bare(nn.MultiheadAttention):
    """Returns no pair."""

    def forward(self, *args: Any, **inputs: Any) -> Any:
        return super().forward(*args, **inputs)[0]


class Half(nn.MultiheadAttention):
    """Cannot be built with dropout."""

    def __init__(self, *args: Any, dropout: float, **arguments: Any) -> None:
        if dropout:
            raise ValueError("no dropout")
        super().__init__(*args, dropout=dropout, **arguments)


@pytest.mark.parametrize("subject", [Silent, Other, Twice, Bare])
def test_the_sweep_agrees_about_another_class(subject: type) -> None:
    bench = Bench(TINY, subject)
    swept, alone = sweep(bench), one_by_one(bench)
    assert_agree(swept, alone)
    assert alone.refuted


def test_a_class_that_cannot_be_built_is_refuted_and_the_rest_is_tried() -> None:
    swept = sweep(Bench(TINY, Half))
    case, mismatch = swept.refuted["MultiheadAttention.state_dict"]
    assert TINY.cases.labels(case)["dropout"] == "p"
    assert case.distance == 1
    assert mismatch == Mismatch("a module that can be built", "ValueError: no dropout")
    assert swept.cases == 256
    assert swept.held["MultiheadAttention.outputs"] == 128


def test_nothing_of_torch_stays_changed() -> None:
    torch.set_num_threads(2)
    random, filters = torch.random.get_rng_state(), list(warnings.filters)
    with torch.no_grad():
        sweep(Bench(TINY))
        assert not torch.is_grad_enabled()
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.random.get_rng_state(), random)
    assert warnings.filters == filters


def test_progress_is_told_case_by_case() -> None:
    told: list[tuple[int, int]] = []
    sweep(Bench(TINY), progress=lambda *now: told.append(now))
    assert told == [(0, 256), (128, 256), (256, 256), (256, 256)]


def test_every_statement_counts_its_own_cases() -> None:
    found = exhaust(Bench(NARROW))
    assert found.refuted == {}
    assert found.cases == 3072
    assert found.held["MultiheadAttention.outputs"] == 3072
    assert found.held["MultiheadAttention.attn_output.batch_first"] == 1536
    assert found.held["MultiheadAttention.in_proj_weight"] == 16
    assert found.held["mha.scale"] == 2304  # all but training with dropout
    assert found.held["MultiheadAttention.attn_mask.dtype"] > 0  # a mistake, tried in the plan


def test_memory_stays_flat() -> None:
    program = """
from mhadoc.proof.observe import Bench
from mhadoc.proof.sweep import sweep
from tests.narrow import WIDE

def measure(done, cases):
    with open("/proc/self/statm") as file:
        used[10 * done // cases] = int(file.read().split()[1]) * 4096 / 2**20

used = {}
sweep(Bench(WIDE), progress=measure)
print(used[1], used[10])
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, check=True
    )
    tenth, all_of_it = map(float, run.stdout.split())
    assert all_of_it < tenth + 10


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the chunks that are done from now on."""
    names: list[str] = []

    def counted(bench: Bench, chunk: Any, *others: Any) -> Tally:
        names.append(chunk.name)
        return sweep_chunk(bench, chunk, *others)

    monkeypatch.setattr("mhadoc.proof.sweep.sweep_chunk", counted)
    return names


def _interrupted(spec: ModuleSpec, after: int) -> None:
    """Sweep until so many cases are done."""

    def progress(now: int, cases: int) -> None:
        if now >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exhaust(Bench(spec), progress=progress)


def test_an_interrupted_run_goes_on_where_it_was(done: list[str], folder: Path) -> None:
    _interrupted(NARROW, 1100)
    begun = len(done)
    assert begun > 1
    assert len(list(folder.iterdir())) == 1
    found = exhaust(Bench(NARROW))
    assert sorted(set(done)) == sorted(chunk.name for chunk in chunks(NARROW))
    assert len(done) == len(set(done)) + 1  # the one that was cut off
    assert found == exhaust(Bench(NARROW))
    assert list(folder.iterdir()) == []


def test_a_fresh_run_begins_anew(done: list[str]) -> None:
    _interrupted(NARROW, 1100)
    done.clear()
    exhaust(Bench(NARROW), fresh=True)
    assert len(done) == len(chunks(NARROW))


def test_another_subject_or_device_has_a_journal_of_its_own() -> None:
    benches = [Bench(TINY), Bench(TINY, device="meta"), Bench(TINY, Silent), Bench(TINY, Other)]
    benches += [Bench(WIDE), Bench(replace(TINY, claims=WHOLE.claims[:1]))]
    assert len({Journal.of(bench).path for bench in benches}) == len(benches)
    assert Journal.of(Bench(TINY)).path == Journal.of(Bench(TINY)).path
