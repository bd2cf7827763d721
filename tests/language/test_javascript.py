"""JavaScript: what an expression becomes; tests in a browser compare its values."""

import pytest
import sympy

from mhadoc.errors import MhadocError
from mhadoc.language import Shape
from mhadoc.language.javascript import expression_javascript, script
from mhadoc.language.shapes import Each

E, kdim, bias = sympy.symbols("embed_dim kdim bias", integer=True)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (3 * E, "3*v.embed_dim"),
        (sympy.Eq(kdim, E), "v.kdim == v.embed_dim"),
        (sympy.And(bias > 0, sympy.Not(sympy.Eq(kdim, E))), "v.bias > 0 && v.kdim != v.embed_dim"),
        (sympy.floor(E / 2), "Math.floor((1/2)*v.embed_dim)"),
        (sympy.true, "true"),
        (sympy.false, "false"),
        (sympy.Symbol("query.rank") + 1, 'v["query.rank"] + 1'),
    ],
)
def test_an_expression_asks_the_values(expression, text):
    assert expression_javascript(expression) == text


def test_a_choice_stays_on_one_line():
    text = expression_javascript(sympy.Piecewise((E, bias > 0), (0, True)))
    assert text == "((v.bias > 0) ? ( v.embed_dim ) : ( 0 ))"


def test_what_javascript_lacks_is_refused():
    with pytest.raises(MhadocError, match=r"cannot be written in JavaScript: \*embed_dim"):
        expression_javascript(Each(E))


def test_data_keeps_its_form():
    data = {"axes": list(Shape(E, 2 * E)), "name": 'a "b"', "none": None, "flags": (True, 1)}
    assert script(data) == (
        '{"axes": [(v) => v.embed_dim, (v) => 2*v.embed_dim], "name": "a \\"b\\"", '
        '"none": null, "flags": [true, 1]}'
    )
