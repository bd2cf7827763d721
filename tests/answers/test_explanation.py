"""Explanations: their words, for few parameters and for many."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sympy import Expr, Integer

import mhadoc
from mhadoc.answers.explanation import Explanation, Row, Slice
from mhadoc.language import Block, Shape, Symbol
from tests.toy import LINEAR, columns, rows

ROW = Row("weight", "(E, E)", (3, 5), "always", "so.", (), 1)
PART = Explanation("MultiheadAttention", "attn", rows=(ROW,))


@pytest.mark.parametrize(
    ("axis", "rank", "words"),
    [
        (0, 1, "entries 2:3 are q"),
        (0, 2, "rows 2:3 are q"),
        (1, 2, "columns 2:3 are q"),
        (0, 3, "places of axis 0 2:3 are q"),
        (2, 3, "places of axis 2 2:3 are q"),
    ],
)
def test_a_slice_is_named_by_its_axis(axis: int, rank: int, words: str) -> None:
    found = Slice("q", axis, rank, "2", "3")
    assert (str(found), found.indexed) == (words, False)


@pytest.mark.parametrize(
    ("shape", "when", "notes"),
    [
        ((3, 5), "always", ["so."]),
        ((3, 5), "bias=True", ["so."]),
        (None, "always", ["so."]),
        (None, "bias=True", ["exists when bias=True.", "so."]),
    ],
)
def test_a_condition_is_told_where_it_is_open(
    shape: tuple[int, ...] | None, when: str, notes: list[str]
) -> None:
    assert list(replace(ROW, shape=shape, when=when).notes) == notes


def test_slices_of_a_head_are_told_after_the_others() -> None:
    blocks = [Slice(name, 0, 1, "0", "h", indexed=name > "p") for name in ("q", "k", "r", "l")]
    told = [
        "so.",
        "entries 0:h are k, entries 0:h are l.",
        "entries 0:h are q, entries 0:h are r.",
    ]
    assert list(replace(ROW, blocks=tuple(blocks)).notes) == told


@pytest.mark.parametrize(
    ("shape", "times", "count", "share"),
    [((3, 5), 1, 15, 0.5), ((3, 5), 2, 30, 2 / 3), ((), 1, 1, 1 / 16), (None, 2, 0, 0.0)],
)
def test_elements_are_counted_in_every_layer(
    shape: tuple[int, ...] | None, times: int, count: int, share: float
) -> None:
    row = replace(ROW, shape=shape, times=times)
    found = Explanation("Linear", rows=(row, ROW))
    assert (row.count, found.total, found.share(row)) == (count, count + 15, share)
    assert Explanation("Linear", rows=(replace(ROW, shape=None),)).share(ROW) == 0


@pytest.mark.parametrize(
    ("parts", "numbers", "said"),
    [
        (0, {}, "Net has no attention"),
        (1, {}, "Net has 1 times MultiheadAttention"),
        (2, {"whole": 8000, "inside": 2000}, "2 times MultiheadAttention: 2,000 of its 8,000 par"),
        (1, {"whole": 8}, "Net has 1 times MultiheadAttention: 0 of its 8 parameters, 0.0%"),
    ],
)
def test_a_model_tells_how_many_attentions_it_has(
    parts: int, numbers: dict[str, int], said: str
) -> None:
    text = str(Explanation("Net", parts=(PART,) * parts, is_model=True, **numbers)).partition("\n")[
        0
    ]
    assert said in text
    assert ("%" in text) is bool(numbers)


@pytest.mark.parametrize(
    ("inside", "share"),
    [(0, "0.0%"), (1, "<0.1%"), (9, "<0.1%"), (10, "0.1%"), (2500, "25.0%"), (10000, "100.0%")],
)
def test_a_small_share_is_not_none(inside: int, share: str) -> None:
    text = str(Explanation("Net", parts=(PART,), whole=10000, inside=inside, is_model=True))
    assert text.partition("\n")[0].endswith(f"of its 10,000 parameters, {share}")


@pytest.mark.parametrize(
    ("absent", "told"),
    [
        ({}, []),
        ({"b": "x"}, ["not here: b (exists when x)"]),
        ({"b": "x", "c": "x"}, ["not here: b, c (exist when x)"]),
        ({"b": "x", "c": "y", "d": "x"}, ["b, d (exist when x)", "c (exists when y)"]),
    ],
)
def test_what_is_absent_is_told_by_its_condition(absent: dict[str, str], told: list[str]) -> None:
    found = replace(PART, absent=absent)
    lines = str(found).splitlines()[3:]
    assert len(lines) == len(told)
    assert all(line.endswith(end) for line, end in zip(lines, told, strict=True))
    assert found._repr_html_().count("<p>not here: ") == len(told)


def test_plain_arguments_are_left_out_of_the_call() -> None:
    found = replace(PART, arguments={"a": 1, "b": "x", "c": None}, plain=("a", "c"))
    assert found.title == "MultiheadAttention(b='x'): 15 parameters"
    assert replace(found, plain=("a", "b", "c")).title == "MultiheadAttention(): 15 parameters"


def test_nothing_is_shared_where_there_are_no_numbers() -> None:
    row = replace(ROW, shape=None)
    found = Explanation("Linear", rows=(row,))
    assert found.title == "Linear"
    assert str(found) == "Linear\n  weight  (E, E)\n      so."
    assert "<td>weight</td><td>(E, E)</td><td></td><td></td><td>so.</td>" in found._repr_html_()
    open_row = replace(row, when="bias=True")
    html = Explanation("Linear", rows=(open_row,))._repr_html_()
    assert "<td>exists when bias=True.<br>so.</td>" in html


@pytest.mark.parametrize(
    ("value", "said"), [(2 * rows, "rows 0:10 are all"), (2 * columns, "rows 0:width are all")]
)
def test_an_attribute_is_known_where_the_arguments_decide_it(value: Expr, said: str) -> None:
    all_rows = Block("all", 0, Integer(0), Symbol("width", "").expr)
    found = replace(
        LINEAR,
        arguments=LINEAR.arguments[:1],
        attributes=(replace(LINEAR.attributes[0], name="width", value=value),),
        parameters=(replace(LINEAR.parameters[0], shape=Shape(rows, rows), blocks=(all_rows,)),),
        requirements=(),
    )
    (row,) = mhadoc.explain(found, 5).rows
    assert (row.shape, list(map(str, row.blocks))) == ((5, 5), [said])
