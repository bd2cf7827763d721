"""The parts of a spec as tables: arguments, attributes, parameters, inputs, outputs, demands."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sympy
from docutils import nodes

from mhadoc.language import (
    ANYTHING,
    Argument,
    Attribute,
    Block,
    Input,
    Output,
    Parameter,
    Requirement,
    Rule,
    condition_text,
    expression_latex,
    expression_text,
)
from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import (
    capitalised,
    code,
    condition,
    held,
    maths,
    permalink,
    proof,
    sentence,
)

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec
    from mhadoc.proof.report import Report

__all__ = ["PARTS", "Page", "symbol_table"]

Nodes = list[nodes.Node]
Fact = tuple[str, list[nodes.Node]]


@dataclass
class Page:
    """What is put on a page: of which spec, with which report, and what has been put so far.

    ``statements`` are the addresses shown and ``anchors`` the places that can be linked to;
    without ``linked`` there are none.
    """

    spec: ModuleSpec
    report: Report | None
    linked: bool = True
    statements: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)

    def anchor(self, address: str) -> str:
        """Return the anchor of an address, or nothing where no place is kept."""
        if not self.linked:
            return ""
        self.anchors.append(address)
        return address

    def name(self, statement: Rule | Requirement, text: str) -> tuple[str, Nodes]:
        """Return a statement's anchor, and its name with a permanent link."""
        address = self.spec.address(statement)
        self.statements.append(address)
        anchor = self.anchor(address)
        return anchor, [code(text), permalink(address, "rule")]

    def details(self, rule: Rule, *facts: Fact) -> Nodes:
        """Return what stands below a rule: why, what else is known, and the proof."""
        why = nodes.paragraph("", "", *sentence(capitalised(rule.why)))
        known = [fact for fact in facts if fact[1]]
        line = proof(self.report, self.spec.address(rule), rule.source)
        return [why, *([_facts(known)] if known else []), line]


def _facts(facts: Iterable[Fact]) -> nodes.field_list:
    fields = nodes.field_list(classes=["mhadoc-facts"])
    for label, content in facts:
        body = nodes.field_body("", *_blocks(content))
        fields += nodes.field("", nodes.field_name("", label), body)
    return fields


def _blocks(content: Nodes) -> Nodes:
    """Return body elements: inline nodes as one paragraph."""
    if all(isinstance(node, nodes.Body) for node in content):
        return content
    return [nodes.paragraph("", "", *content)]


# Parameters


def parameters(page: Page) -> Nodes:
    """Return the table of the learned parameters, in the order of the state_dict."""
    columns = (Column("Parameter", 28, "name"), Column("Shape", 34, "shape"), _EXISTS)
    rows = [_parameter(page, rule) for rule in page.spec.parameters]
    address = f"{page.spec.name}.state_dict"
    page.statements.append(address)
    order = nodes.paragraph("", "These keys, in this order, and no others: ")
    order += held(page.report, address)
    if anchor := page.anchor(address):
        order["ids"].append(anchor)
        order += permalink(anchor, "rule")
    return [table(columns, rows, "mhadoc-parameters"), order]


_EXISTS = Column("Exists when", 38, "when")


def _parameter(page: Page, rule: Parameter) -> Row:
    anchor, name = page.name(rule, rule.name)
    details = page.details(rule, ("Starts", _start(rule)), ("Blocks", _block_list(rule.blocks)))
    return Row([name, _shape(rule), condition(page.spec, rule.when)], anchor, details)


def _shape(rule: Rule) -> Nodes:
    if rule.shape is None:
        return [code("None")]
    return [code(rule.shape.text(), "mhadoc-shape"), nodes.Text(" "), maths(rule.shape.latex())]


def _start(rule: Parameter) -> Nodes:
    scale, how = rule.init.scale, rule.init.how
    found: dict[str, Nodes] = {
        "zeros": [nodes.Text("at zero")],
        "uniform": [nodes.Text("uniform between "), maths(rf"\pm {expression_latex(scale)}")],
        "normal": [nodes.Text("normal, standard deviation "), maths(expression_latex(scale))],
    }
    return [*found[rule.init.family], nodes.Text(f" ({how})")] if how else found[rule.init.family]


_AXES = ("rows", "columns")


def _block_list(blocks: Sequence[Block]) -> Nodes:
    items = nodes.bullet_list(classes=["mhadoc-blocks"])
    for block in blocks:
        start, stop = expression_text(block.start), expression_text(block.stop)
        place = _AXES[block.axis] if block.axis < len(_AXES) else f"axis {block.axis}"
        text: Nodes = [nodes.strong("", block.name), nodes.Text(f" {place} ")]
        text.append(code(f"[{':, ' * block.axis}{start} : {stop}]"))
        side = block.name.rpartition(" ")[2]
        items += nodes.list_item("", nodes.paragraph("", "", *text), classes=[f"mhadoc-{side}"])
    return [items] if blocks else []


# The constructor


def arguments(page: Page) -> Nodes:
    """Return the table of the constructor's arguments."""
    columns = (
        Column("Argument", 40, "name"),
        Column("Type", 28, "type"),
        Column("Default", 32, "default"),
    )
    return [table(columns, [_argument(page, rule) for rule in page.spec.arguments])]


def _argument(page: Page, rule: Argument) -> Row:
    anchor, name = page.name(rule, rule.name)
    demands = [r for r in page.spec.requirements if r.id.partition(".")[0] == rule.name]
    facts = (("Parameters", sentence(rule.effect)), ("Demands", _demands(page, demands)))
    return Row([name, _type(rule), _default(rule)], anchor, page.details(rule, *facts))


def _type(rule: Argument) -> Nodes:
    if rule.accepts is ANYTHING:
        return [nodes.Text("anything")]
    found: Nodes = [code(rule.accepts.name)]
    optional = rule.default is None and not rule.required
    return [*found, nodes.Text(" or "), code("None")] if optional else found


def _default(rule: Argument) -> Nodes:
    if rule.required:
        return [nodes.Text("required")]
    found: Nodes = [code(repr(rule.default))]
    if rule.becomes is not None:
        found += [nodes.Text(", which stands for "), code(expression_text(rule.becomes))]
    return found


def _demands(page: Page, demands: Sequence[Requirement]) -> Nodes:
    items = nodes.bullet_list(classes=["mhadoc-demands"])
    for demand in demands:
        anchor, (_, link) = page.name(demand, demand.id)
        text = [*sentence(demand.demand), link]
        item = nodes.list_item("", nodes.paragraph("", "", *text), *_raised(page, demand))
        item["ids"] += [anchor] if anchor else []
        items += item
    return [items] if demands else []


def _raised(page: Page, demand: Requirement) -> Nodes:
    """Return what torch raises, for the call that shows it where there is one."""
    said: Nodes
    if demand.example is None:
        said = [nodes.Text("otherwise "), code(f"{demand.error}: {demand.message}")]
    else:
        call = ", ".join(f"{name}={value!r}" for name, value in demand.example.items())
        error = demand.torch_error(page.spec.bind(**demand.example))
        said = [code(f"{page.spec.name}({call})"), nodes.Text(" raises "), code(error)]
    said += [nodes.Text(" "), held(page.report, page.spec.address(demand))]
    return [nodes.paragraph("", "", *said, classes=["mhadoc-raised"])]


def attributes(page: Page) -> Nodes:
    """Return the table of the attributes of a built module."""
    columns = (Column("Attribute", 36, "name"), Column("Value", 64, "value"))
    return [table(columns, [_attribute(page, rule) for rule in page.spec.attributes])]


def _attribute(page: Page, rule: Attribute) -> Row:
    anchor, name = page.name(rule, rule.name)
    plain = isinstance(rule.value, sympy.Expr)
    text = expression_text(rule.value) if plain else condition_text(rule.value)
    return Row([name, [code(text)]], anchor, page.details(rule))


# The call


def inputs(page: Page) -> Nodes:
    """Return the table of forward's arguments, one row for each form of a tensor."""
    columns = (Column("Argument", 30, "name"), Column("Shape", 32, "shape"), _WHEN)
    return [table(columns, _forms(page, page.spec.inputs, _input))]


def outputs(page: Page) -> Nodes:
    """Return the table of what forward returns, one row for each form."""
    columns = (Column("Output", 30, "name"), Column("Shape", 32, "shape"), _WHEN)
    return [table(columns, _forms(page, page.spec.outputs, _output))]


_WHEN = Column("When", 38, "when")


def _forms(page: Page, rules: Sequence[Rule], about: Callable[[Rule], Nodes]) -> list[Row]:
    """Return a row for each rule; the first of a name tells what holds for all of its forms."""
    rows = []
    for name, group in itertools.groupby(rules, key=lambda rule: rule.name):
        for place, rule in enumerate(group):
            anchor, label = page.name(rule, name)
            rows.append(Row([label, _shape_or_type(rule), condition(page.spec, rule.when)], anchor))
            rows[-1].details = page.details(rule, ("Type", [] if place else about(rule)))
    return rows


def _shape_or_type(rule: Rule) -> Nodes:
    if isinstance(rule, Input) and rule.shape is None:
        return [code(rule.type)]
    return _shape(rule)


def _input(rule: Rule) -> Nodes:
    if not isinstance(rule, Input):
        return []
    default = "required" if rule.required else f"{rule.default!r} by default"
    return [nodes.Text(f"{rule.type}, {default}")]


def _output(rule: Rule) -> Nodes:
    return [nodes.Text(f"element {rule.position}")] if isinstance(rule, Output) else []


def calls(page: Page) -> Nodes:
    """Return the table of what a call has to meet, and what torch raises otherwise."""
    columns = (Column("A call has to meet", 40, "name"), Column("or torch raises", 60, "error"))
    rows = []
    for demand in page.spec.call_requirements:
        anchor, (_, link) = page.name(demand, demand.id)
        line = proof(page.report, page.spec.address(demand), demand.source)
        error: Nodes = [code(f"{demand.error}: {demand.message}")]
        rows.append(Row([[*sentence(demand.demand), link], error], anchor, [line]))
    return [table(columns, rows)]


def fast_path(page: Page) -> Nodes:
    """Return the table of what has to hold for torch's fused kernel to be called."""
    columns = (
        Column("The fast path needs", 50, "name"),
        Column("otherwise torch says", 50, "error"),
    )
    rows = []
    for demand in page.spec.fast_path:
        anchor, (_, link) = page.name(demand, demand.id)
        reason: Nodes = [code(demand.message) if demand.message else nodes.Text("nothing")]
        rows.append(Row([[*sentence(demand.demand), link], reason], anchor))
    return [table(columns, rows)]


def symbol_table(spec: ModuleSpec) -> Nodes:
    """Return the table of a spec's symbols: letter, name, meaning."""
    columns = (
        Column("Letter", 12, "letter"),
        Column("Name", 28, "name"),
        Column("Meaning", 60, "meaning"),
    )
    rows = []
    for symbol in spec.symbols:
        letter = expression_latex(symbol.expr)
        rows.append(Row([[maths(letter)], [code(symbol.name)], sentence(symbol.meaning)]))
    return [table(columns, rows, "mhadoc-symbols")]


PARTS: dict[str, Callable[[Page], Nodes]] = {
    "parameters": parameters,
    "arguments": arguments,
    "attributes": attributes,
    "inputs": inputs,
    "outputs": outputs,
    "calls": calls,
    "fast_path": fast_path,
}
