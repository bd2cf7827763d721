"""The whole table: every statement of every spec on every release of torch that has a ledger.

Statements that stand alike share a row, in which neighbouring releases with one verdict share a
cell. A filter is there once a script has run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

from mhadoc.catalog.ledgers import FOLDER, HOLDS, NOT_THERE, REFUTED, UNTRIED, releases
from mhadoc.language import ModuleSpec, counted
from mhadoc.proof.standing import OTHERWISE, UNKNOWN, Standing, short, standings
from mhadoc.sphinxext.badges import signs
from mhadoc.sphinxext.domain import domain_of
from mhadoc.sphinxext.text import code, joined

#: A sign for each verdict, for cells that are too narrow for the word.
_SIGNS = {HOLDS: "✓", OTHERWISE: "≠", NOT_THERE: "–", REFUTED: "✗", UNTRIED: "?", UNKNOWN: " "}
#: How many releases wide a cell has to be for the word.
_ROOM = 3
#: How many statements are listed without being folded up.
_FEW = 3


class Matrix(nodes.General, nodes.Element):
    """The table of one spec; what is inside it is for those who read no table."""


class Filter(nodes.General, nodes.Element):
    """The fields that choose what the tables show."""


class MatrixTable(SphinxDirective):
    """A filter, and a section with a table for each spec that has ledgers."""

    def run(self) -> list[nodes.Node]:
        """Return the filter and the sections."""
        domain = domain_of(self.env)
        for path in FOLDER.glob("*.json"):
            self.env.note_dependency(str(path))
        found = [spec for spec in domain.proofs.specs.values() if standings(spec)]
        for spec in found:
            domain.show(spec, standings(spec), self.get_location())
        count = sum(len(standings(spec)) for spec in found)
        choices = Filter("", specs=[spec.name for spec in found], count=count)
        return [choices, *map(_section, found)]


def _section(spec: ModuleSpec) -> nodes.section:
    name = nodes.make_id(f"on-each-release-{spec.name}")
    return nodes.section("", nodes.title("", "", code(spec.name)), _table(spec), ids=[name])


def _table(spec: ModuleSpec) -> Matrix:
    """Return the table, in it a line for each of its rows."""
    lines = nodes.bullet_list()
    for standing, addresses in alike(spec):
        line = nodes.paragraph("", f"{_title(standing)}: {counted(len(addresses), 'statement')}")
        if not standing.throughout:
            parts: list[list[nodes.Node]] = [[code(address)] for address in addresses]
            line += [nodes.Text(": "), *joined(parts, ", ")]
        lines += nodes.list_item("", line)
    return Matrix("", lines, spec=spec.name)


def alike(spec: ModuleSpec) -> list[tuple[Standing, list[str]]]:
    """Return the addresses that stand alike, with how they stand: what holds throughout first."""
    found: dict[str, tuple[Standing, list[str]]] = {}
    for address, standing in standings(spec).items():
        found.setdefault(signs(standing), (standing, []))[1].append(address)
    return sorted(found.values(), key=lambda row: (not row[0].throughout, -len(row[1])))


def _title(standing: Standing) -> str:
    return standing.words() or "not tried"


def table(spec: ModuleSpec, places: Mapping[str, str]) -> Iterator[str]:
    """Iterate over the lines of a table; ``places`` says where each statement stands."""
    names = releases()
    heads = "".join(f'<th scope="col">{short(release)}</th>' for release in names)
    yield f'<div class="mhadoc-wide"><table class="mhadoc-alike" data-spec="{escape(spec.name)}">'
    yield f'<thead><tr><th scope="col">Statements</th>{heads}</tr></thead>'
    for standing, addresses in alike(spec):
        kind = ' data-throughout=""' if standing.throughout else ""
        yield f'<tbody{kind}><tr><th scope="row">{_title(standing)}</th>'
        yield f'{"".join(_cells(standing))}</tr><tr><td colspan="{len(names) + 1}">'
        yield from _names(spec, addresses, places)
        yield "</td></tr></tbody>"
    yield "</table></div>"


def _names(spec: ModuleSpec, addresses: list[str], places: Mapping[str, str]) -> Iterator[str]:
    """Iterate over the lines of a list, which many items are folded up in."""
    folded = len(addresses) > _FEW
    if folded:
        yield f"<details><summary>{counted(len(addresses), 'statement')}</summary>"
    yield "<ul>"
    yield from (_item(spec, address, places) for address in addresses)
    yield "</ul></details>" if folded else "</ul>"


def _cells(standing: Standing) -> Iterator[str]:
    """Iterate over cells, one for each run of releases with the same verdict."""
    for verdict, run in groupby(standing.verdicts.values()):
        width = len(list(run))
        word = "mhadoc-word" if width >= _ROOM else "mhadoc-unseen"
        yield (
            f'<td colspan="{width}" class="mhadoc-{verdict.replace(" ", "-")}">'
            f'<span aria-hidden="true">{_SIGNS[verdict]}</span> '
            f'<span class="{word}">{verdict}</span></td>'
        )


def _item(spec: ModuleSpec, address: str, places: Mapping[str, str]) -> str:
    """Return a statement as a link to where it stands; what stands nowhere else is told here."""
    text = f"<code>{escape(address)}</code>"
    if address in places:
        return f'<li><a href="{places[address]}">{text}</a></li>'
    told = " ".join((spec.whole or spec).sentence(address).split())
    return f'<li id="{escape(address)}">{text} {escape(told)}</li>'


def visit_matrix(translator: HTML5Translator, node: Matrix) -> None:
    """Write a table, with links to the pages on which the statements stand."""
    domain = domain_of(translator.builder.env)
    here = translator.builder.current_docname
    places = {
        address: f"{translator.builder.get_relative_uri(here, page)}#{address}"
        for (kind, address), page in domain.places.items()
        if kind != "audit"
    }
    translator.body += [f"{line}\n" for line in table(domain.proofs.spec(node["spec"]), places)]
    raise nodes.SkipNode


_FORM = """<form class="mhadoc-filter">
<label>Part of a name <input type="search" name="text" autocomplete="off"></label>
<label>Module <select name="spec"><option value="">every module</option>{options}</select></label>
<label><input type="checkbox" name="differs"> Only what differs between releases</label>
<p role="status">{count}</p>
</form>
"""


def visit_filter(translator: HTML5Translator, node: Filter) -> None:
    """Write the fields, which are seen where scripts run."""
    options = "".join(f"<option>{escape(name)}</option>" for name in node["specs"])
    count = counted(node["count"], "statement")
    translator.body.append(_FORM.format(options=options, count=count))
    raise nodes.SkipNode


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Let a page with a filter load its script."""
    if tree and next(tree.findall(Filter), None):
        app.add_js_file("filter.js", loading_method="defer")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and what it writes."""
    app.add_directive("matrix-table", MatrixTable)
    app.add_node(Matrix, html=(visit_matrix, None))
    app.add_node(Filter, html=(visit_filter, None))
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
