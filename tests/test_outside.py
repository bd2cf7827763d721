"""A project of its own that describes its module with mhadoc: installed and built for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "tests" / "outside"
RIGHT, WRONG = "(self.num_heads, -1)", "(-1, self.num_heads)"

Run = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the project is installed, with its sources beside it."""
    folder = tmp_path_factory.mktemp("outside")
    shutil.copytree(PROJECT, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    target = ["--target", str(folder / "site"), str(folder / "source")]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *target], check=True)
    return folder


@pytest.fixture
def run(installed: Path) -> Callable[..., Run]:
    def run(*command: str, site: Path = installed / "site") -> Run:
        paths = os.pathsep.join((str(site), str(ROOT)))
        return subprocess.run(
            [sys.executable, "-B", "-m", *command],
            cwd=installed,  # where none of its modules lie: those installed are used
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            text=True,
            capture_output=True,
            check=False,
        )

    return run


@pytest.fixture
def broken(installed: Path, tmp_path: Path) -> Path:
    """Return the project installed with a mistake in its module: shapes stay, numbers do not."""
    site = shutil.copytree(installed / "site", tmp_path / "site")
    module = site / "grouped_query.py"
    text = module.read_text(encoding="utf-8")
    assert text.count(RIGHT) == 1
    wrong = text.replace(RIGHT, f"{WRONG}).transpose(-2, -1")
    module.write_text(wrong, encoding="utf-8")
    return site


def test_its_spec_holds(run: Callable[..., Run]) -> None:
    found = run("mhadoc", "verify", "grouped_query_spec:SPEC")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.startswith("10 rules and 1 claim checked in 2 cases")


def test_answers_come_from_it(run: Callable[..., Run]) -> None:
    found = run("mhadoc", "predict", "grouped_query_spec:SPEC", "30", "6", "2")
    assert found.stdout.splitlines()[1] == "kv_proj.weight   (20, 30)"
    refused = run("mhadoc", "predict", "grouped_query_spec:SPEC", "30", "6", "4")
    assert "`num_kv_heads` must divide `num_heads`" in refused.stderr


def test_each_statement_is_a_test(run: Callable[..., Run], broken: Path) -> None:
    options = ("-q", "-rA", "-p", "no:cacheprovider")
    found = run("pytest", *options, "--mhadoc", "grouped_query_spec")
    assert found.returncode == 0, found.stdout
    assert "PASSED mhadoc::gqa.order" in found.stdout
    assert "PASSED mhadoc::GroupedQueryAttention.kv_proj.weight" in found.stdout
    assert "13 passed" in found.stdout
    wrong = run("pytest", *options, "--mhadoc", "grouped_query_spec", site=broken)
    assert wrong.returncode == 1
    assert "FAILED mhadoc::gqa.order - refuted: gqa.order" in wrong.stdout
    assert "1 failed, 12 passed" in wrong.stdout


def test_another_target_is_one_line(run: Callable[..., Run]) -> None:
    found = run("pytest", "--mhadoc", "no.such_spec")
    assert found.returncode == 4
    assert "ERROR: --mhadoc: no importable module is called 'no.such_spec'" in found.stderr


def test_its_page_is_proved(run: Callable[..., Run], broken: Path, tmp_path: Path) -> None:
    html = ("sphinx", "-q", "-W", "-b", "html", "source/docs", str(tmp_path / "html"))
    found = run(*html)
    assert found.returncode == 0, found.stderr
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert '<span class="pre">(20,</span> <span class="pre">30)</span>' in page
    assert "held in 2 cases on torch" in page
    wrong = run(*html, "-E", site=broken)
    assert wrong.returncode == 1
    assert "refuted: gqa.order" in wrong.stderr
