"""The domain keeps places across pages, processes and builds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

import mhadoc
from mhadoc.sphinxext.domain import domain_of
from tests.sphinxext.conftest import Site

SPEC = mhadoc.spec("MultiheadAttention")
RULES = "```{spec} MultiheadAttention\n```\n"
CLAIM = "```{claim} mha.kdim.default\n```\n"
TREE = "```{toctree}\n:glob:\n\n*\n```\n"


def inventory(site: Site) -> dict[str, set[str]]:
    """Return what other projects can link to, by kind."""
    path = site.source / "build/html/objects.inv"
    found = InventoryFile.loads(path.read_bytes(), uri="")
    return {
        kind: {name for name in names if not name.startswith("mhadoc/")}
        for kind, names in found.data.items()
        if kind.startswith("mhadoc:")
    }


def test_the_inventory_holds_each_rule_and_claim(site: Callable):
    groups = ("mha", "doc.mha", "doc.function")
    found = inventory(site(RULES + "".join(f"```{{claims}} {name}\n```\n\n" for name in groups)))
    assert {SPEC.address(rule) for rule in SPEC.rules} < found["mhadoc:rule"]
    assert found["mhadoc:claim"] == {claim.id for claim in SPEC.claims}


def test_a_reference_of_any_kind_finds_both(site: Callable):
    page = site(f"{{any}}`mha.kdim.default` {{any}}`MultiheadAttention.bias_k`\n\n{CLAIM}{RULES}")
    assert page.warnings == ""
    assert 'href="#mha.kdim.default"' in page.html()
    assert 'href="#MultiheadAttention.bias_k"' in page.html()


def test_a_page_that_changed_forgets_what_stood_there(site: Callable):
    page = site(TREE + "{claim}`mha.kdim.default`", other=CLAIM)
    assert page.warnings == ""
    page.write(other="Nothing here.").build()
    assert inventory(page) == {}
    page.write(index=TREE + "Read: {claim}`mha.kdim.default`").build()
    assert "no page states the claim mha.kdim.default" in page.warnings


def test_a_page_that_is_gone_leaves_room_for_another(site: Callable):
    page = site(TREE, first=CLAIM)
    (page.source / "first.md").unlink()
    page.write(index=TREE, second=CLAIM).build()
    assert page.warnings == ""
    assert inventory(page)["mhadoc:claim"] == {"mha.kdim.default"}


def test_a_place_can_move_to_another_page_in_one_build(site: Callable):
    page = site(TREE, first="Nothing yet.", second=CLAIM)
    page.write(first=CLAIM, second="Nothing any more.").build()
    assert page.warnings == ""


def test_two_processes_read_what_one_reads(tmp_path: Path, cache: Path):
    pages = {f"page{number}": f"Text {number}: {{claim}}`mha.scale`" for number in range(12)}
    pages |= {"claim": "```{claim} mha.scale\n```", "rules": RULES, "index": TREE}
    found = []
    for processes in (0, 2):
        site = Site(tmp_path, cache).write(**pages).build(parallel=processes)
        assert site.warnings == ""
        data = domain_of(site.app.env).data
        found.append({part: data[part] for part in ("objects", "shown", "specs", "wrong")})
        shutil.rmtree(tmp_path / "build")
    assert found[0] == found[1]


def test_a_page_depends_on_the_files_of_its_statements(site: Callable):
    page = site("{shape}`MultiheadAttention.bias_k`", plain="No statement.")
    files = page.app.env.dependencies
    assert any(str(path).endswith("multihead_attention/parameters.py") for path in files["index"])
    assert any(str(path).endswith("torch/version.py") for path in files["index"])
    assert not files["plain"]


@pytest.mark.parametrize("wrong", ["{rule}`MultiheadAttention.no`", "```{claim} mha.no\n```"])
def test_what_is_wrong_stays_wrong_until_it_is_mended(site: Callable, wrong: str):
    page = site(wrong)
    first = page.warnings
    assert "index.md:3: WARNING" in first
    assert page.build().warnings == first
    assert page.write(index="Mended.").build().warnings == ""
    assert page.build().warnings == ""
