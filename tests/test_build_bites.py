"""A build fails when one thing on a page is false, and says where and what.

Small sites are built from copies of the project in which something was changed on purpose. The
reports are kept where the project's own are: a report of the unchanged copy must never stand for a
changed one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("bites")  # so that each site is built once

ROOT = Path(__file__).resolve().parent.parent
CATALOG = "mhadoc/catalog/multihead_attention"
CONF = 'extensions = ["myst_parser", "sphinx.ext.doctest", "mhadoc.sphinxext"]\n'
PAGE = """# A page

The weight is {shape}`MultiheadAttention.in_proj_weight`.

```{spec} MultiheadAttention
:part: arguments
```

```{claim} mha.kdim.default
```

```{claim} mha.state_dict.own_first
```

```{doctest}
>>> 3 * 512
1536
```
"""


@dataclass
class Copy:
    """A copy of the project with one page."""

    folder: Path

    def change(self, name: str, pattern: str, by: str) -> None:
        """Change one place in a file of the copy; it has to be there exactly once."""
        path = self.folder / name
        text, count = re.subn(pattern, by, path.read_text())
        assert count == 1, f"{name} has {count} places like {pattern}"
        path.write_text(text)

    def build(self, builder: str = "html") -> tuple[int, str]:
        """Build the site and return the exit status and what was said."""
        answer = subprocess.run(
            [
                *(sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-b", builder),
                *("-D", f"mhadoc_cache={ROOT / 'build' / 'proof'}"),
                *("docs", f"build/{builder}"),
            ],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        said = re.sub(r"\x1b\[[0-9;]*m", "", answer.stdout)
        return answer.returncode, said.replace(f"{self.folder}/", "")


def copied(folder: Path) -> Copy:
    """Return a copy of the package, and a page that uses it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mhadoc", folder / "mhadoc", ignore=ignored)
    (folder / "docs").mkdir()
    (folder / "docs" / "conf.py").write_text(CONF)
    (folder / "docs" / "index.md").write_text(PAGE)
    return Copy(folder)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copied(tmp_path)


@pytest.mark.parametrize("builder", ["html", "doctest"])
def test_nothing_is_told_of_a_copy_in_which_nothing_changed(copy: Copy, builder: str):
    status, said = copy.build(builder)
    assert (status, "WARNING" in said) == (0, False), said


#: What is changed, and what the build says of it: the line, the statement, expected, observed.
FALSE = {
    "shape": (
        (f"{CATALOG}/parameters.py", r"shape=Shape\(3 \* E, E\)", "shape=Shape(2 * E, E)"),
        (3, "MultiheadAttention.in_proj_weight", r"\(\d+, \d+\)", r"\(\d+, \d+\)"),
    ),
    "default": (
        (
            f"{CATALOG}/constructor.py",
            r'(name="bias",\n\s+accepts=TRUTH,\n\s+default=)True',
            r"\1False",
        ),
        (5, "MultiheadAttention.bias", "False", "True"),
    ),
    "example": (
        (
            f"{CATALOG}/claims/storage.py",
            r"\(512, 512\)(?=\n\s+\"\"\",\n\s+check=_features_default)",
            "(512, 64)",
        ),
        (9, "mha.kdim.default", r"\(512, 64\)\nfrom: mha.kdim, mha.vdim", r"\(512, 512\)"),
    ),
    "claim": (
        (
            f"{CATALOG}/claims/storage.py",
            r"check=_own_first,",
            'check=lambda seen: None if _own_first(seen) else Mismatch("other", "this"),',
        ),
        (12, "mha.state_dict.own_first", "other", "this"),
    ),
}


@pytest.fixture(scope="module")
def falsified(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """Build a copy in which each of these is false."""
    copy = copied(tmp_path_factory.mktemp("false"))
    for change, _ in FALSE.values():
        copy.change(*change)
    return copy.build()


@pytest.mark.parametrize("told", [told for _, told in FALSE.values()], ids=FALSE)
def test_a_false_statement_fails_the_build(falsified: tuple[int, str], told):
    status, said = falsified
    line, statement, expected, observed = told
    assert status == 1
    assert re.search(
        rf"^docs/index\.md:{line}: WARNING: refuted: {re.escape(statement)}\n"
        rf"  states:   .+\n  case:     .+\n  sizes:    .+\n"
        rf"  expected: {expected}\n  observed: {observed}( \[mhadoc.refuted\])?$",
        said,
        re.MULTILINE,
    ), said


def test_a_false_example_on_a_page_fails_the_doctest_builder(copy: Copy):
    copy.change("docs/index.md", "1536", "1535")
    status, said = copy.build("doctest")
    assert status == 1
    assert re.search(
        r'^File "index\.md", line 15, in default\nFailed example:\n    3 \* 512\n'
        r"Expected:\n    1535\nGot:\n    1536$",
        said,
        re.MULTILINE,
    ), said


#: A role with a wrong name, and what the build says of it.
UNKNOWN = {
    "{shape}`MultiheadAttention.in_proj_weigth`": "shape `MultiheadAttention.in_proj_weigth`: no "
    "rule of MultiheadAttention is called 'in_proj_weigth'; closest: in_proj_weight",
    "{rule}`MultiheadAttention.bias_k`": "no page states the rule MultiheadAttention.bias_k",
    "{claim}`mha.kdim.defautl`": "no claim is called 'mha.kdim.defautl'; closest: mha.kdim.",
}


@pytest.fixture(scope="module")
def misnamed(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """Build a page that names what there is not."""
    copy = copied(tmp_path_factory.mktemp("unknown"))
    copy.change("docs/index.md", r"\{shape\}`[^`]+`", "\n\n".join(UNKNOWN))
    return copy.build()


@pytest.mark.parametrize(
    ("line", "told"), [(3 + 2 * n, told) for n, told in enumerate(UNKNOWN.values())]
)
def test_an_unknown_name_fails_the_build(misnamed: tuple[int, str], line: int, told: str):
    status, said = misnamed
    assert status == 1
    expected = rf"^docs/index\.md:{line}: WARNING: .*{re.escape(told)}"
    assert re.search(expected, said, re.MULTILINE), said
