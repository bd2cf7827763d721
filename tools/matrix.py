"""Verify every spec on each release of torch, and write down what holds there, in ledgers.

Every answer of mhadoc is compared with torch there as well.

Run ``make matrix``, or ``make matrix TORCH="2.2.2 2.13.0"`` for these releases alone. Each gets an
environment of its own, up to 6 GB, which is deleted before the next one. The status is 1 where a
statement is refuted, an answer is wrong, or a release cannot be tried.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mhadoc
from mhadoc.catalog import history
from mhadoc.catalog.ledgers import FOLDER, ledger, releases
from mhadoc.language.releases import OLDEST, order
from mhadoc.proof.ledgers import entries, text
from mhadoc.proof.report import Report

ROOT = Path(__file__).resolve().parents[1]
#: Releases before this one were built for numpy 1.
NUMPY_2 = "2.3"


def available() -> list[str]:
    """Return the last patch of each minor release of torch that pip can install, oldest first."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "torch"],
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.findall(r"\d+\.\d+\.\d+(?=[,\s])", done.stdout.partition("Available versions:")[2])
    newest = {order(release)[:2]: release for release in sorted(found, key=order)}
    return [release for minor, release in newest.items() if minor >= order(OLDEST)[:2]]


@contextmanager
def environment(release: str, keep: Path | None) -> Iterator[Path]:
    """Give the Python of an environment with this torch, which is deleted in the end.

    In the folder to ``keep`` environments in, it stays, and is used again.
    """
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        home = (keep or Path(folder)) / release
        python = home / "bin/python"
        if not python.exists():
            numpy = "numpy<2" if order(release) < order(NUMPY_2) else "numpy"
            packages = [f"torch=={release}", numpy, "sympy>=1.12", "click", "rich", "safetensors"]
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            install = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
            subprocess.run([*install, "--quiet", *packages], check=True)
        yield python


def proved(python: Path, target: str) -> Report | None:
    """Return the report of a release on one spec, or on all for ""; None where there is none."""
    command = [str(python), "-m", "mhadoc", "verify", *filter(None, [target]), "--json"]
    done = subprocess.run(
        command, env=_alone(), cwd=ROOT, capture_output=True, text=True, check=False
    )
    try:
        return Report.from_dict(json.loads(done.stdout))
    except ValueError:
        print("\n".join(done.stderr.splitlines()[-20:]), file=sys.stderr)
        return None


def _alone() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def answered(python: Path) -> bool:
    """Ask everything that mhadoc answers on a release, and tell whether all of it is right."""
    command = [str(python), "-m", "tests.answers.on_release"]
    done = subprocess.run(command, env=_alone(), cwd=ROOT, check=False)
    return done.returncode == 0


def tried(release: str, targets: Sequence[str], keep: Path | None) -> bool:
    """Verify specs on a release, write its ledger, and tell whether all holds."""
    try:
        with environment(release, keep) as python:
            reports = [(name, proved(python, name)) for name in targets or [""]]
            right = bool(targets) or answered(python)
    except subprocess.CalledProcessError as failed:
        print(f"torch {release} cannot be installed: {failed}", file=sys.stderr)
        return False
    known = dict(ledger(release)) if targets and release in releases() else {}
    for name, report in reports:
        if report is not None:
            specs = map(history, [name] if name else mhadoc.specs())
            known |= entries(report, *specs)
            print(report if report.refutations else report.line(), flush=True)
    if known:
        (FOLDER / f"{release}.json").write_text(text(release, known), encoding="utf-8")
    return right and all(report is not None and report.ok for _, report in reports)


def main() -> int:
    """Try the releases named, or all, or list them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help="such as 2.2.2")
    parser.add_argument("--spec", nargs="*", default=[], help="renew what these specs state alone")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep environments here")
    parser.add_argument("--list", action="store_true", help="print the releases, and try none")
    asked = parser.parse_args()
    found = asked.releases or available()
    if asked.list:
        print(json.dumps(found))
        return 0
    held = [tried(release, asked.spec, asked.keep) for release in found]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
