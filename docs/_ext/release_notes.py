"""What changed in attention with each release of torch, from its ledger and the one before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from mhadoc.catalog.ledgers import FOLDER, HOLDS, NOT_THERE, REFUTED, releases
from mhadoc.language import Claim, ModuleSpec, Requirement, Rule, counted
from mhadoc.proof.standing import OTHERWISE, changed, follows, form, short, standings
from mhadoc.sphinxext.domain import domain_of
from mhadoc.sphinxext.text import code, joined, sentence

#: What a statement is on a release in which it is true.
_HELD = (HOLDS, OTHERWISE)
_GONE = (NOT_THERE, REFUTED)

#: The kinds of changes, by their titles, in the order of the page: of behaviour, then of errors.
MENDED, BEGAN, CHANGED, ENDED = "Mended", "True from here on", "Told otherwise", "No longer true"
REFUSED, TAKEN, RAISED = "Refused from here on", "No longer refused", "Other error texts"
KINDS = (MENDED, BEGAN, CHANGED, ENDED, REFUSED, TAKEN, RAISED)


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
            self._compare(statement, whole.address(statement), before, after)

    def _compare(self, statement: Any, address: str, before: str, after: str) -> None:
        now = form(statement, self.release)
        if before in _GONE and after in _HELD:
            self.add(REFUSED if isinstance(now, Requirement) else BEGAN, told(now), address)
        elif before in _HELD and after in _GONE:
            self.add(_ending(statement), told(form(statement, self.before)), address)
        elif before in _HELD and after in _HELD:
            self.kept += 1
            then = form(statement, self.before)
            for kind, text in differences(then, now):
                self.add(kind, text, address)


def _ending(statement: Any) -> str:
    """Return of which kind it is that a statement no longer holds: a bug says that it is one."""
    if isinstance(statement, Requirement):
        return TAKEN
    mended = isinstance(statement, Claim) and re.search(r"\bbug\b", statement.sentence)
    return MENDED if mended else ENDED


def told(statement: Any) -> str:
    """Return a statement in a sentence, in which backticks mark code."""
    if isinstance(statement, Claim):
        return statement.sentence
    if isinstance(statement, Requirement):
        return f"{statement.demand}; otherwise {_raised(statement)}."
    return f"`{statement.name}`: {statement.why}"


def _raised(demand: Requirement) -> str:
    return f"`{demand.error}`" + (f": `{_code(demand.message)}`" if demand.message else "")


def _code(text: str) -> str:
    """Return a text that can stand between backticks."""
    return text.replace("`", "'")


def differences(before: Any, after: Any) -> Iterator[tuple[str, str]]:
    """Iterate over what was told otherwise of a statement, each with its kind."""
    fields = changed(before, after)
    if "demand" in fields:
        yield CHANGED, f"{after.demand}. It was: {before.demand}."
    if {"error", "message"} & {*fields}:
        yield RAISED, f"{after.demand}; otherwise {_raised(after)}. It was {_raised(before)}."
    if "sentence" in fields:
        yield CHANGED, f"{after.sentence} It was: {before.sentence}"
    elif "doctest" in fields:
        yield CHANGED, f"{after.sentence} Its example prints something else."
    for name in fields if isinstance(after, Rule) else ():
        was, is_ = getattr(before, name), getattr(after, name)
        yield CHANGED, f"`{after.id}`: {name} is `{is_}`. It was `{was}`."


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
        between = f"No release between {short(notes.before)} and this one has a ledger: "
        section += nodes.paragraph("", f"{between}what is told here may have come with one.")
    section += nodes.paragraph("", _summary(notes))
    for name, count in notes.came.items():
        new = [code(name), nodes.Text(f" is new: {counted(count, 'statement')} hold of it.")]
        section += nodes.paragraph("", "", *new)
    for kind in KINDS:
        items = [_item(t, where, link) for (k, t), where in notes.found.items() if k == kind]
        if items:
            section += nodes.rubric("", kind)
            section += nodes.bullet_list("", *items, classes=["mhadoc-notes"])
    return section


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
    return nodes.list_item("", nodes.paragraph("", "", *sentence(text)), proof)


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
