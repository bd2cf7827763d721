"""Printing of expressions and conditions: as text, as maths and as Python source."""

from __future__ import annotations

import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from mhadoc.language.symbols import LETTERS

__all__ = [
    "bound_text",
    "condition_latex",
    "condition_text",
    "counted",
    "expression_latex",
    "expression_text",
]

_RELATION = {sympy.Eq: "==", sympy.Ne: "!="}


def counted(number: int, word: str) -> str:
    """Return a number with what it counts: ``1 claim``, ``2 claims``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def expression_text(expression: sympy.Expr) -> str:
    """Return an expression as Python source: ``3*embed_dim``, ``S + add_bias_kv``.

    A sum starts with its upper-case sizes, as people write it.
    """
    expression = sympy.sympify(expression)
    text = str(_Text().doprint(expression))
    return text[1:-1] if isinstance(expression, sympy.Mod) else text


def bound_text(bound: sympy.Expr) -> str:
    """Return where a slice starts or stops: ``(h + 1)*d_model//nhead``, a whole number."""
    return expression_text(bound).replace("/", "//")


def expression_latex(expression: sympy.Expr) -> str:
    """Return an expression as LaTeX in torch's letters: ``3 E``."""
    return str(_Maths().doprint(sympy.sympify(expression)))


def condition_text(condition: sympy.Basic) -> str:
    """Return a condition as Python reads it: ``kdim == embed_dim and bias=True``."""
    if condition in (True, sympy.true):
        return "always"
    if condition in (False, sympy.false):
        return "never"
    return _condition(sympy.to_nnf(condition, simplify=False))


def condition_latex(condition: sympy.Basic) -> str:
    """Return a condition as LaTeX in torch's letters."""
    return str(_Maths().doprint(condition))


def _condition(condition: sympy.Basic) -> str:
    if isinstance(condition, sympy.Symbol):
        return f"{condition.name}=True"
    if isinstance(condition, sympy.Not):
        (inner,) = condition.args
        if isinstance(inner, sympy.Symbol):
            return f"{inner.name}=False"
        return f"not ({_condition(inner)})"
    if isinstance(condition, (sympy.And, sympy.Or)):
        return _joined(condition)
    if type(condition) in _RELATION:
        left, right = (expression_text(side) for side in condition.args)
        return f"{left} {_RELATION[type(condition)]} {right}"
    return expression_text(condition)


def _joined(condition: sympy.And | sympy.Or) -> str:
    word = " and " if isinstance(condition, sympy.And) else " or "
    return word.join(
        f"({_condition(part)})" if isinstance(part, (sympy.And, sympy.Or)) else _condition(part)
        for part in _ordered(condition.args)
    )


def _ordered(parts: tuple[sympy.Basic, ...]) -> list[sympy.Basic]:
    """Sort by name, sizes before flags, so that a condition reads the same in every run."""
    return sorted(
        parts, key=lambda part: (bool(part.is_Symbol or part.is_Not), str(part).strip("~"))
    )


def _sum_key(term: sympy.Expr) -> tuple[bool, bool, str]:
    text = str(term)
    return (term.is_number is True, not text[:1].isupper(), text)


class _Text(StrPrinter):  # type: ignore[misc]  # sympy ships no types
    """Print a sum with its sizes first and its numbers last."""

    def _print_Add(self, expr: sympy.Add, order: str | None = None) -> str:
        terms = [self._print(term) for term in sorted(expr.args, key=_sum_key)]
        return " + ".join(terms).replace("+ -", "- ")

    def _print_Mul(self, expr: sympy.Mul) -> str:
        """Print a product with its sums first: ``(h + 1)*head_dim``."""
        above, below = sympy.fraction(expr)
        factors = sympy.Mul.make_args(above)
        if any(factor.is_number for factor in (*factors, below) if factor != 1):
            return str(super()._print_Mul(expr))
        ordered = sorted(factors, key=lambda factor: not factor.is_Add)
        text = "*".join(self.parenthesize(factor, PRECEDENCE["Mul"]) for factor in ordered)
        return text if below == 1 else f"{text}/{self.parenthesize(below, PRECEDENCE['Pow'])}"

    def _print_Mod(self, expr: sympy.Mod) -> str:
        """Print a remainder in brackets of its own: a sign in front must not slip into it."""
        left, right = (self.parenthesize(side, PRECEDENCE["Mul"]) for side in expr.args)
        return f"({left} % {right})"

    def parenthesize(self, item: sympy.Basic, level: int, strict: bool = False) -> str:
        """Bracket a part where Python would read it otherwise."""
        if isinstance(item, sympy.Mod):
            return str(self._print(item))
        return str(super().parenthesize(item, level, strict))


class _Maths(LatexPrinter):  # type: ignore[misc]  # sympy ships no types
    """Print symbols as torch's letters; other names upright, so that they read as words."""

    def _print_Symbol(self, expr: sympy.Symbol, style: str = "plain") -> str:
        name: str = LETTERS.get(expr.name, expr.name)
        if len(name) > 1 and expr.name not in LETTERS:
            return r"\mathrm{" + name.replace("_", r"\_") + "}"
        return name
