"""Changes to torch itself: the proof notices each one, and nothing in torch as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import MUTANTS, noticed

PROGRAM = Path(__file__).parents[1] / "mutants.py"
ROOT = PROGRAM.parents[1]


@pytest.fixture(scope="module")
def refuted() -> dict[str, list[str]]:
    """What each mutant makes the proof refute, found in two child processes side by side."""
    half = len(MUTANTS) // 2
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), *map(str, part)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for part in ((0, half), (half, len(MUTANTS)))
    ]
    found: dict[str, list[str]] = {}
    for child in children:
        output, _ = child.communicate(timeout=400)
        assert child.returncode == 0
        found |= json.loads(output)
    return found


def test_there_are_many() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40


@pytest.mark.xdist_group("mutants")
@pytest.mark.parametrize("name", [mutant.name for mutant in MUTANTS])
def test_noticed(name: str, refuted: dict[str, list[str]]) -> None:
    assert refuted[name], f"nothing was refuted although torch was changed: {name}"


def test_torch_as_it_is() -> None:
    assert noticed(None) == []
