"""The pages: no shape is typed by hand, and every example is run and counted."""

import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tools import picture

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(p for p in (ROOT / "docs").rglob("*.md") if "auto_gallery" not in p.parts)
TEXTS = [*PAGES, *sorted(ROOT.glob("*.md"))]
parametrize_pages = pytest.mark.parametrize(
    "page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix()
)
parametrize_texts = pytest.mark.parametrize(
    "page", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix()
)

#: Fences that are no Python and no directive.
PLAIN = {"text", "sh", "console", "yaml", "toml"}
PYTHON = {"python", "py", "python3", "pycon", "ipython", ""}
#: Directives that show code without running it.
SHOWS = {"code-block", "code", "sourcecode", "literalinclude"}


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
    assert fence is None, f"the fence of line {fence.line} is never closed"


def fences(page: Path) -> list[Fence]:
    return [p for p in parts(page.read_text(encoding="utf-8")) if isinstance(p, Fence)]


# Shapes in prose

_SIZES = "embed_dim|num_heads|head_dim|kdim|vdim|d_model|nhead|in_features|out_features"
_FACTOR = rf"(?:\d+|\b(?:{_SIZES}|E_k|E_v|[NLSEHDT])\b)"
_TERM = rf"(?:\(\s*)?{_FACTOR}(?:\s*[-+*/]+\s*{_FACTOR})*(?:\s*\))?"
HAND_TYPED = re.compile(
    rf"[(\[]\s*{_TERM}\s*,(?:\s*{_TERM}\s*,?)*\s*[)\]]"  # (3*embed_dim, embed_dim), [1536, 512]
    rf"|{_FACTOR}\s*(?:\bx\b|×|\\times)\s*{_FACTOR}"  # 1536 x 512
    r"|(?<![\w.])\d+\s?\*?\s?[EHD]\b"  # 3E
)
ROLE = re.compile(r"\{[\w:-]+\}`[^`]*`|\]\([^)]*\)|<https?:[^>]*>")

#: What may stand all the same, and why: (page, text, reason).
ALLOWED = [
    ("docs/index.md", "(1536, 512)", "the question, as people ask it"),
    ("docs/in_proj_weight.md", "(1536, 512)", "the question, as people ask it"),
    ("CHANGELOG.md", "(1536, 512)", "the title of the page that answers the question"),
]


def hand_typed(text: str) -> list[tuple[int, str]]:
    """Return every shape that is typed by hand in a text's prose, with its line."""
    prose = [part for part in parts(text) if not isinstance(part, Fence)]
    return [
        (number, found[0])
        for number, line in prose
        for found in HAND_TYPED.finditer(ROLE.sub(" ", line))
    ]


class TestProse:
    @parametrize_texts
    def test_no_shape_is_typed_by_hand(self, page: Path):
        name = page.relative_to(ROOT).as_posix()
        allowed = {text for place, text, _ in ALLOWED if place == name}
        found = hand_typed(page.read_text(encoding="utf-8"))
        assert [f"{name}:{line}: {text}" for line, text in found if text not in allowed] == []

    @pytest.mark.parametrize(("place", "text", "reason"), ALLOWED)
    def test_what_is_allowed_is_still_there(self, place: str, text: str, reason: str):
        assert text in [found for _, found in hand_typed((ROOT / place).read_text("utf-8"))]
        assert reason

    def test_little_is_allowed(self):
        assert len(ALLOWED) <= 4

    @pytest.mark.parametrize(
        "text",
        [
            "it is (1536, 512)",
            "it is `(3*embed_dim, embed_dim)`",
            "it is (3 * E, E).",
            "weights are `(N, L, S)`",
            "weights are (N, L, S + 2)",
            "a mask of (N*num_heads, L, S)",
            "a bias of (1536,)",
            "torch.Size([512, 512])",
            "a list [1536, 512]",
            "a 1536 x 512 matrix",
            "a 1536×512 matrix",
            r"$1536 \times 512$",
            "3E rows",
            "the first 3*E rows",
            "(d_model, kdim)",
            ":::{note} it is (10, 20)\n:::",
            "| cell | (N, E) |",
            "# A title of (5, 7)",
        ],
    )
    def test_a_shape_typed_by_hand_is_found(self, text: str):
        assert [line for line, _ in hand_typed(f"\n{text}\n")] == [2]

    @pytest.mark.parametrize(
        "text",
        [
            "it is {shape}`MultiheadAttention.in_proj_weight`",
            "{shape}`MultiheadAttention.in_proj_weight; embed_dim=512`",
            "```{doctest}\n>>> (1536, 512)\n(1536, 512)\n```",
            "```{spec} MultiheadAttention\n:part: parameters\n```",
            "1536 is three times 512",
            "the first 512 rows",
            "a 2-D or 3-D mask, `N` batch elements",
            "[the page](a_page.md) and [another](b(1, 2).md)",
            "<https://example.org/(1,2)>",
            "all three (query, key, value)",
            "in 3 heads (of 4)",
            "torch 2.13.0, E and H",
        ],
    )
    def test_what_is_no_shape_is_let_through(self, text: str):
        assert hand_typed(f"\n{text}\n") == []


def unrun(page: str, block: Fence) -> str:
    """Return what is wrong with a block that is not run; empty where nothing is."""
    where = f"{page}:{block.line}"
    if "+SKIP" in "\n".join(block.body) or any(":skipif:" in line for line in block.body):
        return f"{where}: an example is skipped"
    if block.directive and block.directive not in SHOWS:
        return ""
    if block.examples and not block.reason:
        return f"{where}: a session that nobody runs"
    if block.language in PYTHON and not block.reason:
        return f"{where}: Python that nobody runs"
    known = block.directive or block.language in PYTHON | PLAIN
    return "" if known else f"{where}: unknown kind of block {block.info!r}"


class TestBlocks:
    @parametrize_pages
    def test_each_is_run_or_says_why_not(self, page: Path):
        name = page.relative_to(ROOT).as_posix()
        found = list(parts(page.read_text(encoding="utf-8")))
        loose = [f"{name}:{p[0]}" for p in found if not isinstance(p, Fence) and ">>> " in p[1]]
        assert loose == [], "an example outside a block"
        assert [wrong for block in fences(page) if (wrong := unrun(name, block))] == []

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("```python\nx = 1\n```", "page:1: Python that nobody runs"),
            ("```\nx = 1\n```", "page:1: Python that nobody runs"),
            ("```pycon\n>>> 1\n```", "page:1: a session that nobody runs"),
            ("```text\n>>> 1\n2\n```", "page:1: a session that nobody runs"),
            ("```{code-block} python\nx = 1\n```", "page:1: Python that nobody runs"),
            ("prose\n\n```{code} py\nx = 1\n```", "page:3: Python that nobody runs"),
            ("```{doctest}\n>>> 1  # doctest: +SKIP\n2\n```", "page:1: an example is skipped"),
            ("```{doctest}\n:skipif: True\n\n>>> 1\n```", "page:1: an example is skipped"),
            ("```rust\nfn\n```", "page:1: unknown kind of block 'rust'"),
            ("Not run:\n```python\nx = 1\n```", "page:2: Python that nobody runs"),
        ],
    )
    def test_one_that_escapes_is_found(self, text: str, problem: str):
        (block,) = (part for part in parts(text) if isinstance(part, Fence))
        assert unrun("page", block) == problem

    @pytest.mark.parametrize(
        "text",
        [
            "```{doctest}\n>>> 1\n1\n```",
            "```{claim} mha.kdim.default\n```",
            "```sh\nmake html\n```",
            "```text\nplain\n```",
            "Not run: it needs a GPU.\n\n```python\nx = 1\n```",
            "```{code-block} python\n:caption: Not run: a line of your own\n\nx = 1\n```",
        ],
    )
    def test_one_that_is_run_or_says_why_not_is_let_through(self, text: str):
        (block,) = (part for part in parts(text) if isinstance(part, Fence))
        assert unrun("page", block) == ""

    def test_a_fence_inside_another_is_part_of_it(self):
        (block,) = parts("````{note}\n```python\nx\n```\n````")
        assert block.body == ["```python", "x", "```"]


# Examples

FLAGS = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1


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


def ran(out: Path) -> dict[str, int]:
    """Let Sphinx's doctest builder run, and return how many examples of each page it ran.

    The pages' statements are proved elsewhere, so they are not proved once more here.
    """
    options = ["-q", "-t", "without_gallery", "-b", "doctest", "-E", "-D", "mhadoc_proof=0"]
    child = subprocess.run(
        [sys.executable, "-m", "sphinx", "-c", ".", *options, "-d", out / "trees", "docs", out],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    report = (out / "output.txt").read_text(encoding="utf-8")
    assert child.returncode == 0, report + child.stderr
    sections = re.findall(
        r"^Document: (\S+)\n-+\n(.*?)(?=^Document: |^Doctest summary)", report, re.M | re.S
    )
    total = re.search(r"^ +(\d+) tests?$", report, re.MULTILINE)
    counts = {
        name: int(re.findall(r"(\d+) tests? in \d+ items?", said)[0]) for name, said in sections
    }
    assert total
    assert int(total[1]) == sum(counts.values())
    return counts


def written(page: Path) -> int:
    """Count the examples of a page: in its blocks, and in the docstrings that it shows."""
    blocks = [block for block in fences(page) if block.directive == "doctest"]
    return sum(len(block.examples) for block in blocks) + docstring_examples(page)


def test_sphinx_ran_each_example_of_each_page(tmp_path: Path):
    names = {page.relative_to(ROOT / "docs").with_suffix("").as_posix(): page for page in PAGES}
    expected = {name: count for name, page in names.items() if (count := written(page))}
    assert ran(tmp_path) == expected
    assert sum(expected.values()) > 50
    assert expected["api"] > 10
    assert "index" not in expected


def session(text: str, name: str) -> doctest.DocTest:
    """Return a text's Python blocks as one session, as a reader would type them one by one."""
    blocks = [part for part in parts(text) if isinstance(part, Fence)]
    source = "\n\n".join("\n".join(block.body) for block in blocks if block.language in PYTHON)
    return doctest.DocTestParser().get_doctest(source, {}, name, name, 0)


def run(test: doctest.DocTest) -> doctest.TestResults:
    return doctest.DocTestRunner(verbose=False, optionflags=FLAGS).run(test, out=lambda text: None)


class TestReadme:
    README = ROOT / "README.md"

    def test_every_example_runs_and_their_number_is_known(self):
        text = self.README.read_text(encoding="utf-8")
        found = session(text, "README.md")
        assert len(found.examples) == text.count(">>> ") == 15
        assert doctest.DebugRunner(optionflags=FLAGS).run(found) == (0, 15)

    @pytest.mark.parametrize(
        ("text", "failed", "attempted"),
        [
            ("```python\n>>> 1 + 1\n2\n```", 0, 1),
            ("```python\n>>> 1 + 1\n3\n\n```", 1, 1),
            ("```python\n>>> x = 1\n```\n\n```python\n>>> x\n1\n```", 0, 2),
            ("```python\n>>> True\n1\n```", 1, 1),
            ("```sh\n>>> 1\n2\n```", 0, 0),
        ],
    )
    def test_an_example_that_is_false_would_be_seen(self, text, failed, attempted):
        assert run(session(text, "text")) == (failed, attempted)

    def test_each_block_is_run_or_says_why_not(self):
        blocks = [block for block in fences(self.README) if block.language not in PYTHON]
        assert [wrong for block in blocks if (wrong := unrun("README.md", block))] == []


def test_autodoc_examples_are_counted_where_they_are():
    counted = docstring_examples(ROOT / "docs" / "api.md")
    shapes = inspect.getdoc(importlib.import_module("mhadoc.language.shapes").Shape) or ""
    assert counted >= shapes.count(">>> ") > 0


def test_the_readme_s_picture_is_drawn_from_the_spec() -> None:
    assert picture.PLACE.read_text(encoding="utf-8") == picture.picture()
    assert f"({picture.PLACE.relative_to(ROOT)})" in (ROOT / "README.md").read_text("utf-8")
