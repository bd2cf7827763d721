"""Checkpoint files: the keys, shapes and dtypes in them, read without running anything."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from mhadoc.errors import MhadocError, extras
from mhadoc.language.releases import order

__all__ = ["CheckpointError", "Stored", "read_checkpoint"]

#: A header or pickle longer than this describes no model: a thousand tensors take 0.1 MiB.
_LIMIT = 16 << 20

#: So many entries are named where another one is asked for.
_MANY = 8

_KINDS = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint", "C": "complex"}

#: What torch raises for a file that is damaged or made to do harm.
_DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


class CheckpointError(MhadocError, ValueError):
    """A file cannot be read as a checkpoint: which file, and why, in one line."""

    parts = ("path", "problem")

    def __init__(self, path: str, problem: str) -> None:
        """Keep the parts as attributes and make the text from them."""
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


@dataclass(frozen=True)
class Stored:
    """What a file says of one tensor: its shape, and its dtype by name."""

    shape: tuple[int, ...]
    dtype: str


def read_checkpoint(path: str | Path, inside: str = "") -> dict[str, Stored]:
    """Return the shape and dtype of each tensor in a checkpoint, by its key.

    Of a ``.safetensors`` file the header alone is read; a ``.pt``, ``.pth``, ``.ckpt`` or ``.bin``
    file is mapped into memory, from torch 2.1 on, and nothing in it is run. ``inside`` names the
    entry that holds the state_dict where a file holds more than that: ``"model"``, or
    ``"model.ema"`` for one in another.

    Raises CheckpointError, in one line, for anything that is no such file.
    """
    file = Path(path)
    if not str(path):
        raise CheckpointError("''", "is the name of no file")
    if not file.is_file():
        problem = "is a directory" if file.is_dir() else "there is no such file"
        raise CheckpointError(str(path), problem)
    if file.suffix == ".safetensors":
        if inside:
            problem = f"holds tensors alone and no entry {inside!r}: leave --inside out"
            raise CheckpointError(
                str(path), f"{problem}; for keys that start so, --prefix {inside}"
            )
        return _header(file)
    if file.suffix in (".pt", ".pth", ".ckpt", ".bin"):
        return _tensors(str(path), _mapped(file), inside)
    raise CheckpointError(str(path), "must end with .safetensors, .pt, .pth, .ckpt or .bin")


def _header(file: Path) -> dict[str, Stored]:
    """Read the header of a safetensors file, once it is known not to be too long."""
    with extras("reading a .safetensors file"):
        from safetensors import SafetensorError, safe_open

    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8).ljust(8, b"\xff"))
        if length > file.stat().st_size - 8:
            raise CheckpointError(str(file), "is cut short, or no safetensors file")
        if length > _LIMIT:
            raise CheckpointError(str(file), f"its header of {length} bytes is too long")
        with safe_open(file, framework="numpy") as tensors:
            slices = ((key, tensors.get_slice(key)) for key in tensors.keys())  # noqa: SIM118  # no dict
            return {k: Stored(tuple(s.get_shape()), _dtype(s.get_dtype())) for k, s in slices}
    except (OSError, SafetensorError) as problem:
        first = str(problem).partition("\n")[0]
        raise CheckpointError(str(file), f"is no safetensors file: {first}") from None


def _dtype(name: str) -> str:
    """Return a safetensors dtype by torch's name: ``float32`` for F32."""
    letters = name.rstrip("0123456789") if "_" not in name else name[:1]
    return f"{_KINDS.get(letters, letters.lower())}{name[len(letters) :].lower()}"


def _mapped(file: Path) -> Any:
    """Return what torch.save wrote, its numbers left on the disk."""
    _check_archive(file)
    with extras(f"reading a {file.suffix} file"):
        import torch

    mapped = {"mmap": True} if order(torch.__version__) >= order("2.1") else {}
    try:
        return torch.load(str(file), map_location="cpu", weights_only=True, **mapped)
    except _DAMAGED as problem:
        raise CheckpointError(str(file), _reason(problem)) from None


def _check_archive(file: Path) -> None:
    """Refuse what is no archive as torch.save writes it, or unpacks into more than it should."""
    with file.open("rb") as opened:
        start = opened.read(4)
    if start[:1] == b"\x80":
        problem = "is of the format before torch 1.6: load it in Python and save it again"
        raise CheckpointError(str(file), problem)
    try:
        with zipfile.ZipFile(file) as archive:
            pickles = [e.file_size for e in archive.infolist() if e.filename.endswith(".pkl")]
    except _DAMAGED:
        problem = "is cut short" if start == b"PK\x03\x04" else "is no file that torch.save wrote"
        raise CheckpointError(str(file), problem) from None
    if sum(pickles) > _LIMIT:
        raise CheckpointError(str(file), f"its pickle of {sum(pickles)} bytes is too long")


def _reason(problem: BaseException) -> str:
    """Return in one line why torch did not load a file."""
    text = str(problem)
    if found := re.search(r"GLOBAL ([\w.]+)", text):
        return f"holds more than tensors ({found[1]}), which could run code: nothing was run"
    first = text.strip().partition("\n")[0][:200] or type(problem).__name__
    return f"torch cannot load it: {first}"


def _tensors(path: str, loaded: Any, inside: str) -> dict[str, Stored]:
    """Return the tensors of a state_dict; refuse anything else that is in it."""
    entries = list(_entries(loaded, inside)) if inside else [loaded]
    if not entries:
        there = ", ".join(map(repr, islice(loaded, _MANY))) if isinstance(loaded, Mapping) else ""
        raise CheckpointError(path, f"has no entry {inside!r}; it has {there or 'none'}")
    found = entries[0]
    if not isinstance(found, Mapping):
        raise CheckpointError(path, f"holds a {type(found).__name__}, no state_dict")
    _refuse_others(path, found, f"{inside}." if inside else "")
    return {
        key: Stored(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for key, tensor in found.items()
    }


def _entries(found: Any, inside: str) -> Iterator[Any]:
    """Iterate over what has a name, or what a dotted name leads to, the shallowest first."""
    named = {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}
    if inside in named:
        yield named[inside]
    for dot in re.finditer(r"\.", inside):
        yield from _entries(named.get(inside[: dot.start()]), inside[dot.end() :])


def _refuse_others(path: str, found: Mapping[Any, Any], start: str) -> None:
    """Refuse what is no state_dict for what it holds; a dict inside it may be one, and is named."""
    for key, value in found.items():
        if isinstance(value, Mapping):
            raise CheckpointError(
                path, f"holds a dict under {key!r}: choose it with --inside {start}{key}"
            )
    for key, value in found.items():
        if not isinstance(key, str):
            raise CheckpointError(path, f"the key {key!r} is a {type(key).__name__}, no text")
        if not hasattr(value, "shape"):
            raise CheckpointError(path, f"entry {key!r} is a {type(value).__name__}, no tensor")
