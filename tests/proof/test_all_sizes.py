"""Proof for all sizes on a small module: each kind of surprise, and all that is said of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
import torch
from sympy import Max, Min, Mod, Ne, Not
from torch import nn

from mhadoc.language import Attribute, Case, Each, ModuleSpec, Requirement, Shape
from mhadoc.proof.observe import Bench
from mhadoc.proof.symbolic import AllSizes, Proof, prove_all_sizes
from mhadoc.proof.symbolic.derive import derive
from tests.toy import LINEAR, SOURCE, N, batched, columns, rows

MODULE = ("in_features.attribute", "weight", "bias.parameter")
BATCHED, SINGLE = ("input.batched", "output.batched"), ("input.single", "output.single")
#: All sizes, and those of a call with one vector.
ALL, FEW = ("in_features", "out_features", "N"), ("in_features", "out_features")
HELD = {
    **dict.fromkeys(MODULE, Proof(FEW, configurations=2, edges=16)),
    **dict.fromkeys(BATCHED, Proof(ALL, configurations=1, edges=8)),
    **dict.fromkeys(SINGLE, Proof(FEW, configurations=1, edges=8)),
}
UNSTATED = "no rule states that in_features <= 512, as torch asks"


def proofs(found: AllSizes) -> dict[str, Proof]:
    """Return what came of each rule that speaks of sizes."""
    return {
        address.partition(".")[2]: proof
        for address, proof in found.proofs.items()
        if proof.reason != "it states no size"
    }


def outputs(changes: dict[str, Any]) -> ModuleSpec:
    """Return the spec with its outputs changed alike."""
    return replace(LINEAR, outputs=tuple(replace(rule, **changes) for rule in LINEAR.outputs))


def called(**changes: Any) -> dict[str, Proof]:
    """Return what came where the rules of the call come to something else."""
    proof = Proof(edges=8, **changes)
    return {**HELD, **dict.fromkeys((*BATCHED, *SINGLE), proof)}


class Counting(nn.Linear):
    """Turns the number of vectors into a number."""

    def forward(self, input):
        int(input.shape[0])
        return super().forward(input)


class Branching(nn.Linear):
    """Looks at a size, and does the same whatever it is."""

    def forward(self, input):
        return super().forward(input + 0 if input.shape[-1] > 512 else input)


class Limited(nn.Linear):
    """Refuses long vectors."""

    def forward(self, input):
        if input.shape[-1] > 512:
            raise ValueError("too long")
        return super().forward(input)


class Narrow(nn.Linear):
    """Cannot be built for long vectors."""

    def __init__(self, in_features, *args, **given):
        if in_features > 512:
            raise ValueError("too long")
        super().__init__(in_features, *args, **given)


class Picky(nn.Linear):
    """Refuses so many vectors of which torch knows the number."""

    refused = 0

    def forward(self, input):
        if input.dim() == 2 and type(input.shape[0]) is int and input.shape[0] == self.refused:
            raise ValueError("not so many")
        return super().forward(input)


class Reading(nn.Linear):
    """Reads numbers, which symbols do not have."""

    def forward(self, input):
        float(input.detach().sum())
        return super().forward(input)


class Drawing(nn.Linear):
    """Reads numbers before it is built."""

    def __init__(self, *args, **given):
        super().__init__(*args, **given)
        float(self.weight.detach().sum())


class Nested(nn.Linear):
    """Returns one axis more."""

    def forward(self, input):
        return super().forward(input).unsqueeze(0)


class Tupled(nn.Linear):
    """Returns None as well."""

    def forward(self, input):
        return super().forward(input), None


def on_even(path: Any) -> type[nn.Linear]:
    """Return a class that does something with vectors of an even length first."""

    class Even(nn.Linear):
        def forward(self, input):
            if input.shape[-1] % 2 == 0:
                path(input)
            return super().forward(input)

    return Even


ODD = Requirement("odd", "odd", "Error", "", "", holds=Ne(Mod(rows, 2), 0))
STATED = replace(LINEAR, fast_path=(ODD,))


class TestProofs:
    def test_torch_is_proved(self):
        found = prove_all_sizes(LINEAR)
        assert proofs(found) == HELD
        assert (found.ok, found.supported, found.configurations, found.edges) == (True, True, 2, 16)
        assert found.torch_version == torch.__version__
        assert 0 < found.seconds < 600
        assert found.texts == {
            **{f"Linear.{name}": "in_features, out_features" for name in (*MODULE, *SINGLE)},
            **{f"Linear.{name}": "in_features, out_features, N" for name in BATCHED},
        }

    def test_every_configuration_is_proved(self):
        found = prove_all_sizes(LINEAR, exhaustive=True)
        assert (found.ok, found.configurations) == (True, 4)
        assert [proof.configurations for proof in proofs(found).values()] == [4, 4, 4, 2, 2, 2, 2]

    def test_a_size_that_became_a_number_is_told(self):
        found = prove_all_sizes(LINEAR, subject=Counting)
        told = proofs(found)
        assert found.ok
        assert told["output.batched"] == Proof(FEW, 1, {"N": (7,)}, edges=8)
        assert told["input.single"] == Proof(("out_features",), 1, {"in_features": (7,)}, edges=8)
        assert told["weight"] == HELD["weight"]
        assert told["output.batched"].text == "in_features, out_features; N 7"

    def test_a_size_that_became_a_number_is_tried_with_several(self):
        found = proofs(prove_all_sizes(LINEAR, subject=Counting, exhaustive=True))
        assert [len(tried) for proof in found.values() for tried in proof.numbers.values()] == [
            2
        ] * 4

    @pytest.mark.parametrize(
        ("path", "limits", "configurations"),
        [
            (lambda input: int(input.shape[-1]), {"in_features % 2 != 0": 1}, 1),
            (lambda input: float(input.detach().sum()), {"in_features % 2 != 0": 1}, 1),
            (lambda input: input + 0, {}, 2),
        ],
        ids=["number", "raises", "same"],
    )
    def test_both_sides_of_a_stated_condition_are_tried(self, path, limits, configurations: int):
        found = prove_all_sizes(STATED, subject=on_even(path))
        told = proofs(found)
        assert found.ok
        proof = Proof(ALL, configurations, edges=8, only_where=limits)
        assert told["output.batched"] == proof
        assert told["weight"].only_where == {}
        if limits:
            text = "; only where in_features % 2 != 0 in 1 of 1 configurations"
            assert proof.text == f"in_features, out_features, N{text}"


class TestWhatIsNotProved:
    def test_a_condition_that_no_rule_states(self):
        found = prove_all_sizes(LINEAR, subject=Branching)
        assert proofs(found) == called(reason=UNSTATED)
        assert found.refutations == ()
        (missing,) = found.missing
        assert not found.ok
        assert (missing.statement, missing.case) == ("Linear.forward.guard", {})
        assert missing.sizes == {"in_features": 513, "out_features": 7, "N": 3}
        assert missing.expected == "a rule that states in_features <= 512"
        assert missing.observed == "torch asks for it; without, nothing found fails"

    def test_a_limit(self):
        found = prove_all_sizes(LINEAR, subject=Limited)
        told = called(reason=UNSTATED)
        assert proofs(found) == {**told, "input.batched": Proof(edges=8, reason="refuted")}
        (refuted,), (missing,) = found.refutations, found.missing
        assert refuted.statement == "Linear.input.batched"
        assert refuted.sizes == {"in_features": 513, "out_features": 1, "N": 2}
        assert refuted.observed == "ValueError: too long"
        assert missing.observed == "torch asks for it; without, Linear.input.batched fails"

    def test_what_was_refuted_before_is_not_refuted_again(self):
        found = prove_all_sizes(LINEAR, subject=Limited, known={"Linear.input.batched"})
        assert found.refutations == ()

    def test_a_limit_of_the_constructor(self):
        found = prove_all_sizes(LINEAR, subject=Narrow)
        assert proofs(found) == {**HELD, **dict.fromkeys(MODULE, Proof(edges=16, reason=UNSTATED))}
        assert [missing.statement for missing in found.missing] == ["Linear.constructor.guard"]

    def test_what_only_fails_where_nothing_is_there_is_told(self):
        found = prove_all_sizes(LINEAR, subject=Picky)
        empty = "out_features=0, N=0: ValueError: not so many"
        assert found.ok
        assert proofs(found) == {**HELD, "input.batched": Proof(ALL, 1, edges=5, empty=empty)}

    def test_what_fails_for_one_is_refuted(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(Picky, "refused", 1)
        found = prove_all_sizes(LINEAR, subject=Picky)
        (refuted,) = found.refutations
        assert proofs(found)["input.batched"].reason == "refuted"
        assert refuted.sizes["N"] == 1

    @pytest.mark.parametrize(("subject", "kept"), [(Reading, MODULE), (Drawing, ())])
    def test_a_class_that_needs_numbers_is_left_to_the_cases(self, subject: type, kept):
        found = prove_all_sizes(LINEAR, subject=subject)
        assert found.ok
        for name, proof in proofs(found).items():
            assert proof.proved == (name in kept)
            assert proof.reason.startswith("torch raises on symbols: ") != proof.proved
            assert "\n" not in proof.reason
            assert proof.edges == HELD[name].edges

    def test_another_number_of_axes_is_refuted(self):
        found = prove_all_sizes(LINEAR, subject=Nested)
        told = proofs(found)
        assert told["output.batched"].reason == told["output.single"].reason == "refuted"
        assert told["output.single"].empty.startswith("out_features=0, N=0, bias=False, rank=1-D: ")
        batched, single = found.refutations
        assert (batched.statement, batched.case) == ("Linear.output.batched", {})
        assert (single.statement, single.case) == ("Linear.output.single", {"rank": "1-D"})
        assert (batched.expected, batched.observed) == ("(3, 2)", "(1, 3, 2)")

    @pytest.mark.parametrize(
        ("subject", "changes", "refuted"),
        [
            (Tupled, {}, False),
            (Tupled, {"position": 1, "shape": None}, False),
            (Tupled, {"position": 1}, True),
            (Tupled, {"shape": None}, True),
            (nn.Linear, {"position": 1}, True),
            (nn.Linear, {"shape": Shape(Max(columns, 1))}, True),
            (nn.Linear, {"when": Not(batched), "shape": Shape(Max(columns, 3))}, True),
            (nn.Linear, {"when": batched, "shape": Shape(N, Min(columns, 4096))}, True),
        ],
    )
    def test_an_output_is_compared_element_by_element(self, subject, changes, refuted: bool):
        found = prove_all_sizes(outputs(changes), subject=subject)
        assert bool(found.refutations) == refuted
        assert found.ok != refuted

    @pytest.mark.parametrize(
        ("value", "refuted"),
        [
            (rows, False),
            (Max(rows, 1), False),
            (Max(rows, 2), True),  # not of one
            (Max(rows, 3), True),
            (columns, True),
        ],
    )
    def test_an_attribute_is_compared_too(self, value: Any, refuted: bool):
        rule = replace(LINEAR.attributes[0], value=value)
        found = prove_all_sizes(replace(LINEAR, attributes=(rule,)))
        told = [refutation.statement for refutation in found.refutations]
        assert told == ["Linear.in_features.attribute"] * refuted

    @pytest.mark.parametrize(
        ("value", "proved"),
        [
            (rows > 0, True),
            (rows < 2, False),
            (rows > 1, False),
            (rows > 2, False),
            (LINEAR.symbols[3].expr, True),
        ],
        ids=str,
    )
    def test_a_flag_is_compared_with_what_follows(self, value: Any, proved: bool):
        class Flagged(nn.Linear):
            def __init__(self, in_features, out_features, bias=True, **given):
                super().__init__(in_features, out_features, bias, **given)
                self.flag = bias if value.is_Symbol else True

        rule = Attribute(name="flag", value=value, why="so", source=SOURCE)
        found = prove_all_sizes(replace(LINEAR, attributes=(rule,)), subject=Flagged)
        assert proofs(found)["flag"].proved == proved

    def test_of_two_conditions_the_first_is_told(self):
        class Twice(nn.Linear):
            def forward(self, input):
                wide = input.shape[-1] > 512
                return super().forward(input + 0 if input.shape[0] > 600 or wide else input)

        found = prove_all_sizes(LINEAR, subject=Twice)
        reason = proofs(found)["output.batched"].reason
        assert reason == "no rule states that N <= 600, as torch asks"
        assert len(found.missing) == 3

    @pytest.mark.parametrize(
        ("large", "outcome"), [(513, "Linear.input.batched fails"), (512, "nothing found fails")]
    )
    def test_a_condition_is_tried_where_that_is_not_too_large(self, large, outcome, monkeypatch):
        monkeypatch.setattr("mhadoc.proof.symbolic.ledger._LARGE", large)
        missing, *_ = prove_all_sizes(LINEAR, subject=Limited).missing
        assert missing.observed == f"torch asks for it; without, {outcome}"

    def test_sizes_that_are_not_too_large_are_tried(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("mhadoc.proof.symbolic.ledger._LARGE", 4097)
        wrong = outputs({"when": batched, "shape": Shape(N, Min(columns, 4096))})
        refuted, *_ = prove_all_sizes(wrong).refutations
        assert refuted.sizes == {"in_features": 1, "out_features": 4097, "N": 2}

    def test_sizes_that_are_too_large_are_not_tried(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("mhadoc.proof.symbolic.ledger._LARGE", 4096)
        wrong = outputs({"when": batched, "shape": Shape(N, Min(columns, 4096))})
        refuted, *_ = prove_all_sizes(wrong).refutations
        assert refuted.sizes == {"in_features": 5, "out_features": 4097, "N": 3}
        assert (refuted.expected, refuted.observed) == ("(3, 4096)", "(3, 4097)")

    def test_a_shape_that_is_an_argument_is_left_to_the_cases(self):
        found = prove_all_sizes(outputs({"shape": Shape(Each(columns))}))
        assert not found.supported
        assert {proof.reason for proof in found.proofs.values()} == {"a shape is an argument"}
        assert {(proof.configurations, proof.edges) for proof in found.proofs.values()} == {(0, 0)}
        assert (found.configurations, found.edges, found.seconds) == (0, 0, 0)

    def test_a_rule_of_which_no_configuration_speaks(self):
        rule = replace(LINEAR.outputs[0], label="never", when=batched & Not(batched))
        found = prove_all_sizes(replace(LINEAR, outputs=(*LINEAR.outputs, rule)))
        assert found.proofs["Linear.output.never"].reason == "no configuration speaks of it"


class TestDerived:
    def test_equal_sizes_are_not_taken_for_one(self):
        hints = {"in_features": 3, "out_features": 3, "N": 3}
        found = derive(Bench(LINEAR), LINEAR.cases.plainest(), hints)
        names = [symbol.name for size in found.state["weight"] for symbol in size.free_symbols]
        assert names == ["out_features", "in_features"]
        ((batch, width),) = found.outputs
        assert (str(batch), str(width)) == ("N", "out_features")
        assert all(size.is_nonnegative for size in found.state["weight"])
        assert found.error is None
        assert (found.built, found.called) == ((), ())

    @pytest.mark.parametrize("subject", [nn.Linear, Reading])
    def test_what_torch_tells_on_the_way_is_not_heard(self, subject, caplog):
        names = ("torch.__trace", "torch._subclasses.fake_tensor")
        loggers = [logging.getLogger(name) for name in names]
        with caplog.at_level(logging.DEBUG):
            for logger in loggers:
                caplog.set_level(logging.DEBUG, logger.name)
            derive(Bench(LINEAR, subject), Case((0, 0)), {"in_features": 3, "N": 7})
        assert caplog.records == []
        assert not any(logger.disabled for logger in loggers)

    def test_torch_draws_no_numbers_and_is_as_it_was(self):
        before = torch.nn.init._calculate_fan_in_and_fan_out
        state = torch.get_rng_state()
        derive(Bench(LINEAR), Case((0, 0)), {"in_features": 3, "out_features": 5, "N": 7})
        assert torch.nn.init._calculate_fan_in_and_fan_out is before
        assert torch.equal(torch.get_rng_state(), state)

    def test_an_error_of_the_call_is_kept_with_what_was_built(self):
        found = derive(Bench(LINEAR, Limited), Case((0, 0)), {"in_features": 600, "N": 7})
        assert str(found.error) == "too long"
        assert list(found.state) == ["weight", "bias"]
        assert [str(condition) for condition in found.called] == ["in_features > 512"]

    def test_the_module_is_in_the_mode_of_the_case(self):
        class Moody(nn.Linear):
            def forward(self, input):
                return super().forward(input) if self.training else None

        hints = {"in_features": 3, "out_features": 5, "N": 7}
        assert derive(Bench(LINEAR, Moody), Case((0, 0)), hints).outputs != (None,)
        sizes = {**LINEAR.cases.sizes, "training": 0}
        off = replace(LINEAR, cases=replace(LINEAR.cases, sizes=sizes))
        assert derive(Bench(off, Moody), Case((0, 0)), hints).outputs == (None,)
