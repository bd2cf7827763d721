"""CONTRIBUTING.md: its examples stand in the project as they are shown, and its table is true."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mhadoc.catalog import ledgers
from tools import style

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SHOWN = re.findall(
    r"`((?:mhadoc|docs)/[\w/]+\.(?:py|md))`[^`\n]*:\n\n(`{3,})\w+\n(.*?)\n\2\n", TEXT, re.DOTALL
)


def called(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def arguments(call: ast.Call) -> dict[str | None, str]:
    given = {keyword.arg: ast.dump(keyword.value) for keyword in call.keywords}
    return {name: value for name, value in given.items() if "Ellipsis" not in value}


@pytest.mark.parametrize(("path", "fence", "shown"), SHOWN, ids=[path for path, _, _ in SHOWN])
def test_each_example_is_real(path: str, fence: str, shown: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        assert shown in text
        return
    (example, *_) = called(ast.parse(shown))
    found = [arguments(call) for call in called(ast.parse(text))]
    assert any(arguments(example).items() <= call.items() for call in found)


def test_there_is_an_example_of_each_kind() -> None:
    assert len(SHOWN) == 3
    assert len(re.findall(r"^## Add a \w+$", TEXT, re.MULTILINE)) == 5
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE):
        if section.startswith("Add a"):
            assert re.findall(r"^(\d)\. ", section, re.MULTILINE) == list("12345")


@pytest.mark.parametrize("section", ["Add a rule", "Add a claim"])
def test_who_states_something_is_told_of_the_ledgers(section: str) -> None:
    text = TEXT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    assert "[below](#write-the-ledgers)" in text
    assert f" {len(ledgers.releases())} releases of torch" in TEXT
    assert "## Write the ledgers\n" in TEXT


def test_what_is_said_of_addresses_is_so() -> None:
    """The file lists pages; that of one text on the page of errors is linked from elsewhere."""
    listed = (ROOT / "docs" / "addresses.txt").read_text(encoding="utf-8").split()
    assert [address for address in listed if "#q-" in address] == []
    question = TEXT.partition("## Add a question\n")[2].partition("\n## ")[0]
    assert "addresses.txt" not in question


def test_the_table_of_style_names_every_point_and_its_limit() -> None:
    rows = [row.split("|") for row in TEXT.splitlines() if "| at " in row]
    stated = {(name.strip(), limit.strip()) for _, name, _, limit, _ in rows}
    told = (str(point).split("|") for point in style.points())
    assert stated == {(name.strip(), limit.strip()) for _, name, _, limit, _ in told}


def test_a_missed_point_is_told() -> None:
    assert str(style.Point("lines", 351, 350)) == "| lines | 351 | at most 350 | MISSED"
    assert str(style.Point("tests", 41.26, 40, at_least=True)) == "| tests | 41.3 | at least 40 |"


def test_code_is_counted_without_comments_docstrings_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text('"""Say."""\n\n# why\nA = (\n    1,\n)\n', encoding="utf-8")
    assert style.code_lines(path) == {4, 5, 6}
