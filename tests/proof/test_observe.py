"""Observations: what the real module did, the same each time, with all that belongs to it."""

import warnings
from dataclasses import replace

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc.language import Case, close
from mhadoc.proof.observe import Bench
from tests.toy import LINEAR

SPEC = mhadoc.spec("MultiheadAttention")
BENCH = Bench(SPEC)
PLAIN = LINEAR.cases.plainest()
CASES = SPEC.cases

cases = st.randoms(use_true_random=False).map(lambda chance: CASES.draw(sympy.true, chance, {}))


class Fault(Exception):
    """Nothing that torch raises."""


class Loud(nn.Linear):
    """Warns, and then fails on one vector."""

    def forward(self, input):
        warnings.warn("loud", stacklevel=1)
        if input.dim() == 1:
            raise RuntimeError("no single vectors here")
        return super().forward(input)


def seen(**labels: str):
    return BENCH.observe(CASES.case(**labels))


class TestRepeatable:
    @settings(max_examples=60)
    @given(cases)
    def test_a_case_gives_the_same_numbers_each_time(self, case: Case):
        once, again = BENCH.observe(case), Bench(SPEC).observe(case)
        assert str(once.error) == str(again.error)
        assert once.outputs.keys() == again.outputs.keys()
        for name, output in once.outputs.items():
            assert output is again.outputs[name] or torch.equal(
                *(torch.nan_to_num(o, 7.0) for o in (output, again.outputs[name]))
            )
        assert all(torch.equal(t, again.state[name]) for name, t in once.state.items())

    @pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
    def test_numbers_belong_to_a_name_and_a_shape(self, shape):
        first = BENCH.draw("query", shape)
        assert torch.equal(first, BENCH.draw("query", shape))
        assert not torch.equal(first, BENCH.draw("key", shape))
        assert first.shape == shape

    def test_the_global_generator_does_not_matter(self):
        torch.manual_seed(1)
        one = seen(dropout="p").outputs["attn_output"]
        torch.manual_seed(2)
        assert close(one, seen(dropout="p").outputs["attn_output"]) is None

    def test_biases_are_not_zero_so_that_a_mistake_about_them_shows(self):
        state = seen().state
        assert all(tensor.abs().min() > 0 for tensor in state.values())


class TestInputs:
    @settings(max_examples=60)
    @given(cases)
    def test_have_the_shapes_that_the_rules_give(self, case: Case):
        values = CASES.values(case)
        inputs = BENCH.inputs(values)
        for rule in SPEC.inputs:
            if rule.shape is not None and rule.applies(values):
                assert tuple(inputs[rule.name].shape) == rule.shape.evaluate(values)
            if rule.shape is None:
                assert inputs[rule.name] is bool(values[rule.name])

    @pytest.mark.parametrize(
        ("identity", "query_is_key", "key_is_value"),
        [("all distinct", False, False), ("k is v", False, True), ("q is k is v", True, True)],
    )
    def test_are_one_object_where_the_case_says_so(self, identity, query_is_key, key_is_value):
        inputs = seen(identity=identity).inputs
        assert (inputs["query"] is inputs["key"]) is query_is_key
        assert (inputs["key"] is inputs["value"]) is key_is_value

    @pytest.mark.parametrize(
        ("labels", "given"),
        [
            ({}, {"query", "key", "value"}),
            ({"attn_mask": "2-D bool"}, {"query", "key", "value", "attn_mask"}),
            ({"key_padding_mask": "float"}, {"query", "key", "value", "key_padding_mask"}),
        ],
    )
    def test_a_mask_is_given_where_the_case_has_one(self, labels, given):
        tensors = {n for n, i in seen(**labels).inputs.items() if isinstance(i, torch.Tensor)}
        assert tensors == given

    @pytest.mark.parametrize(
        ("label", "dtype"), [("2-D bool", torch.bool), ("3-D float", torch.float64)]
    )
    def test_a_mask_is_of_the_kind_that_the_case_says(self, label, dtype):
        assert seen(attn_mask=label).inputs["attn_mask"].dtype is dtype

    def test_no_row_of_a_mask_hides_every_key(self):
        mask = BENCH.tensor("attn_mask", (50, 2), floating=False)
        assert not mask.all(-1).any()
        assert mask.any()

    @pytest.mark.parametrize(("grad", "expected"), [("True", True), ("False", False)])
    def test_autograd_is_on_where_the_case_says_so(self, grad, expected):
        assert seen(grad=grad).outputs["attn_output"].requires_grad is expected

    @pytest.mark.parametrize("training", [True, False])
    def test_the_module_is_in_the_mode_that_the_case_says(self, training):
        assert seen(training=str(training)).module.training is training


class TestSizes:
    @given(cases)
    def test_differ_in_every_case_but_where_one_stands_for_another(self, case: Case):
        values = CASES.values(case)
        sizes = {name: values[name] for name in CASES.sizes}
        same = {"kdim": "embed_dim", "vdim": "embed_dim"} | (
            {"L": "S"} if values["tensors"] == 1 else {}
        )
        kept = {n: size for n, size in sizes.items() if size != sizes.get(same.get(n, ""))}
        assert len(set(kept.values())) == len(kept)

    @given(cases)
    def test_the_arguments_are_what_the_case_chose(self, case: Case):
        arguments, labels = BENCH.arguments(case), CASES.labels(case)
        assert arguments["bias"] is (labels["bias"] == "True")
        assert (arguments["kdim"] is None) is (labels["kdim"] == "None")
        assert arguments["dtype"] is torch.float64
        assert arguments["embed_dim"] == CASES.numbers["embed_dim"]


class TestWhatHappened:
    def test_an_error_is_kept_and_not_raised(self):
        found = seen(is_causal="True")
        assert isinstance(found.error, RuntimeError)
        assert found.outputs == {}

    @pytest.mark.parametrize(
        ("labels", "error"), [({}, "None"), ({"rank": "1-D"}, "no single vectors here")]
    )
    def test_warnings_are_kept_and_not_shown(self, labels, error):
        bench = Bench(LINEAR, Loud)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = bench.observe(LINEAR.cases.case(**labels))
        assert found.warnings == ("loud",)
        assert str(found.error) == error

    def test_a_fault_of_ours_is_raised(self):
        class Faulty(nn.Linear):
            def forward(self, input):
                raise Fault("ours")

        with pytest.raises(Fault, match=r"^ours$"):
            Bench(LINEAR, Faulty).observe(LINEAR.cases.plainest())

    @pytest.mark.parametrize(
        ("returned", "names"),
        [
            ((1, 2), ["output", "element 1"]),
            (1, ["output"]),
            ((1, 2, 3), ["output", "element 1", "element 2"]),
        ],
    )
    def test_outputs_have_the_names_of_the_rules(self, returned, names):
        assert list(Bench(LINEAR).named(returned)) == names

    def test_the_outputs_are_torchs(self):
        found = seen(attn_mask="2-D bool")
        output, weights = found.module(**found.inputs)
        assert torch.equal(output, found.outputs["attn_output"])
        assert torch.equal(weights, found.outputs["attn_output_weights"])


class TestAgain:
    def test_some_inputs_are_changed_and_the_rest_kept(self):
        first = seen()
        again = first.again(query=2 * first.inputs["query"])
        assert again.inputs["key"] is first.inputs["key"]
        assert not torch.equal(again.outputs["attn_output"], first.outputs["attn_output"])

    def test_an_input_can_be_left_out(self):
        again = seen().again(value=...)
        assert "value" not in again.inputs
        assert "missing 1 required positional argument: 'value'" in str(again.error)

    def test_another_module_can_be_called(self):
        first = seen()
        other = first.built(bias=False)
        assert first.again(module=other).module is other

    @pytest.mark.parametrize("changes", [{"bias": False}, {"kdim": 11}, {"add_zero_attn": True}])
    def test_a_module_built_anew_has_the_same_weights_where_it_can(self, changes):
        first = seen()
        other = first.built(**changes).state_dict()
        shared = {n for n, t in first.state.items() if n in other and other[n].shape == t.shape}
        assert "out_proj.weight" in shared
        assert all(torch.equal(first.state[name], other[name]) for name in shared)


class Plain(nn.Linear):
    """Knows neither a device nor a dtype."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, bias)


class TestBench:
    @pytest.mark.parametrize("subject", [nn.Linear, Plain])
    def test_numbers_are_float64_and_drawn_by_name(self, subject):
        arguments = LINEAR.arguments[: 3 if subject is Plain else 5]
        state = Bench(replace(LINEAR, arguments=arguments), subject).observe(PLAIN).state
        for name, tensor in state.items():
            assert torch.equal(tensor, Bench(LINEAR).draw(name, tuple(tensor.shape)) / 3)
            assert tensor.dtype is torch.float64

    def test_each_size_grows_by_a_factor_of_its_own(self):
        assert Bench(LINEAR).wide.spec.cases.numbers == {
            "in_features": 15,
            "out_features": 28,
            "N": 16,  # 15 is taken
        }

    def test_how_often_something_occurs_does_not_grow(self):
        spec = mhadoc.spec("TransformerEncoder")
        wide = Bench(spec).wide.spec.cases.numbers
        kept = {name for name, size in spec.cases.numbers.items() if wide[name] == size}
        assert kept == spec.counts

    def test_what_it_knows_is_no_part_of_its_name(self):
        assert "known" not in repr(Bench(LINEAR))
        assert Bench(LINEAR, known={1: 2}) == Bench(LINEAR)

    @pytest.mark.parametrize(
        ("name", "labels", "kind"),
        [
            ("norm", {"norm": "False"}, type(None)),
            ("norm", {"norm": "True"}, nn.LayerNorm),
            ("encoder_layer", {}, nn.TransformerEncoderLayer),
        ],
    )
    def test_a_module_among_the_arguments_is_built_where_the_case_has_one(self, name, labels, kind):
        spec = mhadoc.spec("TransformerEncoder")
        arguments = Bench(spec).arguments(spec.cases.case(**labels))
        assert type(arguments[name]) is kind

    def test_wider_sizes_all_differ(self):
        numbers = BENCH.wide.spec.cases.numbers
        assert len(set(numbers.values())) == len(numbers)
        assert all(size > CASES.numbers[name] for name, size in numbers.items())

    def test_initial_numbers_are_drawn_once(self):
        bench = Bench(LINEAR)
        case = LINEAR.cases.plainest()
        assert bench.initial(case) is bench.initial(case)
        assert replace(bench, spec=replace(LINEAR)).initial(case) is bench.initial(case)
        assert replace(bench, subject=Loud).initial(case) is not bench.initial(case)
