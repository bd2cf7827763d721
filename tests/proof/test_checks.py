"""Checks: each kind of statement is compared with torch; of a false one both sides are told."""

from dataclasses import replace

import pytest
import sympy
import torch
from sympy import Eq, Not, sqrt
from torch import nn

import mhadoc
from mhadoc.catalog.multihead_attention.symbols import D, E, H, L, N, S, bias, h, kdim
from mhadoc.language import Block, Mismatch, Shape, same
from mhadoc.proof.checks import (
    check_call,
    check_case,
    check_class,
    check_mistake,
    check_requirement,
    speaks_of,
    unexpected_inputs,
    unexpected_outputs,
    unexpected_state,
    unmet,
)
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench
from tests.shy import SHY, SINGLE, WIDTH
from tests.toy import LINEAR

SPEC = mhadoc.spec("MultiheadAttention")
BENCH = Bench(SPEC)
UNBATCHED = {"rank": "2-D"}


def changed(name, **changes):
    return replace(SPEC.rule(name), **changes)


def seen(spec=SPEC, **labels):
    return Bench(spec).observe(spec.cases.case(**labels))


class TestParameter:
    @pytest.mark.parametrize(
        ("name", "changes", "labels", "mismatch"),
        [
            ("in_proj_weight", {"shape": Shape(2 * E, E)}, {}, ("(20, 10)", "(30, 10)")),
            ("in_proj_weight", {"when": sympy.false}, {}, ("absent", "(30, 10)")),
            ("bias_k", {"when": sympy.true}, {}, ("(1, 1, 10)", "absent")),
            ("out_proj.bias", {"shape": Shape(E, 1)}, {}, ("(10, 1)", "(10,)")),
            ("out_proj.bias", {"shape": Shape()}, {}, ("()", "(10,)")),
        ],
    )
    def test_a_false_one_is_refuted(self, name, changes, labels, mismatch):
        assert check_case(SPEC.rule(name), seen(**labels)) is None
        assert check_case(changed(name, **changes), seen(**labels)) == Mismatch(*mismatch)

    @pytest.mark.parametrize("rule", SPEC.parameters, ids=lambda rule: rule.name)
    def test_its_numbers_start_as_stated(self, rule):
        assert check_class(rule, BENCH) is None

    @pytest.mark.parametrize(
        ("name", "family", "scale"),
        [
            ("in_proj_weight", "uniform", sqrt(6 / (2 * E))),
            ("in_proj_weight", "uniform", sqrt(6 / (4 * E)) * sympy.Rational(101, 100)),
            ("in_proj_weight", "uniform", sqrt(6 / (4 * E)) * sympy.Rational(99, 100)),
            ("in_proj_weight", "normal", sqrt(6 / (4 * E)) / sqrt(3)),
            ("k_proj_weight", "uniform", sqrt(6 / (2 * E))),
            ("k_proj_weight", "uniform", sqrt(6 / (2 * kdim))),
            ("bias_k", "normal", 1 / sqrt(kdim)),
            ("bias_k", "zeros", sympy.S.One),
            ("out_proj.weight", "uniform", sqrt(6 / (2 * E))),
            ("out_proj.bias", "uniform", 1 / sqrt(E)),
            ("out_proj.bias", "ones", sympy.S.One),
        ],
    )
    def test_another_distribution_is_refuted(self, name, family, scale):
        init = replace(SPEC.rule(name).init, family=family, scale=scale)
        found = check_class(changed(name, init=init), BENCH)
        assert found is not None
        assert found.expected.startswith(f"{family}, scale ")
        assert found.observed.startswith("a standard deviation of ")

    @pytest.mark.parametrize(
        ("name", "blocks"),
        [
            ("in_proj_weight", [("q", 0, E), ("k", E, 2 * E)]),
            ("in_proj_weight", [("q", 0, E), ("k", E, 2 * E), ("v", 2 * E, 3 * E + 1)]),
            ("in_proj_weight", [("q", 0, E), ("k", E - 1, 2 * E), ("v", 2 * E, 3 * E)]),
            ("q_proj_weight", [("head h", h * D, (h + 1) * E)]),
            (
                "in_proj_bias",
                [("all", 0, 3 * E), ("head h of all", h * D, (h + 1) * D), ("x", 0, 1)],
            ),
        ],
    )
    def test_blocks_that_do_not_fill_what_they_are_of_are_refuted(self, name, blocks):
        wrong = tuple(Block(label, 0, sympy.sympify(a), sympy.sympify(b)) for label, a, b in blocks)
        found = check_class(changed(name, blocks=wrong), BENCH)
        assert found is not None
        assert found.expected.startswith("blocks that fill ")

    def test_one_that_is_never_there_has_no_numbers_to_look_at(self):
        assert check_class(changed("bias_k", when=sympy.false), BENCH) is None

    def test_a_transposed_shape_is_told_as_shapes_though_its_blocks_do_not_fit_either(self):
        rule = changed("v_proj_weight", shape=Shape(SPEC.rule("v_proj_weight").shape.axes[1], E))
        assert check_class(rule, Bench(SPEC)) == Mismatch("(130, 200)", "(200, 130)")


class TestState:
    def test_the_order_counts(self):
        backwards = replace(SPEC, parameters=SPEC.parameters[::-1])
        found = unexpected_state(seen(backwards))
        assert found == same(
            ["out_proj.bias", "out_proj.weight", "in_proj_bias", "in_proj_weight"],
            ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"],
        )

    @pytest.mark.parametrize("left_out", ["in_proj_weight", "bias_k", "bias_v", "out_proj.bias"])
    def test_none_may_be_left_out(self, left_out):
        kept = tuple(rule for rule in SPEC.parameters if rule.name != left_out)
        fewer = replace(SPEC, parameters=kept)
        assert unexpected_state(seen(add_bias_kv="True")) is None
        assert unexpected_state(seen(fewer, add_bias_kv="True")) is not None


class TestAttribute:
    @pytest.mark.parametrize(
        ("name", "value", "mismatch"),
        [
            ("head_dim.attribute", E, ("10", "5")),
            ("kdim.attribute", H, ("2", "10")),
            ("_qkv_same_embed_dim.attribute", Eq(kdim, H), ("False", "True")),
            ("batch_first.attribute", sympy.true, ("True", "False")),
        ],
    )
    def test_another_value_is_refuted(self, name, value, mismatch):
        assert check_case(SPEC.rule(name), seen()) is None
        assert check_case(changed(name, value=value), seen()) == Mismatch(*mismatch)

    def test_one_that_is_not_there_is_refuted(self):
        found = check_case(replace(SPEC.rule("head_dim.attribute"), name="head_size"), seen())
        assert found == Mismatch("an attribute head_size", "none")


class TestArgument:
    @pytest.mark.parametrize("rule", SPEC.arguments, ids=lambda rule: rule.name)
    def test_each_is_in_the_signature(self, rule):
        assert check_class(rule, BENCH) is None

    @pytest.mark.parametrize(
        ("name", "changes", "mismatch"),
        [
            ("bias", {"default": False}, ("False", "True")),
            ("dropout", {"default": 0}, ("0", "0.0")),
            ("kdim", {"default": 3}, ("3", "None")),
            ("bias", {"required": True}, ("<class 'inspect._empty'>", "True")),
            ("embed_dim", {"required": False, "default": 8}, ("8", "<class 'inspect._empty'>")),
            ("kdim", {"becomes": kdim}, ("what kdim=None stands for", "kdim")),
        ],
    )
    def test_a_false_one_is_refuted(self, name, changes, mismatch):
        rule = changed(name, **changes)
        arguments = tuple(rule if a.name == name else a for a in SPEC.arguments)
        assert check_class(rule, Bench(replace(SPEC, arguments=arguments))) == Mismatch(*mismatch)

    def test_another_order_is_refuted(self):
        first, second, *rest = SPEC.arguments
        moved = Bench(replace(SPEC, arguments=(second, first, *rest)))
        assert check_class(first, moved) == Mismatch("2", "1")

    @pytest.mark.parametrize(("kdim_label", "speaks"), [("None", True), ("other", False)])
    def test_what_none_stands_for_is_looked_at_where_none_is_passed(self, kdim_label, speaks):
        case = seen(kdim=kdim_label)
        assert speaks_of(SPEC.rule("kdim"), case) is speaks
        assert not speaks_of(SPEC.rule("bias"), case)
        if speaks:
            assert check_case(SPEC.rule("kdim"), case) is None
            assert check_case(changed("kdim", becomes=H), case) == Mismatch("2", "10")


class TestInput:
    @pytest.mark.parametrize("rule", SPEC.inputs, ids=lambda rule: rule.id)
    def test_each_is_in_the_signature_of_forward(self, rule):
        assert check_class(rule, BENCH) is None

    @pytest.mark.parametrize(
        ("name", "shape", "labels", "observed"),
        [
            ("query.sequence_first", Shape(L, N, E + 1), {}, "AssertionError: was expecting embed"),
            (
                "key.unbatched",
                Shape(S, N),
                UNBATCHED,
                "AssertionError: key shape torch.Size([7, 1, 3]",
            ),
            (
                "attn_mask.matrix",
                Shape(S, L),
                {"attn_mask": "2-D bool"},
                "RuntimeError: The shape of the 2D attn_mask is torch.Size([7, 4])",
            ),
        ],
    )
    def test_a_shape_that_torch_refuses_is_refuted(self, name, shape, labels, observed):
        wrong = changed(name, shape=shape)
        inputs = tuple(wrong if rule.id == name else rule for rule in SPEC.inputs)
        found = check_case(wrong, seen(replace(SPEC, inputs=inputs), **labels))
        assert found is not None
        assert found.expected == "a call that torch accepts"
        assert found.observed.startswith(observed)

    def test_two_rules_may_not_speak_of_one_input(self):
        wrong = changed("query.unbatched", when=sympy.true)
        spec = replace(SPEC, inputs=(wrong, *(r for r in SPEC.inputs if r.id != wrong.id)))
        found = check_case(wrong, seen(spec))
        assert found == Mismatch("one shape for query", "(L, embed_dim) and (L, N, embed_dim)")

    def test_the_rank_that_a_symbol_tells_is_the_shapes(self):
        wrong = changed("attn_mask.matrix", shape=Shape(S))
        assert check_case(wrong, seen(attn_mask="2-D bool")) == Mismatch("2 axes", "(S,)")

    def test_a_required_input_needs_a_rule_that_applies(self):
        inputs = tuple(
            replace(rule, when=sympy.false) if rule.name == "query" else rule
            for rule in SPEC.inputs
        )
        assert unexpected_inputs(seen()) is None
        found = unexpected_inputs(seen(replace(SPEC, inputs=inputs)))
        assert found == same(["key", "query", "value"], ["key", "value"])

    def test_a_flag_is_compared_with_the_signature_alone(self):
        assert not speaks_of(SPEC.rule("need_weights"), seen())
        assert check_class(changed("need_weights", default=False), BENCH) == Mismatch(
            "False", "True"
        )


class TestOutput:
    @pytest.mark.parametrize(
        ("name", "changes", "labels", "mismatch"),
        [
            (
                "attn_output.sequence_first",
                {"shape": Shape(N, L, E)},
                {},
                ("(3, 4, 10)", "(4, 3, 10)"),
            ),
            ("attn_output.unbatched", {"shape": Shape(L, S)}, UNBATCHED, ("(4, 7)", "(4, 10)")),
            ("attn_output_weights.averaged", {"shape": None}, {}, ("None", "(3, 4, 7)")),
            (
                "attn_output_weights.none",
                {"shape": Shape()},
                {"need_weights": "False"},
                ("()", "None"),
            ),
            ("attn_output_weights.averaged", {"position": 2}, {}, ("an element 2", "2 elements")),
        ],
    )
    def test_a_false_one_is_refuted(self, name, changes, labels, mismatch):
        assert check_case(SPEC.rule(name), seen(**labels)) is None
        assert check_case(changed(name, **changes), seen(**labels)) == Mismatch(*mismatch)

    def test_each_element_needs_one_rule(self):
        fewer = replace(SPEC, outputs=SPEC.outputs[:3])
        more = replace(
            SPEC,
            outputs=(*SPEC.outputs, changed("attn_output.unbatched", label="x", when=sympy.true)),
        )
        assert unexpected_outputs(seen()) is None
        assert unexpected_outputs(seen(fewer)) == same([0], [0, 1])
        assert unexpected_outputs(seen(more)) == same([0, 0, 1], [0, 1])

    def test_a_call_that_failed_returned_nothing_to_look_at(self):
        failed = seen(is_causal="True")
        assert unexpected_outputs(failed) is None
        assert check_case(SPEC.rule("attn_output.sequence_first"), failed) is None


WITH_EXAMPLE = [demand for demand in SPEC.requirements if demand.example is not None]


class TestRequirement:
    @pytest.mark.parametrize("demand", WITH_EXAMPLE, ids=lambda demand: demand.id)
    def test_torch_and_the_spec_refuse_its_example(self, demand):
        assert check_requirement(demand, BENCH) is None

    @pytest.mark.parametrize("demand", WITH_EXAMPLE, ids=lambda demand: demand.id)
    @pytest.mark.parametrize(
        ("changes", "part"),
        [
            ({"error": "KeyError"}, "expected"),
            ({"message": "no"}, "expected"),
            ({"example": {"embed_dim": 10, "num_heads": 2}}, "observed"),
        ],
    )
    def test_a_false_one_is_refuted(self, demand, changes, part):
        wrong = replace(demand, **changes)
        found = check_requirement(wrong, BENCH)
        assert found is not None
        assert getattr(found, part).strip("'\"").startswith(("KeyError", demand.error, "no error"))

    def test_one_that_the_spec_does_not_enforce_is_refuted(self):
        demand = next(r for r in SPEC.requirements if r.id == "num_heads.divides")
        lax = replace(demand, holds=sympy.true)
        rest = tuple(lax if r is demand else r for r in SPEC.requirements)
        found = check_requirement(lax, Bench(replace(SPEC, requirements=rest)))
        assert found == Mismatch("a refusal by num_heads.divides", "none")

    @pytest.mark.parametrize(("labels", "holds"), [({}, True), ({"is_causal": "True"}, False)])
    def test_a_demand_of_the_call_is_compared_with_what_forward_did(self, labels, holds):
        (demand,) = (r for r in SPEC.call_requirements if r.id == "is_causal.needs_mask")
        case = seen(**labels)
        assert (case.error is None) is holds
        assert check_call(demand, case) is None
        assert (check_call(replace(demand, error="KeyError"), case) is None) is holds
        negated = replace(demand, holds=Not(demand.holds))
        rest = tuple(negated if r is demand else r for r in SPEC.call_requirements)
        assert (
            check_call(negated, seen(replace(SPEC, call_requirements=rest), **labels)) is not None
        )

    @pytest.mark.parametrize(
        ("changes", "part", "end"),
        [
            ({"message": "no"}, "expected", ": no'"),
            ({"breaks": lambda seen: {}}, "observed", "'no error'"),
        ],
    )
    def test_a_mistake_is_made_and_what_torch_says_is_compared(self, changes, part, end):
        mistake = next(
            r for r in SPEC.call_requirements if r.breaks is not None and r.when == sympy.true
        )
        assert check_mistake(mistake, seen()) is None
        found = check_mistake(replace(mistake, **changes), seen())
        assert getattr(found, part).endswith(end)


class TestTexts:
    """Which of several demands a text of torch's is due to."""

    @pytest.mark.parametrize(
        ("message", "mismatch"),
        [
            ("Trying to create tensor ...", None),
            (
                "Trying to make ...",
                ("RuntimeError: Trying to make", "RuntimeError: Trying to crea ..."),
            ),
        ],
    )
    def test_dots_stand_for_the_rest(self, message, mismatch):
        demand = replace(LINEAR.requirements[0], message=message)
        found = check_requirement(demand, Bench(replace(LINEAR, requirements=(demand,))))
        assert found == (mismatch and same(f"{mismatch[0]} ...", mismatch[1]))

    def test_a_refusal_for_another_reason_is_told(self):
        demand = replace(LINEAR.requirements[0], id="mine")
        found = check_requirement(demand, Bench(LINEAR))
        assert found == Mismatch("'Linear.mine'", "'Linear.out_features.negative'")

    @pytest.mark.parametrize(
        ("others", "mismatch"),
        [
            ((SINGLE,), None),
            (
                (replace(SINGLE, message="another"),),
                ("no such error", "ValueError: no single vectors"),
            ),
            (
                (replace(SINGLE, holds=sympy.true),),
                ("no such error", "ValueError: no single vectors"),
            ),
            ((), ("no such error", "ValueError: no single vectors")),
        ],
    )
    def test_a_text_may_be_due_to_another_demand(self, others, mismatch):
        demand = replace(SINGLE, id="shared", holds=sympy.true)
        spec = replace(SHY, call_requirements=(demand, *others))
        assert check_call(demand, seen(spec, rank="1-D")) == (mismatch and Mismatch(*mismatch))
        assert check_call(demand, seen(spec)) is None

    def test_a_mistake_is_made_in_a_legal_call_alone(self):
        assert check_mistake(WIDTH, seen(SHY)) is None
        assert check_mistake(replace(WIDTH, message="no"), seen(SHY, rank="1-D")) is None
        assert check_mistake(SINGLE, seen(SHY)) is None
        assert check_mistake(replace(WIDTH, message="no"), seen(SHY)) is not None

    @pytest.mark.parametrize(
        ("changes", "expected", "observed"),
        [
            ({}, None, None),
            ({"id": "other"}, "['other']", "['value.length']"),
            ({"id": "other", "fits": sympy.true}, None, None),
            ({"message": "no"}, "'AssertionError: no'", None),
        ],
    )
    def test_what_is_measured_has_to_name_the_demand(self, changes, expected, observed):
        (demand,) = (r for r in SPEC.call_requirements if r.id == "value.length")
        found = check_mistake(replace(demand, **changes), seen())
        assert (found and found.expected) == expected
        if observed:
            assert found.observed == observed

    def test_where_nothing_is_measured_the_text_alone_counts(self):
        (demand,) = (r for r in SPEC.call_requirements if r.id == "value.length")
        assert (
            check_mistake(replace(demand, id="other"), seen(replace(SPEC, measured=None))) is None
        )
        assert unmet(seen(LINEAR)) == []


class Anything(nn.Linear):
    """Takes what it is given."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Short(nn.Linear):
    """Has no bias to ask for."""

    def __init__(self, in_features, out_features, device=None, dtype=None):
        super().__init__(in_features, out_features, device=device, dtype=dtype)


class Zeros(nn.Linear):
    """Draws no numbers."""

    def reset_parameters(self):
        with torch.no_grad():
            self.weight.zero_()
            self.bias.zero_()


class Coins(nn.Linear):
    """Draws numbers of the right size and the wrong spread."""

    def reset_parameters(self):
        super().reset_parameters()
        with torch.no_grad():
            self.weight.sign_().div_(self.in_features**0.5)


class TestOtherClasses:
    @pytest.mark.parametrize(
        ("subject", "mismatch"),
        [
            (nn.Linear, None),
            (Anything, None),
            (
                Short,
                Mismatch(
                    "an argument bias", "arguments self, in_features, out_features, device, dtype"
                ),
            ),
        ],
    )
    def test_an_argument_is_looked_for_in_a_signature_that_names_its_own(self, subject, mismatch):
        assert check_class(LINEAR.rule("bias"), Bench(LINEAR, subject)) == mismatch

    @pytest.mark.parametrize(
        ("subject", "observed"),
        [(Zeros, "a standard deviation of 0.0000, 0.0000 at most"), (Coins, "a standard ")],
    )
    def test_numbers_that_are_drawn_otherwise_are_refuted(self, subject, observed):
        found = check_class(LINEAR.rule("weight"), Bench(LINEAR, subject))
        assert found.expected.startswith("uniform, scale ")
        assert found.observed.startswith(observed)


def test_a_condition_of_a_flag_reads_the_case():
    assert seen(bias="False").values["bias"] == 0
    assert not SPEC.rule("in_proj_bias").applies(seen(bias="False").values)
    assert SPEC.rule("in_proj_bias").when == bias


@pytest.mark.parametrize("name", [SPEC.name, "TransformerEncoderLayer", "TransformerDecoderLayer"])
def test_a_call_that_torch_takes_leaves_no_demand_unmet(name):
    bench = Bench(mhadoc.spec(name))
    seen = [bench.observe(case) for case in covering(bench.spec)]
    legal = [each for each in seen if each.error is None]
    assert len(legal) > 50
    assert {str(each.case): wrong for each in legal if (wrong := unmet(each))} == {}


def test_a_call_that_torch_refuses_leaves_its_demand_unmet():
    bench = Bench(SPEC)
    seen = bench.observe(SPEC.cases.plainest())
    key = seen.inputs["key"]
    assert unmet(seen.again(key=key[1:])) == ["value.length"]
