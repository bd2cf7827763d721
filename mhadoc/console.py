"""What the command line does around the work: arguments, workers, a bar, the report, the end."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

import click

import mhadoc
from mhadoc.errors import MhadocError, extras
from mhadoc.paths import imported

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mhadoc.proof.report import Report

__all__ = ["bar", "built", "draw", "employed", "end", "read", "show"]


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


def end(message: str, status: int) -> NoReturn:
    """Say why there is no more to come, and end with an exit status."""
    click.echo(message, err=True)
    sys.exit(status)


def read(arguments: tuple[str, ...]) -> tuple[list[object], dict[str, Any]]:
    """Return the constructor's arguments that texts stand for, by position and by name."""
    positional: list[object] = []
    named: dict[str, Any] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        if name.startswith("-") and not name[1:2].isdigit() and name[1:2] != ".":
            raise _no_option(name)
        if not equals:
            positional.append(_value(text))
        elif name in named:
            raise click.UsageError(f"{name} is given twice.")
        else:
            named[name] = _value(value)
    return positional, named


def _no_option(name: str) -> click.UsageError:
    context = click.get_current_context()
    known = [option for parameter in context.command.params for option in parameter.opts]
    return click.NoSuchOption(name, possibilities=get_close_matches(name, known), ctx=context)


def _value(text: str) -> object:
    """Return the Python value, or the dtype of torch, that a text stands for."""
    try:
        value: object = ast.literal_eval(text)
    except (SyntaxError, ValueError) as unread:
        if text.startswith("torch."):
            return _dtype(text)
        raise click.UsageError(
            f"{text} is no Python value, such as 8, 0.1, True, None, \"'relu'\" or torch.float16."
        ) from unread
    return value


def _dtype(text: str) -> object:
    with extras(text):
        import torch

    found = getattr(torch, text.removeprefix("torch."), None)
    if not isinstance(found, torch.dtype):
        raise click.UsageError(f"{text} is no dtype, such as torch.float16.")
    return found


def built(target: str, positional: list[object], named: dict[str, Any]) -> Any:
    """Build the module that a name, a spec of one's own or a class stands for.

    Where its class refuses the arguments this is the end, in one line.
    """
    with extras("building a module"):
        from torch import nn

        from mhadoc.proof.observe import RAISED

    cls = _builder(target, positional, named)
    if not callable(cls) or (inspect.isclass(cls) and not issubclass(cls, nn.Module)):
        raise MhadocError(f"{target} is no class derived from torch.nn.Module")
    try:
        module = cls(*positional, **named)
    except RAISED as raised:
        end(f"Error: {target} cannot be built: {type(raised).__name__}: {raised}", 1)
    if not isinstance(module, nn.Module):
        raise MhadocError(f"{target} returns a {type(module).__name__}, and no torch.nn.Module")
    return module


def _builder(target: str, positional: list[object], named: dict[str, Any]) -> Any:
    """Return what builds a target; for what has a spec this refuses what the class would."""
    from mhadoc.language import ModuleSpec

    found = imported(target) if ":" in target else mhadoc.spec(target)
    if not isinstance(found, ModuleSpec):
        return found
    mhadoc.predict(found, *positional, **named)
    return imported(found.path)
