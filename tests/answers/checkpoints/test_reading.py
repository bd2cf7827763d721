"""Readings: how far entries are from what a module would hold."""

from __future__ import annotations

import pytest

import mhadoc
from mhadoc.answers.checkpoints.reading import Reading, numbered, read

LINEAR = mhadoc.spec("Linear")
EXPECTED = {"q": (3, 2), "k": (3, 2), "v": (3, 2), "o": (2, 3)}


@pytest.mark.parametrize(
    ("entries", "differences", "near"),
    [
        (EXPECTED, 0, True),
        ({**EXPECTED, "more": (2,)}, 1, True),
        ({**EXPECTED, "q": (2, 2)}, 1, True),
        ({**EXPECTED, "q": (2, 2), "k": (2, 2), "v": (2, 2)}, 3, True),
        (dict.fromkeys(EXPECTED, (2, 2)), 4, False),  # none of them as expected
        ({"q": (3, 2), "k": (3, 2), "v": (3, 2)}, 1, True),
        ({"q": (3, 2), "k": (3, 2)}, 2, False),  # half of them
        ({"q": (3, 2), "k": (3, 2), "v": (2, 2), "x": (2,), "y": (2,)}, 4, True),
        ({}, 4, False),
    ],
)
def test_differences_are_counted(
    entries: dict[str, tuple[int, ...]], differences: int, near: bool
) -> None:
    reading = Reading(LINEAR, entries, {}, EXPECTED)
    assert (reading.differences, reading.near) == (differences, near)


@pytest.mark.parametrize(
    ("expected", "there", "near"),
    [(1, 1, True), (2, 1, False), (3, 2, True), (6, 3, False), (6, 4, True), (7, 4, True)],
)
def test_more_than_half_of_the_keys_are_near(expected: int, there: int, near: bool) -> None:
    keys = {f"key{number}": (3, 2) for number in range(expected)}
    reading = Reading(LINEAR, dict(list(keys.items())[:there]), {}, keys)
    assert reading.near is near


LAYERS = {f"layers.{n}.linear1.weight": (7, 6) for n in range(3)}


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({}, {"d_model": 6, "dim_feedforward": 7, "num_layers": 3}),
        ({"layers.1.linear1.weight": (7, 5)}, {"d_model": 6}),
        ({"layers.0.linear1.weight": (7, 5), "layers.1.linear1.weight": (7, 5)}, {"d_model": 5}),
        ({"layers.4.linear1.weight": (7, 6)}, {"num_layers": 5}),
        ({"layers.10.linear1.weight": (7, 6)}, {"num_layers": 11}),
        ({"more": (2, 2)}, {"num_layers": 3}),
    ],
)
def test_most_of_the_shapes_decide(
    changes: dict[str, tuple[int, ...]], values: dict[str, int]
) -> None:
    found = read(mhadoc.spec("TransformerEncoder"), LAYERS | changes)
    assert found is not None
    assert {name: found.values[name] for name in values} == values


@pytest.mark.parametrize(
    ("name", "entries"), [("Linear", {}), ("Linear", {"bias": (3,)}), ("Dropout", {"more": (3,)})]
)
def test_without_a_size_nothing_is_said(name: str, entries: dict[str, tuple[int, ...]]) -> None:
    found = read(mhadoc.spec(name), entries)
    assert found is None if name == "Linear" else found is not None


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("layers.0.weight", "layers.{i}.weight"),
        ("10.bias", "{i}.bias"),
        ("blocks.12", "blocks.{i}"),
        ("linear1.weight", "linear1.weight"),
        ("a.1b.c", "a.1b.c"),
    ],
)
def test_the_number_of_a_layer_is_a_part_of_its_own(key: str, rule: str) -> None:
    assert numbered(key) == rule
