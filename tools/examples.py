"""Whether Sphinx ran each example that a page has: `make doctest` asks it, after the run.

A block that Sphinx passes over in silence would be an example that nobody checks.
"""

from __future__ import annotations

import doctest
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Every page that is written by hand.
PAGES = sorted(p for p in (ROOT / "docs").rglob("*.md") if "auto_gallery" not in p.parts)


@dataclass
class Fence:
    """One fenced block of a page: where it opens, what it says it is, and what it holds."""

    line: int
    info: str
    before: str
    body: list[str] = field(default_factory=list)

    @property
    def directive(self) -> str:
        """The directive's name; empty where the fence is none."""
        found = re.match(r"\{([\w:-]+)\}", self.info)
        return found[1] if found else ""

    @property
    def language(self) -> str:
        """The language of code that is shown and not run."""
        return self.info.partition("}")[2].strip() if self.directive else self.info

    @property
    def reason(self) -> str:
        """Why the block is not run, as the reader sees it."""
        captions = [line.partition(":caption:")[2] for line in self.body if ":caption:" in line]
        found = [text for text in (self.before, *captions) if text.strip().startswith("Not run:")]
        return found[0].strip().removeprefix("Not run:").strip() if found else ""

    @property
    def examples(self) -> list[str]:
        """The lines that a session starts an example with."""
        return [line for line in self.body if re.match(r"\s*>>> ", line)]


def parts(text: str) -> Iterator[Fence | tuple[int, str]]:
    """Split a page into fenced blocks and lines of prose, the latter with their numbers.

    A fence of colons holds prose: its lines count as such.
    """
    fence, before, closing = None, "", ""
    for number, line in enumerate(text.splitlines(), 1):
        opened = re.match(r"\s*(`{3,})\s*(.*)$", line)
        if fence is not None:
            if line.strip() == closing:
                yield fence
                fence = None
            else:
                fence.body.append(line)
        elif opened:
            fence, closing = Fence(number, opened[2].strip(), before), opened[1]
        else:
            yield number, line
        before = line if line.strip() else before
    if fence is not None:
        raise ValueError(f"the fence of line {fence.line} is never closed")


def fences(page: Path) -> list[Fence]:
    """Return the fenced blocks of a page."""
    return [p for p in parts(page.read_text(encoding="utf-8")) if isinstance(p, Fence)]


def docstring_examples(page: Path) -> int:
    """Count the examples in the docstrings that a page's autodoc directives show."""
    text, found = page.read_text(encoding="utf-8"), {}
    for kind, name in re.findall(r"^\.\. auto(\w+):: (\S+)$", text, re.MULTILINE):
        module, _, part = (name, "", "") if kind == "module" else name.rpartition(".")
        shown = importlib.import_module(module)
        for test in doctest.DocTestFinder().find(getattr(shown, part) if part else shown, name):
            inside = test.name.removeprefix(f"{name}.").partition(".")[0]
            listed = kind != "module" or inside in (name, *getattr(shown, "__all__", [inside]))
            public = listed and _public(test.name.removeprefix(name))
            found[test.name] = len(test.examples) if public else 0
    return sum(found.values())


def _public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split(".") if part)


def written(page: Path) -> int:
    """Count the examples of a page: in its blocks, and in the docstrings that it shows."""
    blocks = [block for block in fences(page) if block.directive == "doctest"]
    return sum(len(block.examples) for block in blocks) + docstring_examples(page)


def expected() -> dict[str, int]:
    """Count the examples of each page that has some, by the page's name."""
    names = {page.relative_to(ROOT / "docs").with_suffix("").as_posix(): page for page in PAGES}
    return {name: count for name, page in names.items() if (count := written(page))}


def ran(report: str) -> dict[str, int]:
    """Return how many examples of each page Sphinx ran, as its doctest builder reports it."""
    sections = re.findall(
        r"^Document: (\S+)\n-+\n(.*?)(?=^Document: |^Doctest summary)", report, re.M | re.S
    )
    counts = {
        name: int(re.findall(r"(\d+) tests? in \d+ items?", said)[0]) for name, said in sections
    }
    total = re.search(r"^ +(\d+) tests?$", report, re.MULTILINE)
    if not total or int(total[1]) != sum(counts.values()):
        raise ValueError(f"no report of Sphinx's doctest builder: {report[-300:]!r}")
    return counts


def missed(written: dict[str, int], ran: dict[str, int]) -> list[str]:
    """Tell each page of which not as many examples ran as are written."""
    return [
        f"{name}: {ran.get(name, 0)} of {written.get(name, 0)} examples ran"
        for name in sorted(written.keys() | ran.keys())
        if ran.get(name, 0) != written.get(name, 0)
    ]


def main(report: str) -> int:
    """Compare a report with the pages, and return the exit status."""
    pages = expected()
    wrong = missed(pages, ran(Path(report).read_text(encoding="utf-8")))
    told = wrong or [f"Sphinx ran all {sum(pages.values())} examples of {len(pages)} pages."]
    print(*told, sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
