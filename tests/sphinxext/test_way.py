"""The way through a call is drawn from the spec, and can be read aloud."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from docutils import nodes

import mhadoc
from mhadoc.errors import ShapeError
from mhadoc.sphinxext.svg import Drawn
from mhadoc.sphinxext.way import used, way
from tests.sphinxext.conftest import Site

SPEC = mhadoc.spec("MultiheadAttention")
SIZES = {"embed_dim": 77, "num_heads": 7, "head_dim": 11, "kdim": 10, "vdim": 9}
SIZES |= {"N": 2, "L": 3, "S": 5}
SHOWN = "```{way} MultiheadAttention\n:sizes: embed_dim=77, num_heads=7, head_dim=11\n```\n"


def texts(found: list[nodes.Node]) -> list[str]:
    return [each.astext() for node in found for each in node.findall(nodes.Text)]


def test_each_step_stands_there_with_its_shapes() -> None:
    found = texts(way(SPEC, SIZES))
    for step in SPEC.steps:
        assert step.how in found
        for made in step.makes:
            assert found[found.index(made.name) + 1] == str(
                made.shape.evaluate(SIZES | {"add_bias_kv": 0, "add_zero_attn": 0})
            )
    assert "(2, 7, 3, 5)" in found


def test_extra_keys_are_seen_by_the_heads() -> None:
    found = texts(way(SPEC, SIZES | {"add_bias_kv": 1}))
    assert found[found.index("k by head") + 1] == "(2, 7, 6, 11)"
    assert found[found.index("k") + 1] == "(2, 5, 77)"


def test_it_tells_itself_to_a_screen_reader() -> None:
    (picture,) = way(SPEC, SIZES)
    (svg,) = picture.children
    title, told, *_ = svg.children
    assert title.astext() == "The shapes on the way through one call of nn.MultiheadAttention"
    assert "scores; softmax" in told.astext()


def test_parameters_on_the_way_lead_to_their_rules(tmp_path: Path) -> None:
    pages = f"{SHOWN}\n```{{spec}} MultiheadAttention\n:part: parameters\n```\n"
    made = Site(tmp_path, tmp_path).write(index=pages).build(mhadoc_proof=False)
    assert made.warnings == ""
    assert [rule.id for rule in used(SPEC)] == ["in_proj_weight", "out_proj.weight"]
    assert re.search(r'href="#MultiheadAttention\.out_proj\.weight"[^>]*><g><text', made.html())


def test_no_shape_is_wider_than_its_box() -> None:
    large = SIZES | {"N": 64, "L": 2048, "S": 4096, "embed_dim": 4096, "num_heads": 64}
    (picture,) = way(SPEC, large)
    shapes = [each["at"] | {"text": each.astext()} for each in drawn(picture, "data-made")]
    wide = [at for at in shapes if len(at["text"]) > at["data-room"]]
    assert wide
    assert all(at["textLength"] <= at["data-room"] * 7 for at in wide)
    assert all("textLength" not in at for at in shapes if at not in wide)


def drawn(picture: nodes.Node, name: str) -> list[Drawn]:
    """Return what is drawn with an attribute."""
    return [each for each in picture.findall(Drawn) if name in each["at"]]


def test_a_spec_without_steps_is_refused() -> None:
    with pytest.raises(ShapeError, match="MultiheadAttention tells no steps of a call"):
        way(replace(SPEC, steps=()), SIZES)
