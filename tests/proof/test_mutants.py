"""Changes to torch itself: the proof notices each one, and nothing in torch as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import FAMILY, MUTANTS, noticed

PROGRAM = Path(__file__).parents[1] / "mutants.py"
ROOT = PROGRAM.parents[1]
EVERY = [mutant.name for mutant in (*MUTANTS, *FAMILY)]
STACKS = ["TransformerEncoder", "TransformerDecoder", "Transformer"]
LAYERS = ["TransformerEncoderLayer", "TransformerDecoderLayer"]


@pytest.fixture(scope="module")
def refuted() -> dict[str, list[str]]:
    """What each mutant makes the proof refute, found in two child processes side by side."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), *names],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for names in (EVERY[::2], EVERY[1::2])
    ]
    found: dict[str, list[str]] = {}
    for child in children:
        output, _ = child.communicate(timeout=400)
        assert child.returncode == 0
        found |= json.loads(output)
    return found


def test_there_are_many() -> None:
    assert len(set(EVERY)) == len(EVERY)
    assert len(MUTANTS) >= 40
    assert len(FAMILY) >= 100


@pytest.mark.xdist_group("mutants")
@pytest.mark.parametrize("name", EVERY)
def test_noticed(name: str, refuted: dict[str, list[str]]) -> None:
    assert refuted[name], f"nothing was refuted although torch was changed: {name}"


@pytest.mark.parametrize("name", ["MultiheadAttention", *LAYERS, *STACKS])
def test_torch_as_it_is(name: str) -> None:
    assert noticed(None, name) == []
