"""Expressions in JavaScript have the values that they have in Python."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import given, settings
from playwright.sync_api import Browser

from mhadoc.language.compiled import number, truth
from mhadoc.language.javascript import expression_javascript
from tests.strategies import conditions, expressions, values

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def worked_out(browser: Browser):
    """Return a function that works JavaScript out for some values."""
    page = browser.new_page()

    def work(script: str, given: object) -> object:
        return page.evaluate(f"(v) => {script}", given)

    yield work
    page.close()


@settings(max_examples=150)
@given(expressions, values)
def test_an_expression(worked_out, expression, values) -> None:
    found = worked_out(expression_javascript(expression), values)
    assert found == pytest.approx(number(expression, values), rel=1e-12)


@settings(max_examples=150)
@given(conditions, values)
def test_a_condition(worked_out, condition, values) -> None:
    script = f"Boolean({expression_javascript(condition)})"
    assert worked_out(script, values) == truth(condition, values)


@pytest.mark.parametrize("size", [-10, -3, 0, 7])
@pytest.mark.parametrize("heads", [-2, 3])
def test_a_remainder_has_the_sign_that_python_gives_it(worked_out, size, heads) -> None:
    E, H = sympy.symbols("E H", integer=True)
    script = expression_javascript(sympy.Mod(E, H))
    assert worked_out(script, {"E": size, "H": heads}) == size % heads


def test_a_measure_has_a_point_in_its_name(worked_out) -> None:
    script = expression_javascript(3 * sympy.Symbol("query.rank"))
    assert worked_out(script, {"query.rank": 2}) == 6
