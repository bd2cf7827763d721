"""Mutation: what counts as a change, which tests are asked about it, and in which order."""

from __future__ import annotations

import pytest

from tools.mutate.__main__ import score
from tools.mutate.mutants import Mutant, Place, same
from tools.mutate.trials import ROUNDS, Chosen, Known

SOURCE = """\
def wide(
    width=3,
):
    if width > 2:
        return True
    try:
        return 1 / 0
    except ZeroDivisionError:
        return False
"""


def mutant(line: int = 4, old: str = ">", new: str = ">=") -> Mutant:
    place = Place("mhadoc/language/wide.py", "Operator", 0, line)
    return Mutant(place, SOURCE, SOURCE.replace(old, new))


@pytest.mark.parametrize(
    ("mutated", "is_same"),
    [
        ("def f(x: int & None) -> bool:\n    y: int | str = 1\n", True),
        ("def f(x: int | None) -> not bool:\n    y: int | str = 1\n", True),
        ("def f(x: int | None) -> bool:\n    y: int & str = 1\n", True),
        ("def f(x: int | None) -> bool:\n    y: int | str = 2\n", False),
        ("def f(x: int | None) -> bool:\n    y: int | str = \n", True),
    ],
    ids=["argument", "result", "variable", "value", "no Python"],
)
def test_what_does_not_run_is_no_change(mutated: str, is_same: bool) -> None:
    assert same("def f(x: int | None) -> bool:\n    y: int | str = 1\n", mutated) == is_same


@pytest.mark.parametrize(
    ("line", "lines"), [(2, [1, 2, 3]), (4, [4]), (5, [5]), (8, [8]), (10, [10])]
)
def test_the_lines_of_a_change_are_those_of_its_statement(line: int, lines: list[int]) -> None:
    assert list(mutant(line).lines) == lines


def test_a_mutant_says_where_it_is_and_what_it_changes() -> None:
    assert str(mutant()) == "mhadoc/language/wide.py:4:Operator:0"
    assert mutant().room == "language"
    assert mutant().diff.splitlines() == [
        "@@ -4 +4 @@",
        "-    if width > 2:",
        "+    if width >= 2:",
    ]


def test_tests_that_come_by_are_asked_first_and_short_ones_before_long_ones() -> None:
    first, last = ROUNDS
    seconds = {"a": first, "b": 0.1, "c": 0.2, "d": last, "e": 0.0}
    known = Known(seconds, {"mhadoc/language/wide.py": {"4": [0, 2, 3]}})
    assert list(known.rounds(mutant())) == [["c", "a"], ["d"]]
    assert list(known.rounds(mutant(5))) == list(known.rounds(mutant()))  # no test comes by there
    assert list(Known(seconds, {}).rounds(mutant())) == [["e", "b", "c", "a"], ["d"]]


def test_no_other_test_is_run() -> None:
    class Item:
        def __init__(self, nodeid: str) -> None:
            self.nodeid = nodeid

    items = [Item(name) for name in "abcd"]
    Chosen(["d", "b"]).pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == ["d", "b"]


def test_a_score_is_of_the_room_alone(capsys: pytest.CaptureFixture[str]) -> None:
    place = Place("mhadoc/proof/other.py", "Operator", 0, 1)
    found = [(mutant(), "tests"), (mutant(), "time"), (mutant(), ""), (Mutant(place, "", ""), "")]
    assert score("language", found) == pytest.approx(200 / 3)
    assert "language: 66.7 % of 3 mutants are noticed, 1 by" in capsys.readouterr().out
