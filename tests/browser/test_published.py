"""What a finished site holds besides its pages is there, is right, and is the same every time."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import warnings
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import pytest
from jsonschema import Draft202012Validator
from links import PUBLISHED, gone
from playwright.sync_api import Browser
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

import mhadoc
from tests.browser.conftest import EXAMPLE, ROOT, Published, build

pytestmark = pytest.mark.xdist_group("browser")

META = re.compile(r'<meta (?:name|property)="([^"]+)" content="([^"]*)">')
#: Pages that Sphinx makes of the others, for people to look through.
MADE = {"genindex.html", "search.html", "404.html"}


def test_nothing_is_wrong_with_a_page_or_a_link(published: Published) -> None:
    assert published.warnings == []


def test_no_published_address_is_gone(published: Published) -> None:
    addresses = PUBLISHED.read_text(encoding="utf-8")
    assert list(gone(published.folder, addresses)) == []
    written = set(published.pages) - {"genindex.html", "search.html"}
    assert written - set(addresses.split()) == set(), "pages that docs/addresses.txt does not keep"


def test_each_page_has_a_twin_in_markdown(published: Published) -> None:
    listed = (published.folder / "llms.txt").read_text()
    for page in set(published.pages) - MADE:
        twin = page.replace(".html", ".md")
        text = (published.folder / twin).read_text()
        assert text.startswith("# "), page
        assert re.search(r"</?(div|span|p|a|table|svg)\b", text) is None, page
        assert f"({twin}): " in listed or page == "index.html"
        assert twin.rpartition("/")[2] in head(published, page)


def head(published: Published, page: str) -> str:
    return (published.folder / page).read_text(encoding="utf-8").partition("</head>")[0]


def test_each_page_tells_what_it_is_about(published: Published) -> None:
    said = {}
    for page in published.pages:
        tags = dict(
            re.findall(
                r'<meta (?:name|property)="([^"]+)" content="([^"]*)">', head(published, page)
            )
        )
        assert 25 <= len(tags["description"]) <= 200, page
        assert tags["og:title"], page
        assert tags["og:image"] == "https://mhadoc.example/_static/card.png"
        assert tags["og:url"] == f"https://mhadoc.example/{page}"
        said[page] = tags["description"]
    assert (published.folder / "_static/card.png").read_bytes()[:4] == b"\x89PNG"
    assert len(set(said.values())) >= len(said) - 2


def test_the_sitemap_lists_the_pages(published: Published) -> None:
    tree = ElementTree.parse(published.folder / "sitemap.xml")
    found = [
        str(place.text) for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")
    ]
    assert found == sorted(f"https://mhadoc.example/{p}" for p in set(published.pages) - MADE)
    assert "https://mhadoc.example/sitemap.xml" in (published.folder / "robots.txt").read_text()


def test_the_link_to_edit_a_page_leads_to_its_source(published: Published) -> None:
    for page in set(published.pages) - MADE:
        text = (published.folder / page).read_text(encoding="utf-8")
        found = re.findall(r'href="https://github.com/OWNER/mhadoc/edit/main/([^"]+)"', text)
        assert len(found) == 1, page
        assert (ROOT / found[0]).is_file(), page


def test_the_specs_are_there_as_json(published: Published) -> None:
    folder = published.folder / "specs"
    validator = Draft202012Validator(json.loads((folder / "schema.json").read_text()))
    listed = json.loads((folder / "index.json").read_text())["specs"]
    assert [each["name"] for each in listed] == list(mhadoc.specs())
    stated = []
    for each in listed:
        data = json.loads((folder / each["file"]).read_text())
        validator.validate(data)
        parts = [part for part in data.values() if isinstance(part, list)]
        stated += [entry["page"] for part in parts for entry in part if entry.get("page")]
    assert len(stated) > 600
    assert list(gone(folder, "\n".join(stated))) == []


def test_another_project_can_link_to_a_rule_and_a_claim(
    published: Published, tmp_path: Path
) -> None:
    links = (
        "# Page\n\n[packed](inv:mhadoc#MultiheadAttention.in_proj_weight) and "
        "[by default](inv:mhadoc#mha.kdim.default)\n"
    )
    (tmp_path / "index.md").write_text(links)
    settings = {
        "extensions": ["myst_parser", "sphinx.ext.intersphinx"],
        "intersphinx_mapping": {
            "mhadoc": ("https://mhadoc.example/", str(published.folder / "objects.inv"))
        },
    }
    with docutils_namespace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = tmp_path / "out"
        Sphinx(tmp_path, None, out, out, "html", settings, status=None, warning=sys.stderr).build()
    found = re.findall(r'href="https://mhadoc\.example/([^"]+)"', (out / "index.html").read_text())
    assert [address.partition("#")[2] for address in found] == [
        "MultiheadAttention.in_proj_weight",
        "mha.kdim.default",
    ]
    assert list(gone(published.folder, "\n".join(found))) == []


def test_two_builds_are_the_same(tmp_path: Path) -> None:
    """In another folder, in another process and with other hashes."""
    pages = ("index.md", "calculator.md", "reference/m*", "reference/t*r.md", "behaviour/masks.md")
    code = (
        "from pathlib import Path; from tests.browser.conftest import build; build(Path(%r), *%r)"
    )
    command = [sys.executable, "-c", code % (str(tmp_path / "elsewhere"), pages)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "docs/_ext")])
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": paths}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as other:
        first = files(build(tmp_path / "here", *pages))
    assert other.returncode == 0
    assert files(tmp_path / "elsewhere/html") == first
    assert len(first) > 40


def files(folder: Path) -> dict[str, str]:
    """Return the checksum of each file below a folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in found
    }


# What is downloaded from the gallery


@pytest.fixture(scope="module")
def downloads(
    browser: Browser, published: Published, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The script and the notebook of an example, as a reader gets them."""
    page = browser.new_page()
    page.goto(f"{published.address}/auto_gallery/{EXAMPLE}.html")
    folder, found = tmp_path_factory.mktemp("downloads"), {}
    for kind in ("Python source code", "Jupyter notebook"):
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        found[path.suffix] = path
    page.close()
    return found


@pytest.fixture
def drawn() -> None:
    matplotlib.use("Agg")
    plt.close("all")


@pytest.mark.usefixtures("drawn")
def test_a_script_that_was_downloaded_runs(downloads: dict[str, Path]) -> None:
    runpy.run_path(str(downloads[".py"]), run_name="__main__")
    assert plt.get_fignums()


@pytest.mark.usefixtures("drawn")
def test_a_notebook_that_was_downloaded_runs(downloads: dict[str, Path]) -> None:
    cells = json.loads(downloads[".ipynb"].read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names = {"__name__": "__main__"}
    for each in code:
        exec(compile(each, "notebook", "exec"), names)
    assert plt.get_fignums()
