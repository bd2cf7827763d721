"""Golden files: what people see, whole. MHADOC_GOLDEN=write in the environment renews them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import mhadoc
from mhadoc.cli import commands

GOLDEN = Path(__file__).parent / "golden"


def told(*arguments: str) -> str:
    """Return what the command line prints, with its exit status below."""
    result = CliRunner().invoke(commands, arguments, prog_name="mhadoc", terminal_width=80)
    return f"{result.output}[exit status {result.exit_code}]\n"


def saved(model: nn.Module) -> str:
    torch.save(model.state_dict(), "model.pt")
    return "model.pt"


def model() -> nn.Module:
    """Return a model with two kinds of attention in it."""
    layers = {
        "encoder": nn.TransformerEncoderLayer(12, 2, 7),
        "cross": nn.MultiheadAttention(12, 3, kdim=5),
    }
    return nn.ModuleDict(layers)


def problems() -> str:
    """Return the diagnosis of a call in which several things are wrong."""
    mha = nn.MultiheadAttention(12, 3, batch_first=True)
    query, key = torch.zeros(2, 5, 12), torch.zeros(3, 7, 8)
    found = mhadoc.diagnose(mha, query, key, key, attn_mask=torch.zeros(7, 5))
    return "\n".join(map(str, found)) + "\n"


def doubts() -> str:
    """Return the diagnosis of a call that torch takes and that is not meant."""
    mha, x = nn.MultiheadAttention(12, 3, batch_first=True), torch.zeros(2, 5, 12)
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    return "\n".join(map(str, mhadoc.diagnose(mha, x, x, x, attn_mask=mask))) + "\n"


def watched() -> str:
    """Return the notes on an error deep inside a model."""
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, batch_first=True), 2)
    try:
        with mhadoc.watch(encoder):
            encoder(torch.zeros(2, 5, 9))
    except AssertionError as error:
        return "\n".join([str(error), *error.__notes__]) + "\n"
    return ""


def slow() -> str:
    """Return every reason why an encoder layer in training leaves its fast path."""
    layer = nn.TransformerEncoderLayer(12, 3)
    found = mhadoc.why_not_fast_path(layer, torch.zeros(5, 2, 12))
    return "\n".join(map(str, found)) + "\n"


SEEN: dict[str, Callable[[], str]] = {
    "help.txt": lambda: told("--help"),
    "verify_help.txt": lambda: told("verify", "--help"),
    "predict.txt": lambda: told("predict", "TransformerDecoderLayer", "12", "2"),
    "predict_wrong.txt": lambda: told("predict", "MultiheadAttention", "10", "3"),
    "predict_unknown.txt": lambda: told("predict", "MultiHeadAttention", "10", "3"),
    "explain.txt": lambda: told("explain", "MultiheadAttention", "12", "3", "kdim=5"),
    "explain.json": lambda: told("explain", "MultiheadAttention", "12", "3", "kdim=5", "--json"),
    "infer.txt": lambda: told("infer", saved(model())),
    "infer_missing.txt": lambda: told("infer", "nothing.pt"),
    "diagnose_load.txt": lambda: told(
        "diagnose-load",
        saved(nn.MultiheadAttention(12, 3)),
        "MultiheadAttention",
        "12",
        "3",
        "kdim=5",
    ),
    "explain_model.txt": lambda: f"{mhadoc.explain(model())}\n",
    "explain.html": lambda: mhadoc.explain(
        "MultiheadAttention", embed_dim=12, num_heads=3
    )._repr_html_(),
    "diagnose.txt": problems,
    "diagnose_warnings.txt": doubts,
    "watch.txt": watched,
    "why_not_fast_path.txt": slow,
}


@pytest.mark.parametrize("name", SEEN)
def test_what_people_see(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen, golden = SEEN[name](), GOLDEN / name
    if os.environ.get("MHADOC_GOLDEN") == "write":
        golden.write_text(seen, encoding="utf-8")
    assert seen == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SEEN)
def test_what_people_see_makes_sense(name: str) -> None:
    text = (GOLDEN / name).read_text(encoding="utf-8")
    assert text.endswith("\n") or name.endswith(".html")
    assert not re.search(r"Traceback|object at 0x|None of|\{\w+\}| nan\b|  $", text)
    assert str(Path.home()) not in text
    if name.endswith(".txt"):
        assert max(map(len, text.splitlines())) <= 320


def test_there_is_no_other_golden_file() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == SEEN.keys()
