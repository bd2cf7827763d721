"""Whatever a check reads counts: what is remembered never stands where it has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sympy import true

from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.proof.observe import Bench
from mhadoc.proof.sweep import sweep
from tests.narrow import TINIER, narrowed, one_by_one


def _reads_training(seen: Seen) -> Mismatch | None:
    return same(False, seen.module.training)


def _reads_a_value(seen: Seen) -> Mismatch | None:
    return same(1, seen.values["grad"])


def _reads_all_values(seen: Seen) -> Mismatch | None:
    return same(1, dict(seen.values)["need_weights"])


def _reads_an_input(seen: Seen) -> Mismatch | None:
    return same(True, "attn_mask" in seen.inputs)


def _reads_whether_inputs_are_one(seen: Seen) -> Mismatch | None:
    return same(True, seen.inputs["query"] is seen.inputs["value"])


def _reads_the_gradient(seen: Seen) -> Mismatch | None:
    output = seen.outputs.get("attn_output")
    return None if output is None else same(False, output.requires_grad)


def _reads_a_gradient_behind_numbers(seen: Seen) -> Mismatch | None:
    output = seen.outputs.get("attn_output")
    return None if output is None else same(False, output.sum().mul(2).grad_fn is not None)


def _reads_numbers(seen: Seen) -> Mismatch | None:
    output = seen.outputs.get("attn_output")
    return None if output is None else same(True, float(output.flatten()[0]) > 0)


def _reads_warnings(seen: Seen) -> Mismatch | None:
    return same((), seen.warnings)


def _reads_the_error(seen: Seen) -> Mismatch | None:
    return same("None", str(seen.error))


def _reads_an_attribute(seen: Seen) -> Mismatch | None:
    return same(0.0, seen.module.dropout)


def _calls_again(seen: Seen) -> Mismatch | None:
    return same("None", str(seen.again(need_weights=False, attn_mask=None).error))


def _calls_the_module(seen: Seen) -> Mismatch | None:
    query, key, value = (seen.inputs[name] for name in ("query", "key", "value"))
    first, second = (seen.module(query, key, value)[0] for _ in range(2))
    return same(True, torch.equal(first, second))


def _calls_a_method(seen: Seen) -> Mismatch | None:
    return same(0, len(list(seen.module.modules())) * seen.values["grad"] * seen.module.training)


def _builds(seen: Seen) -> Mismatch | None:
    return same(0.0, seen.built(bias=False).dropout)


def _works_out(seen: Seen) -> Mismatch | None:
    return same(False, seen.once(_sees_what, "grad", "training"))


def _sees_what(seen: Seen, *names: str) -> bool:
    assert seen.outputs == {}
    return all(seen.values[name] for name in names)


def _reads_late(seen: Seen) -> Mismatch | None:
    if not seen.values["is_causal"] or seen.values["padding_mask"]:
        return None
    return same(False, bool(seen.values["training"]) and bool(seen.values["dropout"]))


CHECKS = [
    _builds,
    _calls_a_method,
    _calls_again,
    _calls_the_module,
    _reads_a_gradient_behind_numbers,
    _reads_a_value,
    _reads_all_values,
    _reads_an_input,
    _reads_late,
    _reads_numbers,
    _reads_the_error,
    _reads_the_gradient,
    _reads_training,
    _reads_warnings,
    _reads_an_attribute,
    _reads_whether_inputs_are_one,
    _works_out,
]


def _claim(check: Callable[[Any], Mismatch | None]) -> Claim:
    """Return a claim on every call; on numbers only where they are the same each time."""
    name = check.__name__.strip("_")
    when = EXACT if check is _reads_numbers else true
    return Claim(id=name, sentence=name, doctest="", check=check, source="", when=when)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.strip("_"))
def test_whatever_a_check_reads_counts(check: Callable[[Any], Mismatch | None]) -> None:
    spec = narrowed(_claim(check), **TINIER)
    bench = Bench(spec)
    swept, alone = sweep(bench), one_by_one(bench)
    name = spec.claims[0].id
    assert swept.held[name] == alone.held[name]
    assert swept.refuted.get(name) == alone.refuted.get(name)
    assert 0 < alone.held[name] < len(spec.cases)
