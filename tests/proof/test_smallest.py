"""Refutations are shown in the smallest case, with a program that reproduces them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from sympy import Not, Or, true

import mhadoc
from mhadoc.catalog.multihead_attention.symbols import E, H, L, N, S, bias
from mhadoc.language import Case, Claim, Mismatch, ModuleSpec, Shape, same
from mhadoc.proof.look import look_again
from mhadoc.proof.observe import Bench
from mhadoc.proof.report import Refutation
from mhadoc.proof.smallest import smallest
from tests.toy import LINEAR, batched, columns, rows

pytestmark = pytest.mark.xdist_group("smallest")  # so that the false rules are refuted once

SPEC = mhadoc.spec("MultiheadAttention")


def changed(changes: dict[str, dict[str, Any]]) -> ModuleSpec:
    """Return the spec without its claims, with some rules changed."""

    def swap(rules: tuple) -> tuple:
        return tuple(replace(rule, **changes.get(rule.id, {})) for rule in rules)

    return replace(SPEC, claims=(), parameters=swap(SPEC.parameters), outputs=swap(SPEC.outputs))


def refuted(spec: ModuleSpec) -> dict[str, Refutation]:
    found = mhadoc.verify(spec).refutations
    assert len({each.statement for each in found}) == len(found)
    return {each.statement: each for each in found}


#: False rules, and the choices of the smallest case that shows each.
WRONG = [
    ("v_proj_weight", {"shape": Shape(E, S)}, [{"kdim": "other"}, {"vdim": "other"}]),
    ("in_proj_bias", {"when": Not(bias)}, [{}]),
    ("bias_k", {"when": true}, [{}]),
    (
        "attn_output_weights.per_head",
        {"shape": Shape(N, H, L, S)},
        [
            {"average_attn_weights": "False", "add_zero_attn": "True"},
            {"average_attn_weights": "False", "add_bias_kv": "True"},
        ],
    ),
    ("attn_output.unbatched", {"shape": Shape(S, E)}, [{"rank": "2-D"}]),
]


@pytest.fixture(scope="module")
def all_wrong() -> dict[str, Refutation]:
    return refuted(changed({name: changes for name, changes, _ in WRONG}))


@pytest.fixture(params=WRONG, ids=[name for name, _, _ in WRONG])
def wrong(request: pytest.FixtureRequest, all_wrong: dict) -> tuple[Refutation, list]:
    name, _, cases = request.param
    return all_wrong[f"MultiheadAttention.{name}"], cases


def test_fewest_choices(wrong: tuple[Refutation, list]) -> None:
    found, cases = wrong
    assert found.case in cases


def test_smallest_sizes(wrong: tuple[Refutation, list]) -> None:
    sizes = wrong[0].sizes
    assert sizes["N"] == 1
    assert sizes["embed_dim"] == sizes["num_heads"] * sizes["head_dim"] < 10
    assert len(set(sizes.values())) == len(sizes)


def test_program_shows_it_on_plain_torch(wrong: tuple[Refutation, list]) -> None:
    found, _ = wrong
    assert "mhadoc" not in found.code
    ran = run(found.code)
    if found.expected.startswith("("):
        assert ran.returncode == 1
        assert "AssertionError" in ran.stderr or "KeyError" in ran.stderr
    else:
        assert ran.returncode == 0
        assert "attn_output" in ran.stdout


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_program_of_a_true_statement_runs() -> None:
    wrong = Claim("mha.wrong", "The output is None.", "", lambda seen: same(1, 2), "x")
    found = refuted(replace(SPEC, claims=(wrong,)))["mha.wrong"]
    assert found.case == {}
    assert run(found.code).returncode == 0


def test_refused_argument() -> None:
    requirements = tuple(
        replace(r, error="ValueError") if r.id == "num_heads.divides" else r
        for r in SPEC.requirements
    )
    spec = replace(SPEC, claims=(), requirements=requirements)
    found = refuted(spec)["MultiheadAttention.num_heads.divides"]
    assert found.observed.startswith("'AssertionError")
    assert "AssertionError: embed_dim must be divisible by num_heads" in run(found.code).stderr


def test_nothing_can_be_taken_from_the_smallest() -> None:
    spec = changed({"attn_output_weights.per_head": {"shape": Shape(N, H, L, S)}})
    statement = "MultiheadAttention.attn_output_weights.per_head"
    found = refuted(spec)[statement]
    bench = Bench(replace(spec, cases=replace(spec.cases, sizes=found.sizes)))
    for axis in found.case:
        fewer = {name: label for name, label in found.case.items() if name != axis}
        assert look_again(statement, bench, spec.cases.case(**fewer)) is None
    assert look_again(statement, bench, spec.cases.case(**found.case)) is not None


def found(case: Case, fails: Any, spec: ModuleSpec = LINEAR) -> tuple[Case, dict[str, int]]:
    """Return the smallest case in which a check fails, and its sizes."""

    def look(bench: Bench, case: Case) -> Mismatch | None:
        return same(1, 2) if fails(case.at, bench.spec.cases.numbers) else None

    bench, case, mismatch = smallest(Bench(spec), case, Mismatch("", ""), look)
    assert mismatch == Mismatch("1", "2")
    return case, dict(bench.spec.cases.numbers)


TINY = {"in_features": 1, "out_features": 2, "N": 3}


class TestSteps:
    @pytest.mark.parametrize(
        ("fails", "at"),
        [
            (lambda at, sizes: True, (0, 0)),
            (lambda at, sizes: at[1] == 1, (0, 1)),
            (lambda at, sizes: at[0] == 1, (1, 0)),
            (lambda at, sizes: at == (1, 1), (1, 1)),
            (lambda at, sizes: at[0] >= at[1], (0, 0)),  # the second choice has to go first
        ],
    )
    def test_each_choice_goes_back_where_it_can(self, fails: Any, at: tuple[int, int]) -> None:
        assert found(Case((1, 1)), fails) == (Case(at), TINY)

    @pytest.mark.parametrize(
        ("fails", "sizes"),
        [
            (lambda at, sizes: sizes["N"] > 2, TINY),
            (
                lambda at, sizes: sizes["in_features"] > 2,
                {**TINY, "in_features": 4, "out_features": 1, "N": 2},
            ),
            (lambda at, sizes: sizes["out_features"] > 5, {**TINY, "out_features": 6, "N": 2}),
            (lambda at, sizes: sizes["out_features"] > 6, {**TINY, "out_features": 7, "N": 2}),
        ],
    )
    def test_each_size_becomes_as_small_as_it_can(self, fails: Any, sizes: dict[str, int]) -> None:
        assert found(Case((0, 0)), fails) == (Case((0, 0)), sizes)

    def test_a_size_that_others_settle_follows_them(self) -> None:
        sizes = {**LINEAR.cases.sizes, "both": rows + 2 * columns}
        spec = replace(LINEAR, cases=replace(LINEAR.cases, sizes=sizes))
        assert found(Case((0, 0)), lambda at, sizes: True, spec) == (
            Case((0, 0)),
            {**TINY, "both": 5},
        )

    def test_choices_that_do_not_go_together_are_left_out(self) -> None:
        cases = replace(LINEAR.cases, consistent=Or(bias, ~batched))
        spec = replace(LINEAR, cases=cases)
        assert found(Case((1, 1)), lambda at, sizes: at[0] == 1, spec)[0] == Case((1, 1))
