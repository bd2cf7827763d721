"""A report as text, JSON, JUnit XML, annotations, and in a terminal."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mhadoc.proof.formats import FORMATS, github, junit, text
from mhadoc.proof.report import Refutation, Report

REFUTATION = Refutation(
    statement="Some.weight",
    sentence="(E,): it has E < 3 & more",
    case={"bias": "False"},
    expected="(3,)",
    observed="(4,)\nsecond line 100%",
    sizes={"E": 3},
    code="import torch\n\nprint(1)\n",
)
GOOD = Report("2.13.0", "cpu", 2, 1, 5, (), 0.25, {"Some.bias": 4, "a.claim": 1})
BAD = Report("2.13.0", "cpu", 2, 1, 5, (REFUTATION,), 0.25, {"Some.bias": 4})


def test_text_is_one_line_when_all_holds() -> None:
    line = "2 rules and 1 claim checked in 5 cases on torch 2.13.0 (cpu) in 0.2 s: all hold"
    assert text(GOOD) == str(GOOD) == line


def test_text_shows_the_refutation_and_its_program() -> None:
    shown = text(BAD)
    assert "refuted: Some.weight" in shown
    assert "bias=False" in shown
    assert "    print(1)" in shown
    assert shown.endswith(": 1 refuted")


@pytest.mark.parametrize(("report", "failures"), [(GOOD, 0), (BAD, 1)])
def test_junit_counts(report: Report, failures: int) -> None:
    suite = ElementTree.fromstring(junit(report))
    assert suite.get("failures") == str(failures)
    assert len(suite.findall("testcase/failure")) == failures
    assert suite.get("tests") == str(len(suite.findall("testcase")))


def test_junit_names_the_statement() -> None:
    (case,) = (c for c in ElementTree.fromstring(junit(BAD)) if c.find("failure") is not None)
    assert (case.get("classname"), case.get("name")) == ("Some", "weight")
    assert "(4,)" in (case.find("failure").text or "")


def test_github_is_one_line_a_message() -> None:
    lines = github(BAD).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::error"]
    assert "100%25" in lines[0]
    assert github(GOOD).startswith("::notice title=mhadoc::")


@given(st.text())
def test_github_survives_any_text(observed: str) -> None:
    found = Refutation("a,b:c", "s", {}, "x", observed)
    report = Report("1", "cpu", 1, 0, 1, (found,))
    assert len(github(report).split("\n")) == 2
    assert "\r" not in github(report)


@given(
    st.dictionaries(st.text(min_size=1), st.integers(1, 9), max_size=3), st.floats(0, 9), st.text()
)
def test_json_round_trip(held: dict[str, int], seconds: float, observed: str) -> None:
    found = Refutation("a", "b", {"x": "y"}, "1", observed, {"E": 2}, "pass")
    report = Report("2.13.0", "cpu", 1, 2, 3, (found,), seconds, held)
    assert Report.from_dict(json.loads(report.to_json())) == report


@pytest.mark.parametrize("report", [GOOD, BAD])
def test_json_has_the_fields_of_the_schema(report: Report) -> None:
    schema = json.loads(files("mhadoc.proof").joinpath("report.schema.json").read_text("utf-8"))
    data = json.loads(report.to_json())
    assert set(schema["required"]) <= set(data) <= set(schema["properties"])
    entry = schema["properties"]["refutations"]["items"]
    for found in data["refutations"]:
        assert set(entry["required"]) == set(found) == set(entry["properties"])


@pytest.mark.parametrize("report", [GOOD, BAD])
def test_terminal(report: Report) -> None:
    screen = io.StringIO()
    Console(file=screen, width=100).print(report)
    assert report.line() in screen.getvalue().replace("\n", " ").replace("  ", " ")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_is_a_string(name: str) -> None:
    assert isinstance(FORMATS[name](BAD), str)
