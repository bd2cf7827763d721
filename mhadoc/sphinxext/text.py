"""Small pieces of text as nodes: sentences with code in them, shapes, conditions, proof lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.language import condition_text
from mhadoc.sphinxext.proofs import torch_release

if TYPE_CHECKING:
    import sympy

    from mhadoc.language import ModuleSpec, Shape
    from mhadoc.proof.report import Report

__all__ = [
    "capitalised",
    "code",
    "condition",
    "held",
    "joined",
    "maths",
    "permalink",
    "refuted",
    "sentence",
    "verdict",
]


def code(text: str, *classes: str) -> nodes.literal:
    """Return a piece of code in a line of text."""
    return nodes.literal(text, text, classes=list(classes))


def sentence(text: str) -> list[nodes.Node]:
    """Return a sentence in which single backticks mark code."""
    pieces = re.split(r"`([^`]+)`", text)
    return [
        code(piece) if place % 2 else nodes.Text(piece)
        for place, piece in enumerate(pieces)
        if piece
    ]


def capitalised(text: str) -> str:
    """Return a sentence with a capital first letter, unless it starts with a symbol or code."""
    return text[0].upper() + text[1:] if re.match("[a-z]{2}|a ", text) else text


def maths(shape: Shape) -> nodes.math:
    """Return a shape as mathematics in torch's letters."""
    return nodes.math(shape.latex(), shape.latex(), classes=["mhadoc-maths"])


def condition(spec: ModuleSpec, when: sympy.Basic) -> list[nodes.Node]:
    """Return a condition as code; ``always`` as a plain word."""
    text = condition_text(when)
    return [nodes.Text(text)] if text in ("always", "never") else [code(text)]


def joined(parts: Iterable[list[nodes.Node]], between: str) -> list[nodes.Node]:
    """Return the parts one after the other, with a text between them."""
    found: list[nodes.Node] = []
    for part in parts:
        found += [nodes.Text(between), *part] if found else part
    return found


def permalink(anchor: str, what: str) -> nodes.reference:
    """Return the sign that links to a place on the same page for good."""
    return nodes.reference(
        "",
        "¶",
        internal=True,
        refid=anchor,
        classes=["headerlink"],
        reftitle=f"Link to this {what}",
    )


def held(report: Report | None, statement: str) -> str:
    """Return in how many cases a statement held on which torch, or that nothing was checked."""
    if report is None:
        return "not checked in this build"
    cases = report.held.get(statement, 0)
    if not cases:
        return "stated, not checked by a case"
    return f"held in {cases} case{'s' * (cases > 1)} on torch {torch_release(report)}"


def verdict(report: Report | None) -> str:
    """Return a report in one line."""
    if report is None:
        return "Not checked in this build."
    found = "all hold" if report.ok else f"{len(report.refutations)} refuted"
    return (
        f"{report.rules} rules and {report.claims} claims checked in {report.cases} cases "
        f"on torch {torch_release(report)}: {found}."
    )


def refuted(report: Report | None) -> list[str]:
    """Return the statements that a report refutes."""
    return [refutation.statement for refutation in report.refutations] if report else []
