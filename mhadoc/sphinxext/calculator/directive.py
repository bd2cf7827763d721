"""The directive that puts a calculator on a page, and the scripts that the page then needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives

from mhadoc.errors import MhadocError
from mhadoc.language.javascript import script
from mhadoc.sphinxext.calculator.fields import Field, fields
from mhadoc.sphinxext.calculator.form import form
from mhadoc.sphinxext.calculator.rules import rules
from mhadoc.sphinxext.directives import NamedDirective
from mhadoc.sphinxext.domain import domain_of

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.writers.html5 import HTML5Translator

    from mhadoc.language import ModuleSpec

__all__ = ["Calculator", "CalculatorForm", "add_scripts", "add_static", "visitors"]

_STATIC = Path(__file__).parent / "static"
_SCRIPTS = ("calculator.js", "{made}", "calculator_form.js")


class CalculatorForm(nodes.General, nodes.Element):
    """A calculator on a page: the ``spec`` it is of, and what its fields ``start`` with."""


class Calculator(NamedDirective):
    """Put a calculator of a spec on the page; ``:start:`` is what its fields begin with."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {
        "start": directives.unchanged_required
    }

    def render(self, name: str) -> list[Node]:
        """Return the calculator."""
        spec = self.domain.proofs.spec(name)
        start = _settings(self.options.get("start", ""))
        fields(spec, start)
        self.domain.show(spec, (), self.get_location())
        return [CalculatorForm("", spec=name, start=start)]


def _settings(text: str) -> dict[str, str]:
    """Return settings such as ``embed_dim=512, num_heads=8`` by name."""
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    if bare := [name for name, equals, _ in parts if not equals]:
        raise MhadocError(f"{bare[0].strip()!r} sets nothing: write name=value")
    return {name.strip(): value.strip() for name, _, value in parts}


def _given(app: Any, node: CalculatorForm) -> tuple[ModuleSpec, tuple[Field, ...]]:
    spec = domain_of(app.env).proofs.spec(node["spec"])
    return spec, fields(spec, node["start"])


def visit(translator: HTML5Translator, node: CalculatorForm) -> None:
    """Write the form, with a link to where each rule is stated."""
    spec, found = _given(translator.builder, node)
    places = domain_of(translator.builder.env).places
    here = translator.builder.current_docname
    links = {
        rule.id: f"{translator.builder.get_relative_uri(here, places['rule', address])}#{address}"
        for rule in (*spec.parameters, *spec.inputs, *spec.outputs)
        if ("rule", address := spec.address(rule)) in places
    }
    translator.body.append(form(spec, found, links))
    raise nodes.SkipNode


def skip(translator: Any, node: CalculatorForm) -> None:
    """Leave the calculator out where nothing can be set."""
    raise nodes.SkipNode


#: How each kind of builder writes a calculator.
visitors: dict[str, tuple[Callable[..., None], Callable[..., None] | None]] = {
    "html": (visit, None),
    **dict.fromkeys(("latex", "text", "man", "texinfo"), (skip, None)),
}


def add_static(app: Sphinx, config: Config) -> None:
    """Let the site have the files that every calculator shares."""
    config.html_static_path = [*config.html_static_path, str(_STATIC)]


def add_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Write the rules of the calculators on a page as a script, and let the page load it."""
    for node in tree.findall(CalculatorForm) if tree else ():
        spec, found = _given(app, node)
        made = f"calculator_{spec.name}.js"
        text = f"mhadocCalculator.add({script(rules(spec, found))});\n"
        (Path(app.outdir) / "_static" / made).write_text(text, encoding="utf-8")
        app.add_css_file("calculator.css")
        for name in _SCRIPTS:
            app.add_js_file(name.format(made=made), loading_method="defer")
