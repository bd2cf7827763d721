"""What a directive puts on a page: names with anchors, and what stands below each rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docutils import nodes

from mhadoc.sphinxext.badges import badge
from mhadoc.sphinxext.text import capitalised, code, permalink, proof, sentence

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec, Requirement, Rule
    from mhadoc.proof.report import Report
    from mhadoc.proof.standing import Standing

__all__ = ["Fact", "Nodes", "Page"]

Nodes = list[nodes.Node]
Fact = tuple[str, list[nodes.Node]]


@dataclass
class Page:
    """A place for statements: of which spec, with which report, and what stands there so far.

    ``standings`` says on which releases each holds. ``statements`` are the addresses shown and
    ``anchors`` those that can be linked to; where ``linked`` is not set there are none.
    """

    spec: ModuleSpec
    report: Report | None
    linked: bool = True
    standings: Mapping[str, Standing] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)

    def anchor(self, address: str) -> str:
        """Return the anchor of an address, or nothing where this is not the place for it."""
        if not self.linked:
            return ""
        self.anchors.append(address)
        return address

    def place(self, statement: Rule | Requirement) -> tuple[str, nodes.Node]:
        """Return a statement's anchor, and the sign that links to it."""
        address = self.spec.address(statement)
        self.statements.append(address)
        return self.anchor(address), self.link(address)

    def link(self, address: str) -> nodes.Node:
        """Return the sign that links to an address, here or where its place is."""
        return permalink(address, "rule", here=self.linked)

    def name(self, rule: Rule) -> tuple[str, Nodes]:
        """Return a rule's anchor, and its name as code with a permanent link."""
        anchor, link = self.place(rule)
        return anchor, [code(rule.name), link]

    def proof(self, statement: Rule | Requirement) -> nodes.paragraph:
        """Return the line that says where and in how many cases a statement held; its source."""
        address = self.spec.address(statement)
        return proof(self.report, address, statement.source, badge=self.badge(address))

    def badge(self, address: str) -> Nodes:
        """Return the badge of an address: on which releases what it names holds."""
        return badge(self.standings.get(address))

    def details(self, rule: Rule, *facts: Fact, why: str | None = None) -> Nodes:
        """Return what stands below a rule: why, what else is known, and the proof.

        ``why`` takes the place of the rule's own sentence where a cell says part of it.
        """
        text = rule.why if why is None else why
        told = [nodes.paragraph("", "", *sentence(capitalised(text)))] if text else []
        known = [fact for fact in facts if fact[1]]
        return [*told, *([_fact_list(known)] if known else []), self.proof(rule)]


def _fact_list(facts: Iterable[Fact]) -> nodes.field_list:
    fields = nodes.field_list(classes=["mhadoc-facts"])
    for label, content in facts:
        whole = all(isinstance(node, nodes.Body) for node in content)
        body = content if whole else [nodes.paragraph("", "", *content)]
        fields += nodes.field("", nodes.field_name("", label), nodes.field_body("", *body))
    return fields
