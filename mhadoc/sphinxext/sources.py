"""Where torch says so: the line at which a function begins, in torch's repository."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["source"]

_REPOSITORY = "https://github.com/pytorch/pytorch/blob"
_KINDS = (ast.ClassDef, ast.FunctionDef)


def source(text: str, release: str) -> nodes.Node:
    """Return a source such as ``torch/nn/functional.py: linear`` as a link to its line.

    It stays text where nothing was proved, and the release is empty, and where it is not written in
    Python or not in the installed torch.
    """
    file, _, name = text.partition(": ")
    line = _lines(file).get(name) if release and file.startswith("torch/") else None
    if line is None:
        return nodes.inline("", text, classes=["mhadoc-source"])
    place = f"{_REPOSITORY}/v{release}/{file}#L{line}"
    return nodes.reference("", text, refuri=place, internal=False, classes=["mhadoc-source"])


@cache
def _lines(file: str) -> dict[str, int]:
    """Return at which line of a file of torch each class, function and method begins."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        return {}
    path = Path(found.origin).parent.parent / file
    return dict(_begun(ast.parse(path.read_text("utf-8")).body)) if path.is_file() else {}


def _begun(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, int]]:
    for each in body:
        if isinstance(each, _KINDS):
            yield f"{prefix}{each.name}", each.lineno
            yield from _begun(each.body, f"{prefix}{each.name}.")
        elif isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            yield f"{prefix}{each.targets[0].id}", each.lineno
