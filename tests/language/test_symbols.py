"""Symbols: their mathematics, and the letters they print as."""

from dataclasses import FrozenInstanceError

import pytest
import sympy

from mhadoc.language import LETTERS, Symbol
from mhadoc.language.compiled import truth


def test_two_symbols_of_one_name_are_one_in_mathematics():
    assert Symbol("L", "target length").expr == Symbol("L", "anything").expr
    assert Symbol("L", "").expr - Symbol("L", "").expr == 0


@pytest.mark.parametrize("kind", ["size", "flag"])
def test_a_symbol_is_a_whole_number_and_not_negative(kind):
    expr = Symbol("x", "", kind).expr
    assert expr.is_integer
    assert expr.is_nonnegative
    assert (expr >= 0) == sympy.true


def test_a_flag_counts_in_a_size_and_is_a_condition_by_itself():
    length, flag = Symbol("S", "").expr, Symbol("bias", "", "flag").expr
    assert (length + flag).subs({length: 7, flag: 1}) == 8
    assert truth(sympy.And(flag, length > 3), {"S": 7, "bias": 1})
    assert not truth(sympy.And(flag, length > 3), {"S": 7, "bias": 0})


def test_a_given_value_may_be_negative():
    symbol = Symbol("kdim", "")
    assert symbol.given.is_nonnegative is None
    assert symbol.given.name == symbol.expr.name
    assert (symbol.given >= 0) not in (sympy.true, sympy.false)


@pytest.mark.parametrize(
    ("name", "letter"),
    [("embed_dim", "E"), ("num_heads", "H"), ("head_dim", "D"), ("kdim", "E_k"), ("vdim", "E_v")],
)
def test_sizes_print_as_the_letters_of_torchs_page(name, letter):
    assert Symbol(name, "").letter == letter


@pytest.mark.parametrize("name", ["L", "S", "N", "h", "n", "add_bias_kv"])
def test_other_symbols_print_their_name(name):
    assert Symbol(name, "").letter == name


def test_no_letter_is_used_twice():
    assert len({*LETTERS.values(), "L", "S", "N"}) == len(LETTERS) + 3


def test_a_symbol_cannot_be_changed():
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        Symbol("L", "").name = "M"
