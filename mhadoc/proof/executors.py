"""Other processes and machines: work given out, and given out again where a worker is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event
from threading import Thread
from typing import Any, TypeVar

from mhadoc.errors import MhadocError, WorkersLostError, extras

__all__ = ["Workers", "gather", "go_on", "scheduler"]

#: So many times in a row all workers may be lost without one result.
_ATTEMPTS = 3
#: So many seconds a scheduler has to answer.
_PATIENCE = 10

Item = TypeVar("Item")
Result = TypeVar("Result")


def gather(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """Iterate over items and their results as they come, none lost with a worker.

    Raises WorkersLostError where nothing comes back however often it is given out.
    """
    waiting, fruitless = list(items), 0
    while waiting:
        lost: list[Item] = []
        problem: BaseException | None = None
        for item, future in _finished(executor, function, waiting):
            found = CancelledError() if future.cancelled() else future.exception()
            if found is None:
                yield item, future.result()
            else:
                problem = found
                lost.append(item)
        fruitless = fruitless + 1 if len(lost) == len(waiting) else 0
        if fruitless == _ATTEMPTS:
            raise WorkersLostError(len(lost), _told(problem)) from problem
        waiting = lost[1:] + lost[:1]  # what kills its worker should not always come first


def _finished(
    executor: Executor, function: Callable[[Item], Result], items: list[Item]
) -> Iterator[tuple[Item, Future[Result]]]:
    """Give out items and iterate over what is finished; what is left is taken back at the end."""
    futures: dict[Future[Result], Item] = {}
    try:
        for item in items:
            futures[executor.submit(function, item)] = item
        for future in as_completed(futures):
            yield futures[future], future
    except BrokenExecutor as broken:
        raise WorkersLostError(len(items), _told(broken)) from broken
    finally:
        for future in futures:
            future.cancel()


def _told(problem: BaseException | None) -> str:
    return f"{type(problem).__name__}: {problem}"


class Workers(Executor):
    """Processes on this machine, which are replaced when one of them dies."""

    def __init__(self, number: int) -> None:
        """Start so many processes, each with one thread."""
        self._number, self._context = number, get_context("spawn")
        self._stop = self._context.Event()
        self._pool = self._started()

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._number, mp_context=self._context, initializer=_begin, initargs=(self._stop,)
        )

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        """Give out one call, to new processes where the old ones are gone."""
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except BrokenExecutor:
            self._pool.shutdown(wait=False)
            self._pool = self._started()
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when they are ready; with nobody waiting, work on hand is given up."""
        if not wait:
            self._stop.set()
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


_stops: list[Event] = []


def _begin(stop: Event) -> None:
    """Begin as a worker: Ctrl-C is for the process that started it, whose end is its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stops.append(stop)
    Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def go_on() -> None:
    """Raise CancelledError in a worker whose work is given up; to be called now and then."""
    if any(stop.is_set() for stop in _stops):
        raise CancelledError


def scheduler(address: str) -> Executor:
    """Return an executor that gives work to the Dask cluster at an address.

    Raises MissingExtraError where Dask is not installed, and MhadocError where nobody answers.
    """
    with extras("a Dask cluster"):
        from distributed import Client
        from distributed.comm.addressing import resolve_address
    try:
        resolve_address(address)  # a client that never began would take 20 s to end, and complain
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as silence:
        raise MhadocError(f"no Dask scheduler answers at {address!r}: {silence}") from silence
    executor: Executor = client.get_executor(retries=_ATTEMPTS)
    return executor
