"""The specs as JSON at addresses that stay: ``specs/index.json``, and one file for each spec.

A shape is a list of expressions in symbols, a condition a line of Python; ``specs/schema.json``
says what else there is. What only Python can use, such as a claim's check, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import sympy
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from mhadoc.language import Made, ModuleSpec, Shape, condition_text, expression_text
from mhadoc.language.rules import Block, Distribution
from mhadoc.language.values import Accepts
from mhadoc.sphinxext.domain import domain_of

SCHEMA = Path(__file__).parent / "spec.schema.json"
FOLDER = "specs"

_RULE = ("id", "name", "sentence", "why", "when", "source", "since", "until")
_SHAPED = (*_RULE, "shape")
_DEMAND = ("id", "demand", "error", "message", "hint", "about", "source", "since", "until")
#: Which facts of each part of a spec are written, by their names there.
_PARTS: dict[str, tuple[str, ...]] = {
    "symbols": ("name", "letter", "meaning", "kind"),
    "arguments": (*_RULE, "accepts", "required", "default", "becomes", "effect"),
    "attributes": (*_RULE, "value"),
    "parameters": (*_SHAPED, "count", "init", "blocks"),
    "inputs": (*_SHAPED, "type", "required", "default", "broadcasts"),
    "outputs": (*_SHAPED, "position"),
    "requirements": _DEMAND,
    "call_requirements": _DEMAND,
    "fast_path": _DEMAND,
    "steps": ("how", "uses", "makes"),
    "claims": ("id", "sentence", "doctest", "source", "since", "until"),
}
_FACTS: dict[type[Any], tuple[str, ...]] = {
    Block: ("name", "axis", "start", "stop"),
    Distribution: ("family", "scale", "how"),
    Made: ("name", "shape"),
}
Link = Callable[[str, str], "str | None"]


def plain(value: Any) -> Any:
    """Return a fact as JSON knows it.

    >>> plain({"shape": Shape(3 * sympy.Symbol("E"), 2), "when": sympy.true})
    {'shape': ['3*E', '2'], 'when': 'always'}
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (sympy.Basic, Accepts)):
        return _words(value)
    if facts := _FACTS.get(type(value)):
        return {name: plain(getattr(value, name)) for name in facts}
    return [plain(part) for part in value] if isinstance(value, (Shape, tuple)) else repr(value)


def _words(value: sympy.Basic | Accepts) -> str:
    if isinstance(value, Accepts):
        return value.name
    return expression_text(value) if isinstance(value, sympy.Expr) else condition_text(value)


def spec_data(spec: ModuleSpec, link: Link) -> dict[str, Any]:
    """Return a spec as JSON knows it; ``link`` tells where a rule or claim is stated."""
    head = {name: getattr(spec, name) for name in ("name", "path", "kind", "summary")}
    parts = {
        part: [_statement(spec, each, names, link) for each in getattr(spec, part)]
        for part, names in _PARTS.items()
    }
    return {"$schema": SCHEMA.name.removeprefix("spec."), **head, **parts}


def _statement(spec: ModuleSpec, each: Any, names: Iterable[str], link: Link) -> dict[str, Any]:
    found = {name: plain(getattr(each, name)) for name in names}
    if not hasattr(each, "id"):
        return found
    address = spec.address(each)
    kind = "claim" if address == each.id else "rule"
    return {"address": address, **found, "page": link(kind, address)}


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the files once every page is read."""
    if error or app.builder.name != "html":
        return
    domain, folder = domain_of(app.env), Path(app.outdir) / FOLDER
    folder.mkdir(exist_ok=True)
    specs = domain.proofs.specs.values()

    def link(kind: str, address: str) -> str | None:
        page = domain.places.get((kind, address))
        return page and f"../{app.builder.get_target_uri(page)}#{address}"

    (folder / "schema.json").write_bytes(SCHEMA.read_bytes())
    index = [{"name": s.name, "path": s.path, "file": f"{s.name}.json"} for s in specs]
    _save(folder / "index.json", {"version": app.config.version, "specs": index})
    for spec in specs:
        _save(folder / f"{spec.name}.json", spec_data(spec, link))


def _save(path: Path, data: object) -> None:
    text = json.dumps(data, indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for the end of the build."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
