"""The catalogue of error texts on a page: each as torch gave it, with causes and mends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import capitalised, code, sentence

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec
    from mhadoc.proof.refusals import Entry, Refusal

__all__ = ["error_sections", "rarity"]

#: What is raised where something is no tensor or number at all.
_WRONG_KIND = {"AttributeError", "IndexError", "NotImplementedError", "TypeError"}
#: The words of a text, or of a demand, that is about shapes.
_SHAPES = re.compile(r"\b(shape|size|features|length|batch|axes|divide|divisible)\b")

_COLUMNS = (
    Column("The broken rule", 55, "demand"),
    Column("The way out", 45, "hint"),
)


def error_sections(specs: Sequence[ModuleSpec], *, building: bool) -> list[nodes.section]:
    """Return a section for each text that is raised: its title is the text, to be found by it.

    What people meet most comes first: shapes that do not fit the first of the specs.
    """
    from mhadoc.proof.refusals import entries

    found = entries(specs, building=building)
    found.sort(key=lambda entry: rarity(entry, specs[0].name))
    return [_section(entry) for entry in found]


def rarity(entry: Entry, likely: str) -> tuple[bool, bool, bool, int]:
    """Return how unlikely it is that a reader has a text, less for a module that is ``likely``.

    What more mistakes lead to is met more often.
    """
    kind, _, text = entry.text.partition(": ")
    demands = [cause.demand for cause in entry.causes if cause.module == likely]
    return (
        not demands,
        kind in _WRONG_KIND,
        not _SHAPES.search(" ".join((text, *demands))),
        -len(entry.causes),
    )


def _section(entry: Entry) -> nodes.section:
    kind, _, text = entry.text.partition(": ")
    said: list[nodes.Node] = [nodes.Text("Raised as "), code(kind)]
    if call := entry.causes[0].call:
        said += [nodes.Text(" by "), code(call)]
    rows = [
        Row([[*sentence(demand), *_modules(causes)], sentence(capitalised(hint))])
        for (demand, hint), causes in _alike(entry.causes)
    ]
    anchors = list(dict.fromkeys(f"error-{cause.address}" for cause in entry.causes))
    title = nodes.title("", "", code(" ".join(text.split())))
    line = nodes.paragraph("", "", *said, nodes.Text("."))
    body = (title, line, table(_COLUMNS, rows, "mhadoc-errors"))
    return nodes.section("", *body, ids=anchors, classes=["mhadoc-error"])


def _alike(causes: Sequence[Refusal]) -> Iterator[tuple[tuple[str, str], list[Refusal]]]:
    """Iterate over what is demanded and the way out, with the causes that agree in both."""
    found: dict[tuple[str, str], list[Refusal]] = {}
    for cause in causes:
        found.setdefault((cause.demand, cause.hint), []).append(cause)
    yield from found.items()


def _modules(causes: Sequence[Refusal]) -> Iterator[nodes.Node]:
    """Iterate over the names of the classes that refuse."""
    for place, name in enumerate(dict.fromkeys(cause.module for cause in causes)):
        yield nodes.Text(", " if place else ": ")
        yield code(name)
