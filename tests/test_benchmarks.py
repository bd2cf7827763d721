"""Benchmarks: a missed promise is told, and the results shown belong to promises there are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.promises import Promise, race

ROOT = Path(__file__).parents[1]
RESULTS = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))


class Part:
    """A part that promises what it is told to."""

    def __init__(self, *promises: Promise) -> None:
        self.promises = promises

    def measured(self) -> tuple[Promise, ...]:
        return self.promises


KEPT = Promise("a", "b", 12.34, 10, at_least=True)
MISSED = Promise("slow", "none", 120, 100, "µs")


@pytest.mark.parametrize(
    ("promise", "kept"),
    [(KEPT, True), (MISSED, False), (Promise("a", "b", 10, 10), True)],
)
def test_the_right_side_of_a_limit(promise: Promise, kept: bool) -> None:
    assert promise.kept is kept
    assert ("kept" if kept else "BROKEN") in str(promise)


@pytest.mark.parametrize(("promises", "status"), [([KEPT], 0), ([KEPT, MISSED], 1)])
def test_a_missed_promise_is_told(
    promises: list[Promise],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "import_module", lambda name: Part(*promises))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "predict", "--json", str(tmp_path / "f.json")])
    assert command.main() == status
    assert capsys.readouterr().out.count("\n") == len(promises) + 1
    found = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert [one["kept"] for one in found["promises"]] == [one.kept for one in promises]
    assert found["promises"][0]["measured"] == 12.3
    assert found["machine"]["cores"] > 0


def test_a_race_is_won_by_the_faster() -> None:
    ours, theirs = race(lambda: None, lambda: sum(range(3000)), repeat=5)
    assert ours < theirs


def test_results_are_of_the_limits_that_are_promised() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")]
    for promise in RESULTS["promises"]:
        parts = promise["name"].split(": ")
        assert any(f'"{parts[0]}' in text for text in texts), promise["name"]
        assert promise["kept"], promise["name"]
