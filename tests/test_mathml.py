"""Formulas become MathML while the site is built, or the build says why not."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mathml import LatexError, to_mathml

ROOT = Path(__file__).resolve().parent.parent

atoms = st.sampled_from(["E", "3", r"\alpha", r"\mathrm{kdim}", r"\text{a & b < c}", "x_{1}", "<"])
formulas = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: r"\frac{{{}}}{{{}}}".format(*pair)),
        st.tuples(inner, inner).map(r" \cdot ".join),
        inner.map(lambda text: rf"\left({text}\right)"),
    ),
    max_leaves=8,
)


def shown(latex: str) -> str:
    """Return the text a reader sees."""
    return "".join(ElementTree.fromstring(to_mathml(latex)).itertext())


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        ("3 E", "3E"),
        (r"\left(3 E, E\right)", "(3E,E)"),
        (r"\mathrm{softmax}(x)", "softmax(x)"),
        (r"N \cdot H \neq L", "N·H≠L"),
        (
            r"\begin{cases} E & \text{for}\: k = E \\ k & \text{otherwise} \end{cases}",
            "{Efork=Ekotherwise",
        ),
        (r"\mathtt{embed\_dim}", "embed_dim"),
    ],
)
def test_what_a_reader_sees(latex: str, text: str):
    assert shown(latex) == text


def test_a_word_is_one_upright_word():
    assert '<mtext class="math-normal">kdim</mtext>' in to_mathml(r"\mathrm{kdim}")


@pytest.mark.parametrize(
    ("latex", "reason"),
    [
        (r"\nosuch{x}", r"no MathML for '\\\\nosuch'"),
        (r"\texttt{in\_proj\_weight}", "no MathML for"),
        (r"\begin{aligned} a &= b \end{aligned}", "no MathML for '&'"),
        (r"\left(", "NoAvailableTokensError"),
        ("a_b_c", "DoubleSubscriptsError"),
    ],
)
def test_what_cannot_be_shown_is_refused(latex: str, reason: str):
    with pytest.raises(LatexError, match=reason) as caught:
        to_mathml(latex)
    assert str(caught.value).endswith(f"in the formula: {latex}")


@given(formulas)
def test_every_formula_is_well_formed_and_keeps_its_source(latex: str):
    root = ElementTree.fromstring(to_mathml(latex, block=True))
    assert (root.tag, root.get("display"), root.get("alttext")) == ("math", "block", latex)


def build(folder: Path, page: str) -> subprocess.CompletedProcess[str]:
    """Build a site of one page with the project's own configuration, but for the gallery."""
    (folder / "docs").mkdir()
    (folder / "docs/index.md").write_text(page)
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "-c", str(ROOT)]
    command += ["-t", "without_gallery", "-b", "html", str(folder / "docs"), str(folder / "html")]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)


PAGE = r"""# A page

Inline $3 E$ and

$$
Q K^\top
$$ (scores)

See {eq}`scores`.

```python
print("copy me")
```

| a | b |
| - | - |
| 1 | 2 |
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder, PAGE)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_page_shows_formulas_and_numbers_without_a_script(site: Path):
    html = (site / "index.html").read_text()
    assert html.count("<math ") == 2
    assert 'id="equation-scores"' in html
    assert 'href="#equation-scores"' in html
    assert "MathJax" not in html


def test_no_request_leaves_the_site(site: Path):
    pages = list(site.glob("*.html"))
    tags = "script|img|iframe|source|video|audio"
    links = r"<link\b(?!.{,20}canonical)[^>]*\shref="
    loads = rf"<(?:{tags})\b[^>]*\ssrc=|{links}|url\(|@import "
    for path in [*pages, *site.glob("_static/**/*.css")]:
        outside = re.findall(rf"(?:{loads})[\"']?(?:https?:)?//[^\"' )]*", path.read_text())
        assert outside == [], path
    assert len(pages) >= 3


def test_every_script_and_style_is_there(site: Path):
    found = re.findall(r'(?:src|href)="(_static/[^"?]+)', (site / "index.html").read_text())
    assert "_static/custom.css" in found
    assert [name for name in found if not (site / name).is_file()] == []


def test_a_formula_that_cannot_be_shown_fails_the_build(tmp_path: Path):
    done = build(tmp_path, "# A page\n\nBad: $\\nosuch{x}$\n")
    assert done.returncode != 0
    assert re.search(r"index\.md:3: WARNING: no MathML for '\\\\nosuch'", done.stderr)
