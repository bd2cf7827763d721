"""What a rule is: symbols, shapes, rules, claims, specs and cases, in sympy, without torch."""

from mhadoc.language.audits import HOLDS, INCOMPLETE, WRONG, Audit, Reading, Remark
from mhadoc.language.cases import Axis, Case, Cases, Choice
from mhadoc.language.children import MODULE, Bound, Child, composed, demanded
from mhadoc.language.claims import Claim, Mismatch, Seen, close, said, same
from mhadoc.language.doubts import Doubt
from mhadoc.language.entries import Entries
from mhadoc.language.measures import ABSENT, Call, Facts, Measured
from mhadoc.language.printing import (
    condition_latex,
    condition_text,
    counted,
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
from mhadoc.language.shapes import Each, Match, Shape, Shared, broadcast
from mhadoc.language.specs import ModuleSpec
from mhadoc.language.steps import Made, Step
from mhadoc.language.symbols import LETTERS, Symbol
from mhadoc.language.tables import OutcomeTable, Stated
from mhadoc.language.values import (
    ANYTHING,
    AXES,
    COUNT,
    DEVICE,
    DTYPE,
    INITIALISABLE,
    INTEGER,
    LEARNABLE,
    NUMBER,
    ORDERED,
    SIZE,
    TRUTH,
    Accepts,
    Named,
)

__all__ = [
    "ABSENT",
    "ANYTHING",
    "AXES",
    "COUNT",
    "DEVICE",
    "DTYPE",
    "HOLDS",
    "INCOMPLETE",
    "INITIALISABLE",
    "INTEGER",
    "LEARNABLE",
    "LETTERS",
    "MODULE",
    "NUMBER",
    "ORDERED",
    "SIZE",
    "TRUTH",
    "WRONG",
    "Accepts",
    "Argument",
    "Attribute",
    "Audit",
    "Axis",
    "Block",
    "Bound",
    "Call",
    "Case",
    "Cases",
    "Child",
    "Choice",
    "Claim",
    "Distribution",
    "Doubt",
    "Each",
    "Entries",
    "Facts",
    "Input",
    "Made",
    "Match",
    "Measured",
    "Mismatch",
    "ModuleSpec",
    "Named",
    "OutcomeTable",
    "Output",
    "Parameter",
    "Reading",
    "Remark",
    "Requirement",
    "Rule",
    "Seen",
    "Shape",
    "Shared",
    "Stated",
    "Step",
    "Symbol",
    "broadcast",
    "close",
    "composed",
    "condition_latex",
    "condition_text",
    "counted",
    "demanded",
    "expression_latex",
    "expression_text",
    "said",
    "same",
]
