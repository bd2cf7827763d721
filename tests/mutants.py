"""Small changes to torch itself, each of which the proof must notice.

Run as a program, ``python mutants.py START STOP``, it applies a slice of the mutants one after the
other in its own process and prints, as JSON, what each one made the proof refute.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import MultiheadAttention
from torch.nn import functional as F


@dataclass(frozen=True)
class Mutant:
    """One function of torch with a piece of its text replaced by another."""

    name: str
    function: str
    old: str
    new: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the changed function in the place of torch's, and take it out again."""
        owner, name = HOMES[self.function]
        original = getattr(owner, name)
        source = textwrap.dedent(inspect.getsource(original))
        if source.count(self.old) < 1:
            raise LookupError(f"{self.name}: {self.old!r} is not in {self.function}")
        namespace: dict[str, object] = {}
        cells = original.__globals__ | {"__class__": owner}
        body = source.replace(self.old, self.new, 1).replace(
            "super()", f"super({owner.__name__}, self)"
        )
        exec(compile(body, f"<{self.name}>", "exec"), cells, namespace)
        setattr(owner, name, namespace[name])
        try:
            yield
        finally:
            setattr(owner, name, original)


HOMES = {
    "__init__": (MultiheadAttention, "__init__"),
    "_reset_parameters": (MultiheadAttention, "_reset_parameters"),
    "forward": (MultiheadAttention, "forward"),
    "merge_masks": (MultiheadAttention, "merge_masks"),
    "attend": (F, "multi_head_attention_forward"),
    "packed": (F, "_in_projection_packed"),
    "separate": (F, "_in_projection"),
    "canonical": (F, "_canonical_mask"),
    "check": (F, "_mha_shape_check"),
    "padding": (F, "_check_key_padding_mask"),
}

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
MUTANTS = tuple(Mutant(**entry) for entry in _DATA["mutant"])


def noticed(mutant: Mutant | None) -> list[str]:
    """Return the statements that the proof refutes under a mutant: those of the first case."""
    import mhadoc
    from mhadoc.proof.covering import covering
    from mhadoc.proof.look import look
    from mhadoc.proof.observe import Bench

    spec = mhadoc.spec("MultiheadAttention")
    plan = covering(spec)
    if mutant is None:
        return sorted(look(Bench(spec), plan).refuted)
    with mutant.applied():
        return sorted(look(Bench(spec), plan, to_the_end=False).refuted)


if __name__ == "__main__":
    torch.set_num_threads(1)
    start, stop = map(int, sys.argv[1:])
    print(json.dumps({mutant.name: noticed(mutant) for mutant in MUTANTS[start:stop]}))
