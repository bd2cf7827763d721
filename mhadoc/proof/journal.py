"""The journal of a sweep: what is finished is kept, and a run that was cut off goes on there."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from mhadoc.proof.cache import key
from mhadoc.proof.observe import Bench
from mhadoc.proof.tally import Tally

__all__ = ["Journal", "cache_folder"]


class Journal:
    """A file with one line for each finished chunk of a sweep; there is none when all is done.

    Its name is made from all that a result depends on: versions, the device, and the content of
    the files that define the statements and the subject.
    """

    def __init__(self, path: Path) -> None:
        """Take the file, which need not exist."""
        self.path = path
        self._writable = True

    @classmethod
    def of(cls, bench: Bench) -> Journal:
        """Return the journal of a sweep on a bench, in the cache folder."""
        classes = () if bench.subject is None else (bench.subject,)
        claims = (claim.id for claim in bench.spec.claims)
        parts = (key(bench.spec, *classes), bench.device, *classes, bench.spec.cases, *claims)
        name = sha256("\0".join(map(repr, parts)).encode()).hexdigest()
        return cls(cache_folder() / f"sweep-{name}.jsonl")

    def read(self) -> dict[str, Tally]:
        """Return the tallies of the finished chunks; a line that was cut off does not count."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return {}
        entries = (_entry(line) for line in lines)
        return {str(entry["chunk"]): Tally.from_dict(entry["tally"]) for entry in entries if entry}

    def write(self, chunk: str, tally: Tally) -> None:
        """Add a finished chunk, on a line of its own; warn once where that is impossible."""
        if self._writable:
            try:
                self._append(chunk, tally)
            except OSError as refused:
                self._writable = False
                warnings.warn(f"this run cannot be resumed: {refused}", stacklevel=2)

    def _append(self, chunk: str, tally: Tally) -> None:
        line = json.dumps({"chunk": chunk, "tally": tally.to_dict()}).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            cut_off = file.read(1) not in (b"", b"\n")
            file.write(b"\n" * cut_off + line + b"\n")

    def remove(self) -> None:
        """Forget what is finished."""
        with suppress(OSError):
            self.path.unlink()


def _entry(line: str) -> Mapping[str, Any] | None:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return entry


def cache_folder() -> Path:
    """Return where mhadoc keeps what can be made again.

    It is ``$MHADOC_CACHE``, else ``mhadoc`` in ``$XDG_CACHE_HOME`` or in ``~/.cache``.
    """
    if given := os.environ.get("MHADOC_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mhadoc"
