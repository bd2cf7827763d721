"""What changed in attention with each release of torch, from its ledger and the one before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from differences import BEHAVIOUR, demanded, differences, raised
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx_design.shared import create_component

from mhadoc.catalog.ledgers import FOLDER, HOLDS, NOT_THERE, REFUTED, releases
from mhadoc.language import Claim, ModuleSpec, Requirement, counted
from mhadoc.proof.standing import OTHERWISE, follows, form, short, standings
from mhadoc.sphinxext.domain import domain_of
from mhadoc.sphinxext.text import capitalised, code, joined, sentence

#: What a statement is on a release in which it is true.
_HELD = (HOLDS, OTHERWISE)
_GONE = (NOT_THERE, REFUTED)

#: The kinds of changes, by their titles, in the order of the page: of behaviour, then of errors.
MENDED, BROKE = "Bugs that are gone", "Bugs that came"
CHANGED, BEGAN, ENDED = "Behaves otherwise", "New behaviour", "No longer so"
CAME, WENT = "New arguments, inputs and outputs", "Arguments, inputs and outputs that are gone"
REFUSED, TAKEN, RAISED = "New demands on a call", "Demands that are gone", "Error texts"
KINDS = (MENDED, BROKE, CHANGED, BEGAN, ENDED, CAME, WENT, REFUSED, TAKEN, RAISED)

#: How the sentence of a claim about a bug begins.
_BUG = re.compile(r"A (silent )?bug that torch (?P<release>[\d.]+) mended: ")


@dataclass
class Notes:
    """What one release changed since the one before: by kind and text, where it is stated.

    ``came`` are the specs of which nothing was there before, with how many statements came;
    ``kept`` is how many statements hold on both.
    """

    release: str
    before: str
    kept: int = 0
    came: dict[str, int] = field(default_factory=dict)
    found: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, kind: str, text: str, address: str) -> None:
        """Keep a change; what is told of several statements in the same words is told once."""
        self.found.setdefault((kind, text), []).append(address)

    def compare(self, spec: ModuleSpec) -> None:
        """Compare the verdicts of a spec on both releases."""
        whole, known = spec.whole or spec, standings(spec)
        pairs = [(s.verdicts[self.before], s.verdicts[self.release]) for s in known.values()]
        came = [pair for pair in pairs if pair[1] in _HELD]
        if came and all(before == NOT_THERE for before, _ in pairs):
            self.came[spec.name] = len(came)
            return
        for statement, (before, after) in zip(whole.statements, pairs, strict=True):
            self._compare(statement, whole, before, after)

    def _compare(self, statement: Any, spec: ModuleSpec, before: str, after: str) -> None:
        address, now = spec.address(statement), form(statement, self.release)
        if before in _GONE and after in _HELD:
            self.add(_kind(now, _BEGINNINGS), told(now), address)
        elif before in _HELD and after in _GONE:
            then = form(statement, self.before)
            self.add(_kind(then, _ENDINGS), told(then, ended=True), address)
        elif before in _HELD and after in _HELD:
            self.kept += 1
            for found in differences(spec, form(statement, self.before), now):
                self.add(CHANGED if found.kind == BEHAVIOUR else RAISED, found.text, address)


#: Of which kind it is that a statement is new, or ends: of a bug, a claim, a demand, a rule.
_BEGINNINGS, _ENDINGS = (BROKE, BEGAN, REFUSED, CAME), (MENDED, ENDED, TAKEN, WENT)


def _kind(statement: Any, kinds: tuple[str, ...]) -> str:
    bug, claim, demand, rule = kinds
    if isinstance(statement, Claim):
        return bug if _BUG.match(statement.sentence) else claim
    return demand if isinstance(statement, Requirement) else rule


def told(statement: Any, *, ended: bool = False) -> str:
    """Return a statement in a sentence, in which backticks mark code."""
    if isinstance(statement, Claim):
        return _about_bug(statement.sentence, ended=ended)
    if isinstance(statement, Requirement):
        return f"{demanded(statement)} Otherwise {raised(statement)}."
    return f"`{statement.name}`: {statement.why}"


def _about_bug(sentence: str, *, ended: bool) -> str:
    """Return the sentence of a claim; of a bug that it mends, what happened before."""
    bug = _BUG.match(sentence)
    if not bug:
        return sentence
    happened = capitalised(sentence[bug.end() :])
    if ended:
        return f"Before: {happened}\nNow: mended."
    return f"{happened} Mended in torch {bug['release']}."


class ReleaseNotes(SphinxDirective):
    """A section for each release that has a ledger, the newest first."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        for path in FOLDER.glob("*.json"):
            self.env.note_dependency(str(path))
        specs = [s for s in domain_of(self.env).proofs.specs.values() if standings(s)]
        found = []
        for before, release in pairwise(releases()):
            notes = Notes(release, before)
            for spec in specs:
                notes.compare(spec)
            found.append(_section(notes, self._link(specs)))
        return [*reversed(found), *(_first(specs, release) for release in releases()[:1])]

    def _link(self, specs: Iterable[ModuleSpec]) -> Callable[[str], nodes.Node]:
        """Return what makes links: to where a statement stands, or to the table of all."""
        claims = {claim.id for spec in specs for claim in spec.claims}
        shown = {spec.address(each) for spec in specs for each in spec.statements}

        def link(address: str) -> nodes.Node:
            if address not in shown:
                place = f"releases.html#{address}"
                return nodes.reference("", "", code(address), internal=True, refuri=place)
            return pending_xref(
                "",
                code(address),
                refdomain="mhadoc",
                reftype="claim" if address in claims else "shape",
                reftarget=address,
                refdoc=self.env.docname,
                refexplicit=True,
            )

        return link


def _section(notes: Notes, link: Callable[[str], nodes.Node]) -> nodes.section:
    section = _titled(notes.release)
    if not follows(notes.before, notes.release):
        between = f"No release between {short(notes.before)} and this one was tried: "
        section += nodes.paragraph("", f"{between}what is told here may have come with one.")
    section += nodes.paragraph("", _summary(notes))
    for name, count in notes.came.items():
        new = [code(name), nodes.Text(f" is new: {counted(count, 'statement')} hold of it.")]
        section += nodes.paragraph("", "", *new)
    for kind in KINDS:
        items = [_item(t, where, link) for (k, t), where in notes.found.items() if k == kind]
        if items:
            section += _list(kind, nodes.bullet_list("", *items, classes=["mhadoc-notes"]))
    return section


def _list(kind: str, items: nodes.bullet_list) -> list[nodes.Node]:
    """Return the changes of one kind under its title; those of texts alone are folded up."""
    if kind != RAISED:
        return [nodes.rubric("", kind), items]
    asked: dict[str, Any] = {"type": "dropdown", "opened": False, "has_title": True}
    asked |= {"icon": None, "chevron": None}
    asked |= {f"{part}_classes": [] for part in ("container", "title", "body")}
    folded = create_component("dropdown", **asked)
    title = f"{kind} that read otherwise: {len(items)}"
    folded += [nodes.rubric("", title), items]
    return [folded]


def _titled(release: str) -> nodes.section:
    name = short(release)
    return nodes.section(
        "", nodes.title("", f"torch {name}"), ids=[f"torch-{name.replace('.', '-')}"]
    )


def _summary(notes: Notes) -> str:
    """Return how much held on both releases, or that nothing changed."""
    kept = f"{counted(notes.kept, 'statement')} hold on {short(notes.before)} and here"
    if notes.came or notes.found:
        return f"Tried on torch {notes.release}: {kept}."
    return f"Tried on torch {notes.release}: nothing of what is stated here changed. {kept}."


def _item(text: str, addresses: list[str], link: Callable[[str], nodes.Node]) -> nodes.list_item:
    links = joined([[link(address)] for address in addresses], " ")
    proof = nodes.paragraph("", "", *links, classes=["mhadoc-proof"])
    told = [nodes.paragraph("", "", *sentence(line)) for line in text.split("\n")]
    return nodes.list_item("", *told, proof)


def _first(specs: Iterable[ModuleSpec], release: str) -> nodes.section:
    """Return the section of the oldest release, with which nothing can be compared."""
    verdicts = [each.verdicts[release] for spec in specs for each in standings(spec).values()]
    count = counted(sum(verdict in _HELD for verdict in verdicts), "statement")
    section = _titled(release)
    section += nodes.paragraph("", f"The oldest release that is tried: {count} hold on {release}.")
    return section


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("release-notes", ReleaseNotes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
