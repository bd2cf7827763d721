"""Deduction about sizes: what follows for all of them, and numbers where something does not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterator, Mapping

import sympy

from mhadoc.language.compiled import compiled, free_names

__all__ = ["LEAST", "at", "equal", "follows", "key", "witness"]

#: What a symbolic size stands for: every number from here on. torch's own symbols begin there too.
LEAST = 2

#: How many combinations of numbers are tried at most in the search for a witness.
_TRIES = 20_000

#: A relation between integers, brought into one form: its kind and what is compared with zero.
Key = tuple[type, sympy.Basic]


def at(expression: sympy.Basic, values: Mapping[str, sympy.Basic]) -> sympy.Basic:
    """Return an expression with its symbols replaced, told apart by their names."""
    symbols = (symbol for symbol in expression.free_symbols if symbol.name in values)
    return expression.xreplace({symbol: values[symbol.name] for symbol in symbols})


def equal(one: sympy.Basic, other: sympy.Basic) -> bool:
    """Tell whether two expressions are shown to be equal for all sizes."""
    difference = _shifted(one - other)
    return bool(sympy.expand(difference) == 0 or sympy.simplify(difference) == 0)


def follows(condition: sympy.Basic, known: Container[Key] = ()) -> bool:
    """Tell whether a condition is shown to be true for all sizes for which what is known is."""
    if condition in (True, sympy.true):
        return True
    if isinstance(condition, sympy.And):
        return all(follows(part, known) for part in condition.args)
    if isinstance(condition, sympy.Or):
        return any(follows(part, known) for part in condition.args)
    if isinstance(condition, sympy.Not):
        negated = sympy.to_nnf(condition)
        return not isinstance(negated, sympy.Not) and follows(negated, known)
    if not isinstance(condition, sympy.core.relational.Relational):
        return False
    return key(condition) in known or _always(condition)


def key(relation: sympy.core.relational.Relational) -> Key:
    """Return one form for all ways to write a relation between integers."""
    kind, left, right = type(relation), relation.lhs, relation.rhs
    if kind in (sympy.Gt, sympy.Ge):
        left, right = right, left
    difference = sympy.expand(left - right)
    if kind in (sympy.Eq, sympy.Ne):
        return kind, -difference if difference.could_extract_minus_sign() else difference
    return sympy.Le, difference + int(kind in (sympy.Gt, sympy.Lt))


def _always(relation: sympy.core.relational.Relational) -> bool:
    kind, difference = key(relation)
    difference = sympy.expand(_shifted(difference))
    if kind is sympy.Eq:
        return difference == 0 or _quotient(relation)
    if kind is sympy.Ne:
        return bool(difference.is_positive or difference.is_negative)
    return bool(difference.is_nonpositive)


def _quotient(relation: sympy.core.relational.Relational) -> bool:
    """Tell whether ``floor(p/q) == c`` is true for all sizes: ``c*q <= p < (c + 1)*q``."""
    rounded, whole = sorted(relation.args, key=lambda side: not isinstance(side, sympy.floor))
    if not isinstance(rounded, sympy.floor) or not whole.is_Integer:
        return False
    (inside,) = rounded.args
    top, bottom = sympy.fraction(sympy.together(_shifted(inside)))
    above, below = sympy.expand(top - whole * bottom), sympy.expand((whole + 1) * bottom - top)
    return bool(sympy.expand(bottom).is_positive and above.is_nonnegative and below.is_positive)


def _shifted(expression: sympy.Basic) -> sympy.Basic:
    """Write each size as ``LEAST`` and what it has more, so that signs can be seen."""
    more = {
        symbol: sympy.Symbol(f"{symbol.name}+", integer=True, nonnegative=True) + LEAST
        for symbol in expression.free_symbols
    }
    return expression.xreplace(more)


def witness(
    wrong: sympy.Basic, given: sympy.Basic, likely: Mapping[str, int]
) -> dict[str, int] | None:
    """Return sizes for which a condition is true, the smallest found; None where none was.

    ``given`` is what they have to meet as well, ``likely`` numbers that do. The numbers tried are
    the least, the likely ones, and those next to the numbers in the condition or their roots.
    """
    names = free_names(wrong, given)
    test = compiled((wrong, given), names)
    for numbers in _numbers(wrong, [likely[name] for name in names]):
        if all(test(*numbers)):
            return dict(zip(names, numbers, strict=True))
    return None


def _numbers(wrong: sympy.Basic, likely: list[int]) -> Iterator[tuple[int, ...]]:
    constants = {abs(int(number)) for number in wrong.atoms(sympy.Integer)}
    constants |= {math.isqrt(constant) for constant in constants}
    near = {constant + step for constant in constants for step in (-1, 0, 1)} | {LEAST, LEAST + 1}
    tried = [sorted(n for n in near | {size} if n >= LEAST) for size in likely]
    while math.prod(map(len, tried)) > _TRIES:
        longest = max(tried, key=len)
        del longest[len(longest) // 2]
    yield from sorted(itertools.product(*tried), key=math.prod)
