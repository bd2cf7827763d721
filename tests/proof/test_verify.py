"""Verification: what holds is counted, what does not is refuted in the smallest case."""

from dataclasses import replace

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc.errors import DeviceError, UnknownNameError
from mhadoc.language import Claim, ModuleSpec, Shape, same
from mhadoc.proof.covering import covering
from mhadoc.proof.look import look, look_again
from mhadoc.proof.observe import Bench
from mhadoc.proof.report import Report
from tests.toy import LINEAR, SOURCE, columns, rows

pytestmark = pytest.mark.xdist_group("verify")

MHA = mhadoc.spec("MultiheadAttention")


def claim(check, **parts) -> Claim:
    return Claim("linear.x", "So.", ">>> 1\n1", check, SOURCE, **parts)


def with_claim(check, **parts) -> ModuleSpec:
    return replace(LINEAR, claims=(claim(check, **parts),))


def with_weight(shape: Shape) -> ModuleSpec:
    weight = replace(LINEAR.rule("weight"), shape=shape)
    return replace(LINEAR, parameters=(weight, *LINEAR.parameters[1:]))


@pytest.fixture(scope="module")
def report() -> Report:
    return mhadoc.verify(MHA)


class TestWhatHolds:
    def test_nothing_is_refuted_on_this_torch(self, report: Report):
        assert report.refutations == ()
        assert report.ok
        assert report.torch_version == torch.__version__

    def test_every_statement_was_looked_at(self, report: Report):
        silent = {MHA.address(s) for s in MHA.statements} - report.held.keys()
        assert {address.rpartition(".")[0] for address in silent} <= {MHA.name} | {
            f"{MHA.name}.{r.id.rpartition('.')[0]}" for r in MHA.requirements if r.example is None
        }

    def test_the_whole_of_state_dict_inputs_and_outputs_was_looked_at(self, report: Report):
        for part in ("state_dict", "inputs", "outputs"):
            assert report.held[f"{MHA.name}.{part}"] == report.cases

    def test_is_quick(self, report: Report):
        assert report.cases > 200
        assert report.rules == len(MHA.rules)
        assert report.claims == len(MHA.claims)

    @pytest.mark.parametrize("name", [n for n in mhadoc.specs() if n != "MultiheadAttention"])
    def test_other_modules_hold_as_well(self, name: str):
        assert mhadoc.verify(name).refutations == ()

    def test_what_was_set_in_torch_before_does_not_count_and_is_kept(self):
        torch.set_default_dtype(torch.float64)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            assert mhadoc.verify("TransformerEncoderLayer").ok
            assert torch.get_default_dtype() is torch.float64
            assert not torch.backends.mha.get_fastpath_enabled()
        finally:
            torch.set_default_dtype(torch.float32)
            torch.backends.mha.set_fastpath_enabled(True)

    def test_a_spec_from_outside_is_proved_like_ours(self):
        found = mhadoc.verify(LINEAR)
        assert found.ok
        assert (found.rules, found.claims, found.cases) == (12, 1, 4)


class TestWhatDoesNot:
    @pytest.mark.parametrize(
        "shape", [Shape(rows, columns), Shape(columns), Shape(columns, rows + 1), Shape()], ids=str
    )
    def test_a_false_shape_is_refuted_with_the_smallest_sizes(self, shape):
        found = mhadoc.verify(with_weight(shape))
        (refutation,) = [r for r in found.refutations if r.statement == "Linear.weight"]
        assert refutation.case == {}
        assert sorted(refutation.sizes.values()) == [1, 2, 3]
        assert refutation.expected == str(shape.evaluate(refutation.sizes))
        assert refutation.observed == str(Shape(columns, rows).evaluate(refutation.sizes))
        assert refutation.sentence.startswith(shape.text())

    @settings(max_examples=15)
    @given(st.integers(-2, 3), st.integers(-2, 3))
    def test_a_weight_is_refuted_unless_its_shape_is_right(self, more_rows, more_columns):
        spec = with_weight(Shape(columns + more_rows, rows + more_columns))
        tally = look(Bench(spec), covering(spec))
        assert ("Linear.weight" in tally.refuted) is ((more_rows, more_columns) != (0, 0))

    @pytest.mark.parametrize(
        ("when", "case"),
        [
            (LINEAR.symbols[3].expr, {}),
            (sympy.Not(LINEAR.symbols[3].expr), {"bias": "False"}),
            (sympy.Not(LINEAR.symbols[4].expr), {"rank": "1-D"}),
        ],
    )
    def test_a_false_claim_is_refuted_in_the_nearest_case_of_which_it_speaks(self, when, case):
        found = mhadoc.verify(with_claim(lambda seen: same(1, 2), when=when))
        (refutation,) = found.refutations
        assert refutation.statement == "linear.x"
        assert refutation.case == case
        assert (refutation.expected, refutation.observed) == ("1", "2")

    def test_a_claim_that_is_false_in_one_case_only_is_refuted_there(self):
        def check(seen):
            return same(0, int(not seen.values["bias"] and not seen.values["batched"]))

        (refutation,) = mhadoc.verify(with_claim(check, axes=("bias", "rank"))).refutations
        assert refutation.case == {"bias": "False", "rank": "1-D"}

    def test_a_check_that_torch_stops_refutes_its_claim(self):
        def check(seen):
            return seen.module.weight @ torch.ones(99) and None

        (refutation,) = mhadoc.verify(with_claim(check)).refutations
        assert refutation.expected == "a check that comes to its end"

    def test_a_doctest_that_is_false_refutes_its_claim(self):
        false = replace(claim(lambda seen: None), doctest=">>> 1 + 1\n3")
        (refutation,) = mhadoc.verify(replace(LINEAR, claims=(false,))).refutations
        assert refutation.statement == "linear.x"
        assert refutation.observed == "2"

    def test_a_check_from_outside_that_passes_its_false_twin_is_refuted(self):
        empty = replace(LINEAR.claims[0], check=lambda _: None, twins={"no": lambda _: None})
        (refutation,) = mhadoc.verify(replace(LINEAR, claims=(empty,))).refutations
        assert (refutation.statement, refutation.observed) == (empty.id, "it passes: no")

    def test_what_no_case_tries_is_refuted(self):
        never = sympy.Eq(columns, 900)
        gate = replace(LINEAR.parameters[0], name="gate", when=never)
        claim = replace(LINEAR.claims[0], id="linear.never", when=never)
        report = mhadoc.verify(
            replace(LINEAR, parameters=(*LINEAR.parameters, gate), claims=(*LINEAR.claims, claim))
        )
        assert [r.statement for r in report.refutations] == ["Linear.gate", "linear.never"]
        assert {r.observed for r in report.refutations} == {"no case meets its `when`"}

    @pytest.mark.parametrize(
        "derived",
        [lambda values: {"out_features": 2 * values["out_features"]}, lambda _: {}["missing"]],
        ids=["wrong", "broken"],
    )
    def test_what_is_derived_from_the_arguments_is_compared_with_the_module(self, derived):
        report = mhadoc.verify(replace(LINEAR, derived=derived))
        assert "Linear.state_dict" in {r.statement for r in report.refutations}

    def test_looking_again_finds_the_same(self):
        spec = with_weight(Shape(rows, columns))
        assert look_again("Linear.weight", Bench(spec), spec.cases.plainest()) is not None
        assert look_again("Linear.weight", Bench(LINEAR), LINEAR.cases.plainest()) is None
        assert look_again("Linear.bias.parameter", Bench(spec), spec.cases.plainest()) is None


class Transposed(nn.Linear):
    """Stores its weight the other way round."""

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__(in_features, out_features, bias, device, dtype)
        self.weight = nn.Parameter(self.weight.T.contiguous())

    def forward(self, input):
        return nn.functional.linear(input, self.weight.T, self.bias)


class Branching(nn.Linear):
    """Looks at a size, and does the same whatever it is."""

    def forward(self, input):
        return super().forward(input + 0 if input.shape[-1] > 512 else input)


class TestOptions:
    def test_a_condition_that_is_not_stated_is_missed_in_the_specs_own_class_alone(self):
        assert mhadoc.verify(LINEAR, subject=Branching).ok
        own = mhadoc.verify(replace(LINEAR, path=f"{__name__}.Branching"))
        assert [found.statement for found in own.refutations] == ["Linear.forward.guard"]

    def test_what_was_proved_is_told_with_the_time_that_it_took(self):
        found = mhadoc.verify(LINEAR)
        assert 0 < found.seconds < 600
        assert found.device == "cpu"
        assert found.all_sizes["Linear.weight"] == "in_features, out_features"
        assert found.held["linear.width"] == 4

    def test_every_case_is_tried_where_that_is_asked(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MHADOC_CACHE", str(tmp_path))
        apart = replace(LINEAR.cases, apart=(("bias",), ("rank",)))
        told = list[tuple[int, int]]()
        found = mhadoc.verify(
            replace(LINEAR, cases=apart),
            exhaustive=True,
            progress=lambda *now: told.append(now),
            fresh=True,
        )
        assert found.ok
        assert found.cases == 4
        assert told[0] == (0, 3)
        assert told[-1] == (3, 3)

    @pytest.mark.parametrize(
        ("targets", "rules"), [("Linear", 17), ("tests.toy", 12), ("tests.toy:LINEAR", 12)]
    )
    def test_a_text_names_one_spec_or_several(self, targets: str, rules: int):
        assert mhadoc.verify(targets).rules == rules

    @pytest.mark.parametrize(
        "subject", [Transposed, f"{__name__}:Transposed"], ids=["class", "path"]
    )
    def test_another_class_is_held_against_the_spec(self, subject, monkeypatch):
        import sys

        monkeypatch.setitem(sys.modules, __name__, sys.modules[Transposed.__module__])
        found = mhadoc.verify(LINEAR, subject=subject)
        assert {r.statement for r in found.refutations} == {"Linear.weight"}

    @pytest.mark.parametrize(
        "target", ["Linear", nn.Linear, nn.Linear(2, 3)], ids=["name", "class", "module"]
    )
    def test_a_target_is_named_in_many_ways(self, target):
        assert mhadoc.verify(target).rules == len(mhadoc.spec("Linear").rules)

    def test_an_unknown_target_is_refused(self):
        with pytest.raises(UnknownNameError, match=r"^no spec is called 'Lineal'; closest: Linear"):
            mhadoc.verify("Lineal")

    def test_an_unknown_device_is_refused(self):
        with pytest.raises(DeviceError, match=r"^the device 'nowhere' cannot be used: "):
            mhadoc.verify("Linear", device="nowhere")

    def test_looking_can_stop_at_the_first_refutation(self):
        spec = with_claim(lambda seen: same(1, 2))
        plan = covering(spec)
        assert look(Bench(spec), plan).cases == len(plan)
        assert look(Bench(spec), plan, to_the_end=False).cases == 1
