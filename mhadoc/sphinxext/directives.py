"""Directives: a spec as tables, its symbols, claims with their examples, and the proof's line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.addnodes import pending_xref
from sphinx.util.docutils import SphinxDirective

from mhadoc.errors import MhadocError, UnknownNameError
from mhadoc.proof.standing import standings
from mhadoc.sphinxext.changes import change_table
from mhadoc.sphinxext.claims import claim_card
from mhadoc.sphinxext.domain import MhadocDomain, domain_of
from mhadoc.sphinxext.doubts import doubt_section
from mhadoc.sphinxext.errors import error_sections
from mhadoc.sphinxext.matrices import HIDDEN, grid, matrices
from mhadoc.sphinxext.outcomes import outcome_table
from mhadoc.sphinxext.page import Page
from mhadoc.sphinxext.parts import PARTS, symbol_table
from mhadoc.sphinxext.picture import picture
from mhadoc.sphinxext.roles import sizes_given
from mhadoc.sphinxext.text import refuted, verdict
from mhadoc.sphinxext.twins import twin_table
from mhadoc.sphinxext.way import used, way

if TYPE_CHECKING:
    from docutils.nodes import Node

    from mhadoc.language import Claim, ModuleSpec

__all__ = [
    "DIRECTIVES",
    "NO_INDEX",
    "Changes",
    "Claims",
    "Doubts",
    "Errors",
    "NamedDirective",
    "OneClaim",
    "Outcomes",
    "Picture",
    "ProofLine",
    "Spec",
    "Symbols",
    "Twins",
    "Way",
]


NO_INDEX: dict[str, Callable[[str], object]] = {"no-index": directives.flag}


class NamedDirective(SphinxDirective):
    """A directive whose one argument is a name, and whose mistakes are told with page and line."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[Node]:
        """Return what the name stands for; a mistake becomes a warning."""
        try:
            return self.render(self.arguments[0])
        except MhadocError as error:
            self.domain.warn(f"{self.name}: {error}", self.get_location(), "unknown")
            return []

    def render(self, name: str) -> list[Node]:
        """Return the nodes for a name."""
        raise NotImplementedError

    def placed(self, found: list[Node]) -> list[Node]:
        """Return a picture whose links know the page on which they are."""
        for node in found:
            self.set_source_info(node)
            for link in node.findall(pending_xref):
                link["refdoc"] = self.env.docname
                self.set_source_info(link)
        return found

    @property
    def domain(self) -> MhadocDomain:
        """Return the domain that knows the specs and the proof."""
        return domain_of(self.env)

    @property
    def linked(self) -> bool:
        """Tell whether this is the place that links lead to."""
        return "no-index" not in self.options

    def keep(self, kind: str, names: Iterable[str]) -> None:
        """Keep that objects stand here, unless they stand elsewhere."""
        for name in names if self.linked else ():
            self.domain.add_object(kind, name, self.get_location())


class Spec(NamedDirective):
    """Show the rules of a spec as tables: ``:part:`` names the ones to show."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "part": directives.unchanged_required,
        **NO_INDEX,
    }

    def render(self, name: str) -> list[Node]:
        """Return the tables of a spec, one for each part."""
        spec = self.domain.proofs.spec(name)
        page = Page(spec, self.domain.proofs.report(spec), self.linked, standings(spec))
        found = [node for part in self._parts() for node in PARTS[part](page)]
        self.domain.show(spec, page.statements, self.get_location())
        self.keep("rule", page.anchors)
        return found

    def _parts(self) -> list[str]:
        asked = [part.strip() for part in self.options.get("part", "").split(",") if part.strip()]
        for part in asked:
            if part not in PARTS:
                raise UnknownNameError("part of a spec", part, PARTS)
        return asked or list(PARTS)


class Symbols(NamedDirective):
    """Show the symbols of a spec as a table."""

    def render(self, name: str) -> list[Node]:
        """Return the table."""
        spec = self.domain.proofs.spec(name)
        self.domain.show(spec, (), self.get_location())
        return symbol_table(spec)


class Picture(NamedDirective):
    """Draw a module as boxes, with the parameters of each; what is drawn leads to its rule."""

    def render(self, name: str) -> list[Node]:
        """Return the picture."""
        spec = self.domain.proofs.spec(name)
        self.domain.show(spec, map(spec.address, spec.parameters), self.get_location())
        return self.placed(picture(spec))


class Matrices(NamedDirective):
    """Draw the parameters that ``:rules:`` names as matrices, in numbers with ``:sizes:``."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "rules": directives.unchanged_required,
        "sizes": directives.unchanged_required,
    }

    def render(self, name: str) -> list[Node]:
        """Return the pictures side by side."""
        spec = self.domain.proofs.spec(name)
        names = (each.strip() for each in self.options["rules"].split(","))
        rules = [rule for each in names for rule in spec.named(each)]
        self.domain.show(spec, map(spec.address, rules), self.get_location())
        return self.placed(matrices(spec, rules, sizes_given(spec, self.options.get("sizes", ""))))


class Mask(NamedDirective):
    """Draw a boolean mask as a grid: ``:hidden:`` says what hides, ``:sides:`` names its axes."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "hidden": lambda text: directives.choice(text, tuple(HIDDEN)),
        "sides": directives.unchanged_required,
    }

    def render(self, name: str) -> list[Node]:
        """Return the picture."""
        spec, rest = self.domain.proofs.addressed(name)
        (rule,) = spec.named(rest)
        rows, _, columns = self.options["sides"].partition(",")
        self.domain.show(spec, [spec.address(rule)], self.get_location())
        sides = (rows.strip(), columns.strip())
        return self.placed(grid(spec, rule, self.options["hidden"], sides))


class Way(NamedDirective):
    """Draw the shapes on the way through a call, in numbers: ``:sizes:`` sets those that differ."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "sizes": directives.unchanged_required
    }

    def render(self, name: str) -> list[Node]:
        """Return the picture."""
        spec = self.domain.proofs.spec(name)
        self.domain.show(spec, map(spec.address, used(spec)), self.get_location())
        return self.placed(way(spec, sizes_given(spec, self.options.get("sizes", ""))))


class OneClaim(NamedDirective):
    """State one claim: its sentence, its example and what the proof says."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = NO_INDEX

    def render(self, name: str) -> list[Node]:
        """Return the claim as a block."""
        return [self.card(*self.domain.proofs.claim(name))]

    def card(self, spec: ModuleSpec, claim: Claim) -> Node:
        """Return a claim as a block, and keep that it stands here."""
        self.domain.show(spec, [claim.id], self.get_location())
        self.keep("claim", [claim.id])
        standing = standings(spec).get(claim.id)
        return claim_card(claim, self.domain.proofs.report(spec), standing, linked=self.linked)


class Claims(OneClaim):
    """State every claim whose id begins with a name: ``mha.mask``."""

    def render(self, name: str) -> list[Node]:
        """Return the claims, in the order of the spec."""
        known = self.domain.proofs.claims()
        found = [known[id] for id in known if id == name or id.startswith(f"{name}.")]
        if not found:
            raise UnknownNameError("claim or group of claims", name, _groups(known))
        return [self.card(*each) for each in found]


class ProofLine(NamedDirective):
    """Say in one line what the proof of a spec found, or of ``all``."""

    def render(self, name: str) -> list[Node]:
        """Return the line as a paragraph."""
        specs = self.domain.proofs.named(name)
        for spec in specs:
            found = refuted(self.domain.proofs.report(spec))
            self.domain.show(spec, found, self.get_location())
        line = verdict(self.domain.proofs.total(specs), specs)
        return [nodes.paragraph("", line, classes=["mhadoc-report"])]


class Errors(NamedDirective):
    """List the texts that constructors raise, or with ``:when: call`` calls, and their causes."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "when": lambda value: directives.choice(value, ("building", "call")),
    }

    def render(self, name: str) -> list[Node]:
        """Return a section for each text; the names of the specs are set apart by commas."""
        specs = [self.domain.proofs.spec(each.strip()) for each in name.split(",")]
        for spec in specs:
            self.domain.show(spec, (), self.get_location())
        building = self.options.get("when", "building") == "building"
        return [*error_sections(specs, building=building)]


class Doubts(NamedDirective):
    """List the warnings of a call, each with an example that is run while the page is read.

    ``:about:`` names what the ids of those to list begin with.
    """

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "about": directives.unchanged_required,
    }

    def render(self, name: str) -> list[Node]:
        """Return a section for each doubt; the names of the specs are set apart by commas."""
        specs = [self.domain.proofs.spec(each.strip()) for each in name.split(",")]
        for spec in specs:
            self.domain.show(spec, (), self.get_location())
        about = tuple(part.strip() for part in self.options.get("about", "").split(","))
        doubts = {doubt.id: doubt for spec in specs for doubt in spec.doubts}
        asked = (doubt for id, doubt in doubts.items() if id.startswith(about))
        return self.placed([doubt_section(doubt) for doubt in asked])


class Outcomes(NamedDirective):
    """Show a table of outcomes, each cell observed while the page is read."""

    def render(self, name: str) -> list[Node]:
        """Return the question and the table."""
        spec = self.domain.proofs.spec_of_table(name)
        self.domain.show(spec, (), self.get_location())
        return outcome_table(spec, spec.table(name))


class Changes(NamedDirective):
    """Show which parameters and which shapes depend on each argument of a module."""

    def render(self, name: str) -> list[Node]:
        """Return the table."""
        spec = self.domain.proofs.spec(name)
        rules = (*spec.arguments, *spec.parameters, *spec.inputs, *spec.outputs)
        self.domain.show(spec, map(spec.address, rules), self.get_location())
        found = change_table(spec)
        for link in (link for node in found for link in node.findall(pending_xref)):
            link["refdoc"] = self.env.docname
            self.set_source_info(link)
        return found


class Twins(NamedDirective):
    """Show how many false twins the statements of a spec have; one that survives is a mistake."""

    def render(self, name: str) -> list[Node]:
        """Return the table."""
        spec = self.domain.proofs.spec(name)
        counts = self.domain.proofs.twins(spec)
        self.domain.show(spec, (), self.get_location())
        for statement, (twins, found) in counts.items():
            if twins != found:
                words = f"{statement}: {twins - found} of {twins} false twins not refuted"
                self.domain.warn(words, self.get_location(), "survivor")
        return twin_table(spec, counts)


def _groups(names: Iterable[str]) -> list[str]:
    """Return every name that some id begins with, and the ids."""
    groups = {name.rpartition(".")[0] for name in names}
    return sorted(groups | set(names))


DIRECTIVES: dict[str, type[Directive]] = {
    "spec": Spec,
    "symbols": Symbols,
    "picture": Picture,
    "matrices": Matrices,
    "mask": Mask,
    "way": Way,
    "claim": OneClaim,
    "claims": Claims,
    "report": ProofLine,
    "doubts": Doubts,
    "errors": Errors,
    "outcomes": Outcomes,
    "changes": Changes,
    "twins": Twins,
}
