"""Compiled expressions: the same numbers as sympy's, much quicker."""

import timeit

import pytest
import sympy
from hypothesis import given

from mhadoc.language import Symbol
from mhadoc.language.compiled import (
    Noted,
    compiled,
    free_names,
    joined,
    number,
    picker,
    truth,
)
from tests.strategies import conditions, formulas, positive, values

E, H = (Symbol(name, "").expr for name in ("embed_dim", "num_heads"))
VALUES = {"a": 1, "b": 2, "c": 3}


def by_sympy(expression, numbers):
    return expression.subs({s: numbers[s.name] for s in expression.free_symbols})


@given(formulas, positive)
def test_a_number_is_what_sympy_works_out(expression, sizes):
    assert number(expression, sizes) == pytest.approx(float(by_sympy(expression, sizes)))


@given(conditions, values)
def test_a_truth_is_what_its_parts_make_it(condition, sizes):
    assert truth(condition, sizes) == told(condition, sizes)


def told(condition, numbers):
    """Work out a condition part by part."""
    if isinstance(condition, sympy.Symbol):
        return bool(numbers[condition.name])
    if isinstance(condition, sympy.Rel):
        return bool(by_sympy(condition, numbers))
    parts = [told(part, numbers) for part in condition.args]
    if isinstance(condition, (sympy.And, sympy.Or)):
        return (all if isinstance(condition, sympy.And) else any)(parts)
    if isinstance(condition, sympy.Implies):
        return not parts[0] or parts[1]
    return not parts[0] if parts else bool(condition)


@pytest.mark.parametrize(
    ("parts", "names"),
    [((), ()), ((E,), ("embed_dim",)), ((H, E > H), ("embed_dim", "num_heads"))],
)
def test_names_are_sorted_and_unique(parts, names):
    assert free_names(*parts) == names


def test_parts_are_worked_out_together():
    function = compiled((3 * E, sympy.Gt(E, H)), ("embed_dim", "num_heads"))
    assert function(10, 2) == (30, True)


def test_a_name_that_does_not_occur_is_taken_and_left():
    assert compiled((3 * E,), ("N", "embed_dim"))(99, 10) == (30,)


@pytest.mark.parametrize(
    ("expression", "width", "found"),
    [
        (sympy.sqrt(E), 9, 3),
        (sympy.floor(E / 2), 9, 4),
        (sympy.Max(E, 3), 2, 3),
    ],
)
def test_functions_are_those_of_python(expression, width, found):
    assert number(expression, {"embed_dim": width}) == found


def test_a_missing_value_is_named():
    with pytest.raises(KeyError, match="num_heads"):
        number(E / H, {"embed_dim": 10})


@pytest.mark.parametrize("names", [(), ("b",), ("c", "a"), ("a", "b", "c")])
def test_a_picker_gives_a_tuple_of_values(names):
    assert picker(names)(VALUES) == tuple(VALUES[name] for name in names)


def test_joined_mappings_are_read_in_order_and_not_copied():
    first, second = {"a": 1}, {"a": 2, "b": 3}
    both = joined(first, second)
    assert (both["a"], both["b"]) == (1, 3)
    second["c"] = 4
    assert both["c"] == 4


def test_noted_values_know_what_was_asked():
    asked = {}
    noted = Noted({"embed_dim": 10, "num_heads": 2, "N": 3}, asked)
    assert truth(sympy.Gt(E, H), noted)
    assert noted["N"] == 3
    assert list(asked) == [sympy.Gt(E, H), "N"]
    assert dict(noted) == {"embed_dim": 10, "num_heads": 2, "N": 3}
    assert len(noted) == 3


def test_a_compiled_condition_is_worth_it():
    condition = sympy.And(sympy.Eq(E, 10), sympy.Gt(E, H))
    numbers = {"embed_dim": 10, "num_heads": 2}
    assert truth(condition, numbers)
    quick = min(timeit.repeat(lambda: truth(condition, numbers), number=200, repeat=3))
    slow = min(timeit.repeat(lambda: by_sympy(condition, numbers), number=200, repeat=3))
    assert quick * 5 < slow
