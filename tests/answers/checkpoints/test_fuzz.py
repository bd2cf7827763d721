"""Hostile files: whatever is in one, it is read or refused in one line, and nothing in it runs."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

import mhadoc
from mhadoc.answers.checkpoints.files import CheckpointError, read_checkpoint

STATE = torch.nn.MultiheadAttention(4, 2).state_dict()
LIMITS = settings(max_examples=150, database=None)


def saved(state: object) -> bytes:
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


WHOLE = {".safetensors": save(dict(STATE)), ".pt": saved(STATE)}

changes = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from(["flip", "cut", "drop", "double", "zero"]),
        st.binary(max_size=9),
    ),
    min_size=1,
    max_size=4,
)


def damaged(whole: bytes, change: list[tuple[float, str, bytes]]) -> bytes:
    """Return a file after some changes at places between its start, 0, and its end, 1."""
    data = bytearray(whole)
    for place, kind, new in change:
        at = int(place * len(data))
        if kind == "flip":
            data[at : at + len(new)] = new
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + 1 + len(new)]
        elif kind == "double":
            data[at:at] = data[at : at + 64]
        else:
            data[at : at + 16] = bytes(16)
    return bytes(data)


def asked(path: Path) -> None:
    """Ask everything of a file that can be asked; it is answered, or refused in one line."""
    module = torch.nn.MultiheadAttention(4, 2)
    try:
        state = read_checkpoint(path)
    except CheckpointError as refused:
        told = str(refused)
    else:
        told = f"{path}: {len(str(mhadoc.infer(state)))}, {mhadoc.diagnose_load(module, state)!r}"
    assert told.startswith(f"{path}: ")
    assert "\n" not in told


@pytest.mark.parametrize("suffix", WHOLE)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file(tmp_path: Path, suffix: str) -> None:
    @LIMITS
    @given(changes)
    def check(change: list[tuple[float, str, bytes]]) -> None:
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(damaged(WHOLE[suffix], change))
        asked(path)

    check()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "F4", "BOOL", "X9", ""]) | values,
        "shape": st.lists(st.integers(-1, 2**63), max_size=3) | values,
        "data_offsets": st.lists(st.integers(-1, 2**63), min_size=2, max_size=2) | values,
    },
)


@pytest.mark.filterwarnings("ignore")
def test_any_header_of_safetensors(tmp_path: Path) -> None:
    @LIMITS
    @given(st.dictionaries(st.text(max_size=8), entries | values, max_size=4), st.integers(-9, 9))
    def check(header: dict[str, Any], wrong: int) -> None:
        text = json.dumps(header).encode("utf-8", "surrogatepass")
        length = struct.pack("<Q", max(0, len(text) + wrong))
        path = tmp_path / "made.safetensors"
        path.write_bytes(length + text + bytes(64))
        asked(path)

    check()


class Runs:
    """What leaves a file behind when it is unpickled carelessly."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.call, self.arguments


#: What would leave a trace, and with which arguments.
HARMS: dict[str, tuple[Callable[..., object], Callable[[Path], object]]] = {
    "open": (open, str),
    "eval": (eval, lambda trace: f"open({str(trace)!r}, 'w')"),
    "exec": (exec, lambda trace: f"open({str(trace)!r}, 'w')"),
    "os.system": (os.system, lambda trace: f"touch {trace}"),
    "Path.touch": (Path.touch, Path),
}


@pytest.mark.parametrize("place", ["alone", "among tensors", "in a tuple", "inside a list"])
@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("packed", [True, False])
def test_nothing_is_run(tmp_path: Path, place: str, harm: str, packed: bool) -> None:
    trace = tmp_path / "trace"
    function, argument = HARMS[harm]
    more = ("w",) if harm == "open" else ()
    hostile: object = Runs(function, argument(trace), *more)
    if place == "among tensors":
        hostile = {**STATE, "hostile": hostile}
    elif place == "in a tuple":
        hostile = {"a": torch.ones(2), "b": (hostile,)}
    elif place == "inside a list":
        hostile = [hostile]
    data = pickle.dumps(hostile, protocol=2) if not packed else archived(hostile)
    path = tmp_path / "hostile.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"nothing was run|before torch 1\.6"):
        read_checkpoint(path)
    assert not trace.exists()


def archived(hostile: object) -> bytes:
    """Return an archive as torch.save writes it."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(hostile, protocol=2))
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


MARKED = "<script>alert(1)</script>&\"'"


@pytest.mark.parametrize("key", [MARKED, f"{MARKED}.in_proj_weight", f"layers.0.{MARKED}"])
def test_markup_in_a_key_is_escaped(key: str) -> None:
    state = {key: torch.zeros(12, 4), f"{MARKED}.out_proj.weight": torch.zeros(4, 4)}
    inferred = mhadoc.infer(state)
    shown = [inferred._repr_html_()] if hasattr(inferred, "_repr_html_") else []
    model = torch.nn.ModuleDict({MARKED.replace(".", ""): torch.nn.MultiheadAttention(4, 2)})
    shown.append(mhadoc.explain(model)._repr_html_())
    assert shown
    for html in shown:
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
