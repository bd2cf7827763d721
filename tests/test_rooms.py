"""The rooms: imports go one way, and one that does not is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import rooms


def package(folder: Path, **files: str) -> Path:
    root = folder / "mhadoc"
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_imports_go_one_way() -> None:
    found = rooms.imports()
    assert rooms.unallowed(found) == []
    assert found["catalog", "language"] > 50
    assert {room for pair in found for room in pair} == {r for c in rooms.COLUMNS for r in c}


@pytest.mark.parametrize(
    ("room", "line", "said"),
    [
        ("language", "from mhadoc.catalog import spec", "language imports catalog"),
        ("catalog", "def f():\n    import mhadoc.proof.verify", "catalog imports proof"),
        ("answers", "from mhadoc.proof.report import Report", "answers imports proof"),
        ("proof", "from mhadoc.answers.predict import predict", "proof imports answers"),
        ("proof", "from mhadoc.cli import commands", "proof imports cli"),
    ],
)
def test_the_wrong_way_is_noticed(tmp_path: Path, room: str, line: str, said: str) -> None:
    found = rooms.imports(package(tmp_path, **{f"{room}__one": line}))
    assert rooms.unallowed(found) == [f"{said}, which is not to its left"]


@pytest.mark.parametrize(
    "line",
    [
        "from mhadoc.language import Shape",
        "import mhadoc",
        "from mhadoc.errors import MhadocError",
        "import torch",
        "from mhadoc.catalog.linear import SPEC",
    ],
)
def test_what_is_allowed_is_not_noticed(tmp_path: Path, line: str) -> None:
    assert rooms.unallowed(rooms.imports(package(tmp_path, catalog__one=line))) == []
