"""The table of false twins: kinds, counts, and a survivor that fails the build."""

from __future__ import annotations

import pytest

import mhadoc
from mhadoc.sphinxext.twins import twin_table

SPEC = mhadoc.spec("MultiheadAttention")


def rows(counts: dict[str, tuple[int, int]]) -> list[list[str]]:
    (table,) = twin_table(SPEC, counts)
    return [
        [entry.astext() for entry in row.children]
        for row in table.children[0].children[-1].children
    ]


def test_kinds_are_added_up() -> None:
    counts = {
        "MultiheadAttention.attn_output.unbatched": (3, 3),
        "MultiheadAttention.attn_output.batch_first": (4, 4),
        "mha.mask.untouched": (2, 2),
        "mha.mask.strided": (1, 1),
    }
    assert [row[:3] for row in rows(counts)] == [
        ["outputs", "2", "7"],
        ["claims", "2", "3"],
        ["all", "4", "10"],
    ]


@pytest.mark.parametrize(("found", "survived"), [(3, "0"), (1, "2")])
def test_survivors_are_counted(found: int, survived: str) -> None:
    assert {row[-1] for row in rows({"mha.scale": (3, found)})} == {survived}


def test_nothing_tried() -> None:
    (paragraph,) = twin_table(SPEC, {})
    assert paragraph.astext() == "Not checked in this build."
