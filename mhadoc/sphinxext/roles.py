"""Roles: a shape printed from its rule, links to rules and claims, and the proof in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import ReferenceRole, SphinxRole

from mhadoc.errors import MhadocError, ShapeError, UnknownNameError
from mhadoc.language import Output
from mhadoc.language.compiled import free_names, truth
from mhadoc.proof.standing import standings
from mhadoc.sphinxext.badges import aside
from mhadoc.sphinxext.domain import MhadocDomain, domain_of
from mhadoc.sphinxext.proofs import named, torch_release
from mhadoc.sphinxext.text import code, condition, joined, refuted, verdict

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from docutils.nodes import Node, TextElement, system_message
    from sphinx.util.typing import RoleFunction

    from mhadoc.language import ModuleSpec, Rule
    from mhadoc.proof.report import Report

__all__ = ["ROLES", "ClaimRole", "ReportRole", "RuleRole", "ShapeRole", "sizes_given"]

#: How many forms of a shape are told apart within a sentence.
_FEW = 2
_FLAGS = {"True": 1, "False": 0}

Result = tuple[list["Node"], list["system_message"]]


class ShapeRole(SphinxRole):
    """Print the shape of a rule in symbols, or in numbers: ``Module.weight; embed_dim=512``."""

    def run(self) -> Result:
        """Return the shape as code that links to its rule."""
        domain = domain_of(self.env)
        address, _, given = self.text.partition(";")
        try:
            spec, name = domain.proofs.addressed(address.strip())
            rules = _with_shape(spec.named(name), address)
            sizes = sizes_given(spec, given)
            chosen = [rule for rule in rules if _possible(rule, sizes)]
            if not chosen:
                raise ShapeError(f"{address.strip()} does not exist with {given.strip()}")
            shown = self._shown(spec, chosen, sizes)
        except MhadocError as error:
            domain.warn(f"{self.name} `{self.text}`: {error}", self.get_location(), "unknown")
            return [code(self.text)], []
        domain.show(spec, map(spec.address, chosen), self.get_location())
        return shown, []

    def _shown(self, spec: ModuleSpec, chosen: list[Rule], sizes: Mapping[str, int]) -> list[Node]:
        """Return every form with what tells it apart; of many the first, and where the others are.

        The first form of a rule is the plain one: batched, and with the defaults of its module.
        """
        first = self._form(spec, chosen[0], sizes)
        if len(chosen) == 1:
            return first
        if len(chosen) > _FEW:
            others = nodes.inline("", f"{len(chosen) - 1} other forms")
            link = _link(self, "shape", f"{spec.name}.{chosen[0].name}", others)
            return [*first, nodes.Text(" ("), link, nodes.Text(")")]
        shared = set.intersection(*(set(sympy.And.make_args(rule.when)) for rule in chosen))
        forms = [
            [*self._form(spec, rule, sizes), nodes.Text(" when "), *_when(spec, rule, shared)]
            for rule in chosen
        ]
        return joined(forms, ", or ")

    def _form(self, spec: ModuleSpec, rule: Rule, sizes: Mapping[str, int]) -> list[Node]:
        """Return one form of a shape, and on which other releases it is not so."""
        text = "None"
        if rule.shape is not None:
            text = str(rule.shape.evaluate(sizes)) if sizes else rule.shape.text()
        address = spec.address(rule)
        form: list[Node] = [_link(self, "shape", address, code(text, "mhadoc-shape"))]
        return [*form, *aside(standings(spec).get(address))]


def _when(spec: ModuleSpec, rule: Rule, shared: Container[sympy.Basic]) -> list[Node]:
    """Return a form's condition, without the parts that it shares with the other forms."""
    parts = [part for part in sympy.And.make_args(rule.when) if part not in shared]
    return condition(spec, sympy.And(*parts))


class RuleRole(ReferenceRole):
    """Link to a rule: ``Module.weight``, or ``text <Module.weight>``."""

    def run(self) -> Result:
        """Return a link that reads as the rule's name."""
        domain = domain_of(self.env)
        try:
            spec, name = domain.proofs.addressed(self.target)
            statements = named(spec, name)
        except MhadocError as error:
            domain.warn(f"{self.name} `{self.text}`: {error}", self.get_location(), "unknown")
            return [code(self.title)], []
        domain.show(spec, statements, self.get_location())
        inner = nodes.inline("", self.title) if self.has_explicit_title else code(name)
        link = _link(self, "rule", self.target, inner)
        return [link, *aside(standings(spec).get(self.target))], []


class ClaimRole(ReferenceRole):
    """Link to a claim: ``mha.kdim.default``, or ``text <mha.kdim.default>``."""

    def run(self) -> Result:
        """Return a link that reads as the claim's id or the text given."""
        domain = domain_of(self.env)
        try:
            spec, claim = domain.proofs.claim(self.target)
        except MhadocError as error:
            domain.warn(f"{self.name} `{self.text}`: {error}", self.get_location(), "unknown")
            return [code(self.title)], []
        domain.show(spec, [claim.id], self.get_location())
        inner = nodes.inline("", self.title) if self.has_explicit_title else code(claim.id)
        return [_link(self, "claim", claim.id, inner), *aside(standings(spec).get(claim.id))], []


class ReportRole(SphinxRole):
    """Print what the proof of a spec found: ``Module``, or one number of it: ``Module; cases``.

    ``all`` stands for every spec.
    """

    def run(self) -> Result:
        """Return the line, or the number."""
        domain = domain_of(self.env)
        name, _, part = (piece.strip() for piece in self.text.partition(";"))
        try:
            specs = domain.proofs.named(name)
            report = domain.proofs.total(specs)
            text = _part(report, part, specs)
        except MhadocError as error:
            domain.warn(f"{self.name} `{self.text}`: {error}", self.get_location(), "unknown")
            return [code(self.text)], []
        for spec in specs:
            domain.show(spec, refuted(domain.proofs.report(spec)), self.get_location())
        return [nodes.inline(text, text, classes=["mhadoc-report"])], []


def _link(role: SphinxRole, kind: str, target: str, inner: TextElement) -> Node:
    """Return a reference that the domain resolves once every page is read."""
    link = addnodes.pending_xref(
        role.rawtext,
        inner,
        refdomain=MhadocDomain.name,
        reftype=kind,
        reftarget=target,
        refdoc=role.env.docname,
        refexplicit=True,
        refwarn=kind != "shape",
    )
    role.set_source_info(link)
    return link


def _with_shape(rules: tuple[Rule, ...], address: str) -> list[Rule]:
    """Return the rules that state a shape, or that torch returns None in its place."""
    found = [rule for rule in rules if rule.shape is not None or isinstance(rule, Output)]
    if not found:
        raise ShapeError(f"{address.strip()} has no shape")
    return found


def sizes_given(spec: ModuleSpec, given: str) -> dict[str, int]:
    """Return the numbers that a text such as ``embed_dim=512, bias=True`` gives."""
    sizes: dict[str, int] = {}
    for part in filter(None, map(str.strip, given.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in (known := [symbol.name for symbol in spec.symbols]):
            raise UnknownNameError("symbol", name, known)
        if not value.isdecimal() and value not in _FLAGS:
            raise ShapeError(f"{name} is given as {value!r}: write a whole number, True or False")
        sizes[name] = _FLAGS[value] if value in _FLAGS else int(value)
    return sizes


def _possible(rule: Rule, sizes: Mapping[str, int]) -> bool:
    """Tell whether what is given leaves a rule's condition open, or meets it."""
    parts = sympy.And.make_args(rule.when)
    known = [part for part in parts if sizes.keys() >= set(free_names(part))]
    return all(truth(part, sizes) for part in known)


def _part(report: Report | None, part: str, specs: Iterable[ModuleSpec]) -> str:
    """Return one number of a report, or all of it as a line."""
    if report is None or not part:
        return verdict(report, specs)
    numbers = {
        "rules": report.rules,
        "claims": report.claims,
        "cases": report.cases,
        "torch": torch_release(report),
    }
    if part not in numbers:
        raise UnknownNameError("part of a report", part, numbers)
    return str(numbers[part])


ROLES: dict[str, RoleFunction] = {
    "shape": ShapeRole(),
    "rule": RuleRole(),
    "claim": ClaimRole(),
    "report": ReportRole(),
}
