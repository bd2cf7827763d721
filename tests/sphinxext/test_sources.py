"""A source of torch is a link to the line at which it begins."""

from __future__ import annotations

import inspect
from pkgutil import resolve_name

import pytest
from docutils import nodes

import mhadoc
from mhadoc.sphinxext.sources import source

SOURCES = sorted({each.source for name in mhadoc.specs() for each in mhadoc.spec(name).statements})
IN_PYTHON = [text for text in SOURCES if text.startswith("torch/")]


def test_each_source_of_the_catalog_leads_to_a_line() -> None:
    links = [source(text, "2.13.0") for text in IN_PYTHON]
    assert [link.astext() for link in links if not isinstance(link, nodes.reference)] == []
    assert len(IN_PYTHON) > 30


@pytest.mark.parametrize("text", [text for text in IN_PYTHON if "scaled_dot" not in text])
def test_the_line_is_the_one_that_python_knows(text: str) -> None:
    file, _, name = text.partition(": ")
    found = resolve_name(f"{file.removesuffix('.py').replace('/', '.')}:{name}")
    lines, start = inspect.getsourcelines(found)
    begun = next(n for n, line in enumerate(lines) if line.split()[0] in ("def", "class"))
    link = source(text, "2.13.0")
    assert isinstance(link, nodes.reference)
    assert link["refuri"] == (
        f"https://github.com/pytorch/pytorch/blob/v2.13.0/{file}#L{start + begun}"
    )


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("torch: layer_norm", "2.13.0"),
        ("torch/nn/functional.py: no_such_function", "2.13.0"),
        ("torch/no/such.py: linear", "2.13.0"),
        ("grouped_query.py: GroupedQuery.forward", "2.13.0"),
        ("torch/nn/functional.py: linear", ""),
    ],
)
def test_what_has_no_line_stays_text(text: str, release: str) -> None:
    found = source(text, release)
    assert (type(found), found.astext()) == (nodes.inline, text)
