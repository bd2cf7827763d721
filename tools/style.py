"""Print how long, how branched and how well documented the code is: ``make style``.

The points are those of CONTRIBUTING.md; the status is 1 where one is missed. What ruff and mypy
check (complexity, types, docstrings) is left to them: ``make lint``.
"""

from __future__ import annotations

import ast
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]

#: Data: it grows with what is stated, a statement taking as many lines as it takes to say it.
STATED = ROOT / "mhadoc" / "catalog"

#: Tokens that make a line no line of code.
_EMPTY = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


@dataclass(frozen=True)
class Point:
    """A point of style: its figure here, and what it has to be."""

    name: str
    figure: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Tell whether the figure is on the right side of its limit."""
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def __str__(self) -> str:
        """Return the point as a row of a Markdown table."""
        word = "at least" if self.at_least else "at most"
        figure = f"{self.figure:.3g}" if self.figure % 1 else f"{self.figure:.0f}"
        return f"| {self.name} | {figure} | {word} {self.limit:g} |{'' if self.met else ' MISSED'}"


def code_lines(path: Path) -> set[int]:
    """Return the numbers of the lines that hold code: no comments, docstrings or blank lines."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    held = (range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in _EMPTY)
    return {line for lines in held for line in lines} - set(_docstrings(_tree(path)))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _docstrings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from range(node.lineno, (node.end_lineno or 0) + 1)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Iterate over a file's functions: name, and how many lines of code its body has."""
    lines = code_lines(path)
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
            yield f"{path.relative_to(ROOT)}:{node.name}", len(lines.intersection(body))


def tested(paths: list[Path]) -> tuple[int, int, int]:
    """Return how many test functions there are, how many are parametrised, and property tests."""
    found = parametrised = properties = 0
    for path in paths:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.FunctionDef):
                decorators = " ".join(map(ast.unparse, node.decorator_list))
                is_property = "given(" in decorators
                properties += is_property
                if node.name.startswith("test"):
                    found += 1
                    parametrised += is_property or "parametrize" in decorators
    return found, parametrised, properties


def points() -> Iterator[Point]:
    """Iterate over the points, measured."""
    package = sorted((ROOT / "mhadoc").rglob("*.py"))
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in package}
    machinery = [size for path, size in sizes.items() if STATED not in path.parents]
    yield Point("lines of a module outside the catalog, median", median(machinery), 120)
    yield Point("lines of a module, longest", max(sizes.values()), 350)
    lengths = [length for path in package for _, length in functions(path)]
    yield Point("lines of a function, median", median(lengths), 7)
    yield Point("lines of a function, nine in ten", quantiles(lengths, n=10)[-1], 20)
    yield Point("lines of a function, longest", max(lengths), 29)
    yield from _tests(package)


def _tests(package: list[Path]) -> Iterator[Point]:
    tests = sorted((ROOT / "tests").rglob("*.py"))
    machinery = sum(len(code_lines(path)) for path in package if STATED not in path.parents)
    ratio = sum(len(code_lines(path)) for path in tests) / machinery
    found, parametrised, properties = tested(tests)
    yield Point("lines of tests to a line outside the catalog", ratio, 1.5, at_least=True)
    yield Point("tests with parameters, in percent", 100 * parametrised / found, 40, at_least=True)
    yield Point("property tests", properties, 20, at_least=True)


def main() -> int:
    """Print the table; tell whether a point is missed, and where the longest code is."""
    found = list(points())
    print("| point | here | should be |", "| --- | --- | --- |", *found, sep="\n")
    package = sorted((ROOT / "mhadoc").rglob("*.py"))
    longest = sorted((pair for path in package for pair in functions(path)), key=lambda p: -p[1])
    for name, length in (pair for pair in longest[:10] if pair[1] > 29):
        print(f"{name} has {length} lines")
    return 0 if all(point.met for point in found) else 1


if __name__ == "__main__":
    sys.exit(main())
