"""The domain: where each rule and claim stands in the site, and what the proof says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, Any, ClassVar, cast

from docutils import nodes
from sphinx.domains import Domain, ObjType
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from mhadoc.sphinxext.proofs import Proofs

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

    from mhadoc.language import ModuleSpec

__all__ = ["MhadocDomain", "domain_of", "outdated", "report_unseen"]

logger = logging.getLogger(__name__)

Place = tuple[str, str]


class MhadocDomain(Domain):
    """Rules and claims as objects that pages link to, by the ids they have everywhere.

    ``data`` holds, for each page, the objects that stand on it, the statements that it shows or
    mentions, the specs that it takes them from, and whether something is wrong with it.
    """

    name = "mhadoc"
    label = "mhadoc"
    object_types: ClassVar[dict[str, ObjType]] = {
        "rule": ObjType("rule", "rule", "shape"),
        "claim": ObjType("claim", "claim"),
    }
    dangling_warnings: ClassVar[dict[str, str]] = {
        "rule": "no page states the rule %(target)s: show it with the directive spec",
        "claim": "no page states the claim %(target)s: show it with the directive claim",
    }
    initial_data: ClassVar[dict[str, Any]] = {"objects": {}, "shown": {}, "specs": {}, "wrong": {}}
    data_version = 1

    def __init__(self, env: BuildEnvironment) -> None:
        """Start without a proof: the first page that shows a statement asks for it."""
        super().__init__(env)
        self.proofs = Proofs(env)

    # What pages tell

    def add_object(self, kind: str, name: str, location: Any) -> None:
        """Keep that a rule or claim stands on the current page; warn of a second place."""
        other = self.data["objects"].get((kind, name))
        if other is not None:
            self.warn(
                f"the {kind} {name} is stated on page {other[0]!r} already; "
                "give one of the two the option :no-index:",
                location,
                "duplicate",
            )
            return
        self.data["objects"][kind, name] = (self.env.docname, name)

    def show(self, spec: ModuleSpec, statements: Iterable[str], location: Any) -> None:
        """Keep that the current page shows statements; warn of each one that is refuted."""
        docname, shown = self.env.docname, set(statements)
        self.data["shown"].setdefault(docname, set()).update(shown)
        self.data["specs"].setdefault(docname, set()).add(spec.name)
        for path in self.proofs.sources(spec):
            self.env.note_dependency(str(path))
        report = self.proofs.report(spec)
        for refutation in report.refutations if report else ():
            if refutation.statement in shown:
                self.warn(str(refutation), location, "refuted")

    def warn(self, text: str, location: Any, subtype: str) -> None:
        """Warn of something wrong on the current page, in this build and in every later one."""
        if self.env.docname:
            self.data["wrong"][self.env.docname] = True
        logger.warning("%s", text, location=location, type="mhadoc", subtype=subtype)

    def refuted_unseen(self) -> Iterator[tuple[str, str]]:
        """Iterate over refutations that no page shows, each with a page that uses the spec."""
        seen = set().union(*self.data["shown"].values())
        users = {name: docname for docname, names in self.data["specs"].items() for name in names}
        for name, docname in sorted(users.items()):
            report = self.proofs.report(self.proofs.spec(name))
            for refutation in report.refutations if report else ():
                if refutation.statement not in seen:
                    yield docname, str(refutation)

    # What Sphinx asks

    def clear_doc(self, docname: str) -> None:
        """Forget what a page told."""
        for part in ("shown", "specs", "wrong"):
            self.data[part].pop(docname, None)
        objects = self.data["objects"]
        for name in [name for name, place in objects.items() if place[0] == docname]:
            del objects[name]

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take in what another process read."""
        for part in ("shown", "specs", "wrong"):
            self.data[part].update(
                {name: value for name, value in otherdata[part].items() if name in docnames}
            )
        for name, place in otherdata["objects"].items():
            if place[0] in docnames:
                self.data["objects"].setdefault(name, place)

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Iterate over every rule and claim for the inventory and the search."""
        for (kind, name), (docname, anchor) in sorted(self.data["objects"].items()):
            yield name, name, kind, docname, anchor, 1

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
        kind = "claim" if typ == "claim" else "rule"
        place = self.data["objects"].get((kind, target))
        if place is None:
            return cast("nodes.reference", contnode) if typ == "shape" else None
        return make_refnode(builder, fromdocname, place[0], place[1], contnode, target)

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
            (f"mhadoc:{kind}", make_refnode(builder, fromdocname, place[0], place[1], contnode))
            for kind in ("rule", "claim")
            if (place := self.data["objects"].get((kind, target)))
        ]


def domain_of(env: BuildEnvironment) -> MhadocDomain:
    """Return the domain of an environment."""
    return cast("MhadocDomain", env.get_domain("mhadoc"))


def outdated(
    app: Sphinx, env: BuildEnvironment, added: Set[str], changed: Set[str], removed: Set[str]
) -> list[str]:
    """Return the pages to read again: those with something wrong, so that it stays an error."""
    return sorted(domain_of(env).data["wrong"])


def report_unseen(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of every refutation that no page shows: nothing refuted passes unseen."""
    domain = domain_of(env)
    for docname, text in domain.refuted_unseen():
        domain.data["wrong"][docname] = True
        logger.warning("%s", text, location=docname, type="mhadoc", subtype="refuted")
