"""What a rule is: symbols, shapes, rules, claims, specs and cases, in sympy, without torch."""

from mhadoc.language.cases import Axis, Case, Cases, Choice
from mhadoc.language.claims import Claim, Mismatch, Seen, close, same
from mhadoc.language.printing import (
    condition_latex,
    condition_text,
    expression_latex,
    expression_text,
)
from mhadoc.language.rules import (
    Argument,
    Attribute,
    Block,
    Distribution,
    Input,
    Output,
    Parameter,
    Requirement,
    Rule,
)
from mhadoc.language.shapes import Match, Shape
from mhadoc.language.specs import ModuleSpec
from mhadoc.language.symbols import LETTERS, Symbol
from mhadoc.language.tables import OutcomeTable
from mhadoc.language.values import (
    ANYTHING,
    DEVICE,
    DTYPE,
    INITIALISABLE,
    INTEGER,
    LEARNABLE,
    NUMBER,
    SIZE,
    TRUTH,
    Accepts,
)

__all__ = [
    "ANYTHING",
    "DEVICE",
    "DTYPE",
    "INITIALISABLE",
    "INTEGER",
    "LEARNABLE",
    "LETTERS",
    "NUMBER",
    "SIZE",
    "TRUTH",
    "Accepts",
    "Argument",
    "Attribute",
    "Axis",
    "Block",
    "Case",
    "Cases",
    "Choice",
    "Claim",
    "Distribution",
    "Input",
    "Match",
    "Mismatch",
    "ModuleSpec",
    "OutcomeTable",
    "Output",
    "Parameter",
    "Requirement",
    "Rule",
    "Seen",
    "Shape",
    "Symbol",
    "close",
    "condition_latex",
    "condition_text",
    "expression_latex",
    "expression_text",
    "same",
]
