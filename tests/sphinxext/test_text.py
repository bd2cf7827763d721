"""Small pieces of text."""

from __future__ import annotations

import pytest
from docutils import nodes
from sympy import And, Eq, Not, Or, true

import mhadoc
from mhadoc.catalog.multihead_attention.symbols import (
    E,
    attn_mask_rank,
    batch_first,
    batched,
    bias,
    kdim,
    padding_mask,
)
from mhadoc.sphinxext.tables import Column, Row, table
from mhadoc.sphinxext.text import capitalised, condition, joined, sentence

SPEC = mhadoc.spec("MultiheadAttention")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", ["#text plain"]),
        ("`kdim` is", ["literal kdim", "#text  is"]),
        ("set `kdim` and `vdim`", ["#text set ", "literal kdim", "#text  and ", "literal vdim"]),
        ("a lone ` stays", ["#text a lone ` stays"]),
        ("", []),
    ],
)
def test_backticks_mark_code(text: str, parts: list[str]):
    assert [f"{node.tagname} {node.astext()}" for node in sentence(text)] == parts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("projects the key.", "Projects the key."),
        ("a hint that", "A hint that"),
        ("q, k and v are", "q, k and v are"),
        ("`kdim` features", "`kdim` features"),
        ("True hides a key.", "True hides a key."),
    ],
)
def test_a_sentence_starts_with_a_capital_unless_it_starts_with_a_name(text: str, shown: str):
    assert capitalised(text) == shown


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        (true, "#text always"),
        (bias, "literal bias=True"),
        (Not(bias), "literal bias=False"),
        (Eq(kdim, E), "literal kdim == embed_dim"),
        (batched, "literal query.ndim == 3"),
        (Not(batched), "literal query.ndim == 2"),
        (
            And(batched, Not(batch_first)),
            "literal batch_first=False and query.ndim == 3",
        ),
        (And(padding_mask, bias), "literal bias=True and key_padding_mask is not None"),
        (
            Or(Eq(attn_mask_rank, 2), Eq(attn_mask_rank, 3)),
            "literal attn_mask.ndim == 2 or attn_mask.ndim == 3",
        ),
    ],
)
def test_a_condition_is_what_a_caller_could_ask(when: object, shown: str):
    (node,) = condition(SPEC, when)
    assert f"{node.tagname} {node.astext()}" == shown


def test_parts_are_joined_by_a_text():
    parts = joined([[nodes.Text("a")], [nodes.Text("b"), nodes.Text("c")]], ", or ")
    assert "".join(part.astext() for part in parts) == "a, or bc"
    assert joined([], ", ") == []


class TestTable:
    COLUMNS = (Column("Name", 30, "name"), Column("Shape", 70, "shape"))

    def rows(self, *rows: Row) -> list[nodes.row]:
        (body,) = table(self.COLUMNS, rows).findall(nodes.tbody)
        return body.children

    def test_a_row_has_a_cell_a_column_and_its_anchor(self):
        (row,) = self.rows(Row([[nodes.Text("a")], [nodes.Text("b")]], "there"))
        assert row["ids"] == ["there"]
        assert [cell["classes"] for cell in row] == [["mhadoc-name"], ["mhadoc-shape"]]

    def test_details_stand_below_across_all_columns(self):
        _, below = self.rows(Row([[], []], details=[nodes.paragraph("", "why")]))
        assert below["classes"] == ["mhadoc-details"]
        assert below[0]["morecols"] == 1

    def test_a_row_of_details_alone_keeps_the_anchor(self):
        (row,) = self.rows(Row(anchor="there", details=[nodes.paragraph("", "name")]))
        assert (row["ids"], row["classes"]) == (["there"], ["mhadoc-head"])
