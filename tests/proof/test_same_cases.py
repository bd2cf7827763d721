"""The quick cases are the same in each run, whatever order sets are kept in."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import mhadoc
from mhadoc.proof.covering import covering
for name in mhadoc.specs():
    for case, statements in covering(mhadoc.spec(name)).items():
        print(case.at, *(statement.id for statement in statements))
"""


def planned(seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment
    ).stdout


def test_same_cases_in_each_run() -> None:
    first = planned("1")
    assert first.count("\n") > 100
    assert first == planned("2")
