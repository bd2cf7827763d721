"""The examples of claims: run as the reader would run them, and compared line by line."""

from __future__ import annotations

import doctest
import io
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from mhadoc.language import Claim, Mismatch, said

__all__ = ["count", "printed", "run"]

FLAGS = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1


def run(claim: Claim) -> Mismatch | None:
    """Run a claim's doctest from a fixed seed; None when every line comes out as written.

    A mismatch tells the first line that does not.
    """
    runner = doctest.DebugRunner(verbose=False, optionflags=FLAGS)
    with _untouched():
        try:
            runner.run(_parsed(claim), out=io.StringIO().write)
        except doctest.DocTestFailure as failure:
            return _mismatch(failure.example, failure.got)
        except doctest.UnexpectedException as failure:
            return _mismatch(failure.example, said(failure.exc_info[1]))
    return None


def count(claim: Claim) -> int:
    """Return how many examples a claim's doctest holds."""
    return len(_parsed(claim).examples)


def _parsed(claim: Claim) -> doctest.DocTest:
    text = textwrap.dedent(claim.doctest)
    return doctest.DocTestParser().get_doctest(text, {}, claim.id, None, 0)


def _mismatch(example: doctest.Example, got: str) -> Mismatch:
    line = example.source.strip()
    expected = (example.exc_msg or example.want).strip() or "no output"
    observed = got.strip() or "no output"
    if example.exc_msg:  # what stands above the last line of a traceback is not compared
        observed = observed.splitlines()[-1]
    return Mismatch(f"{expected}\nfrom: {line}", observed)


@contextmanager
def _untouched() -> Iterator[None]:
    """Leave torch's global state as it was, and hear every warning that is not torch's own."""
    default = torch.get_default_dtype()
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()  # what was compiled before counts towards a limit
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=r"torch(\..*)?$")
        torch.manual_seed(0)
        try:
            yield
        finally:
            torch.set_default_dtype(default)


def printed(text: str) -> str:
    """Return an example that states no output, run from a fixed seed, with what it printed.

    What it raises goes on to the caller.
    """
    test = doctest.DocTestParser().get_doctest(textwrap.dedent(text), {}, "example", None, 0)
    runner = _Printing(verbose=False, optionflags=FLAGS)
    with _untouched():
        runner.run(test, out=io.StringIO().write)
    return "\n".join(runner.lines)


class _Printing(doctest.DocTestRunner):
    """A runner that compares nothing, and keeps each statement with what it printed."""

    def __init__(self, verbose: bool, optionflags: int) -> None:
        super().__init__(verbose=verbose, optionflags=optionflags)
        self.lines: list[str] = []

    def report_success(self, out: Any, test: Any, example: doctest.Example, got: str) -> None:
        first, *more = example.source.splitlines()
        self.lines += [f">>> {first}", *(f"... {line}" for line in more), *got.splitlines()]

    report_failure = report_success

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        raise exc_info[1]
