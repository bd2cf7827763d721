"""Matrices and masks: drawn from rules, to one scale, with words that can be read aloud."""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils import nodes

import mhadoc
from mhadoc.errors import ShapeError
from mhadoc.sphinxext.matrices import HIDDEN, grid, matrices
from tests.sphinxext.conftest import Site

SPEC = mhadoc.spec("MultiheadAttention")
SIZES = {"embed_dim": 12, "num_heads": 3, "head_dim": 4, "kdim": 5, "vdim": 7}


def drawn(*names: str, **sizes: int) -> list[nodes.Element]:
    rules = [SPEC.rule(name) for name in names]
    return list(matrices(SPEC, rules, sizes)[0].children)


def texts(node: nodes.Element) -> list[str]:
    return [text.astext() for text in node.findall(nodes.Text)]


def boxes(svg: nodes.Element, kind: str = "") -> list[dict[str, float]]:
    found = [node["at"] for node in svg.findall(nodes.TextElement) if node.get("tag") == "rect"]
    return [at for at in found if at.get("class", "") == kind]


def test_blocks_are_labelled_in_symbols_or_in_numbers() -> None:
    (svg,) = drawn("in_proj_weight")
    assert texts(svg)[1:] == [
        "(3*embed_dim, embed_dim)",
        *("q", "rows [0:embed_dim]", "k", "rows [embed_dim:2*embed_dim]"),
        *("v", "rows [2*embed_dim:3*embed_dim]"),
    ]
    (svg,) = drawn("in_proj_weight", **SIZES)
    assert texts(svg)[1:4] == ["(36, 12)", "q", "rows [0:12]"]


def test_blocks_are_as_tall_as_the_rule_says() -> None:
    (svg,) = drawn("in_proj_weight", **SIZES)
    heights = [boxes(svg, f"mhadoc-block mhadoc-{name}")[0]["height"] for name in "qkv"]
    (whole,) = boxes(svg)
    assert heights == [pytest.approx(whole["height"] / 3, abs=0.1)] * 3


def test_all_are_to_one_scale() -> None:
    q, k, v = drawn("q_proj_weight", "k_proj_weight", "v_proj_weight", **SIZES)
    (one,), (two,), (three,) = boxes(q), boxes(k), boxes(v)
    assert two["width"] / one["width"] == pytest.approx(5 / 12, abs=0.02)
    assert three["width"] / one["width"] == pytest.approx(7 / 12, abs=0.02)
    assert one["height"] == two["height"] == three["height"]


@pytest.mark.parametrize(("name", "across"), [("q_proj_weight", "h"), ("out_proj.weight", "v")])
def test_heads_lie_along_the_axis_of_their_rule(name: str, across: str) -> None:
    (svg,) = drawn(name, **SIZES)
    paths = [n["at"]["d"] for n in svg.findall(nodes.TextElement) if n.get("tag") == "path"]
    assert len(paths) == SIZES["num_heads"] - 1
    assert all(across in path for path in paths)


def test_it_can_be_read_aloud() -> None:
    (svg,) = drawn("out_proj.weight")
    assert svg["at"]["aria-label"] == (
        "out_proj.weight (embed_dim, embed_dim): head h is columns [h*head_dim:(h + 1)*head_dim]."
    )


def test_what_is_no_matrix_is_refused() -> None:
    with pytest.raises(ShapeError, match="only a parameter with one or two axes is drawn"):
        matrices(SPEC, [SPEC.rule("bias_k")], {})
    with pytest.raises(ShapeError, match=r"is no mask of two or three axes"):
        grid(SPEC, SPEC.rule("key_padding_mask.unbatched"), "later", ("a", "b"))


def test_a_mask_hides_what_torch_hides() -> None:
    import torch

    rule = SPEC.rule("attn_mask.matrix")
    (picture,) = grid(SPEC, rule, "later", ("queries", "keys"))[0].children
    rows, columns = rule.shape.evaluate(SPEC.cases.numbers)
    hidden = torch.ones(rows, columns, dtype=torch.bool).triu(1)
    assert len(boxes(picture, "mhadoc-hides")) == texts(picture).count("T") == int(hidden.sum())
    assert len(boxes(picture, "mhadoc-shows")) == int((~hidden).sum())
    assert not any(HIDDEN["padding"](0, column, 3, 7) for column in range(7))


def test_a_page_shows_them_and_leads_to_the_rule(tmp_path: Path) -> None:
    shown = "```{matrices} MultiheadAttention\n:rules: in_proj_weight\n```\n"
    mask = (
        "```{mask} MultiheadAttention.attn_mask.matrix\n"
        ":hidden: later\n:sides: queries, keys\n```\n"
    )
    rules = "```{spec} MultiheadAttention\n```\n"
    site = Site(tmp_path, tmp_path / "proof").write(index=f"# A\n\n{shown}\n{mask}\n{rules}")
    site.build(mhadoc_proof=False)
    assert site.warnings == ""
    page = site.html()
    assert 'href="#MultiheadAttention.in_proj_weight"' in page
    assert "across: keys" in page
