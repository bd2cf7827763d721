"""The table of arguments: what an argument does to the parameters, where it does not say so."""

import pytest

import mhadoc
from mhadoc.sphinxext.arguments import effect
from tests.toy import LINEAR


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("in_features", "is a size of `weight`"),
        ("out_features", "is a size of `weight`, `bias`"),
        ("bias", "decides whether there is `bias`"),
        ("device", ""),
    ],
)
def test_the_parameters_rules_say_what_an_argument_does(name, told):
    assert effect(LINEAR, name) == told


@pytest.mark.parametrize("name", mhadoc.specs())
def test_each_argument_of_ours_has_an_effect_that_is_told(name):
    spec = mhadoc.spec(name)
    assert all(rule.effect or effect(spec, rule.name) for rule in spec.arguments)
