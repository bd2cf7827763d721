"""Checkpoint files: what is read, and one line for each file that is none."""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import mhadoc
from mhadoc.answers.checkpoints.files import CheckpointError, Stored, read_checkpoint

STATE = torch.nn.MultiheadAttention(12, 3, kdim=5).state_dict()


class Harmful:
    """Unpickling it would make a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.pth", "a.ckpt", "a.bin"])
def test_reads_shapes_and_dtypes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save_file(STATE, path) if path.suffix == ".safetensors" else torch.save(STATE, path)
    stored = read_checkpoint(path)
    assert stored == {key: Stored(tuple(t.shape), "float32") for key, t in STATE.items()}
    assert mhadoc.infer(stored).arguments["kdim"] == 5
    assert mhadoc.diagnose_load(torch.nn.MultiheadAttention(12, 3, kdim=5), stored) == []


@pytest.mark.parametrize(
    ("version", "mapped"),
    [("2.0.1", {}), ("2.1.0+cpu", {"mmap": True}), ("2.13.0", {"mmap": True})],
)
def test_numbers_are_left_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, mapped: dict[str, bool]
) -> None:
    asked, load = dict[str, Any](), torch.load

    def noted(*arguments: Any, **named: Any) -> Any:
        asked.update(named)
        return load(*arguments, **named)

    torch.save(STATE, tmp_path / "a.pt")
    monkeypatch.setattr(torch, "load", noted)
    monkeypatch.setattr(torch, "__version__", version)
    assert read_checkpoint(tmp_path / "a.pt").keys() == STATE.keys()
    assert asked == {"map_location": "cpu", "weights_only": True, **mapped}


@pytest.mark.parametrize(
    ("length", "more", "problem"),
    [
        (100, 7, "is cut short, or no safetensors file"),
        (100, 8, "is no safetensors file: "),
        (16 << 20, 8, "is no safetensors file: "),
        ((16 << 20) + 1, 8, "its header of 16777217 bytes is too long"),
    ],
)
def test_a_header_of_some_length_is_read(
    tmp_path: Path, length: int, more: int, problem: str
) -> None:
    header(tmp_path / "a.safetensors", length, size=length + more)
    with pytest.raises(CheckpointError, match=problem):
        read_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("raised", "problem"),
    [
        (RuntimeError("first\nsecond"), "torch cannot load it: first"),
        (EOFError(), "torch cannot load it: EOFError"),
        (ValueError("x" * 300), f"torch cannot load it: {'x' * 200}"),
        (
            pickle.UnpicklingError("Weights only: GLOBAL os.mkdir was"),
            "holds more than tensors (os.mkdir), which could run code: nothing was run",
        ),
    ],
    ids=["lines", "no text", "long", "code"],
)
def test_why_torch_did_not_load_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, problem: str
) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise raised

    torch.save(STATE, tmp_path / "a.pt")
    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(CheckpointError, match=re.escape(f"a.pt: {problem}") + "$"):
        read_checkpoint(tmp_path / "a.pt")


DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float64,
    torch.complex64,
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_formats_name_a_dtype_alike(tmp_path: Path, dtype: torch.dtype) -> None:
    state = {"a": torch.zeros(2, 3).to(dtype)}
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "a.pt")
    names = [read_checkpoint(tmp_path / name)["a"].dtype for name in ("a.safetensors", "a.pt")]
    assert names[0].startswith(names[1].removesuffix("fn"))


@pytest.mark.parametrize(("name", "save"), [("a.safetensors", save_file), ("a.pt", torch.save)])
def test_a_file_may_be_empty(tmp_path: Path, name: str, save: Callable[..., Any]) -> None:
    save({}, tmp_path / name)
    assert dict(read_checkpoint(tmp_path / name)) == {}


def test_an_entry_inside(tmp_path: Path) -> None:
    torch.save({"model": STATE, "epoch": 3}, tmp_path / "a.pt")
    assert read_checkpoint(tmp_path / "a.pt", inside="model").keys() == STATE.keys()


@pytest.mark.parametrize(
    ("stored", "inside"),
    [
        ({"model": {"ema": STATE}}, "model.ema"),
        ({"model": {"a.b": STATE}}, "model.a.b"),
        ({"model.ema": STATE, "model": {"ema": {}}}, "model.ema"),
        ({"model": {"a": {}}, "model.a": {"b": STATE}}, "model.a.b"),
        ({"a": {"b": {"c": {"d": STATE}}}}, "a.b.c.d"),
        ({3: {0: STATE}}, "3.0"),
    ],
)
def test_an_entry_deeper_inside(tmp_path: Path, stored: dict, inside: str) -> None:
    torch.save(stored, tmp_path / "a.pt")
    assert read_checkpoint(tmp_path / "a.pt", inside=inside).keys() == STATE.keys()


def test_the_hint_leads_to_the_state_dict(tmp_path: Path) -> None:
    torch.save({"model": {"x": {"y": STATE}}}, tmp_path / "a.pt")
    inside = ""
    for expected in ("model", "model.x", "model.x.y"):
        with pytest.raises(CheckpointError) as raised:
            read_checkpoint(tmp_path / "a.pt", inside=inside)
        inside = str(raised.value).partition("choose it with --inside ")[2]
        assert inside == expected
    assert read_checkpoint(tmp_path / "a.pt", inside=inside).keys() == STATE.keys()


def archive(path: Path, *entries: tuple[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in entries:
            opened.writestr(name, content)


def cut(path: Path, size: int) -> None:
    (save_file if path.suffix == ".safetensors" else torch.save)(STATE, path)
    path.write_bytes(path.read_bytes()[:size])


def header(path: Path, length: int, content: bytes = b"", size: int = 0) -> None:
    with path.open("wb") as opened:
        opened.write(struct.pack("<Q", length) + content)
        opened.truncate(max(size, opened.tell()))


LARGE = json.dumps(
    {"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}
).encode()

REFUSED: list[tuple[str, Callable[[Path], Any], str]] = [
    ("a.pt", lambda path: None, "there is no such file"),
    ("a.pt", Path.mkdir, "is a directory"),
    ("a.txt", Path.touch, "must end with .safetensors, .pt, .pth, .ckpt or .bin"),
    ("a.pt", Path.touch, "is no file that torch.save wrote"),
    ("a.pt", lambda path: path.write_bytes(b"words"), "is no file that torch.save wrote"),
    ("a.pt", lambda path: cut(path, 700), "is cut short"),
    (
        "a.pt",
        lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
        "is of the format before torch 1.6: load it in Python and save it again",
    ),
    (
        "a.pt",
        lambda path: path.write_bytes(pickle.dumps(Harmful(path.parent / "made"))),
        "is of the format before torch 1.6: load it in Python and save it again",
    ),
    (
        "a.pt",
        lambda path: torch.save({"a": Harmful(path.parent / "made")}, path),
        "holds more than tensors (posix.mkdir), which could run code: nothing was run",
    ),
    (
        "a.pt",
        lambda path: torch.save(torch.nn.Linear(2, 3), path),
        "holds more than tensors (torch.nn.modules.linear.Linear), which could run code: "
        "nothing was run",
    ),
    ("a.pt", lambda path: torch.save([1], path), "holds a list, no state_dict"),
    ("a.pt", lambda path: torch.save({**STATE, "n": 3}, path), "entry 'n' is a int, no tensor"),
    (
        "a.pt",
        lambda path: torch.save({3: STATE["in_proj_bias"]}, path),
        "the key 3 is a int, no text",
    ),
    (
        "a.pt",
        lambda path: torch.save({"epoch": 3, "model": STATE}, path),
        "holds a dict under 'model': choose it with --inside model",
    ),
    (
        "a.pt",
        lambda path: archive(path, ("a/data.pkl", bytes(17 << 20))),
        "its pickle of 17825792 bytes is too long",
    ),
    (
        "a.pt",
        lambda path: archive(path, ("a/data.pkl", b"\x80\x02X"), ("a/version", b"3")),
        "torch cannot load it: ",
    ),
    ("a.safetensors", Path.touch, "is cut short, or no safetensors file"),
    ("a.safetensors", lambda path: cut(path, 300), "is cut short, or no safetensors file"),
    (
        "a.safetensors",
        lambda path: cut(path, 900),
        "is no safetensors file: Error while deserializing header: ",
    ),
    (
        "a.safetensors",
        lambda path: header(path, 1 << 30, size=(1 << 30) + 100),
        "its header of 1073741824 bytes is too long",
    ),
    (
        "a.safetensors",
        lambda path: header(path, len(LARGE), LARGE + b"1234"),
        "is no safetensors file: Error while deserializing header: overflow",
    ),
]


@pytest.mark.parametrize(("name", "make", "problem"), REFUSED)
def test_one_line_for_what_is_no_checkpoint(
    tmp_path: Path, name: str, make: Callable[[Path], Any], problem: str
) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(CheckpointError) as raised:
        read_checkpoint(path)
    assert str(raised.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "made").exists()


def test_an_entry_that_is_not_inside(tmp_path: Path) -> None:
    torch.save({"net": STATE, "epoch": None}, tmp_path / "a.pt")
    for inside in ("model", "model.net", "net.model", "epoch.net", ".", "net."):
        with pytest.raises(CheckpointError) as raised:
            read_checkpoint(tmp_path / "a.pt", inside=inside)
        said = f"{tmp_path}/a.pt: has no entry {inside!r}; it has 'net', 'epoch'"
        assert str(raised.value) == said
    with pytest.raises(CheckpointError, match=r"a\.pt: holds a NoneType, no state_dict$"):
        read_checkpoint(tmp_path / "a.pt", inside="epoch")


def test_there_is_nothing_inside_a_list(tmp_path: Path) -> None:
    torch.save([STATE], tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"a\.pt: has no entry '0'; it has none$"):
        read_checkpoint(tmp_path / "a.pt", inside="0")


def test_safetensors_has_no_entries(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"and no entry 'zz': leave --inside out; .*--prefix"):
        read_checkpoint(tmp_path / "a.safetensors", inside="zz")


def test_no_name_is_the_name_of_no_file() -> None:
    with pytest.raises(CheckpointError, match=r"^'': is the name of no file$"):
        read_checkpoint("")


def test_the_error_crosses_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(CheckpointError("a.pt", "is cut short")))
    assert (str(error), error.problem) == ("a.pt: is cut short", "is cut short")


MEASURE = """
import sys
from mhadoc.answers.checkpoints.files import read_checkpoint
read_checkpoint(sys.argv[1])
(most,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(most.split()[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the most memory")
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_memory_stays_small(tmp_path: Path, suffix: str) -> None:
    sizes = {}
    for name, numbers in (("small", 10), ("large", 60 << 20)):
        path = tmp_path / f"{name}{suffix}"
        state = {"a": torch.zeros(numbers, dtype=torch.uint8)}
        save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
        command = [sys.executable, "-c", MEASURE, str(path)]
        sizes[name] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert sizes["large"] - sizes["small"] < 20
