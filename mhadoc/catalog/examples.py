"""The examples in torch's docstrings, run as a reader would run them."""

from __future__ import annotations

import doctest
import io
import warnings

__all__ = ["outcome"]


def outcome(docstring: str) -> str:
    """Run a docstring's examples with torch and nn imported; return ``no error`` or what is raised.

    They run on the meta device, where sizes cost nothing.
    """
    import torch

    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    test = doctest.DocTestParser().get_doctest(docstring, names, "docstring", None, 0)
    if not test.examples:
        return "no example"
    try:
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")
            doctest.DebugRunner(verbose=False).run(test, out=io.StringIO().write)
    except doctest.DocTestFailure as failure:
        return f"{failure.example.source.strip()} gives {failure.got.strip()}"
    except doctest.UnexpectedException as failure:
        kind, error, _ = failure.exc_info
        return f"{kind.__name__}: {error}"
    return "no error"
