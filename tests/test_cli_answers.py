"""mhadoc explain, infer and diagnose-load: what is printed, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

import mhadoc
from mhadoc.cli import commands


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, prog_name="mhadoc")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a.safetensors"
    save_file(torch.nn.MultiheadAttention(12, 3, kdim=5).state_dict(), path)
    return str(path)


@pytest.mark.parametrize("arguments", [(), ("12", "3"), ("embed_dim=12", "num_heads=3")])
def test_explain(arguments: tuple[str, ...]) -> None:
    result = run("explain", "MultiheadAttention", *arguments)
    answer = mhadoc.explain("MultiheadAttention", *([12, 3] if arguments else []))
    assert (result.exit_code, result.stdout) == (0, f"{answer}\n")


def test_explain_json() -> None:
    result = run("explain", "MultiheadAttention", "12", "3", "--json")
    assert json.loads(result.stdout)["rows"][0]["shape"] == [36, 12]


def test_explain_illegal_arguments() -> None:
    result = run("explain", "MultiheadAttention", "12", "5")
    assert result.exit_code == 1
    assert "num_heads must divide embed_dim" in result.stderr


def test_infer(file: str) -> None:
    result = run("infer", file)
    assert result.exit_code == 0
    assert result.stdout.startswith("MultiheadAttention(embed_dim=12, bias=True, add_bias_kv=False")
    assert json.loads(run("infer", file, "--json").stdout)["arguments"]["kdim"] == 5


def test_infer_an_entry_inside(tmp_path: Path) -> None:
    state = torch.nn.ModuleDict({"text": torch.nn.MultiheadAttention(12, 3)}).state_dict()
    torch.save({"model": state, "epoch": 3}, tmp_path / "a.pt")
    result = run("infer", str(tmp_path / "a.pt"), "--inside", "model", "--prefix", "text")
    assert (result.exit_code, result.stdout.partition("(")[0]) == (0, "text: MultiheadAttention")


def test_infer_keys_of_another_library(tmp_path: Path) -> None:
    save_file(
        {"qkv.weight": torch.zeros(36, 12), "proj.weight": torch.zeros(12, 12)},
        tmp_path / "a.safetensors",
    )
    result = run("infer", str(tmp_path / "a.safetensors"))
    assert result.exit_code == 1
    assert "timm's vision transformers" in result.stdout


@pytest.mark.parametrize("command", [("infer",), ("diagnose-load",)])
def test_a_file_that_cannot_be_read(command: tuple[str], tmp_path: Path) -> None:
    target = ["MultiheadAttention", "12", "3"] if command == ("diagnose-load",) else []
    result = run(*command, str(tmp_path), *target)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {tmp_path}: is a directory\n"
    assert result.stdout == ""


def test_diagnose_load(file: str) -> None:
    result = run("diagnose-load", file, "MultiheadAttention", "12", "3", "kdim=5")
    assert (result.exit_code, result.stdout) == (0, "it loads\n")
    result = run("diagnose-load", file, "MultiheadAttention", "12", "3")
    assert result.exit_code == 1
    assert result.stdout.startswith("error: kdim: the module was built with kdim=12, but the file")


def test_diagnose_load_json(file: str) -> None:
    result = run("diagnose-load", file, "torch.nn:MultiheadAttention", "12", "3", "--json")
    (problem,) = json.loads(result.stdout)
    assert (problem["argument"], problem["severity"]) == ("kdim", "error")


def test_diagnose_load_illegal_arguments(file: str) -> None:
    result = run("diagnose-load", file, "MultiheadAttention", "12", "5")
    assert result.exit_code == 1
    assert "num_heads must divide embed_dim" in result.stderr


def test_diagnose_load_a_class_that_refuses_its_arguments(file: str) -> None:
    result = run("diagnose-load", file, "torch.nn:MultiheadAttention", "12", "5")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: torch.nn:MultiheadAttention cannot be built: "
        "AssertionError: embed_dim must be divisible by num_heads\n"
    )


@pytest.mark.parametrize(
    "asked", [("predict", "LayerNorm", "8"), ("explain", "LayerNorm"), ("specs",)]
)
def test_another_release_is_asked_for(asked: tuple[str, ...]) -> None:
    now, then = (run(*asked, "--torch-version", release) for release in ("2.13", "1.13"))
    assert (now.exit_code, then.exit_code) == (0, 0)
    assert (asked[0] == "predict") == (now.stdout == then.stdout)
    unknown = run(*asked, "--torch-version", "1.12")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("Error: torch '1.12': it is not known; rules are stated of")


def test_an_argument_that_came_later_is_refused() -> None:
    result = run("predict", "LayerNorm", "8", "bias=False", "--torch-version", "2.0")
    assert result.exit_code == 1
    assert "bias came with torch 2.1, and torch 2.0 lacks it" in result.stderr


def test_a_function_that_came_later_is_not_listed() -> None:
    listed = [run("specs", "--torch-version", release).stdout for release in ("1.13", "2.0")]
    assert ["scaled_dot_product_attention" in text for text in listed] == [False, True]


def test_infer_for_another_release(file: str) -> None:
    state = mhadoc.predict("LayerNorm", 8)
    save_file({name: torch.zeros(shape) for name, shape in state.items()}, file)
    assert "bias" not in run("infer", file, "--torch-version", "2.0").stdout
    assert "bias=True" in run("infer", file).stdout


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("json:JSONDecoder", "json:JSONDecoder is no class derived from torch.nn.Module"),
        ("json:__name__", "json:__name__ is no class derived from torch.nn.Module"),
        ("torch:zeros", "torch:zeros returns a Tensor, and no torch.nn.Module"),
        ("torch.nn:Linea", "no part of torch.nn is called 'Linea'; closest: Linear, "),
    ],
)
def test_diagnose_load_what_builds_no_module(file: str, target: str, said: str) -> None:
    result = run("diagnose-load", file, target, *(["3"] if "zeros" in target else []))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {said}")
    assert result.stderr.count("\n") == 1


def test_diagnose_load_into_what_a_spec_describes(file: str) -> None:
    result = run("diagnose-load", file, "torch.nn:Linear", "12", "3")
    assert result.exit_code == 1
    found = run("diagnose-load", file, "mhadoc.catalog.linear:SPEC", "12", "3")
    assert (found.exit_code, found.stdout) == (1, result.stdout)
