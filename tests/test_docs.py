"""Pages and README: what looks like code ran, and no shape is typed by hand."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "auto_gallery" not in path.parts]
NAMES = [str(page.relative_to(DOCS)) for page in PAGES]

#: Where a page quotes the question that people ask, in its words.
QUOTED = {
    ("in_proj_weight.md", "(1536, 512)"),
    ("index.md", "(1536, 512)"),
    ("changelog.md", "(1536, 512)"),
}
WORD = r"(?:\d+|[LSNEHDT]|d_model|embed_dim|num_heads|head_dim|kdim|vdim|nhead)"
SIZE = rf"{WORD}(?:\s*[*+/-]\s*{WORD})*"
SHAPE = re.compile(
    rf"[(\[]\s*{SIZE}\s*(?:,\s*{SIZE}\s*)+,?\s*[)\]]|\(\s*{SIZE}\s*,\s*\)|\b\d+\s*[x×]\s*\d+\b"
)
FENCE = re.compile(r"^(?P<fence>```+|~~~+)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)$", re.M | re.S)
ROLE = re.compile(r"\{[\w-]+\}`[^`]*`")
SHOWN = {"sh", "yaml", "text", "toml"}
RUN = {"doctest"}
MADE = {"spec", "symbols", "claim", "claims", "report", "outcomes", "twins"}
SPHINX = {"toctree", "include", "eval-rst", "admonition", "grid"}


def typed_shapes(text: str) -> list[tuple[int, str]]:
    """Return the line and the text of each shape that stands in prose as it was typed."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    prose = ROLE.sub(blank, FENCE.sub(blank, text))
    return [(prose.count("\n", 0, m.start()) + 1, m[0]) for m in SHAPE.finditer(prose)]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_shape_is_typed_by_hand(page: Path) -> None:
    name = str(page.relative_to(DOCS))
    found = [
        f"docs/{name}:{line}: {shape}"
        for line, shape in typed_shapes(page.read_text(encoding="utf-8"))
        if (name, shape) not in QUOTED
    ]
    assert not found, "print shapes with the shape role: " + "; ".join(found)


@pytest.mark.parametrize(
    "prose",
    [
        "it is (1536, 512) wide",
        "a `(3*embed_dim, embed_dim)` matrix",
        "(L, N, E) or (N,L,E)",
        "of size [1536, 512]",
        "a bias of `(3*embed_dim,)`",
        "1536x512 numbers",
        "1536 × 512 numbers",
    ],
)
def test_typed_shapes_are_found(prose: str) -> None:
    assert typed_shapes(f"First line.\n\n{prose}\n")[0][0] == 3


@pytest.mark.parametrize(
    "text",
    [
        "{shape}`MultiheadAttention.in_proj_weight; embed_dim=512`",
        "```{doctest}\n>>> (1536, 512)\n(1536, 512)\n```",
        "rules (see below), claims (and more)",
        "in 2 cases, with 3 heads",
    ],
)
def test_printed_shapes_are_not(text: str) -> None:
    assert typed_shapes(text) == []


def why_not_run(info: str, body: str) -> str:
    """Return what is wrong with a fenced block: nothing for what runs or says that it does not."""
    name, _, argument = info.strip().partition(" ")
    if name.strip("{}") in RUN | MADE | SPHINX:
        return ""
    language = argument.strip() if name == "{code-block}" else name
    if language in SHOWN or body.startswith(":caption: Not run:"):
        return ""
    return f"a block of {language or 'no language'} neither runs nor says why not"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_runs_or_says_why_not(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = [why_not_run(block["info"], block["body"]) for block in FENCE.finditer(text)]
    assert [problem for problem in found if problem] == []
    assert text.count(">>>") == sum(
        block["body"].count(">>>") for block in FENCE.finditer(text) if "doctest" in block["info"]
    )


@pytest.mark.parametrize("info", ["python", "", "{code-block} python", "pycon"])
def test_a_block_that_escapes_is_found(info: str) -> None:
    assert "neither runs" in why_not_run(info, "import torch\n")
    assert why_not_run(info, ":caption: Not run: needs a GPU\n") == ""


def examples(page: Path) -> int:
    """Return how many examples the doctest directives of a page hold."""
    blocks = FENCE.finditer(page.read_text(encoding="utf-8"))
    bodies = [block["body"] for block in blocks if block["info"].strip() == "{doctest}"]
    return sum(len(doctest.DocTestParser().get_examples(body)) for body in bodies)


def test_the_builder_ran_every_example(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-c", str(ROOT), "-q", "-E", "-b", "doctest"]
    command += ["-t", "without_gallery", "-D", "mhadoc_proof=0"]
    ran = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    output = (tmp_path / "out" / "output.txt").read_text(encoding="utf-8")
    assert ran.returncode == 0, output
    parts = re.split(r"^Document: (\S+)\n", output, flags=re.MULTILINE)[1:]
    counted = {
        name: sum(map(int, re.findall(r"^(\d+) tests? in \d+ items?", text, re.M)))
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
    expected = {
        str(page.relative_to(DOCS).with_suffix("")): examples(page)
        for page in PAGES
        if examples(page)
    }
    assert {name: counted.get(name, 0) for name in expected} == expected
    assert sum(expected.values()) >= 20
    assert counted["api"] >= 5


def test_readme_examples_run() -> None:
    failed, ran = doctest.testfile(
        str(ROOT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert (failed, ran) == (0, 7)
