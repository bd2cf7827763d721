"""The domain: where each rule and claim stands in the site, and what the proof says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, Any, ClassVar, cast

from docutils import nodes
from sphinx.domains import Domain, ObjType
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from mhadoc.catalog.ledgers import FOLDER
from mhadoc.proof.standing import disagreements
from mhadoc.sphinxext.proofs import Proofs

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

    from mhadoc.language import ModuleSpec
    from mhadoc.proof.report import Refutation

__all__ = ["MhadocDomain", "domain_of", "fail_where_refuted", "outdated"]

logger = logging.getLogger(__name__)

#: The kind of an object and its name.
Named = tuple[str, str]


class MhadocDomain(Domain):
    """Rules, claims and audits as objects that pages link to, by the ids they have everywhere.

    ``data`` holds, for each page, the objects that stand on it and where, the statements that it
    shows or mentions, the specs that it takes them from, and whether something is wrong with it.
    """

    name = "mhadoc"
    label = "mhadoc"
    object_types: ClassVar[dict[str, ObjType]] = {
        "rule": ObjType("rule", "rule", "shape"),
        "claim": ObjType("claim", "claim"),
        "audit": ObjType("audit", "audit"),
    }
    dangling_warnings: ClassVar[dict[str, str]] = {
        "rule": "no page states the rule %(target)s: show it with the directive spec",
        "claim": "no page states the claim %(target)s: show it with the directive claim",
        "audit": "no page audits %(target)s: show it with the directive audit",
    }
    initial_data: ClassVar[dict[str, Any]] = {"objects": {}, "shown": {}, "specs": {}, "wrong": {}}
    data_version = 1

    def __init__(self, env: BuildEnvironment) -> None:
        """Start without a proof: the first page that shows a statement asks for it."""
        super().__init__(env)
        self.proofs = Proofs(env)
        self._places: dict[Named, str] = {}

    # What pages tell

    def add_object(self, kind: str, name: str, location: str) -> None:
        """Keep that a rule or claim stands on the current page."""
        self.data["objects"].setdefault(self.env.docname, []).append(((kind, name), location))

    def show(self, spec: ModuleSpec, statements: Iterable[str], location: str) -> None:
        """Keep that the current page shows statements; warn of each that is refuted."""
        docname, shown = self.env.docname, set(statements)
        self.data["shown"].setdefault(docname, set()).update(shown)
        known = self.data["specs"].setdefault(docname, set())
        if spec.name not in known:
            known.add(spec.name)
            for path in (*self.proofs.sources(spec), *FOLDER.glob("*.json")):
                self.env.note_dependency(str(path))
        report = self.proofs.report(spec)
        for refutation in report.refutations if report else ():
            if refutation.statement in shown:
                self.warn(str(refutation), location, "refuted")
        for address, text in disagreements(spec):
            if address in shown:
                self.warn(f"{address}: {text}", location, "ledger")

    def warn(self, text: str, location: str, subtype: str) -> None:
        """Warn of something wrong on the current page, and keep that it is wrong."""
        self.data["wrong"][self.env.docname] = True
        _log(text, location, subtype)

    # What can be told when all pages are read

    @property
    def places(self) -> dict[Named, str]:
        """Return the page on which each rule and claim stands."""
        if not self._places:
            for named, docname, _ in self._stated():
                self._places.setdefault(named, docname)
        return self._places

    def _stated(self) -> Iterator[tuple[Named, str, str]]:
        for docname, objects in sorted(self.data["objects"].items()):
            for named, location in objects:
                yield named, docname, location

    def _stated_again(self) -> dict[tuple[str, str, str], list[str]]:
        """Return what is stated a second time: by page, location, and the page of the first."""
        first: dict[Named, str] = {}
        again: dict[tuple[str, str, str], list[str]] = {}
        for named, docname, location in self._stated():
            if named in first:
                again.setdefault((docname, location, first[named]), []).append(" ".join(named))
            first.setdefault(named, docname)
        return again

    def _refuted_unseen(self) -> Iterator[tuple[str, str]]:
        """Iterate over refutations that no page shows, each with a page that uses the spec."""
        seen = set().union(*self.data["shown"].values())
        for docname, refutation in self.refuted():
            if refutation.statement not in seen:
                yield docname, str(refutation)

    def refuted(self) -> Iterator[tuple[str, Refutation]]:
        """Iterate over all refutations of specs that pages use, each with one of these pages."""
        users = {name: docname for docname, names in self.data["specs"].items() for name in names}
        for name, docname in sorted(users.items()):
            report = self.proofs.report(self.proofs.spec(name))
            for refutation in report.refutations if report else ():
                yield docname, refutation

    def check_consistency(self) -> None:
        """Warn of what is stated twice, and of refutations that no page shows."""
        for (_, location, other), names in self._stated_again().items():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            text = f"{names[0]}{more}: stated already on {other!r}; give one of the two :no-index:"
            _log(text, location, "duplicate")
        for docname, text in self._refuted_unseen():
            _log(text, docname, "refuted")

    @property
    def wrong(self) -> set[str]:
        """Return the pages with something wrong, of which each build has to tell."""
        again = {docname for docname, _, _ in self._stated_again()}
        return again | set(self.data["wrong"]) | {docname for docname, _ in self._refuted_unseen()}

    # What Sphinx asks

    def clear_doc(self, docname: str) -> None:
        """Forget what a page told."""
        for part in self.initial_data:
            self.data[part].pop(docname, None)
        self._places.clear()

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take in what another process read."""
        for part in self.initial_data:
            mine, found = self.data[part], otherdata[part]
            mine.update({name: found[name] for name in docnames if name in found})
        self._places.clear()

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Iterate over every rule and claim for the inventory and the search."""
        for (kind, name), docname in self.places.items():
            yield name, name, kind, docname, name, 1

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: Element,
    ) -> nodes.reference | None:
        """Link to where a rule or claim stands; a shape without such a place stays text."""
        kind = typ if typ in self.object_types else "rule"
        docname = self.places.get((kind, target))
        if docname is None:
            return cast("nodes.reference", contnode) if typ == "shape" else None
        return make_refnode(builder, fromdocname, docname, target, contnode, target)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: pending_xref,
        contnode: Element,
    ) -> list[tuple[str, nodes.reference]]:
        """Return the links that a reference of any kind may mean."""
        return [
            (f"mhadoc:{kind}", make_refnode(builder, fromdocname, docname, target, contnode))
            for kind in self.object_types
            if (docname := self.places.get((kind, target)))
        ]


def _log(text: str, location: str, subtype: str) -> None:
    logger.warning("%s", text, location=location, type="mhadoc", subtype=subtype)


def domain_of(env: BuildEnvironment) -> MhadocDomain:
    """Return the domain of an environment."""
    return cast("MhadocDomain", env.get_domain("mhadoc"))


def outdated(
    app: Sphinx, env: BuildEnvironment, added: Set[str], changed: Set[str], removed: Set[str]
) -> list[str]:
    """Return the pages to read again: those with something wrong, so that it stays an error."""
    return sorted(domain_of(env).wrong)


def fail_where_refuted(app: Sphinx, problem: Exception | None) -> None:
    """Let the exit status tell that something is refuted, also where warnings are no errors."""
    if problem is None and any(domain_of(app.env).refuted()):
        app.statuscode = 1
