"""Readings: how far entries are from what a module would hold."""

from __future__ import annotations

import pytest

import mhadoc
from mhadoc.answers.checkpoints.reading import Reading, numbered

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
