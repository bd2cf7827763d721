"""Mutants: how a module can be broken in one place, so that types and style are still right."""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

#: What cosmic-ray does to a module here. Left out are those that a type checker finds (such as an
#: order of what has none), and taking away a decorator: ``cache`` alone changes no answer.
OPERATORS = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ZeroIterationForLoop",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    *(
        f"ReplaceComparisonOperator_{there}_{here}"
        for pair in ("Eq NotEq", "Lt LtE", "Gt GtE", "Is IsNot")
        for there, here in (pair.split(), reversed(pair.split()))
    ),
    *(
        f"ReplaceBinaryOperator_{there}_{here}"
        for pair in ("Add Sub", "BitOr BitAnd", "Mul Add", "Div Mul", "FloorDiv Mul", "Mod Mul")
        for there, here in [pair.split()]
    ),
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_BitAnd_BitOr",
)

#: What a program that is right would do without: mypy tells who writes to what is frozen, or what
#: has no place for it.
ASSERTED = ("strict=True", "frozen=True", "slots=True")


@dataclass(frozen=True)
class Place:
    """Where a module can be broken, and how.

    Attributes:
        path: The file, from the root of the project.
        operator: What cosmic-ray calls the change.
        occurrence: Which of the places in the file where that change can be made.
        line: The line of that place.
    """

    path: str
    operator: str
    occurrence: int
    line: int

    def __str__(self) -> str:
        """Return its name, which can be asked for again."""
        return f"{self.path}:{self.line}:{self.operator}:{self.occurrence}"

    def mutant(self, root: Path) -> Mutant | None:
        """Break the module here; None where that changes nothing that runs."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        source = (root / self.path).read_text(encoding="utf-8")
        mutated = mutate_code(source, get_operator(f"core/{self.operator}")(), self.occurrence)
        return None if same(source, mutated) else Mutant(self, source, mutated)


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes:
        place: Where the change is.
        source: The file as it is.
        mutated: The file with the change.
    """

    place: Place
    source: str
    mutated: str

    def __str__(self) -> str:
        """Return the name of its place, which can be asked for again."""
        return str(self.place)

    @property
    def room(self) -> str:
        """Return the room that the module is in."""
        return Path(self.place.path).parts[1]

    @property
    def diff(self) -> str:
        """Return the lines that differ, as a diff without its header."""
        pair = self.source.splitlines(), self.mutated.splitlines()
        return "\n".join(list(difflib.unified_diff(*pair, lineterm="", n=0))[2:])

    @cached_property
    def lines(self) -> range:
        """Return the lines of the statement that differs, without the statements in it."""
        found = (_own_lines(node) for node in ast.walk(ast.parse(self.source)))
        line = self.place.line
        return min((own for own in found if line in own), key=len, default=range(line, line + 1))


def _own_lines(node: ast.AST) -> range:
    if not isinstance(node, ast.stmt | ast.excepthandler):
        return range(0)
    body = getattr(node, "body", None)
    end = body[0].lineno if body else (node.end_lineno or 0) + 1
    return range(node.lineno, max(end, node.lineno + 1))


def places(root: Path, room: str) -> Iterator[Place]:
    """Iterate over the places in a room, file by file, in an order that stays the same."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator

    for path in sorted((root / "mhadoc" / room).rglob("*.py")):
        nodes = list(ast_nodes(get_ast(path.read_text(encoding="utf-8"))))
        for operator in OPERATORS:
            change = get_operator(f"core/{operator}")()
            found = (place for node in nodes for place in change.mutation_positions(node))
            for occurrence, ((line, _), _) in enumerate(found):
                yield Place(path.relative_to(root).as_posix(), operator, occurrence, line)


def same(source: str, mutated: str) -> bool:
    """Tell whether a change is none: in an annotation, no Python, or one assertion less.

    >>> same("x: int | None = 1", "x: int & None = 1")
    True
    >>> same("x: int | None = 1", "x: int | None = 2")
    False
    >>> same("zip(x, y, strict=True)", "zip(x, y, strict=False)")
    True
    >>> same("zip(x, y, strict=False)", "zip(x, y, strict=True)")
    False
    >>> same("print(*x)", "print(+*x)")
    True
    """
    if any(mutated.count(word) < source.count(word) for word in ASSERTED):
        return True
    try:
        there, here = ast.parse(source), ast.parse(mutated)
    except SyntaxError:
        return True
    return ast.dump(_Bare().visit(there)) == ast.dump(_Bare().visit(here))


class _Bare(ast.NodeTransformer):
    """Takes away what is for readers and type checkers alone."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def sample(root: Path, room: str, size: int, seed: int) -> list[Mutant]:
    """Return mutants of a room, as many as asked for, and the same ones for the same seed."""
    found = list(places(root, room))
    random.Random(seed).shuffle(found)
    return list(islice(filter(None, (place.mutant(root) for place in found)), size))
