"""What the matrix asks of each release: all is right on this one, and what is wrong is found."""

from __future__ import annotations

from typing import Any

import pytest

import mhadoc
from tests.answers import on_release


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw as many calls as show that a check works; others draw tens of thousands here."""
    monkeypatch.setattr(on_release, "CALLS", dict.fromkeys(on_release.CALLS, 50))
    monkeypatch.setattr(on_release, "FUSED", 150)


#: The command line has tests of its own, in this process.
HERE = [check for check in on_release.CHECKS if check is not on_release.command_line]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", HERE, ids=lambda check: check.__name__)
def test_every_answer_is_right_here(check: Any) -> None:
    assert list(check()) == []


WRONG: list[tuple[str, Any, str]] = [
    ("predict", lambda *args, **named: {"weight": (5,)}, "predictions"),
    ("infer", lambda *args, **named: INFERRED, "inferences"),
    ("diagnose_load", lambda *args: [], "loadings"),
    ("predict_call", lambda *args, **named: {"output": (5,)}, "shapes"),
    ("diagnose", lambda *args, **named: [], "calls"),
    ("why_not_fast_path", lambda *args, **named: [], "paths"),
    ("explain", lambda *args, **named: EXPLAINED, "explanations"),
]
INFERRED = mhadoc.infer({"weight": (5,), "bias": (5,)})
EXPLAINED = mhadoc.explain("LayerNorm", 5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "answer", "check"), WRONG, ids=[name for name, *_ in WRONG])
def test_a_wrong_answer_is_found(
    name: str, answer: Any, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mhadoc, name, answer)
    assert list(getattr(on_release, check)()) != []


def test_what_is_wrong_is_printed_and_the_status_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(on_release, "CHECKS", (on_release.shapes,))
    assert on_release.main() == 0
    monkeypatch.setattr(mhadoc, "predict_call", lambda *args, **named: {"output": (5,)})
    assert on_release.main() == 1
    printed = capsys.readouterr().out
    assert (
        "shapes: predict_call LayerNorm: torch has [(2, 3, 5)], and the answer is [(5,)]" in printed
    )
    assert "answers on torch" in printed
