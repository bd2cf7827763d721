"""Whatever a check reads counts: what is remembered never stands where it has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sympy import true

from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.proof.memory import Memory, Sight, of_every_call, outcome_of
from mhadoc.proof.observe import Bench, Observation
from mhadoc.proof.reading import Held
from mhadoc.proof.sweep import sweep
from mhadoc.proof.tally import Tally
from tests.narrow import TINIER, narrowed, one_by_one
from tests.toy import LINEAR, batched


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


BENCH = Bench(LINEAR)
BATCHED, SINGLE = (BENCH.observe(LINEAR.cases.case(rank=rank)) for rank in ("2-D", "1-D"))


def sight(seen: Observation) -> Sight:
    outcome = outcome_of(tuple(seen.outputs.values()), [], numbers=True, gradient=True)
    return Sight(seen, Held(seen.module), outcome)


class Counted:
    """A check that counts how often it is asked."""

    def __init__(self, read: Callable[[Any], object]) -> None:
        self.read, self.times = read, 0

    def __call__(self, seen: Any) -> Mismatch | None:
        self.times += 1
        return None if self.read(seen) is not None else Mismatch("something", "nothing")

    def claim(self, name: str = "linear.x", **parts: Any) -> Claim:
        return Claim(name, "So.", "", self, "x", **parts)


class TestForgetting:
    @pytest.mark.parametrize(
        ("read", "again"),
        [
            (lambda seen: seen.values["N"], 1),
            (lambda seen: seen.inputs["input"], 1),
            (lambda seen: seen.module.in_features, 2),
            (lambda seen: seen.outputs["output"].sum(), 2),
            (lambda seen: seen.again(), 3),
        ],
        ids=["value", "input", "fact", "numbers", "everything"],
    )
    def test_what_is_of_a_module_is_asked_anew(self, read: Callable[[Any], object], again: int):
        check = Counted(read)
        memory = Memory((check.claim(),))
        for _ in range(2):
            memory.look(sight(BATCHED))
        assert check.times == (2 if again == 3 else 1)
        memory.forget(Tally())
        memory.look(sight(BATCHED))
        assert check.times == again

    def test_what_held_is_counted_as_often_as_it_was_met(self):
        memory, tally = Memory((Counted(lambda seen: 1).claim(),)), Tally()
        verdict = memory.look(sight(BATCHED))
        verdict.times = 5
        memory.page(None, BATCHED.values, BATCHED.inputs).append(verdict)
        memory.forget(tally)
        assert (tally.held["linear.x"], tally.held["Linear.outputs"]) == (5, 5)
        assert memory.page(None, BATCHED.values, BATCHED.inputs) == []


class TestWhatIsRead:
    def test_claims_that_are_checked_alike_are_asked_once(self):
        check = Counted(lambda seen: seen.values["batched"] or None)
        claims = (check.claim("linear.x"), check.claim("linear.y", when=batched))
        memory = Memory(claims)
        first, second = memory.look(sight(BATCHED)), memory.look(sight(SINGLE))
        assert {"linear.x", "linear.y"} <= set(first.held)
        assert [statement for statement, _ in second.refuted] == ["linear.x"]
        assert check.times == 2

    def test_numbers_are_compared_where_a_claim_reads_them(self):
        numbers = Counted(lambda seen: seen.outputs["output"].sum())
        shape = Counted(lambda seen: seen.outputs["output"].shape)
        memory = Memory((numbers.claim("linear.x", when=batched), shape.claim("linear.y")))
        assert not memory.exact(BATCHED.values)
        memory.look(sight(SINGLE))
        assert not memory.exact(BATCHED.values)
        memory.look(sight(BATCHED))
        assert memory.exact(BATCHED.values)
        assert not memory.exact(SINGLE.values)
        assert not memory.gradient

    def test_gradients_are_compared_where_a_claim_reads_them(self):
        memory = Memory((Counted(lambda seen: seen.outputs["output"].requires_grad).claim(),))
        memory.look(sight(BATCHED))
        assert memory.gradient

    def test_claims_that_call_torch_once_more_are_told(self):
        again, plain = Counted(lambda seen: seen.again()), Counted(lambda seen: seen.values["N"])
        memory = Memory((again.claim("linear.x"), plain.claim("linear.y")))
        assert [claim.id for claim in memory.lonely] == ["linear.x", "linear.y"]
        memory.look(sight(BATCHED))
        assert [claim.id for claim in memory.lonely] == ["linear.y"]

    def test_more_is_known_after_each_look(self):
        memory = Memory((Counted(lambda seen: seen.module.in_features).claim(),))
        before = len(memory)
        memory.look(sight(BATCHED))
        assert len(memory) > before
        assert memory.of_module(Held(BATCHED.module)) is not None


def test_claims_on_every_call_and_those_that_are_checked_alike() -> None:
    check, other = Counted(lambda seen: 1), Counted(lambda seen: 1)
    claims = (check.claim("a"), check.claim("b", axes=("bias",)), other.claim("c", axes=("bias",)))
    assert [claim.id for claim in of_every_call(claims)] == ["a", "b"]
    assert of_every_call(claims[1:]) == ()


class Warned:
    message = UserWarning("loud")


ONES = torch.ones(2, 3, requires_grad=True)
FORM = (torch.Size([2, 3]), (3, 1), torch.float32, torch.device("cpu"))
CONTENT = torch.ones(2, 3).numpy().tobytes()


@pytest.mark.parametrize(
    ("returned", "caught", "numbers", "gradient", "outcome"),
    [
        (ValueError("no"), [], True, True, (("ValueError", "no"), (), ())),
        (ValueError("no"), [Warned], True, True, (("ValueError", "no", "loud"), (), ())),
        (ONES, [], False, False, ((FORM,), (), ())),
        (ONES, [Warned], False, False, (("loud", FORM), (), ())),
        (ONES, [], True, False, ((FORM,), (CONTENT,), ())),
        (ONES, [], False, True, ((FORM,), (), (True,))),
        ((ONES, None), [], True, True, ((FORM, "None"), (CONTENT,), (True, None))),
        ([ONES.tolist()], [], True, False, ((repr([ONES.tolist()]),), (), ())),
    ],
)
def test_an_outcome_is_what_is_read_of_it(
    returned: Any, caught: list[Any], numbers: bool, gradient: bool, outcome: Any
) -> None:
    assert outcome_of(returned, caught, numbers, gradient) == outcome
