"""The constructor's arguments as a table: type, default, effect, and what is refused how."""

from __future__ import annotations

from collections.abc import Sequence

from docutils import nodes

from mhadoc.language import ANYTHING, Argument, ModuleSpec, Requirement, expression_text
from mhadoc.language.compiled import free_names
from mhadoc.sphinxext.page import Nodes, Page
from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import code, held, sentence

__all__ = ["argument_of", "arguments", "effect"]


def arguments(page: Page) -> Nodes:
    """Return the table of the constructor's arguments."""
    columns = (
        Column("Argument", 40, "name"),
        Column("Type", 28, "type"),
        Column("Default", 32, "default"),
    )
    return [table(columns, [_argument(page, rule) for rule in page.spec.arguments])]


def _argument(page: Page, rule: Argument) -> Row:
    anchor, name = page.name(rule)
    demands = [r for r in page.spec.requirements if argument_of(page.spec, r) == rule.name]
    facts = (
        ("On parameters", sentence(rule.effect or effect(page.spec, rule.name))),
        ("Demands", _demands(page, demands)),
    )
    return Row([name, _type(rule), _default(rule)], anchor, page.details(rule, *facts))


def effect(spec: ModuleSpec, name: str) -> str:
    """Return what the rules of the parameters say of an argument by naming it."""
    sized = [rule.name for rule in spec.parameters if rule.shape and name in rule.shape.symbols]
    there = [rule.name for rule in spec.parameters if name in free_names(rule.when)]
    parts = (("is a size of", sized), ("decides whether there is", there))
    told = (
        f"{does} {', '.join(f'`{other}`' for other in names)}" for does, names in parts if names
    )
    return "; ".join(told)


def argument_of(spec: ModuleSpec, demand: Requirement) -> str:
    """Return the argument that a demand stands with: what a module inside demands, too."""
    name = demand.id.partition(".")[0]
    return name if any(rule.name == name for rule in spec.arguments) else demand.about[0]


def _type(rule: Argument) -> Nodes:
    if rule.accepts is ANYTHING:
        return [nodes.Text("anything")]
    optional = rule.default is None and not rule.required
    kind: Nodes = [code(rule.accepts.name)]
    return [*kind, nodes.Text(" or "), code("None")] if optional else kind


def _default(rule: Argument) -> Nodes:
    if rule.required:
        return [nodes.Text("required")]
    default: Nodes = [code(repr(rule.default))]
    if rule.becomes is None:
        return default
    return [*default, nodes.Text(", which stands for "), code(expression_text(rule.becomes))]


def _demands(page: Page, demands: Sequence[Requirement]) -> Nodes:
    items = nodes.bullet_list("", classes=["mhadoc-demands"])
    for demand in demands:
        anchor, link = page.place(demand)
        address = page.spec.address(demand)
        shown = [nodes.Text(" "), held(page.report, address), *page.badge(address)]
        title = nodes.paragraph("", "", *sentence(demand.demand), link, *shown)
        items += nodes.list_item("", title, _raised(page, demand), ids=[anchor] if anchor else [])
    return [items] if demands else []


def _raised(page: Page, demand: Requirement) -> nodes.paragraph:
    """Return what torch raises, for the call that shows it where there is one."""
    if demand.example is None:
        said: Nodes = [nodes.Text("otherwise "), code(f"{demand.error}: {demand.message}")]
    else:
        given = ", ".join(f"{name}={_written(value)}" for name, value in demand.example.items())
        error = demand.torch_error(page.spec.bind(**demand.example))
        said = [code(f"{page.spec.name}({given})"), nodes.Text(" raises "), code(error)]
    return nodes.paragraph("", "", *said, classes=["mhadoc-raised"])


def _written(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)
