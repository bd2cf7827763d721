"""Directives: a docstring of torch gone through, statement by statement, and a table of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from mhadoc.catalog.audits import AUDITS
from mhadoc.catalog.audits import audit as audited
from mhadoc.sphinxext.directives import NO_INDEX, NamedDirective
from mhadoc.sphinxext.remarks import counted, overview, reference, remark_list, shaped, times

if TYPE_CHECKING:
    from docutils.nodes import Node

    from mhadoc.language import Audit as Audited

__all__ = ["DIRECTIVES", "Audit", "Audits"]


class Audit(NamedDirective):
    """Go through a docstring of torch, statement by statement: ``:verdict:`` names those to show.

    A quotation that is not in the installed docstring, a sentence without one, and a proof that
    no case bears out are mistakes.
    """

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "verdict": directives.unchanged_required,
        **NO_INDEX,
    }

    def render(self, name: str) -> list[Node]:
        """Return how many statements there are, and each one with its verdict."""
        audit = audited(name)
        self._compare(audit)
        wanted = self.options.get("verdict", "")
        found = remark_list(audit, wanted, self._shaped, self._link, linked=self.linked)
        self.keep("audit", [audit.path])
        block = nodes.container("", counted(audit.count), found, classes=["mhadoc-audited"])
        block["ids"] += [audit.path] if self.linked else []
        return [block]

    def _compare(self, audit: Audited) -> None:
        """Compare quotations with the docstring, and warn of each one that is not there."""
        from mhadoc.proof.documented import docstring, version_file

        self.env.note_dependency(str(version_file()))
        reading = audit.read(docstring(audit.path))
        for text in reading.missing:
            self._warn(audit, f"torch does not say {text!r} any more", "reworded")
        for text in reading.left_out:
            self._warn(audit, f"nothing is said of {text!r}", "left-out")

    def _warn(self, audit: Audited, text: str, subtype: str) -> None:
        self.domain.warn(f"{audit.path}: {text}", self.get_location(), subtype)

    def _shaped(self, text: str) -> str:
        return shaped(text, self.domain.proofs)

    def _link(self, address: str) -> list[Node]:
        """Return a link to what shows a remark, and in how many cases it held."""
        kind, spec, statements = self.domain.proofs.stated(address)
        self.domain.show(spec, statements, self.get_location())
        report = self.domain.proofs.report(spec)
        cases = sum(report.held.get(each, 0) for each in statements) if report else 0
        if report and not cases:
            text = f"{address} is to show a remark, and held in no case"
            self.domain.warn(text, self.get_location(), "unproved")
        return [reference(kind, address, self.env.docname), *times(report, cases)]


class Audits(NamedDirective):
    """Show how many statements of each docstring hold; its argument is ``all``."""

    def render(self, name: str) -> list[Node]:
        """Return the table, in which each docstring leads to its audit."""
        audits = AUDITS if name == "all" else [audited(name)]
        docname = self.env.docname
        return [overview(audits, lambda each: reference("audit", each.path, docname, each.name))]


DIRECTIVES: dict[str, type[Directive]] = {"audit": Audit, "audits": Audits}
