"""Every text that torch raises is captured from the real module, and like texts are one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import mhadoc
from mhadoc.errors import MhadocError
from mhadoc.language import ModuleSpec
from mhadoc.proof.refusals import Entry, Refusal, entries, refusals

NAMES = (
    "MultiheadAttention",
    "Transformer",
    "TransformerEncoder",
    "TransformerDecoder",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
    "Linear",
    "LayerNorm",
    "Dropout",
)


@cache
def found(name: str) -> tuple[Refusal, ...]:
    return tuple(refusals(mhadoc.spec(name)))


@pytest.mark.parametrize("name", NAMES)
def test_each_wrong_call_that_is_stated_has_its_text(name: str) -> None:
    spec = mhadoc.spec(name)
    stated = [spec.address(demand) for demand in (*spec.requirements, *spec.call_requirements)]
    captured = [r.address for r in found(name) if not r.address.endswith(".arguments")]
    assert captured == stated


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_of_its_own_kind(name: str) -> None:
    for refusal in found(name):
        assert refusal.pattern.fullmatch(refusal.text)
        assert "{" not in refusal.text


def test_missing_and_unknown_arguments_are_told_in_pythons_words() -> None:
    missing, unknown = (r for r in found("MultiheadAttention") if r.address.endswith(".arguments"))
    start = "TypeError: MultiheadAttention.__init__() "
    assert missing.text == (
        f"{start}missing 2 required positional arguments: 'embed_dim' and 'num_heads'"
    )
    assert unknown.text == f"{start}got an unexpected keyword argument 'hidden_size'"
    assert missing.call == "MultiheadAttention()"
    assert unknown.call == "MultiheadAttention(embed_dim=1, num_heads=1, hidden_size=512)"
    assert unknown.hint.startswith("the arguments are embed_dim, num_heads, dropout")


def _of(building: bool) -> list[Entry]:
    specs: list[ModuleSpec] = [mhadoc.spec(name) for name in NAMES[:5]]
    return entries(specs, building=building)


@pytest.mark.parametrize(("building", "least"), [(True, 25), (False, 70)])
def test_texts_that_differ_in_what_was_passed_are_one(building: bool, least: int) -> None:
    listed = _of(building)
    assert len(listed) >= least
    for entry in listed:
        others = [other for other in listed if other is not entry]
        assert not any(entry.causes[0].pattern.fullmatch(other.text) for other in others)
    words = [entry.text.partition(": ")[2].lower() for entry in listed]
    assert words == sorted(words)


def test_a_layer_shares_the_text_of_the_attention_inside() -> None:
    text = "AssertionError: embed_dim must be divisible by num_heads"
    (entry,) = (entry for entry in _of(True) if entry.text == text)
    assert [cause.address.partition(".")[0] for cause in entry.causes][:2] == [
        "MultiheadAttention",
        "Transformer",
    ]


@pytest.mark.parametrize("place", ["requirements", "call_requirements"])
def test_another_text_than_stated_is_refused(place: str) -> None:
    spec = mhadoc.spec("MultiheadAttention")
    demands = getattr(spec, place)
    wrong = [r for r in demands if r.example is None]
    false = replace(wrong[0], message=f"{wrong[0].message}!")
    changed = tuple(false if demand is wrong[0] else demand for demand in demands)
    with pytest.raises(MhadocError, match=r"no case shows what torch raises$"):
        list(refusals(replace(spec, **{place: changed})))
