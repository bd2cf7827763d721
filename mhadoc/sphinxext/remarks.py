"""Remarks on a docstring: what it says, whether that holds, what is so, and what shows it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import pending_xref

from mhadoc.language import HOLDS, INCOMPLETE, WRONG
from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import code, joined, maths, sentence

if TYPE_CHECKING:
    from mhadoc.language import Audit, Remark
    from mhadoc.proof.report import Report
    from mhadoc.sphinxext.proofs import Proofs

__all__ = [
    "counted",
    "overview",
    "quoted",
    "reference",
    "remark_list",
    "shaped",
    "times",
]

VERDICTS = (HOLDS, INCOMPLETE, WRONG)

#: What links an address to where it is stated, with the words that say how often it held.
Link = Callable[[str], list[nodes.Node]]

_MARKUP = re.compile(r"``(.+?)``|:math:`(.+?)`|:[\w:]+:`~?(.+?)`|`([^`<>]+)`")


def counted(count: Counter[str]) -> nodes.paragraph:
    """Return how many statements there are, and how many have each verdict."""
    line = nodes.paragraph("", f"{sum(count.values())} statements: ", classes=["mhadoc-counts"])
    parts: list[list[nodes.Node]] = [
        [nodes.Text(f"{count[verdict]} "), _badge(verdict)] for verdict in VERDICTS
    ]
    line += joined(parts, " ")
    return line


def remark_list(
    audit: Audit, verdict: str, shaped: Callable[[str], str], link: Link, *, linked: bool
) -> nodes.bullet_list:
    """Return the remarks with a verdict, or all, as a list.

    ``shaped`` puts shapes into a sentence, and ``linked`` says whether links lead here.
    """
    found = nodes.bullet_list("", classes=["mhadoc-audit"])
    for remark, address in zip(audit.remarks, _anchors(audit), strict=True):
        if verdict in ("", remark.verdict):
            entry = _entry(remark, shaped, link)
            entry["ids"] += [address] if linked else []
            found += entry
    return found


def _entry(remark: Remark, shaped: Callable[[str], str], link: Link) -> nodes.list_item:
    quote = nodes.inline("", "", *quoted(remark.quotation), classes=["mhadoc-quote"])
    entry = nodes.list_item("", classes=[f"mhadoc-{remark.verdict}"])
    entry += nodes.paragraph("", "", _badge(remark.verdict), nodes.Text(" "), quote)
    if remark.instead:
        entry += nodes.paragraph("", "", *sentence(shaped(remark.instead)))
    shown: list[list[nodes.Node]] = [[nodes.inline("", "", *link(a))] for a in remark.proof]
    proof = joined(shown, " ")
    entry += nodes.paragraph("", "", *proof, classes=["mhadoc-proof"])
    return entry


def _anchors(audit: Audit) -> Iterator[str]:
    """Iterate over an address for each remark, which its first words decide."""
    seen = Counter[str]()
    for remark in audit.remarks:
        words = nodes.make_id(f"audit {audit.name} {remark.quotation[:40]}")
        seen[words] += 1
        yield words if seen[words] == 1 else f"{words}-{seen[words]}"


def quoted(text: str) -> Iterator[nodes.Node]:
    """Return words of a docstring between quotation marks, its markup as code and mathematics."""
    yield nodes.Text("“")
    text = f":math:`{text}`" if text.startswith("\\") else text
    start = 0
    for match in _MARKUP.finditer(text):
        yield nodes.Text(text[start : match.start()])
        literal, formula, role, single = match.groups()
        yield maths(formula) if formula else code(literal or role or single)
        start = match.end()
    yield nodes.Text(f"{text[start:]}”")


def overview(audits: Iterable[Audit], link: Callable[[Audit], nodes.Node]) -> nodes.table:
    """Return a table of docstrings with how many statements have each verdict, and a sum."""
    columns = [Column("Docstring", 46, "name")]
    columns += [Column(verdict, 18, "count") for verdict in VERDICTS]
    rows, total = [], Counter[str]()
    for audit in audits:
        total += audit.count
        rows.append(_row(link(audit), audit.count))
    return table(columns, [*rows, _row(nodes.strong("", "all"), total)], "mhadoc-overview")


def _row(title: nodes.Node, count: Counter[str]) -> Row:
    """Return a row, in which each number holds its column's title for pages without columns."""
    cells: list[list[nodes.Node]] = [[title]]
    for verdict in VERDICTS:
        label = nodes.inline("", f"{verdict} ", classes=["mhadoc-label"])
        cells.append([label, nodes.Text(str(count[verdict]))])
    return Row(cells)


def shaped(text: str, proofs: Proofs) -> str:
    """Return a sentence with a shape in place of each ``{Module.rule}``.

    Raises UnknownNameError for a rule that there is not.
    """

    def shape(match: re.Match[str]) -> str:
        spec, name = proofs.addressed(match[1])
        rule = spec.rule(name)
        return rule.shape.text() if rule.shape is not None else "None"

    return re.sub(r"\{([\w.]+)\}", shape, text)


def times(report: Report | None, cases: int) -> list[nodes.Node]:
    """Return in how many cases held what shows a remark, in few words."""
    if report is None:
        return [nodes.Text(" not checked in this build")]
    return [nodes.Text(f" {cases} {'case' if cases == 1 else 'cases'}")]


def _badge(verdict: str) -> nodes.inline:
    return nodes.inline("", verdict, classes=["mhadoc-verdict", f"mhadoc-{verdict}"])


def reference(kind: str, address: str, docname: str, title: str = "") -> pending_xref:
    """Return a link to a rule, claim or audit that the domain resolves once all pages are read."""
    return pending_xref(
        "",
        code(title or address),
        refdomain="mhadoc",
        reftype=kind,
        reftarget=address,
        refdoc=docname,
        refexplicit=True,
        refwarn=True,
    )
