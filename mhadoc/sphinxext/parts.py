"""The parts of a spec as tables, by the names that the directive knows them by."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import sympy
from docutils import nodes

from mhadoc.language import (
    Attribute,
    Block,
    Parameter,
    Symbol,
    bound_text,
    condition_text,
    expression_latex,
    expression_text,
)
from mhadoc.sphinxext.arguments import arguments
from mhadoc.sphinxext.calls import demands, fast_path, inputs, outputs
from mhadoc.sphinxext.page import Nodes, Page
from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import code, condition, held, maths, sentence, shape_or_none

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec

__all__ = ["PARTS", "symbol_table"]


def parameters(page: Page) -> Nodes:
    """Return the table of the learned parameters, in the order of the state_dict."""
    columns = (
        Column("Parameter", 28, "name"),
        Column("Shape", 34, "shape"),
        Column("Exists when", 38, "when"),
    )
    rows = [_parameter(page, rule) for rule in page.spec.parameters]
    address = f"{page.spec.name}.state_dict"
    page.statements.append(address)
    text = "These keys, in this order, and no others: "
    order = nodes.paragraph("", text, classes=["mhadoc-order"])
    order += held(page.report, address)
    if anchor := page.anchor(address):
        order["ids"].append(anchor)
        order += page.link(anchor)
    return [table(columns, rows, "mhadoc-parameters"), order]


def _parameter(page: Page, rule: Parameter) -> Row:
    anchor, name = page.name(rule)
    heads = [block for block in rule.blocks if block.name.startswith(_HEAD)]
    blocks = [block for block in rule.blocks if block not in heads]
    details = page.details(
        rule,
        ("Starts", _start(rule)),
        ("Blocks", _block_list(blocks)),
        ("Head h", _block_list(heads)),
    )
    return Row([name, shape_or_none(rule.shape), condition(page.spec, rule.when)], anchor, details)


def _start(rule: Parameter) -> Nodes:
    scale, how = rule.init.scale, rule.init.how
    found: dict[str, Nodes] = {
        "zeros": [nodes.Text("at zero")],
        "ones": [nodes.Text("at one")],
        "uniform": [nodes.Text("uniform between "), maths(rf"\pm {_root(scale)}")],
        "normal": [nodes.Text("normal, standard deviation "), maths(_root(scale))],
    }
    return [*found[rule.init.family], nodes.Text(f" ({how})")] if how else found[rule.init.family]


def _root(scale: sympy.Expr) -> str:
    """Return a scale as LaTeX that stays on one line: the root of a fraction written with a slash.

    A scale whose square is no fraction is printed as it is.
    """
    above, below = (scale**2).as_numer_denom()
    if below == 1:
        return expression_latex(scale)
    divisor = expression_latex(below)
    return rf"\sqrt{{{expression_latex(above)} / {divisor if below.is_Symbol else f'({divisor})'}}}"


_AXES = ("rows", "columns")
_HEAD = "head h"


def _block_list(blocks: Sequence[Block]) -> Nodes:
    """Return which slice each block is, as a caller would write it."""
    items = nodes.bullet_list(classes=["mhadoc-blocks"])
    for block in blocks:
        start, stop = bound_text(block.start), bound_text(block.stop)
        place = _AXES[block.axis] if block.axis < len(_AXES) else f"axis {block.axis}"
        name = block.name.removeprefix(_HEAD).removeprefix(" of ")
        text: Nodes = [nodes.strong("", name), nodes.Text(" ")] if name else []
        text += [nodes.Text(f"{place} "), code(f"[{':, ' * block.axis}{start} : {stop}]")]
        items += nodes.list_item("", nodes.paragraph("", "", *text), classes=[f"mhadoc-{name}"])
    return [items] if blocks else []


def attributes(page: Page) -> Nodes:
    """Return the table of the attributes of a built module."""
    columns = (Column("Attribute", 36, "name"), Column("Value", 64, "value"))
    return [table(columns, [_attribute(page, rule) for rule in page.spec.attributes])]


def _attribute(page: Page, rule: Attribute) -> Row:
    anchor, name = page.name(rule)
    kept = _KEPT.match(rule.why)
    if kept and str(rule.value) == rule.name:
        why = rule.why[kept.end() :]
        return Row([name, [nodes.Text("kept as given")]], anchor, page.details(rule, why=why))
    return Row([name, _value(rule)], anchor, page.details(rule))


#: How the sentence of an attribute begins that holds an argument as it is.
_KEPT = re.compile(r"kept( as given)?(; |\.$)")


def _value(rule: Attribute) -> Nodes:
    """Return an attribute's value; its own name would say nothing of it."""
    if str(rule.value) == rule.name:
        return [nodes.Text("worked out by the constructor")]
    plain = isinstance(rule.value, sympy.Expr)
    return [code(expression_text(rule.value) if plain else condition_text(rule.value))]


def symbol_table(spec: ModuleSpec) -> Nodes:
    """Return the table of a spec's symbols: letter, name, meaning."""
    columns = (
        Column("Letter", 12, "letter"),
        Column("Name", 28, "name"),
        Column("Meaning", 60, "meaning"),
    )
    rows = [
        Row([_letter(symbol), [code(symbol.name)], _meaning(symbol)]) for symbol in spec.symbols
    ]
    return [table(columns, rows, "mhadoc-symbols")]


def _letter(symbol: Symbol) -> Nodes:
    """Return the letter of a size; a flag goes by its name alone."""
    return [maths(expression_latex(symbol.expr))] if len(symbol.letter) < len("flag") else []


def _meaning(symbol: Symbol) -> Nodes:
    """Return what a symbol means, and how Python asks for it where it is no argument."""
    asked: Nodes = [nodes.Text(": "), code(symbol.python[0])] if symbol.python else []
    return [*sentence(symbol.meaning), *asked]


PARTS: dict[str, Callable[[Page], Nodes]] = {
    "parameters": parameters,
    "arguments": arguments,
    "attributes": attributes,
    "inputs": inputs,
    "outputs": outputs,
    "calls": demands,
    "fast_path": fast_path,
}
