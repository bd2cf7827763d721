"""The picture of a module: everything in it is drawn from the spec, and leads to its rule."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docutils import nodes
from sphinx import addnodes

import mhadoc
from mhadoc.language import condition_text
from mhadoc.sphinxext.boxes import Box, stages
from mhadoc.sphinxext.picture import picture
from tests.sphinxext.conftest import Site

SPEC = mhadoc.spec("Transformer")
STACKS = ("Transformer", "TransformerEncoder", "TransformerDecoder")
SHOWN = "# All\n\n```{picture} Transformer\n```\n"
PLACES = "```{spec} %s\n:part: arguments, parameters, inputs, outputs\n```\n"
PARTS = ("MultiheadAttention", "LayerNorm", "Linear", "Dropout")


def drawings(name: str) -> dict[str, list[addnodes.pending_xref]]:
    """The links of each drawing, by the class that a style sheet knows it by."""
    found = picture(mhadoc.spec(name))[0].children
    return {svg["at"]["class"]: list(svg.findall(addnodes.pending_xref)) for svg in found}


def words(link: nodes.Node) -> list[str]:
    return [text.astext() for text in link.findall(nodes.Text)]


def depth(box: Box) -> int:
    return 1 + max(map(depth, box.boxes), default=0)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site in which everything stands that the picture leads to."""
    site = Site(tmp_path_factory.mktemp("site"), Path())
    names = ("Transformer", "TransformerEncoder", "TransformerDecoder")
    layers = ("TransformerEncoderLayer", "TransformerDecoderLayer")
    rules = {name: PLACES % name for name in (*names, *layers, *PARTS)}
    index = f"{SHOWN}\n```{{toctree}}\n:glob:\n*\n```\n"
    return site.write(index=index, **rules).build(mhadoc_proof=False)


@pytest.mark.parametrize("name", [*STACKS, "TransformerDecoderLayer", "MultiheadAttention"])
def test_each_parameter_occurs_with_its_shape_and_condition(name: str) -> None:
    spec = mhadoc.spec(name)
    for links in drawings(name).values():
        shown = {link["reftarget"]: " ".join(words(link)) for link in links}
        for rule in spec.parameters:
            assert rule.shape is not None
            assert rule.shape.text() in shown[spec.address(rule)]
            text = condition_text(rule.when)
            assert shown[spec.address(rule)].endswith(text) == (text != "always")


def test_wide_and_narrow_pages_see_the_same() -> None:
    wide, narrow = drawings("Transformer").values()
    assert sorted(map(words, wide)) == sorted(map(words, narrow))
    assert list(drawings("TransformerEncoderLayer")) == ["mhadoc-narrow"]


def test_stages_follow_what_goes_from_one_to_the_next() -> None:
    encoder, decoder = stages(SPEC)
    assert [line.text for line in encoder.outside] == ["src (S, N, d_model)"]
    assert encoder.before == ()
    assert [line.text for line in decoder.outside] == ["tgt (T, N, d_model)"]
    assert [line.text for line in decoder.before] == ["memory"]
    assert [depth(stage.box) for stage in (encoder, decoder)] == [3, 3]


def test_a_module_that_is_one_stage_is_drawn_whole() -> None:
    (stage,) = stages(mhadoc.spec("TransformerDecoderLayer"))
    assert stage.box.title.text == "nn.TransformerDecoderLayer"
    assert [line.text.split()[0] for line in stage.outside] == ["tgt", "memory"]


def test_each_link_resolves(page: Site) -> None:
    assert page.warnings == ""
    drawn = page.html().partition("<svg")[2].rpartition("</svg>")[0]
    links = re.findall(r'<a class="[^"]*" href="([^"#]*)#([^"]*)"', drawn)
    assert len(links) == sum(map(len, drawings("Transformer").values()))
    for name, anchor in links:
        assert f'id="{anchor}"' in page.html(name.removesuffix(".html"))


def test_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, Path()).write(index=SHOWN).build(mhadoc_proof=False)
    assert "no page states the rule Transformer.encoder.norm.weight" in site.warnings


def test_it_can_be_read_aloud(page: Site) -> None:
    for drawing in re.findall("<svg.*?</svg>", page.html(), re.DOTALL):
        root = ElementTree.fromstring(drawing)
        named, described = root.attrib["aria-labelledby"], root.attrib["aria-describedby"]
        ids = {part.attrib["id"]: part.text for part in root if "id" in part.attrib}
        assert ids[named] == "nn.Transformer as boxes"
        assert SPEC.summary in str(ids[described])
        for link in root.iter("a"):
            name = str(link.findtext("g/title"))
            seen = [text.text for text in link.iter("text")]
            assert all(str(part) in name for part in str(seen[0]).split())


def test_nothing_is_too_wide_for_its_row() -> None:
    for link in (link for links in drawings("Transformer").values() for link in links):
        shapes = link.children[0].children
        letters = sum(len(part.astext()) + 1 for part in shapes if part["tag"] == "text")
        (row,) = (part for part in shapes if part["at"].get("class") == "mhadoc-touch")
        assert letters * 7 <= row["at"]["width"]


def test_other_builders_leave_it_out(tmp_path: Path) -> None:
    site = Site(tmp_path, Path()).write(index=SHOWN).build("text", mhadoc_proof=False)
    assert (tmp_path / "build" / "text" / "index.txt").read_text().strip().endswith("***")
    assert "visit_Drawn" not in site.warnings
