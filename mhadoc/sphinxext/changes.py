"""What each argument changes: the rules in whose shape or condition its symbol stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import pending_xref

from mhadoc.language.compiled import free_names
from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import code, joined

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec, Rule

__all__ = ["change_table", "changed"]

_COLUMNS = (
    Column("Argument", 20, "name"),
    Column("Which parameters exist", 26, "outcome"),
    Column("The shape of parameters", 26, "outcome"),
    Column("Shapes in and out", 28, "outcome"),
)


def changed(spec: ModuleSpec, argument: str) -> tuple[list[str], list[str], list[str]]:
    """Return which parameters exist or not, which have another shape, and which tensors of a call.

    A name is returned where the argument's symbol occurs in the condition, or the shape, of a rule.
    """
    exist = _names(spec.parameters, lambda rule: argument in free_names(rule.when))
    shaped = _names(spec.parameters, lambda rule: _sized(rule, argument))
    called = (*spec.inputs, *spec.outputs)
    tensors = _names(
        [rule for rule in called if rule.shape is not None or rule in spec.outputs],
        lambda rule: _sized(rule, argument) or argument in free_names(rule.when),
    )
    return exist, shaped, tensors


def _sized(rule: Rule, argument: str) -> bool:
    return rule.shape is not None and argument in rule.shape.symbols


def _names(rules: Sequence[Rule], chosen: Callable[[Rule], bool]) -> list[str]:
    """Return the names of the rules chosen, each once, in the order of the rules."""
    return list(dict.fromkeys(rule.name for rule in rules if chosen(rule)))


def change_table(spec: ModuleSpec) -> list[nodes.Node]:
    """Return the table: a row for each constructor argument, and for each flag of a call."""
    flags = [rule.name for rule in spec.inputs if rule.type == "bool"]
    rows = [_row(spec, rule.name) for rule in spec.arguments]
    rows += [_row(spec, name) for name in flags]
    return [table(_COLUMNS, rows, "mhadoc-matrix")]


def _row(spec: ModuleSpec, argument: str) -> Row:
    cells = [
        [nodes.inline("", f"{column.title} ", classes=["mhadoc-label"]), *_listed(spec, names)]
        for column, names in zip(_COLUMNS[1:], changed(spec, argument), strict=True)
    ]
    return Row([[_link(spec, argument)], *cells])


def _listed(spec: ModuleSpec, names: Sequence[str]) -> list[nodes.Node]:
    if not names:
        return [nodes.Text("none")]
    return joined([[_link(spec, name)] for name in names], ", ")


def _link(spec: ModuleSpec, name: str) -> pending_xref:
    """Return a rule's name as code that links to it."""
    return pending_xref(
        "",
        code(name),
        refdomain="mhadoc",
        reftype="rule",
        reftarget=f"{spec.name}.{name}",
        refexplicit=True,
        refwarn=True,
    )
