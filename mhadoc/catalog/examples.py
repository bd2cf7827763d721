"""The examples in torch's docstrings, run as a reader would run them."""

from __future__ import annotations

import doctest
import io
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mhadoc.language import said

__all__ = ["outcome"]


def outcome(docstring: str) -> str:
    """Run a docstring's examples with torch and nn imported; return ``no error`` or what is raised.

    They run on the meta device, where sizes cost nothing, from torch 2.0 on.
    """
    import torch

    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    test = doctest.DocTestParser().get_doctest(docstring, names, "docstring", None, 0)
    if not test.examples:
        return "no example"
    try:
        with warnings.catch_warnings(), _sizes_only():
            warnings.simplefilter("ignore")
            doctest.DebugRunner(verbose=False).run(test, out=io.StringIO().write)
    except doctest.DocTestFailure as failure:
        return f"{failure.example.source.strip()} gives {failure.got.strip()}"
    except doctest.UnexpectedException as failure:
        return said(failure.exc_info[1])
    return said(None)


def _sizes_only() -> AbstractContextManager[Any]:
    import torch

    there = hasattr(torch.device, "__enter__")  # torch 2.0 brought it
    return torch.device("meta") if there else nullcontext()
