"""What the command line does around the work: workers, a bar on a terminal, the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mhadoc.proof.report import Report

__all__ = ["bar", "draw", "employed", "show"]


@contextmanager
def employed(workers: int | None, scheduler: str | None) -> Iterator[Executor | None]:
    """Open the executor that is asked for, if any; at the end nothing more is begun."""
    if workers is None and scheduler is None:
        yield None
        return
    from mhadoc.proof import executors

    executor: Executor
    executor = executors.scheduler(scheduler) if scheduler else executors.Workers(workers or 1)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def bar() -> Iterator[Callable[[int, int], None]]:
    """Return what shows how many cases of how many are done: a bar, where someone looks on."""
    if not sys.stderr.isatty():
        yield lambda done, cases: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("cases", total=None)
        yield lambda done, cases: progress.update(task, completed=done, total=cases)


def show(report: Report, form: str | None) -> None:
    """Print a report in a format, or as suits where it is read."""
    if form is None and sys.stdout.isatty():
        from rich import print as rich_print

        rich_print(report)
        return
    from mhadoc.proof.formats import FORMATS

    print(FORMATS[form or "text"](report))


def draw(answer: object) -> None:
    """Print an answer as text, and as tables on a terminal."""
    if sys.stdout.isatty():
        from rich import print as rich_print

        rich_print(answer)
        return
    print(answer)
