"""Children: a rule of the module inside is the parent's rule under another name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy
import torch

import mhadoc
from mhadoc.language import Child, Entries, Requirement, composed, demanded
from mhadoc.language.children import MODULE, is_module
from mhadoc.language.compiled import number
from mhadoc.language.symbols import Symbol
from tests.toy import LINEAR as TOY

LINEAR = mhadoc.spec("Linear")
WIDTH, DEPTH = Symbol("width", "").expr, Symbol("depth", "").expr


def child(**changes):
    given = {"sets": {"in_features": WIDTH, "out_features": 3 * WIDTH}, **changes}
    return Child(**{"name": "map", "why": "", "source": "", "spec": LINEAR, **given})


def test_parameters_are_renamed_and_in_the_parents_symbols():
    weight, bias = child().parameters
    assert (weight.name, weight.shape.text()) == ("map.weight", "(3*width, width)")
    assert bias.when == sympy.true  # the default of bias


def test_a_rule_that_cannot_apply_is_left_out():
    sets = {"in_features": WIDTH, "out_features": WIDTH, "bias": sympy.Integer(0)}
    (weight,) = child(sets=sets).parameters
    assert weight.name == "map.weight"


def test_the_rules_of_a_child_that_occurs_often_follow_layer_by_layer():
    entries = Entries(composed([child(name="maps.{i}", count=DEPTH)]))
    assert list(entries({"width": 2, "depth": 2})) == [
        *("maps.0.weight", "maps.0.bias", "maps.1.weight", "maps.1.bias"),
    ]
    assert entries({"width": 2, "depth": -1}) == {}


def test_one_number_in_a_name_is_all_there_is_room_for():
    (rule, _) = child(name="maps.{i}", count=DEPTH).parameters
    stack = replace(LINEAR, parameters=(rule,))
    with pytest.raises(ValueError, match=r"outer\.maps\.\{i\}\.weight would have two numbers"):
        composed([child(name="outer", spec=stack, count=DEPTH)])


def test_requirements_speak_of_the_parents_arguments():
    layer = mhadoc.spec("TransformerEncoderLayer")
    demand = next(r for r in layer.requirements if r.id == "self_attn.num_heads.divides")
    assert demand.demand == "nhead must divide d_model"
    assert demand.about == ("d_model", "nhead")
    assert demand.hint.endswith("or a d_model that is a multiple of nhead")
    assert not demand.met({"d_model": 10, "nhead": 3})


OWN = Requirement(
    "in_features.own",
    demand="in_features must not exceed out_features",
    error="RuntimeError",
    message="got {in_features}, a {type_in_features} ({scalar_in_features}), of in_features",
    hint="pass an in_features, or a in_features of {in_features}, to self.in_features",
    holds=Symbol("in_features", "").given >= 0,
    about=("in_features", "out_features"),
    example={"in_features": 2, "out_features": 3},
    computes={"twice": 2 * Symbol("in_features", "").expr, "shown": str},
    before={"2.1": {"demand": "in_features must be so"}},
)


@pytest.mark.parametrize(
    ("changes", "values", "keys"),
    [
        ({}, {"width": 2}, ["map.weight", "map.bias"]),
        ({"when": DEPTH}, {"width": 2, "depth": 1}, ["map.weight", "map.bias"]),
        ({"when": DEPTH}, {"width": 2, "depth": 0}, []),
        ({"spec": None}, {}, []),
        ({"given": "own"}, {"width": 2, "own": None}, ["map.weight", "map.bias"]),
        ({"given": "own"}, {"width": 2, "own": LINEAR.bound(2, 3, False)}, ["map.weight"]),
        ({"given": "own", "spec": None}, {"own": torch.nn.PReLU()}, ["map.weight"]),
        ({"given": "own", "spec": None}, {"own": torch.nn.functional.relu}, []),
    ],
)
def test_entries_are_those_of_the_module_in_the_childs_place(changes, values, keys):
    assert list(child(**changes).state(values)) == keys


@pytest.mark.parametrize(
    ("names", "about"),
    [((), set()), (("width",), {"width"}), (("depth", "device"), {"depth", "device"})],
)
def test_demands_on_some_arguments_can_be_asked_for(names, about):
    found = child(sets={"in_features": WIDTH, "out_features": DEPTH}).demands(*names)
    assert {name for demand in found for name in demand.about} == about


def translated(**sets):
    (made,) = child(spec=replace(TOY, requirements=(OWN,)), sets=sets).requirements
    return made


@pytest.mark.parametrize(
    ("name", "article"),
    [("d_model", "a"), ("area", "an"), ("item", "an"), ("size", "a"), ("units", "an")],
)
def test_a_demand_is_made_in_the_parents_words(name, article):
    made = translated(in_features=Symbol(name, "").expr)
    assert made.id == "map.in_features.own"
    assert made.demand == f"{name} must not exceed out_features"
    assert made.message == f"got {{{name}}}, a {{type_{name}}} ({{scalar_{name}}}), of in_features"
    again = f"{article} {name}"
    assert made.hint == f"pass {again}, or {again} of {{{name}}}, to self.{name}"
    assert made.before == {"2.1": {"demand": f"{name} must be so"}}


def test_a_demand_is_made_of_the_parents_symbols():
    made = translated(in_features=WIDTH, out_features=DEPTH)
    assert made.about == ("width", "depth")
    assert made.example == {"width": 2, "depth": 3}
    assert made.computes == {"twice": 2 * WIDTH, "shown": str}


def test_an_example_may_take_every_argument():
    every = {"in_features": 2, "out_features": 3, "device": "cpu", "dtype": None}
    own = replace(TOY, requirements=(replace(OWN, example=every),))
    (made,) = child(spec=own, sets={"in_features": WIDTH, "out_features": DEPTH}).requirements
    assert made.example == {"width": 2, "depth": 3, "device": "cpu", "dtype": None}


@pytest.mark.parametrize(("width", "met"), [(3, True), (0, True), (-1, False)])
def test_a_demand_on_what_was_given_is_not_taken_for_granted(width, met):
    made = translated(in_features=WIDTH)
    assert made.met({"width": width}) is met
    assert made.example is None  # it takes an argument that the parent has not got


def test_demands_are_made_once_where_they_are_made_first():
    first, second, third = LINEAR.requirements[:3]
    assert demanded(first, second, first, third) == (first, second, third)
    assert demanded(first, plain={"bias": 1})[0].example["bias"] == 1


def test_a_module_that_is_given_takes_the_childs_place():
    stack = mhadoc.spec("TransformerEncoder")
    layer = mhadoc.spec("TransformerEncoderLayer").bound(6, 2, 5)
    values = stack.values(stack.bind(layer, 1))
    assert values["d_model"] == 6
    assert next(iter(stack.state(values))) == "layers.0.self_attn.in_proj_weight"


def test_the_size_is_an_expression():
    assert number(LINEAR.size, {"in_features": 3, "out_features": 5, "bias": 1}) == 20
    assert str(mhadoc.spec("NonDynamicallyQuantizableLinear").size) == str(LINEAR.size)


@pytest.mark.parametrize(
    ("sets", "about"),
    [
        ({"in_features": WIDTH, "out_features": sympy.Integer(3)}, {"in_features": "width"}),
        ({"in_features": 2 * WIDTH, "out_features": DEPTH}, {"out_features": "depth"}),
        ({"in_features": sympy.Integer(2), "out_features": 3 * WIDTH}, {}),
    ],
)
def test_only_demands_on_what_the_parent_decides_are_made(sets, about):
    made = child(sets=sets).requirements
    assert {r.about for r in made} == {(name,) for name in (*about.values(), "device", "dtype")}
    assert {r.id.split(".")[1] for r in made} == {*about, "device", "dtype"}
    assert child(sets=sets).words == about


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Transformer", ("custom_encoder", "activation", "custom_decoder")),
        ("TransformerEncoder", ("encoder_layer", "activation", "norm")),
        ("TransformerEncoderLayer", ("activation",)),
        ("Linear", ()),
    ],
)
def test_a_module_may_come_for_a_child_or_for_one_inside_it(name, arguments):
    assert mhadoc.spec(name).holders == arguments


@pytest.mark.parametrize(
    ("name", "inner", "constants"),
    [
        (
            "TransformerEncoderLayer",
            "self_attn",
            {"need_weights": False, "average_attn_weights": True},
        ),
        (
            "TransformerDecoderLayer",
            "multihead_attn",
            {"need_weights": False, "average_attn_weights": True},
        ),
        ("Transformer", "encoder", {}),
    ],
)
def test_flags_that_never_change_are_known(name, inner, constants):
    found = {child.name: child.constants for child in mhadoc.spec(name).children}
    assert found[inner] == constants


def test_a_size_that_is_left_out_is_known_by_what_it_becomes():
    heads = {"embed_dim": WIDTH, "num_heads": 2 * DEPTH, "bias": DEPTH}
    found = child(spec=mhadoc.spec("MultiheadAttention"), sets=heads, inputs={"query": "src"})
    assert found.words == {
        "embed_dim": "width",
        "bias": "depth",
        "query": "src",
        "kdim = embed_dim": "width",
        "vdim = embed_dim": "width",
    }


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        (None, True),
        (torch.nn.Identity(), True),
        (LINEAR.bound(2, 3), True),
        (torch.nn.Linear, False),
        (LINEAR, False),
        ("Linear", False),
        (5, False),
    ],
)
def test_a_module_is_one_that_is_built_or_described_or_none(value, accepted):
    assert MODULE(value) is accepted
    assert is_module(value) is (accepted and value is not None)


class Derived(torch.nn.Linear):
    """A Linear by another name."""


@pytest.mark.parametrize(
    ("module", "here"),
    [
        (torch.nn.Linear(2, 3), True),
        (Derived(2, 3), True),
        (LINEAR.bound(2, 3), True),
        (torch.nn.Identity(), False),
        (mhadoc.spec("Dropout").bound(), False),
    ],
)
def test_what_is_in_the_place_of_a_child_is_told_by_its_class(module, here):
    assert child().is_here(module) == here


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (torch.nn.Linear(2, 6, bias=False), {"width": 2}),
        (LINEAR.bound(2, 6), {"width": 2}),
        (Derived(2, 6), {}),
        (None, {}),
    ],
)
def test_a_module_in_the_place_of_a_child_sets_the_parents_symbols(module, told):
    assert child().told(module) == told


@pytest.mark.parametrize(
    ("name", "count", "inside"),
    [("map", 1, [0]), ("maps.{i}", 2, [0, 1]), ("other", 1, []), ("others.{i}", 2, [])],
)
def test_modules_are_found_in_the_place_of_a_child(name, count, inside):
    maps = torch.nn.ModuleList([torch.nn.Linear(2, 6), torch.nn.Linear(2, 6)])
    parent = torch.nn.ModuleDict({"map": maps[0], "maps": maps})
    found = child(name=name, count=sympy.Integer(count)).inside(parent)
    assert [list(maps).index(module) for module in found] == inside


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ((2, 3), "Linear(in_features=2, out_features=3)"),
        ((2, 3, True), "Linear(in_features=2, out_features=3)"),
        ((2, 3, 1), "Linear(in_features=2, out_features=3, bias=1)"),
        ((2, 3, False), "Linear(in_features=2, out_features=3, bias=False)"),
    ],
)
def test_a_described_module_is_shown_as_the_call_that_builds_it(arguments, shown):
    assert repr(LINEAR.bound(*arguments)) == shown


@pytest.mark.parametrize(
    ("eps", "shown"),
    [(float("1e-5"), ""), (1e-6, ", eps=1e-06"), (0, ", eps=0"), (0.0, ", eps=0.0")],
)
def test_a_default_that_was_given_is_not_shown(eps, shown):
    norm = mhadoc.spec("LayerNorm").bound(7, eps)
    assert repr(norm) == f"LayerNorm(normalized_shape=7{shown})"
