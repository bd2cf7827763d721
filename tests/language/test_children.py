"""Children: a rule of the module inside is the parent's rule under another name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy

import mhadoc
from mhadoc.language import Child, Entries, composed, demanded
from mhadoc.language.compiled import number
from mhadoc.language.symbols import Symbol

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
