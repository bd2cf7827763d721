"""A run of pytest where the plugin is installed, next to the same run without it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.promises import Promise, race


def run(folder: str, *options: str) -> Callable[[], object]:
    """Return what runs the tests of a folder in a process of its own, with no other plugin."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, folder]
    return lambda: subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)


def measured() -> Iterator[Promise]:
    """Measure the promise."""
    with tempfile.TemporaryDirectory() as folder:
        tests = "import pytest\n\n@pytest.mark.parametrize('n', range(100))\ndef test(n): pass\n"
        (Path(folder) / "test_others.py").write_text(tests, encoding="utf-8")
        ours, theirs = race(run(folder), run(folder, "-p", "no:mhadoc"), repeat=2)
    yield Promise("a run of pytest: a hundred tests", "without the plugin", ours / theirs, 1.05)
