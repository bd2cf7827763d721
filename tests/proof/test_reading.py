"""Readings: what is asked of a call is noted, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sympy import Symbol

from mhadoc.language.compiled import number
from mhadoc.proof.observe import Bench
from mhadoc.proof.reading import Held, Reading, Watched
from tests.toy import LINEAR

SEEN = Bench(LINEAR).observe(LINEAR.cases.plainest())
N = Symbol("N")


def watched() -> Watched:
    return Watched.of(SEEN, Reading(), lambda seen, function, arguments: None)


def read(look: Callable[[Watched], Any]) -> Reading:
    seen = watched()
    look(seen)
    return seen.reading


@pytest.mark.parametrize(
    ("look", "names"),
    [
        (lambda seen: seen.values["N"], {"N"}),
        (lambda seen: number(2 * N, seen.values), {2 * N}),
        (lambda seen: seen.case, set()),
        (lambda seen: seen.again(), {"*"}),
        (lambda seen: seen.built(), {"*"}),
        (lambda seen: seen.module(SEEN.inputs["input"]), {"*"}),
        (lambda seen: seen.module.eval(), {"*"}),
        (lambda seen: seen.module.state_dict(), set()),
    ],
)
def test_values_and_calls_are_noted(look: Callable[[Watched], Any], names: set[Any]) -> None:
    reading = read(look)
    assert set(reading.values) == names
    assert reading.everything == (names == {"*"})


@pytest.mark.parametrize(
    ("look", "facts"),
    [
        (lambda seen: seen.module.in_features, ["in_features"]),
        (lambda seen: (seen.module.training, seen.module.bias), ["training", "bias"]),
        (lambda seen: hasattr(seen.module, "__array__"), []),
        (lambda seen: seen.inputs["input"], []),
    ],
)
def test_facts_of_the_module_are_noted(look: Callable[[Watched], Any], facts: list[str]) -> None:
    assert list(read(look).facts) == facts


@pytest.mark.parametrize(
    ("look", "numbers", "gradient"),
    [
        (lambda output: output.shape, False, False),
        (lambda output: (output.dtype, output.device, output.dim()), False, False),
        (lambda output: output + 1, True, False),
        (lambda output: output.sum(), True, False),
        (lambda output: output.requires_grad, True, True),
        (lambda output: output.grad_fn, True, True),
    ],
)
def test_looks_at_an_output_are_told_apart(
    look: Callable[[torch.Tensor], Any], numbers: bool, gradient: bool
) -> None:
    reading = read(lambda seen: look(seen.outputs["output"]))
    assert (reading.numbers, reading.gradient) == (numbers, gradient)
    assert len(reading) == numbers + gradient


def test_nothing_is_read_at_first() -> None:
    reading = Reading()
    assert (reading.numbers, reading.gradient, reading.everything, len(reading)) == (
        *(False, False, False),
        0,
    )
    assert reading.of_call({"N": 1}, {}) == reading.of_call({"N": 2}, {})


def test_torch_is_called_once_more_with_the_module_itself() -> None:
    seen, other = watched(), torch.nn.Linear(5, 7, dtype=torch.float64)
    assert seen.again(seen.module).module is SEEN.module
    assert seen.again().module is SEEN.module
    assert seen.again(other).module is other
    assert type(seen.built(bias=False)) is torch.nn.Linear


def test_what_another_result_was_made_from_is_read_as_well() -> None:
    reading = Reading({"N": None})
    reading.include(Reading({2 * N: None}, {"input": None}, {"bias": None}, True, False))
    assert (list(reading.values), list(reading.inputs)) == (["N", 2 * N], ["input"])
    assert (list(reading.facts), reading.numbers, reading.gradient) == (["bias"], True, False)
    reading.include(Reading(gradient=True))
    assert (reading.numbers, reading.gradient, len(reading)) == (True, True, 6)


@pytest.mark.parametrize(
    ("values", "alike"),
    [
        ({"N": 2, "bias": 1}, True),
        ({"N": 2, "bias": 0}, True),  # it is not read
        ({"N": 3, "bias": 1}, False),
    ],
)
def test_calls_are_alike_where_what_is_read_is(values: dict[str, int], alike: bool) -> None:
    given = torch.zeros(3)
    reading = Reading({"N": None, 2 * N: None}, {"input": None})
    known = reading.of_call({"N": 2, "bias": 1}, {"input": given})
    assert (reading.of_call(values, {"input": given}) == known) == alike
    assert reading.of_call(values, {"input": torch.zeros(3)}) != known


def test_calls_are_never_alike_where_everything_is_read() -> None:
    reading = Reading({"*": None})
    assert reading.of_call({}, {}) != reading.of_call({}, {})


@pytest.mark.parametrize(
    ("name", "fact"), [("in_features", "7"), ("weight", "Parameter"), ("eval", "method")]
)
def test_a_fact_is_a_text_or_the_kind_of_what_the_digest_covers(name: str, fact: str) -> None:
    assert Held(torch.nn.Linear(7, 3)).fact(name) == fact


def test_modules_are_alike_where_they_hold_the_same() -> None:
    first, again, other = (torch.nn.Linear(2, 3) for _ in range(3))
    again.load_state_dict(first.state_dict())
    reading = Reading(facts={"training": None})
    assert reading.of_module(Held(first)) == reading.of_module(Held(again))
    assert reading.of_module(Held(first)) != reading.of_module(Held(other))
    assert reading.of_module(Held(first)) != reading.of_module(Held(again.eval()))
    assert Reading().of_module(Held(first)) is None
