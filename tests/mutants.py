"""Small changes to torch itself, each of which the proof must notice.

Run as a program, ``python mutants.py NAME...``, it applies the mutants named one after the other in
its own process and prints, as JSON, what each one made the proof refute.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.nn import MultiheadAttention
from torch.nn import functional as F
from torch.nn.modules import transformer


@dataclass(frozen=True)
class Mutant:
    """One function of torch with a piece of its text replaced by another.

    ``spec`` is the name of the spec whose proof has to notice.
    """

    name: str
    function: str
    old: str
    new: str
    spec: str = "MultiheadAttention"

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the changed function in the place of torch's, and take it out again."""
        owner, name = _home(self.function)
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


def _home(function: str) -> tuple[Any, str]:
    """Return what holds a function of torch, and the function's name there."""
    if function in HOMES:
        return HOMES[function]
    owner, _, name = function.rpartition(".")
    return getattr(transformer, owner) if owner else transformer, name


def _read(file: str) -> tuple[Mutant, ...]:
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return tuple(Mutant(**entry) for entry in tomllib.loads(text)["mutant"])


def _of_its_class(mutant: Mutant) -> Mutant:
    """Return a mutant of the family; a method's is noticed by the spec of its class."""
    owner = mutant.function.rpartition(".")[0]
    return replace(mutant, spec=owner) if owner else mutant


MUTANTS = _read("mutants.toml")
FAMILY = tuple(map(_of_its_class, _read("family_mutants.toml")))


def noticed(mutant: Mutant | None, name: str = "MultiheadAttention") -> list[str]:
    """Return what the proof of a spec refutes under a mutant, in the first case that shows it."""
    from mhadoc.proof.look import look

    if mutant is None:
        bench, plan = planned(name)
        return sorted(look(bench, plan).refuted)
    bench, plan = planned(mutant.spec)
    with mutant.applied():
        return sorted(look(replace(bench), plan, to_the_end=False).refuted)


@cache
def planned(name: str) -> tuple[Any, Any]:
    """Return a bench for a spec, and its quick cases."""
    import mhadoc
    from mhadoc.proof.covering import covering
    from mhadoc.proof.observe import Bench

    return Bench(mhadoc.spec(name)), covering(mhadoc.spec(name))


if __name__ == "__main__":
    torch.set_num_threads(1)
    asked = set(sys.argv[1:])
    every = (*MUTANTS, *FAMILY)
    print(json.dumps({m.name: noticed(m) for m in every if not asked or m.name in asked}))
