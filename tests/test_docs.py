"""The pages: no shape is typed by hand, and every example is run and counted."""

import builtins
import doctest
import importlib
import inspect
import re
import symtable
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import examples, picture
from tools.examples import PAGES, ROOT, Fence, docstring_examples, fences, parts

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


# What is copied

DOCTEST = re.compile(r"^```\{doctest\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def missing(block: str) -> set[str]:
    """Return the names that a block of examples uses and does not make."""
    examples = doctest.DocTestParser().get_examples(block)
    top = symtable.symtable("".join(example.source for example in examples), "block", "exec")
    made = {name.get_name() for name in top.get_symbols() if name.is_assigned()}
    made |= {name.get_name() for name in top.get_symbols() if name.is_imported()}
    return set(_asked(top)) - made - set(dir(builtins)) - {"__name__"}


def _asked(table: symtable.SymbolTable) -> Iterator[str]:
    """Iterate over the names that are looked up in the module, from any depth."""
    for name in table.get_symbols():
        if name.is_referenced() and (name.is_global() or table.get_type() == "module"):
            yield name.get_name()
    for child in table.get_children():
        yield from _asked(child)


class TestCopied:
    @parametrize_pages
    def test_each_block_runs_alone(self, page: Path):
        blocks = DOCTEST.findall(page.read_text(encoding="utf-8"))
        assert [found for block in blocks if (found := missing(block))] == []

    def test_what_another_block_made_is_missed(self):
        assert missing(">>> import torch\n>>> [y(x) for _ in torch.ones(2)]\n") == {"x", "y"}


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


#: What Sphinx reports of two pages.
REPORT = """Document: in_proj_weight
------------------------
1 items passed all tests:
   6 tests in default
6 tests in 1 items.
6 passed and 0 failed.
Test passed.

Document: api
-------------
2 items passed all tests:
   1 tests in Shape
   2 tests in default
3 tests in 2 items.
3 passed and 0 failed.
Test passed.

Doctest summary
===============
    9 tests
    0 failures in tests
"""


class TestWhatSphinxRan:
    def test_it_is_read_from_the_report(self):
        assert examples.ran(REPORT) == {"in_proj_weight": 6, "api": 3}

    @pytest.mark.parametrize("report", ["", REPORT.replace("9 tests", "10 tests")])
    def test_what_is_no_whole_report_is_refused(self, report: str):
        with pytest.raises(ValueError, match="no report of Sphinx's doctest builder"):
            examples.ran(report)

    @pytest.mark.parametrize(
        ("written", "ran", "told"),
        [
            ({"a": 2, "b": 3}, {"a": 2, "b": 3}, []),
            ({"a": 2, "b": 3}, {"a": 2, "b": 1}, ["b: 1 of 3 examples ran"]),
            ({"a": 2}, {}, ["a: 0 of 2 examples ran"]),
            ({}, {"a": 2}, ["a: 2 of 0 examples ran"]),
        ],
    )
    def test_a_page_of_which_fewer_or_more_ran_is_told(self, written, ran, told):
        assert examples.missed(written, ran) == told

    def test_every_page_with_examples_is_expected(self):
        pages = examples.expected()
        assert sum(pages.values()) > 50
        assert pages["api"] > 10
        assert "index" not in pages

    def test_the_command_fails_where_one_was_missed(self, tmp_path: Path, capsys):
        (tmp_path / "output.txt").write_text(REPORT)
        assert examples.main(str(tmp_path / "output.txt")) == 1
        assert re.search(r"^api: 3 of \d\d+ examples ran$", capsys.readouterr().out, re.M)


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
