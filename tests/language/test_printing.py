"""Printing: what is printed means what it was printed from."""

import math
import re

import pytest
import sympy
from hypothesis import given

from mhadoc.language import (
    Symbol,
    condition_latex,
    condition_text,
    expression_latex,
    expression_text,
)
from mhadoc.language.compiled import number, truth
from tests.strategies import conditions, formulas, positive, values

E, H, kdim, vdim, S = (Symbol(n, "").expr for n in ("embed_dim", "num_heads", "kdim", "vdim", "S"))
bias, add_bias_kv, batch_first = (
    Symbol(n, "", "flag").expr for n in ("bias", "add_bias_kv", "batch_first")
)


def read(text, values):
    """Read a printed condition as Python does: ``bias=True`` asks for a flag."""
    text = {"always": "True", "never": "False"}.get(text, text)
    text = re.sub(r"\b([A-Za-z_]\w*)=(True|False)\b", r"(bool(\1) is \2)", text)
    return bool(eval(text, {}, dict(values)))


def balanced(latex):
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (3 * E, "3*embed_dim"),
        (S + add_bias_kv, "S + add_bias_kv"),
        (1 + S, "S + 1"),
        (S + 2 * E, "S + 2*embed_dim"),
        (S - 1, "S - 1"),
        (E / H, "embed_dim/num_heads"),
        (sympy.Mod(E, H), "embed_dim % num_heads"),
        (3 * sympy.Mod(E, H), "3*(embed_dim % num_heads)"),
        (sympy.Mod(E + S, H), "(S + embed_dim) % num_heads"),
        (sympy.Mod(3 * E, H), "(3*embed_dim) % num_heads"),
        (E - sympy.Mod(E, 2), "-(embed_dim % 2) + embed_dim"),
        (sympy.Mod(E, H) + 1, "(embed_dim % num_heads) + 1"),
        (sympy.Integer(5), "5"),
    ],
)
def test_an_expression_reads_as_people_write_it(expression, text):
    assert expression_text(expression) == text


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (sympy.true, "always"),
        (sympy.false, "never"),
        (bias, "bias=True"),
        (sympy.Not(bias), "bias=False"),
        (sympy.Eq(kdim, E), "kdim == embed_dim"),
        (sympy.Ne(kdim, E), "kdim != embed_dim"),
        (E > 0, "embed_dim > 0"),
        (sympy.And(bias, sympy.Eq(kdim, 3)), "kdim == 3 and bias=True"),
        (sympy.Or(bias, batch_first), "batch_first=True or bias=True"),
        (
            sympy.And(add_bias_kv, sympy.Or(bias, batch_first)),
            "(batch_first=True or bias=True) and add_bias_kv=True",
        ),
        (
            sympy.Not(sympy.And(sympy.Eq(kdim, E), sympy.Eq(vdim, E))),
            "kdim != embed_dim or vdim != embed_dim",
        ),
        (sympy.Eq(sympy.Mod(E, H), 0), "embed_dim % num_heads == 0"),
    ],
)
def test_a_condition_reads_as_python(condition, text):
    assert condition_text(condition) == text


@pytest.mark.parametrize(
    ("expression", "latex"),
    [
        (3 * E, "3 E"),
        (kdim, "E_k"),
        (S + add_bias_kv, r"S + \mathrm{add\_bias\_kv}"),
        (E / H, r"\frac{E}{H}"),
    ],
)
def test_maths_uses_torchs_letters(expression, latex):
    assert expression_latex(expression) == latex


@given(formulas, positive)
def test_the_text_of_an_expression_evaluates_to_its_number(expression, sizes):
    namespace = {"sqrt": math.sqrt, "floor": math.floor}
    found = eval(expression_text(expression), namespace, dict(sizes))
    assert found == pytest.approx(number(expression, sizes))


@given(conditions, values)
def test_the_text_of_a_condition_is_as_true_as_the_condition(condition, sizes):
    assert read(condition_text(condition), sizes) == truth(condition, sizes)


@given(formulas)
def test_the_maths_of_an_expression_is_balanced(expression):
    assert balanced(expression_latex(expression))


@given(conditions)
def test_the_maths_of_a_condition_is_balanced_and_names_its_flags(condition):
    latex = condition_latex(condition)
    assert balanced(latex)
    flags = [s.name.replace("_", r"\_") for s in condition.free_symbols if s.name == "bias"]
    assert all(name in latex for name in flags)


@pytest.mark.parametrize(("latex", "good"), [("{a}", True), ("}{", False), (r"\left(", False)])
def test_unbalanced_maths_would_be_seen(latex, good):
    assert balanced(latex) is good
