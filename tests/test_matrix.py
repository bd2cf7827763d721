"""The matrix: which releases it takes, and what it writes down of each."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mhadoc.catalog.ledgers import HOLDS, NOT_THERE
from mhadoc.proof.report import Refutation, Report
from tools import matrix

LISTED = """torch (2.2.2)
Available versions: 2.2.2, 2.2.1, 2.2.0, 2.13.0+cpu, 2.13.0, 2.0.1, 1.13.1, 1.12.0
"""


class Machine:
    """Answers what a release would, in the place of a subprocess."""

    def __init__(self, answer: str = "", listed: str = LISTED) -> None:
        self.answer, self.listed, self.commands = answer, listed, list[str]()
        self.right = True

    def __call__(self, command: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
        self.commands.append(" ".join(map(str, command)))
        told = self.listed if "index" in command else self.answer
        status = int("tests.answers.on_release" in command and not self.right)
        return subprocess.CompletedProcess(command, status, told, "Traceback\nImportError: torch")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    found = Machine()
    monkeypatch.setattr(subprocess, "run", found)
    monkeypatch.setattr(matrix, "FOLDER", tmp_path)
    return found


def report(*refutations: Refutation) -> str:
    held = {"Dropout.p": 3}
    return Report("2.2.2+cu121", "cpu", 1, 0, 3, refutations, held=held).to_json()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["matrix", *arguments])
    return matrix.main()


def statements(folder: Path, release: str) -> dict[str, Any]:
    return json.loads((folder / f"{release}.json").read_text())["statements"]


def test_the_last_patch_of_each_minor_release_is_taken(machine: Machine):
    assert matrix.available() == ["1.13.1", "2.0.1", "2.2.2", "2.13.0"]


@pytest.mark.parametrize(
    ("asked", "listed"), [([], '["1.13.1", "2.0.1", "2.2.2", "2.13.0"]'), (["2.2.2"], '["2.2.2"]')]
)
def test_the_releases_can_be_listed(machine, monkeypatch, capsys, asked: list[str], listed: str):
    assert run(monkeypatch, "--list", *asked) == 0
    assert capsys.readouterr().out == f"{listed}\n"
    assert not any("install" in command for command in machine.commands)


@pytest.mark.parametrize(("release", "numpy"), [("2.2.2", "numpy<2 "), ("2.3.1", "numpy ")])
def test_an_environment_is_made_and_deleted(machine: Machine, release: str, numpy: str):
    with matrix.environment(release, None) as python:
        assert python.parents[1].name == release
        home = python.parents[2]
        assert home.is_dir()
    assert not home.exists()
    assert f"torch=={release} {numpy}" in machine.commands[-1]


def test_an_environment_that_is_kept_is_used_again(machine: Machine, tmp_path: Path):
    python = tmp_path / "2.2.2/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    with matrix.environment("2.2.2", tmp_path) as found:
        assert found == python
    assert python.exists()
    assert machine.commands == []


def test_a_ledger_is_written_for_each_release(machine, monkeypatch, tmp_path):
    machine.answer = report()
    assert run(monkeypatch, "2.2.2", "2.0.1") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.0.1.json", "2.2.2.json"]
    assert statements(tmp_path, "2.2.2")["Dropout.p"][0] == HOLDS


def test_a_refutation_is_told_and_the_status_is_1(machine, monkeypatch, tmp_path, capsys):
    machine.answer = report(Refutation("Dropout.p", "so", {}, "one", "two"))
    assert run(monkeypatch, "2.2.2") == 1
    assert "refuted: Dropout.p" in capsys.readouterr().out
    assert statements(tmp_path, "2.2.2")["Dropout.p"][2:] == [{}, "one", "two"]


def test_answers_are_asked_of_each_release_and_a_wrong_one_makes_the_status_1(machine, monkeypatch):
    machine.answer, machine.right = report(), False
    assert run(monkeypatch, "2.2.2", "2.0.1") == 1
    assert sum("tests.answers.on_release" in command for command in machine.commands) == 2


def test_a_release_that_cannot_be_tried_is_told_and_the_next_one_is_tried(
    machine, monkeypatch, tmp_path, capsys
):
    assert run(monkeypatch, "2.2.2", "2.0.1") == 1
    assert "ImportError: torch" in capsys.readouterr().err
    assert sum("verify" in command for command in machine.commands) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_release_that_cannot_be_installed_is_told(machine, monkeypatch, capsys):
    def refuse(command: list[Any], **options: Any) -> None:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert run(monkeypatch, "2.2.2") == 1
    assert "torch 2.2.2 cannot be installed" in capsys.readouterr().err


def test_one_spec_alone_can_be_renewed(machine, monkeypatch, tmp_path):
    machine.answer = report()
    assert run(monkeypatch, "2.13.0", "--spec", "Dropout") == 0
    assert machine.commands[-1].endswith("verify Dropout --json")
    found = statements(tmp_path, "2.13.0")
    assert found["Linear.weight"][0] != NOT_THERE
    assert len(found) > 1000
