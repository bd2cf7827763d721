"""Small pieces of text as nodes: sentences with code in them, conditions, what the proof found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes

from mhadoc.language import condition_text, counted
from mhadoc.sphinxext.proofs import torch_release
from mhadoc.sphinxext.sources import source as cited

if TYPE_CHECKING:
    import sympy

    from mhadoc.language import ModuleSpec, Shape
    from mhadoc.proof.report import Report

__all__ = [
    "all_sizes",
    "capitalised",
    "code",
    "condition",
    "held",
    "joined",
    "maths",
    "permalink",
    "proof",
    "refuted",
    "sentence",
    "shape_or_none",
    "spelled",
    "verdict",
]


def code(text: str, *classes: str) -> nodes.literal:
    """Return a piece of code in a line of text."""
    return nodes.literal(text, text, classes=list(classes))


def maths(latex: str) -> nodes.math:
    """Return a formula in a line of text."""
    return nodes.math(latex, latex, classes=["mhadoc-maths"])


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


def condition(spec: ModuleSpec, when: sympy.Basic) -> list[nodes.Node]:
    """Return a condition as Python that a caller could ask; ``always`` as a plain word."""
    text = condition_text(when)
    return [nodes.Text(text)] if text in ("always", "never") else [code(spelled(spec, text))]


def spelled(spec: ModuleSpec, text: str) -> str:
    """Return a condition's text with Python in place of symbols that are no arguments."""
    for symbol in spec.symbols:
        if symbol.python and symbol.kind == "flag":
            for value, python in zip(("True", "False"), symbol.python, strict=True):
                text = re.sub(rf"\b{symbol.name}={value}\b", python, text)
        elif symbol.python:
            text = re.sub(rf"\b{symbol.name}\b", symbol.python[0], text)
    return text


def shape_or_none(shape: Shape | None) -> list[nodes.Node]:
    """Return a shape as code and as mathematics; None, as torch returns it, where there is none."""
    if shape is None:
        return [code("None")]
    return [code(shape.text()), nodes.Text(" "), maths(shape.latex())]


def joined(parts: Iterable[list[nodes.Node]], between: str) -> list[nodes.Node]:
    """Return the parts one after the other, with a text between them."""
    found: list[nodes.Node] = []
    for part in parts:
        found += [nodes.Text(between), *part] if found else part
    return found


def permalink(address: str, kind: str, *, here: bool = True) -> nodes.Node:
    """Return the sign that links to a rule or claim for good: here, or where it is stated."""
    if here:
        title = f"Link to this {kind}"
        return nodes.reference(
            "", "¶", internal=True, refid=address, classes=["headerlink"], reftitle=title
        )
    return addnodes.pending_xref(
        "",
        nodes.inline("", "¶", classes=["headerlink"]),
        refdomain="mhadoc",
        reftype=kind,
        reftarget=address,
        refexplicit=True,
        refwarn=True,
    )


def proof(
    report: Report | None,
    statement: str,
    source: str,
    found: str = "",
    badge: Sequence[nodes.Node] = (),
) -> nodes.paragraph:
    """Return the line that says in how many cases a statement held, and where torch says so.

    ``found`` is what else the proof found of it, ``badge`` what it found on other releases.
    """
    line = nodes.paragraph("", "", held(report, statement, found), classes=["mhadoc-proof"])
    line += [*all_sizes(report, statement), *badge]
    if source:
        line += [nodes.Text(" "), cited(source, torch_release(report) if report else "")]
    return line


def held(report: Report | None, statement: str, found: str = "") -> nodes.inline:
    """Return in how many cases a statement held on which torch, or that nothing was checked."""
    cases = report.held.get(statement, 0) if report else 0
    if report is None:
        return nodes.inline("", "not checked in this build", classes=["mhadoc-unchecked"])
    if not cases:
        return nodes.inline("", "stated, not shown by a case", classes=["mhadoc-unchecked"])
    text = f"{found}held in {counted(cases, 'case')} on torch {torch_release(report)}"
    return nodes.inline("", text, classes=["mhadoc-held"])


def all_sizes(report: Report | None, statement: str) -> list[nodes.Node]:
    """Return that a rule was proved for all sizes, where it was; which they are is in a tooltip."""
    found = report.all_sizes.get(statement) if report else None
    if not found:
        return []
    sizes, _, tried = found.partition("; ")
    text = "for all sizes, within limits" if tried else "for all sizes"
    told = f"for all {sizes}" + (f" (with {tried})" if tried else "")
    sign = nodes.abbreviation("", text, explanation=told, classes=["mhadoc-all-sizes"])
    return [nodes.Text(" "), sign]


def verdict(report: Report | None, specs: Iterable[ModuleSpec] = ()) -> str:
    """Return a report on specs in one line: how many statements of each kind it checked."""
    if report is None:
        return "Not checked in this build."
    found = "all hold" if report.ok else f"{len(report.refutations)} refuted"
    demands = sum(len(spec.requirements) + len(spec.call_requirements) for spec in specs)
    return (
        f"{counted(report.rules, 'rule')}, {counted(demands, 'demand')} and "
        f"{counted(report.claims, 'claim')} checked in {counted(report.cases, 'case')} "
        f"on torch {torch_release(report)}: {found}."
    )


def refuted(report: Report | None) -> list[str]:
    """Return the statements that a report refutes."""
    return [refutation.statement for refutation in report.refutations] if report else []
