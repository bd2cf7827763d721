"""Work that is given out comes back, also when a worker is killed on the way."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from mhadoc.errors import MhadocError, MissingExtraError, UnknownNameError, WorkersLostError
from mhadoc.proof.executors import Workers, gather, scheduler
from mhadoc.proof.observe import Bench
from mhadoc.proof.sweep import sweep
from mhadoc.proof.tally import Tally
from tests.narrow import FEW, NARROW, WHOLE, narrowed
from tests.work import die, die_once, double, fail

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")


@pytest.fixture(scope="module")
def expected() -> Tally:
    return sweep(Bench(NARROW))


@pytest.mark.parametrize("items", [0, 1, 9])
def test_every_item_comes_back_once(items: int) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert sorted(gather(executor, double, range(items))) == [(n, 2 * n) for n in range(items)]


def test_a_worker_that_dies_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    marks = [str(tmp_path / f"{number}") for number in range(2)]
    with Workers(1) as executor:
        assert sorted(gather(executor, die_once, marks)) == [(mark, mark[-1]) for mark in marks]


def test_work_that_kills_every_worker_is_given_up() -> None:
    text = r"1 pieces of work are left: the workers are lost \(BrokenProcessPool: "
    with Workers(1) as executor:
        results = gather(executor, die, [1, 2])
        assert next(results) == (2, 2)
        with pytest.raises(WorkersLostError, match=text):
            next(results)


def test_a_pool_that_cannot_be_renewed_says_so() -> None:
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with pool, pytest.raises(WorkersLostError, match=r"the workers are lost \(BrokenProcessPool: "):
        list(gather(pool, die, [1, 3]))


def test_an_error_in_the_work_is_told_after_some_attempts() -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(WorkersLostError) as lost:
        list(gather(executor, fail, [2, 3]))
    assert lost.match("1 pieces of work are left: .*ValueError: 3 is odd")
    assert isinstance(lost.value.__cause__, ValueError)


def test_work_is_given_out_three_times_and_begun_with_another_piece_each_time() -> None:
    begun: list[int] = []

    def refuse(number: int) -> int:
        begun.append(number)
        raise ValueError("never")

    with ThreadPoolExecutor(1) as executor, pytest.raises(WorkersLostError, match=r"^3 pieces"):
        list(gather(executor, refuse, [1, 2, 3]))
    assert sorted(begun) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert len({begun[0], begun[3], begun[6]}) == 3


def test_a_result_lets_the_count_of_attempts_begin_anew() -> None:
    tries: dict[int, int] = {}

    def late(number: int) -> int:
        tries[number] = tries.get(number, 0) + 1
        if tries[number] < 2 * number:
            raise ValueError("not yet")
        return number

    with ThreadPoolExecutor(1) as executor:
        assert sorted(gather(executor, late, [0, 1, 2])) == [(0, 0), (1, 1), (2, 2)]
    assert tries == {0: 1, 1: 2, 2: 4}


def test_what_is_not_wanted_any_more_is_taken_back() -> None:
    with ThreadPoolExecutor(1) as executor:
        futures: list[Future[Any]] = []
        submit = executor.submit

        def watched(*call: Any) -> Future[Any]:
            futures.append(submit(*call))
            return futures[-1]

        executor.submit = watched  # type: ignore[method-assign, assignment]
        results = gather(executor, lambda n: time.sleep(0.05), range(20))
        next(results)
        results.close()
        assert sum(future.cancelled() for future in futures) > 10


@pytest.mark.parametrize("workers", [ThreadPoolExecutor, Workers])
def test_a_sweep_elsewhere_finds_the_same(workers: type[Executor], expected: Tally) -> None:
    with workers(2) as executor:  # type: ignore[call-arg]
        assert sweep(Bench(NARROW), executor=executor) == expected


def test_a_spec_that_workers_cannot_find_is_refused() -> None:
    spec = narrowed(WHOLE.claims[0], **FEW)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(UnknownNameError, match="no spec in a module that workers can import"),
    ):
        sweep(Bench(spec), executor=executor)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two workers of a Dask cluster, each a process of its own."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


def test_a_dask_cluster_loses_a_worker_and_nothing_else(cluster: Any, expected: Tally) -> None:
    executor = scheduler(cluster.scheduler_address)
    victim = next(iter(cluster.workers.values())).pid
    killed = threading.Event()

    def kill(done: int, cases: int) -> None:
        if done and not killed.is_set():
            os.kill(victim, signal.SIGKILL)
            killed.set()

    found = sweep(Bench(NARROW), executor=executor, progress=kill)
    executor.shutdown()
    assert killed.is_set()
    assert found == expected


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://127.0.0.1:9", ""),
        ("x://y", ": unknown address"),
        ("banana", ": missing port number"),
    ],
)
def test_no_scheduler_at_an_address(
    address: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("mhadoc.proof.executors._PATIENCE", 0.5)
    begun = time.monotonic()
    with pytest.raises(MhadocError, match=f"no Dask scheduler answers at '{address}'{why}"):
        scheduler(address)
    gc.collect()  # what was begun, and is given up, has its end to come to
    assert time.monotonic() - begun < 10


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r'pip install "mhadoc\[distributed\]"'):
        scheduler("tcp://127.0.0.1:9")
