"""The command line: what it prints where, and with which exit status it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

import mhadoc
from mhadoc.cli import commands
from mhadoc.proof.report import Refutation, Report

HOLDS = Report("2.13.0", "cpu", 53, 70, 99, held={"mha.scale": 3}, seconds=1.5)
REFUTED = Report("2.13.0", "cpu", 53, 70, 99, (Refutation("mha.scale", "x", {}, "3", "2"),))
ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, prog_name="mhadoc")


@contextmanager
def _hearing_ctrl_c() -> Iterator[None]:
    """Let children hear SIGINT, which a shell has its background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def child(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command line in a process of its own, which ends here at the latest."""
    with (
        _hearing_ctrl_c(),
        subprocess.Popen(
            [sys.executable, "-m", "mhadoc", *arguments],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what verification is asked for, which gives a report without any work."""
    asked: dict[str, Any] = {"report": HOLDS}

    def verify(target: str | None, **options: Any) -> Report:
        asked.update(options, target=target)
        found = asked["report"]
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(mhadoc, "verify", verify)
    return asked


def test_one_line_and_status_0_where_all_hold(asked: dict[str, Any]) -> None:
    result = run("verify")
    assert (result.stdout, result.exit_code) == (f"{HOLDS.line()}\n", 0)
    assert result.stderr == ""
    assert asked["target"] is None
    assert asked["executor"] is None
    assert (asked["exhaustive"], asked["device"], asked["subject"]) == (False, "cpu", None)


def test_status_1_where_something_is_refuted(asked: dict[str, Any]) -> None:
    asked["report"] = REFUTED
    result = run("verify", "MultiheadAttention")
    assert result.exit_code == 1
    assert result.stdout.startswith("refuted: mha.scale\n")
    assert result.stdout.splitlines()[-1] == REFUTED.line()


@pytest.mark.parametrize("option", [("--json",), ("--format", "json")])
def test_a_report_as_json(asked: dict[str, Any], option: tuple[str, ...]) -> None:
    assert json.loads(run("verify", *option).stdout) == json.loads(HOLDS.to_json())


@pytest.mark.parametrize(("form", "begins"), [("junit", "<?xml"), ("github", "::notice")])
def test_a_report_in_other_formats(asked: dict[str, Any], form: str, begins: str) -> None:
    assert run("verify", "--format", form).stdout.startswith(begins)


def test_options_are_handed_on(asked: dict[str, Any]) -> None:
    run("verify", "MultiheadAttention", "--exhaustive", "--subject", "a.b:C", "--device", "meta")
    assert asked["target"] == "MultiheadAttention"
    assert (asked["exhaustive"], asked["device"], asked["subject"]) == (True, "meta", "a.b:C")
    assert asked["fresh"] is False
    run("verify", "--exhaustive", "--fresh", "--workers", "2")
    assert asked["fresh"] is True
    assert type(asked["executor"]).__name__ == "Workers"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "Multihead"], "no spec is called 'Multihead'; closest: MultiheadAttention"),
        (["verify", "--device", "cudo"], "the device 'cudo' cannot be used: Expected one of cpu"),
        (
            ["verify", "MultiheadAttention", "--subject", "torch.nn:MultiheadAtention"],
            "no part of torch.nn is called 'MultiheadAtention'; closest: MultiheadAttention",
        ),
        (
            ["verify", "Linear", "--subject", "torch.nm:X"],
            "no importable module is called 'torch.nm'; closest: torch.",
        ),
        (["verify", "--subject", "torch.nn:Linear"], "a subject needs a target: "),
        (["verify", "Linear", "--subject", "Linear"], "'Linear' is no path in Python: write it as"),
        (["verify", "Linear", "--subject", "json:dumps"], "json:dumps is a function: a drop-in fo"),
        (
            ["verify", "./a:SPEC"],
            "'./a:SPEC' is no path in Python: write it as package.module:SPEC",
        ),
        (["explain", ":"], "':' is no path in Python: write it as package"),
        (["verify", "--workers", "2"], "--workers, --scheduler and --fresh go with --exhaustive."),
        (
            ["verify", "--exhaustive", "--workers", "2", "--scheduler", "x"],
            "--workers and --scheduler exclude each other.",
        ),
        (["verify", "--exhaustive", "--workers", "0"], "Invalid value for '--workers': "),
        (["verify", "--exhaustive", "--scheduler", "x://y"], "no Dask scheduler answers at 'x://y"),
        (["verify", "--exhaustve"], "No such option '--exhaustve'. Did you mean '--exhaustive'?"),
        (["verfy"], "No such command 'verfy'. Did you mean 'verify'?"),
        (["predict"], "Missing argument 'TARGET'."),
        (["predict", "Multihead", "8", "2"], "no spec is called 'Multihead'; closest: Multihead"),
        (["predict", "MultiheadAttention", "bias=false"], "false is no Python value, such as 8"),
        (["predict", "MultiheadAttention", "8", "2", "bias=1", "bias=1"], "bias is given twice."),
        (
            ["predict", "MultiheadAttention", "dtype=torch.nn"],
            "torch.nn is no dtype, such as torch",
        ),
        (
            ["predict", "MultiheadAttention", "8", "--jsn"],
            "No such option '--jsn'. Did you mean '-",
        ),
        (
            ["explain", "MultiheadAttention", "--torch-versio=2.1"],
            "No such option '--torch-versio'",
        ),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1


def test_a_device_that_is_not_there_is_refused_with_the_reason() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises((AssertionError, RuntimeError), match=r"CUDA|NVIDIA") as refused:
        torch.zeros(1, device="cuda")
    result = run("verify", "--device", "cuda")
    assert result.exit_code == 2
    reason = str(refused.value)[:40]
    assert f"the device 'cuda' cannot be used: {reason}" in result.stderr


def test_predict_prints_a_table() -> None:
    result = run("predict", "MultiheadAttention", "512", "8", "kdim=300", "bias=False")
    assert result.stdout.splitlines() == [
        "q_proj_weight    (512, 512)",
        "k_proj_weight    (512, 300)",
        "v_proj_weight    (512, 512)",
        "out_proj.weight  (512, 512)",
    ]
    assert result.exit_code == 0


def test_a_dtype_is_given_by_its_name() -> None:
    result = run("predict", "Linear", "3", "2", "dtype=torch.float16")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "weight  (2, 3)")


def test_where_there_are_no_parameters_it_is_said() -> None:
    assert run("predict", "Dropout", "0.5").stdout == "no parameters\n"
    assert run("predict", "Dropout", "--json").stdout == "{}\n"
    assert run("explain", "Dropout").stdout == "Dropout: no parameters\n"


def test_a_number_below_zero_is_an_argument() -> None:
    result = run("predict", "MultiheadAttention", "-4", "2")
    assert result.exit_code == 1
    assert "greater than 0, but got embed_dim=-4, num_heads=2" in result.stderr
    assert run("predict", "Linear", "3", "2", "-.5").exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        "verify ours:SPEC",
        "verify ours",
        "predict ours:SPEC 3 2",
        "explain ours:SPEC 3 2",
        "diagnose-load a.pt ours:SPEC 3 2",
        "diagnose-load a.pt ours:Line 3 2",
        "verify Linear --subject ours:Line",
    ],
)
def test_modules_in_the_current_folder_are_found(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours.py").write_text(
        "import mhadoc, torch\nfrom dataclasses import replace\n"
        "SPEC = replace(mhadoc.spec('Linear'), name='Ours', claims=())\n"
        "class Line(torch.nn.Linear): pass\n"
    )
    torch.save({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, tmp_path / "a.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.delitem(sys.modules, "ours", raising=False)
    result = run(*line.split())
    assert (result.exit_code, result.stderr) == (0, "")


def test_predict_as_json() -> None:
    result = run("predict", "MultiheadAttention", "embed_dim=10", "num_heads=2", "--json")
    assert json.loads(result.stdout)["in_proj_weight"] == [30, 10]


def test_what_torch_refuses_has_status_1() -> None:
    result = run("predict", "MultiheadAttention", "512", "7")
    assert result.exit_code == 1
    assert result.stderr.startswith("MultiheadAttention.num_heads.divides: num_heads must divide")
    assert "torch raises: AssertionError" in result.stderr
    assert result.stdout == ""


def test_specs_are_listed() -> None:
    assert run("specs").stdout.startswith("MultiheadAttention  torch.nn.MultiheadAttention: ")
    assert " rules, 1 claim)\n" in run("specs").stdout
    found = json.loads(run("specs", "--json").stdout)
    assert [row["name"] for row in found] == list(mhadoc.specs())
    assert found[0]["claims"] == len(mhadoc.spec("MultiheadAttention").claims)


@pytest.mark.parametrize("command", list(commands.commands))
def test_help_has_an_example_and_a_word_on_each_option(command: str) -> None:
    text = run(command, "--help").stdout
    assert f"\n    mhadoc {command}" in text.partition("Examples:\n")[2]
    assert "--json" in text
    for parameter in commands.commands[command].params:
        assert parameter.param_type_name == "argument" or getattr(parameter, "help", "")


COMPLETIONS = [
    ("sp", ["plain,specs"]),
    ("predict multih", ["plain,MultiheadAttention"]),
    ("explain MultiheadAttention embed_dim=512 k", ["plain,kdim="]),
    ("diagnose-load a.pt MultiheadAttention add_", ["plain,add_bias_kv=", "plain,add_zero_attn="]),
    ("predict MultiheadAttention embed_dim=512 emb", []),
    ("predict Attention k", []),
    ("infer a", ["file,a"]),
    ("verify --for", ["plain,--format"]),
    ("verify --format j", ["plain,json", "plain,junit"]),
]


@pytest.mark.parametrize(("line", "found"), COMPLETIONS)
def test_the_shell_is_told_how_to_go_on(line: str, found: list[str]) -> None:
    words = ["mhadoc", *line.split()]
    shell = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    result = CliRunner().invoke(
        commands, env={"_MHADOC_COMPLETE": "bash_complete", **shell}, prog_name="mhadoc"
    )
    assert result.stdout.split() == found


def test_bash_completes(tmp_path: Path) -> None:
    program = tmp_path / "mhadoc"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mhadoc "$@"\n')
    program.chmod(0o755)
    asked = (
        'eval "$(_MHADOC_COMPLETE=bash_source mhadoc)"; COMP_WORDS=(mhadoc explain Lin); '
        'COMP_CWORD=2; _mhadoc_completion mhadoc; echo "${COMPREPLY[@]}"; complete -p mhadoc'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    command = ["bash", "-c", asked]
    found = subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    assert found.splitlines() == [
        "Linear",
        "complete -o nosort -F _mhadoc_completion mhadoc",
    ]


def test_an_interruption_says_how_to_go_on(asked: dict[str, Any]) -> None:
    asked["report"] = KeyboardInterrupt()
    result = run("verify", "--exhaustive")
    assert result.exit_code == 130
    assert result.stderr == (
        "interrupted: what is finished is kept; the same command goes on from there, "
        "and with --fresh it begins anew\n"
    )
    result = run("verify")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def _journal(folder: Path) -> list[str]:
    return [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]


def _wait_for(happens: Callable[[], bool], patience: float = 120) -> None:
    end = time.monotonic() + patience
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


#: A run of minutes that keeps its first cases within a second.
LONG = ("verify", "TransformerEncoder", "--exhaustive")


@pytest.mark.parametrize("workers", [(), ("--workers", "1")], ids=["here", "elsewhere"])
def test_ctrl_c_ends_it_and_keeps_what_is_finished(
    workers: tuple[str, ...], tmp_path: Path
) -> None:
    with child(*LONG, *workers, MHADOC_CACHE=str(tmp_path)) as process:
        _wait_for(lambda: len(_journal(tmp_path)) > 0)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1].startswith("interrupted: what is finished is kept")
    assert "Traceback" not in stderr
    assert len(_journal(tmp_path)) > 0


def test_a_killed_run_leaves_whole_lines(tmp_path: Path) -> None:
    with child(*LONG, MHADOC_CACHE=str(tmp_path)) as process:
        _wait_for(lambda: len(_journal(tmp_path)) > 0)
        process.kill()
    assert all(json.loads(line)["tally"]["cases"] > 0 for line in _journal(tmp_path))


def test_there_is_no_bar_without_a_terminal() -> None:
    with child("verify", "--device", "cudo") as process:
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "\x1b" not in stderr


@pytest.mark.parametrize("terminal", [False, True])
def test_colour_is_for_terminals(terminal: bool) -> None:
    reader, writer = pty.openpty() if terminal else os.pipe()
    command = [sys.executable, "-m", "mhadoc", "explain", "Linear"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=writer) as process:
        os.close(writer)
        text = _all(reader)
    assert process.returncode == 0
    assert b"in_features" in text
    assert (b"\x1b[" in text) is terminal


def _all(reader: int) -> bytes:
    """Read until the other side is closed, which a terminal tells by an error."""
    found = b""
    with contextlib.suppress(OSError):
        while piece := os.read(reader, 1 << 16):
            found += piece
    os.close(reader)
    return found


def test_help_is_there_at_once() -> None:
    def seconds(*command: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
        return time.perf_counter() - begun

    ours = statistics.median(seconds("-m", "mhadoc", "--help") for _ in range(5))
    least = statistics.median(seconds("-c", "import click") for _ in range(5))
    assert ours < max(0.15, 2 * least)  # a busy machine is slow with anything


def _output(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, check=False
    )


def test_help_loads_neither_torch_nor_sympy() -> None:
    heavy = "{'numpy', 'rich', 'sympy', 'torch'}"
    run = _output(f"import sys, mhadoc.cli; print({heavy} & sys.modules.keys())")
    assert run.stdout == "set()\n"


@pytest.mark.parametrize(
    ("package", "line", "purpose", "extra", "status"),
    [
        ("click", "--help", "the command line", "cli", 1),
        ("torch", "verify", "Error: mhadoc.verify", "torch", 2),
        ("torch", "infer a.pt", "Error: reading a .pt file", "torch", 2),
        ("safetensors", "infer a.safetensors", "Error: reading a .safetensors file", "files", 2),
        ("torch", "diagnose-load a.safetensors Linear 2 3", "Error: building a module", "torch", 2),
    ],
)
def test_where_a_package_is_missing_one_line_names_its_extra(
    package: str, line: str, purpose: str, extra: str, status: int, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(3, 2)}, tmp_path / "a.safetensors")
    torch.save({"weight": torch.ones(3, 2)}, tmp_path / "a.pt")
    program = f"import os, sys; sys.modules[{package!r}] = None; sys.argv[1:] = {line.split()}; "
    program += f"import mhadoc.__main__ as m; os.chdir({str(tmp_path)!r}); m.main()"
    run = _output(program)
    said = f'{purpose} needs more packages: pip install "mhadoc[{extra}]"\n'
    assert (run.returncode, run.stderr) == (status, said)
