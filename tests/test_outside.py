"""A project of its own that describes its module with mhadoc: installed and built for real."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import mhadoc
from mhadoc.errors import RuleError, UnknownNameError
from mhadoc.proof.twins import survivors

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


PAGE = (ROOT / "docs" / "own_modules.md").read_text(encoding="utf-8")
SHELL = "".join(re.findall(r"^```\{code-block\} sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = [line for line in SHELL.splitlines() if "grouped_query_spec" in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_page_runs_works_beside_the_module(tmp_path: Path, command: str) -> None:
    """Python leaves the current folder out, as it does for a command that was installed."""
    folder = shutil.copytree(PROJECT, tmp_path / "own", ignore=shutil.ignore_patterns("docs"))
    state = {"q_proj": (30, 30), "kv_proj": (20, 30), "out_proj": (30, 30)}
    stored = {f"{name}.weight": torch.zeros(shape) for name, shape in state.items()}
    torch.save(stored, folder / "checkpoint.pt")
    only = ["--collect-only"] if command.startswith("pytest") else []  # below they are run
    found = subprocess.run(
        [sys.executable, "-B", "-P", "-m", *command.split(), *only],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_page_runs_each_command() -> None:
    assert [command.split()[:2] for command in COMMANDS] == [
        ["mhadoc", "verify"],
        ["pytest", "--mhadoc"],
        ["mhadoc", "predict"],
        ["mhadoc", "explain"],
        ["mhadoc", "diagnose-load"],
    ]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module with the class; its spec can be imported too."""
    monkeypatch.syspath_prepend(PROJECT)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("grouped_query")
    for name in ("grouped_query", "grouped_query_spec"):
        sys.modules.pop(name, None)


SIZES = {"embed_dim": 30, "num_heads": 6, "num_kv_heads": 2}
SPEC = "grouped_query_spec:SPEC"


def test_what_the_page_asks_in_python(own: Any) -> None:
    """Compare with the real module; what does not know it says so."""
    module, x = own.GroupedQueryAttention(**SIZES), torch.zeros(4, 7, 30)
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert mhadoc.predict(SPEC, 30, 6, 2) == mhadoc.predict(mhadoc.spec(SPEC), **SIZES) == shapes
    assert mhadoc.predict_call(SPEC, SIZES, x=(4, 7, 30)) == {"output": tuple(module(x).shape)}
    assert mhadoc.explain(SPEC, **SIZES).total == sum(p.numel() for p in module.parameters())
    assert mhadoc.diagnose_load(module, module.state_dict()) == []
    with pytest.raises(RuntimeError) as raised, mhadoc.watch(module):
        module(x[..., 1:])
    assert "in q_proj, a Linear" in raised.value.__notes__[0]
    for ask in (mhadoc.diagnose, mhadoc.why_not_fast_path, mhadoc.predict):
        with pytest.raises(UnknownNameError, match="no spec is called 'GroupedQueryAttention'"):
            ask(module, x)
    assert mhadoc.infer(module.state_dict()).target is None


@pytest.mark.parametrize(
    "sizes", [{"embed_dim": 31}, {"num_kv_heads": 4}, {"embed_dim": 32, "num_kv_heads": 5}]
)
def test_what_it_refuses_its_spec_refuses(own: Any, sizes: dict[str, int]) -> None:
    with pytest.raises(RuleError) as refused:
        mhadoc.predict_call(SPEC, SIZES | sizes, x=(4, 7, (SIZES | sizes)["embed_dim"]))
    with pytest.raises(ValueError, match="do not divide") as raised:
        own.GroupedQueryAttention(**SIZES | sizes)
    assert refused.value.torch_error == f"ValueError: {raised.value}"


def test_its_sizes_differ_and_no_false_twin_of_it_is_let_through(own: Any) -> None:
    spec = mhadoc.spec(SPEC)
    sizes = [spec.cases.numbers[name] for name in spec.cases.sizes]
    assert len(set(sizes)) == len(sizes)
    assert list(survivors(spec)) == []


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
    assert "14 passed" in found.stdout
    wrong = run("pytest", *options, "--mhadoc", "grouped_query_spec", site=broken)
    assert wrong.returncode == 1
    assert "FAILED mhadoc::gqa.order - refuted: gqa.order" in wrong.stdout
    assert "1 failed, 13 passed" in wrong.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("no.such_spec", "no importable module is called 'no.such_spec'"),
        ("./x", "'./x' is no path in Python: write it as package.module"),
        ("raising", "raising cannot be imported: ZeroDivisionError: division by zero (raising.py"),
        ("Linear --mhadoc-subject json:dumps", "json:dumps is a function: a drop-in for Linear is"),
    ],
)
def test_another_target_is_one_line(
    run: Callable[..., Run], installed: Path, options: str, said: str
) -> None:
    (installed / "raising.py").write_text("1 / 0")
    found = run("pytest", "--mhadoc", *options.split())
    assert found.returncode == 4
    assert f"ERROR: --mhadoc: {said}" in found.stderr
    assert "Traceback" not in found.stdout + found.stderr


def test_its_page_is_proved(run: Callable[..., Run], broken: Path, tmp_path: Path) -> None:
    html = ("sphinx", "-q", "-W", "-b", "html", "source/docs", str(tmp_path / "html"))
    found = run(*html)
    assert found.returncode == 0, found.stderr
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert '<span class="pre">(20,</span> <span class="pre">30)</span>' in page
    assert "held in 2 cases on torch" in page
    wrong = run(*(option for option in html if option != "-W"), "-E", site=broken)
    assert wrong.returncode == 1
    assert "refuted: gqa.order" in wrong.stderr
