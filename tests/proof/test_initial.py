"""What a fresh parameter holds: numbers that look like a distribution, and blocks that fill it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from sympy import S, Symbol, false

from mhadoc.language import Block, Distribution, Mismatch, Shape
from mhadoc.proof.initial import check_blocks, check_initial, widened
from mhadoc.proof.observe import Bench
from tests.toy import LINEAR

CASE = LINEAR.cases.plainest()
SCALE = 0.1
#: Evenly spread from -1 to 1, and as normal numbers are.
EVEN = torch.linspace(-1, 1, 400, dtype=torch.float64)
NORMAL = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(400.0) + 0.5) / 400)


def looked(family: Any, *numbers: torch.Tensor) -> Mismatch | None:
    """Return what is said of parameters with these numbers, each with its number in its name."""
    bench = Bench(LINEAR)
    about = (bench.cls, CASE, *LINEAR.cases.numbers.values())
    bench.known[about] = {f"{place}.weight": each for place, each in enumerate(numbers)}
    init = Distribution(family, S(1) / 10)
    rule = replace(LINEAR.rule("weight"), name="{i}.weight", init=init, count=S(2))
    return check_initial(rule, bench, CASE)


def thinned(numbers: torch.Tensor, zeros: float) -> torch.Tensor:
    """Return numbers of which some in the middle are zeros, so that they spread less."""
    thin = numbers.clone()
    order = torch.randperm(len(thin), generator=torch.Generator().manual_seed(0))
    inner = order[(order > 0) & (order < len(thin) - 1)]
    thin[inner[: int(zeros * len(thin))]] = 0
    return thin


def topped(numbers: torch.Tensor, largest: float) -> torch.Tensor:
    """Return numbers that are cut off, the last of them being the largest."""
    cut = numbers.clamp(-largest, largest)
    cut[-1] = largest
    return cut


class TestDistributions:
    @pytest.mark.parametrize(
        ("family", "numbers"),
        [
            ("uniform", EVEN * SCALE),
            ("uniform", -EVEN * SCALE * (1 - 7 / 400)),
            ("uniform", EVEN * SCALE * (1 + 1e-7)),
            ("uniform", thinned(EVEN, 0.25) * SCALE),
            ("uniform", torch.tensor([0.06, -0.06, 0.0, -0.03])),
            ("normal", NORMAL * SCALE),
            ("normal", topped(NORMAL, 2.2) * SCALE),
            ("normal", topped(NORMAL, 5.5) * SCALE),
            ("zeros", torch.zeros(400)),
            ("zeros", torch.zeros(1)),
            ("ones", torch.ones(3, 5)),
        ],
    )
    def test_numbers_that_look_like_one(self, family: str, numbers: torch.Tensor):
        assert looked(family, numbers, numbers) is None

    @pytest.mark.parametrize(
        ("family", "numbers"),
        [
            ("uniform", EVEN * SCALE * (1 - 9 / 400)),
            ("uniform", EVEN * SCALE * (1 + 1e-5)),
            ("uniform", EVEN.sign() * SCALE),
            ("uniform", thinned(EVEN, 0.38) * SCALE),
            ("uniform", torch.tensor([0.01, -0.01, 0.005, -0.005])),
            ("normal", topped(NORMAL, 2.0) * SCALE),
            ("normal", topped(NORMAL, 6.5) * SCALE),
            ("normal", NORMAL),
            ("normal", EVEN * SCALE * 3**0.5),
            ("zeros", torch.full((400,), 0.5)),
            ("zeros", EVEN),
            ("ones", torch.full((400,), 0.5)),
            ("ones", torch.full((400,), 1.5)),
            ("ones", 1 - EVEN.abs()),
        ],
    )
    def test_numbers_that_do_not(self, family: str, numbers: torch.Tensor):
        found = looked(family, numbers, numbers)
        assert found is not None
        assert found.expected == f"{family}, scale 0.1000"

    def test_what_came_is_told(self):
        found = looked("zeros", torch.tensor([3.0, -5.0]), torch.zeros(2))
        assert found == Mismatch(
            "zeros, scale 0.1000", "a standard deviation of 4.0000, 5.0000 at most"
        )

    def test_each_of_several_is_looked_at(self):
        assert looked("zeros", torch.zeros(2), torch.ones(2)) is not None
        assert looked("zeros", torch.zeros(2)) == Mismatch("a parameter", "none")


class TestWidened:
    def test_the_case_has_the_parameter_and_many_different_numbers(self):
        bench, case = widened(Bench(LINEAR), LINEAR.rule("bias.parameter"))
        numbers = bench.spec.cases.numbers
        assert all(numbers[name] > size for name, size in LINEAR.cases.sizes.items())
        assert LINEAR.cases.labels(case)["bias"] == "True"

    def test_where_it_is_never_there_is_no_case(self):
        rule = replace(LINEAR.rule("weight"), when=false)
        assert widened(Bench(LINEAR), rule) is None


A, B, J = (Symbol(name, integer=True, nonnegative=True) for name in "ABi")
NUMBERS = {"A": 12, "B": 4}
Q, REST = Block("q", 0, 0 * A, A - B), Block("rest", 0, A - B, A)
ROWS = Block("row i", 0, B * J, B * J + B)
HEADS = Block("head i of rest", 0, A - B + 2 * J, A - B + 2 * J + 2)
ACROSS = Block("across", 1, 0 * A, B)


def filled(*blocks: Block) -> Mismatch | None:
    rule = replace(LINEAR.rule("weight"), shape=Shape(A, B), blocks=blocks)
    return check_blocks(rule, NUMBERS)


class TestBlocks:
    @pytest.mark.parametrize(
        "blocks",
        [
            (),
            (Q, REST),
            (REST, Q),
            (ROWS,),
            (Q, REST, ROWS, HEADS),
            (ACROSS,),
            (Q, REST, ACROSS),
            (Block("up to i", 1, 0 * J, B * (J + 1)),),  # each begins where the first does
        ],
        ids=str,
    )
    def test_that_fill_what_they_are_of(self, blocks: tuple[Block, ...]):
        assert filled(*blocks) is None

    @pytest.mark.parametrize(
        ("blocks", "expected", "observed"),
        [
            ((Q,), "(0, 12)", "[(0, 8)]"),
            ((REST,), "(0, 12)", "[(8, 12)]"),
            ((Q, replace(REST, start=A - 3)), "(0, 12)", "[(0, 8), (9, 12)]"),
            ((Q, replace(REST, start=A - 5)), "(0, 12)", "[(0, 8), (7, 12)]"),
            ((Q, replace(REST, stop=A + 1)), "(0, 12)", "[(0, 8), (8, 13)]"),
            ((Q, REST, replace(ACROSS, stop=A)), "(0, 4)", "[(0, 12)]"),
            ((replace(ROWS, stop=B * J + 3),), "(0, 12)", "[(0, 3), (4, 7), (8, 11)]"),
            ((replace(ROWS, axis=1, stop=B * J + 3),), "(0, 4)", "[(0, 3)]"),
            ((Q, REST, replace(HEADS, stop=A - B + 2 * J + 1)), "(8, 12)", "[(8, 9), (10, 11)]"),
            ((Q, REST, replace(HEADS, name="head i of q")), "(0, 8)", "[]"),
            ((replace(HEADS, name="head i of none"),), "(0, 12)", "[(8, 10), (10, 12)]"),
            ((Block("up to i", 0, 0 * J, B * (J + 1)),), "(0, 12)", "[(0, 4)]"),
        ],
        ids=str,
    )
    def test_that_do_not(self, blocks: tuple[Block, ...], expected: str, observed: str):
        assert filled(*blocks) == Mismatch(f"blocks that fill {expected}", observed)
