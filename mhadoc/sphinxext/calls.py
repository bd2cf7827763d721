"""The call as tables: forward's arguments, what it returns, and what it demands."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from docutils import nodes

from mhadoc.language import Input, Output, Requirement, Rule
from mhadoc.sphinxext.page import Nodes, Page
from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import (
    all_sizes,
    capitalised,
    code,
    condition,
    held,
    sentence,
    shape_or_none,
)

__all__ = ["demands", "fast_path", "inputs", "outputs"]

_FORMS = (
    Column("Shape", 28, "shape"),
    Column("When", 40, "when"),
    Column("Checked", 32, "checked"),
)


def inputs(page: Page) -> Nodes:
    """Return the table of forward's arguments, one row for each form of a tensor."""
    return [table(_FORMS, _groups(page, page.spec.inputs, _taken), "mhadoc-forms")]


def outputs(page: Page) -> Nodes:
    """Return the table of what forward returns, one row for each form."""
    several = any(rule.position for rule in page.spec.outputs)
    about = _element if several else lambda _: "Tensor"
    return [table(_FORMS, _groups(page, page.spec.outputs, about), "mhadoc-forms")]


def _taken(rule: Rule) -> str:
    if not isinstance(rule, Input):
        return ""
    return f"{rule.type}, " + ("required" if rule.required else f"{rule.default!r} by default")


def _element(rule: Rule) -> str:
    return f"element {rule.position} of a tuple" if isinstance(rule, Output) else ""


def _groups(page: Page, rules: Sequence[Rule], about: Callable[[Rule], str]) -> list[Row]:
    """Return, for each name, a row that says what it is, and a row for each of its forms."""
    rows: list[Row] = []
    for _, found in itertools.groupby(rules, key=lambda rule: rule.name):
        group = list(found)
        rows.append(_head(page, group, about(group[0])))
        if group[0].label:
            rows += [_form(page, rule, alone=_agree(group)) for rule in group]
    return rows


def _head(page: Page, group: Sequence[Rule], about: str) -> Row:
    """Return the row of a name; what all of its forms have in common is said there."""
    first = group[0]
    if first.label:
        address = f"{page.spec.name}.{first.name}"
        anchor, link = page.anchor(address), page.link(address)
    else:
        anchor, link = page.place(first)
    name = [code(first.name), link, nodes.Text(" "), nodes.inline("", about)]
    said: Nodes = [nodes.paragraph("", "", *name, classes=["mhadoc-name"])]
    if _agree(group):
        said.append(nodes.paragraph("", "", *sentence(capitalised(first.why))))
    if not first.label:
        said.append(page.proof(first))
    return Row(anchor=anchor, details=said)


def _agree(group: Sequence[Rule]) -> bool:
    return len({rule.why for rule in group}) == 1


def _form(page: Page, rule: Rule, *, alone: bool) -> Row:
    anchor, link = page.place(rule)
    address = page.spec.address(rule)
    checked = [held(page.report, address), *all_sizes(page.report, address), *page.badge(address)]
    cells = [[*shape_or_none(rule.shape), link], condition(page.spec, rule.when), checked]
    why = nodes.paragraph("", "", *sentence(capitalised(rule.why)))
    return Row(cells, anchor, [] if alone else [why])


def demands(page: Page) -> Nodes:
    """Return the table of what a call has to meet, and what torch raises otherwise."""
    columns = (Column("A call has to meet", 40, "demand"), Column("or torch raises", 60, "error"))
    rows = [_demand(page, demand) for demand in page.spec.call_requirements]
    return [table(columns, rows)]


def _demand(page: Page, demand: Requirement) -> Row:
    anchor, link = page.place(demand)
    error = code(f"{demand.error}: {demand.message}")
    cells: list[Nodes] = [[*sentence(demand.demand), link], [error]]
    return Row(cells, anchor, [page.proof(demand)])


def fast_path(page: Page) -> Nodes:
    """Return the table of what has to hold for torch's fused kernel to be called."""
    columns = (Column("It needs that", 50, "demand"), Column("otherwise torch says", 50, "error"))
    return [table(columns, [_reason(page, demand) for demand in page.spec.fast_path])]


def _reason(page: Page, demand: Requirement) -> Row:
    anchor, link = page.place(demand)
    reason = code(demand.message) if demand.message else nodes.Text("nothing")
    return Row([[*sentence(demand.demand), link], [reason]], anchor)
