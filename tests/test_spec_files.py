"""The specs as JSON are what the specs say, in the form that the schema says."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from spec_files import SCHEMA, plain, spec_data

import mhadoc
from mhadoc.language import Shape, expression_text

VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def data(name: str) -> dict[str, Any]:
    """Return a spec's file as a reader of JSON gets it; pages are named by what they state."""
    found = spec_data(mhadoc.spec(name), lambda kind, address: f"{kind}.html#{address}")
    return dict(json.loads(json.dumps(found)))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("name", mhadoc.specs())
def test_a_file_has_the_form_that_the_schema_says(name: str) -> None:
    VALIDATOR.validate(data(name))


@pytest.mark.parametrize("name", mhadoc.specs())
def test_nothing_of_a_spec_is_lost(name: str) -> None:
    spec, found = mhadoc.spec(name), data(name)
    parts = ("arguments", "attributes", "parameters", "inputs", "outputs")
    rules = {rule["address"]: rule for part in parts for rule in found[part]}
    assert list(rules) == [spec.address(rule) for rule in spec.rules]
    for rule in spec.rules:
        read = rules[spec.address(rule)]
        shape = None if rule.shape is None else [expression_text(axis) for axis in rule.shape]
        assert read.get("shape") == shape
        assert (read["sentence"], read["why"], read["source"]) == (
            rule.sentence,
            rule.why,
            rule.source,
        )
    assert [claim["id"] for claim in found["claims"]] == [claim.id for claim in spec.claims]


def test_a_shape_can_be_worked_out_again() -> None:
    weight, *_ = data("MultiheadAttention")["parameters"]
    sizes = [eval(axis, {"embed_dim": 512}) for axis in weight["shape"]]
    assert (weight["name"], tuple(sizes)) == (
        "in_proj_weight",
        mhadoc.predict("MultiheadAttention", 512, 8)["in_proj_weight"],
    )
    assert weight["page"] == "rule.html#MultiheadAttention.in_proj_weight"


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("parameters", {"shape": "3*embed_dim"}),
        ("parameters", {"surprise": 1}),
        ("claims", {"sentence": None}),
    ],
)
def test_another_form_is_refused(part: str, change: dict[str, object]) -> None:
    found = data("Linear")
    found[part][0] |= change
    with pytest.raises(ValidationError, match=r"is not of type|unexpected"):
        VALIDATOR.validate(found)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (0.5, 0.5),
        (Shape(), []),
        (Shape(3, sympy.Symbol("E")), ["3", "E"]),
        ({"a": sympy.false}, {"a": "never"}),
        (("x", 1), ["x", 1]),
        (int, "<class 'int'>"),
    ],
)
def test_a_fact_becomes_json(value: object, expected: object) -> None:
    assert plain(value) == expected
