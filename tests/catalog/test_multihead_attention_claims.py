"""Every claim about nn.MultiheadAttention is well-formed, holds, and would be missed if false."""

import ast
import doctest
import re
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import sympy
import torch

import mhadoc
from mhadoc.catalog.multihead_attention.claims import compare, storage
from mhadoc.catalog.multihead_attention.symbols import E, kdim, vdim
from mhadoc.language import Claim
from mhadoc.proof import doctests
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import RAISED, Bench

SPEC = mhadoc.spec("MultiheadAttention")

PACKAGES = Path(torch.__file__).parents[1]
ID = re.compile(r"(mha|doc)(\.[a-z][a-z0-9_]*){1,3}")
#: Numbers in brackets with commas between, or with a cross between: a shape typed by hand.
SHAPE = re.compile(r"[(\[]\s*\d+\s*(,\s*\d+\s*)*,?\s*[)\]]|\d+\s*[x×]\s*\d+")

parametrize_claims = pytest.mark.parametrize("claim", SPEC.claims, ids=lambda claim: claim.id)
parametrize_twins = pytest.mark.parametrize(
    ("claim", "twin"),
    [
        pytest.param(claim, twin, id=f"{claim.id}-{twin}")
        for claim in SPEC.claims
        for twin in claim.twins
    ],
)


@cache
def quick():
    """Go through the quick cases once, and tell what held, what did not, and which twins fell."""
    bench, found = Bench(SPEC), SimpleNamespace(held=Counter(), wrong={}, refuted=set())
    for case, statements in covering(SPEC).items():
        claims = [statement for statement in statements if isinstance(statement, Claim)]
        seen = bench.observe(case) if claims else None
        for claim in claims:
            mismatch = claim.check(seen)
            found.held[claim.id] += mismatch is None
            if mismatch:
                found.wrong.setdefault(claim.id, (SPEC.cases.labels(case), mismatch))
            for twin, check in claim.twins.items():
                if (claim.id, twin) not in found.refuted and refutes(check, seen):
                    found.refuted.add((claim.id, twin))
    return found


def refutes(check, seen):
    try:
        return check(seen) is not None
    except RAISED:
        return True


@cache
def functions(path):
    """Return the qualified names of the functions and classes that a file of torch defines."""

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef):
                yield f"{prefix}{child.name}"
                yield from walk(child, f"{prefix}{child.name}.")

    return set(walk(ast.parse(Path(path).read_text(encoding="utf-8")), ""))


def test_no_id_is_given_twice():
    assert [name for name, count in Counter(c.id for c in SPEC.claims).items() if count > 1] == []


def test_no_sentence_is_said_twice():
    sentences = Counter(claim.sentence for claim in SPEC.claims)
    assert [sentence for sentence, count in sentences.items() if count > 1] == []


@parametrize_claims
def test_a_claim_is_one_sentence_under_an_id(claim):
    assert ID.fullmatch(claim.id)
    assert claim.sentence.endswith(".")
    assert claim.sentence == claim.sentence.strip()
    assert "  " not in claim.sentence
    assert claim.sentence.count("`") % 2 == 0
    assert claim.sentence[0].isupper() or claim.sentence[0] == "`"


@parametrize_claims
def test_no_shape_is_typed_by_hand(claim):
    assert not SHAPE.search(claim.sentence)


@parametrize_claims
def test_the_axes_are_axes_of_the_cases(claim):
    assert set(claim.axes or ()) <= set(SPEC.cases.names)


@parametrize_claims
def test_a_claim_has_a_twin(claim):
    assert claim.twins
    assert all(twin and not twin.endswith(".") for twin in claim.twins)


@parametrize_claims
def test_the_example_shows_something(claim):
    examples = doctest.DocTestParser().get_examples(claim.doctest)
    assert any(example.want for example in examples)


@parametrize_claims
def test_the_example_runs_as_it_stands(claim):
    assert doctests.run(claim) is None


@parametrize_claims
def test_the_claim_holds_in_every_quick_case(claim):
    assert quick().wrong.get(claim.id) is None
    assert quick().held[claim.id] > 0


@parametrize_twins
def test_the_quick_cases_refute_each_false_twin(claim, twin):
    assert (claim.id, twin) in quick().refuted


@parametrize_claims
def test_the_source_is_there(claim):
    """A source is a function in a file of torch, or one that is compiled into a module."""
    place, _, function = claim.source.partition(": ")
    if place.endswith(".py"):
        assert function in functions(PACKAGES / place)
    else:
        assert callable(getattr(import_module(place), function))


@pytest.mark.parametrize(
    ("text", "is_shape"),
    [
        ("(1536, 512)", True),
        ("[30, 10]", True),
        ("(3,)", True),
        ("1536 x 512", True),
        ("three times `embed_dim` rows", False),
        ("`1 - dropout`", False),
        ("the square root of 2", False),
    ],
)
def test_what_counts_as_a_shape_typed_by_hand(text, is_shape):
    assert bool(SHAPE.search(text)) is is_shape


def test_the_count_is_the_sum_of_the_rules_in_both_layouts():
    packed, separate = storage.total(E), storage.total(E + 1)
    assert sympy.expand(separate - storage.COUNT) == 0
    assert sympy.expand(packed - storage.COUNT.subs({kdim: E, vdim: E})) == 0


def returned(error=None, **outputs):
    return SimpleNamespace(outputs=outputs, error=error)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (returned(x=torch.ones(3)), returned(x=torch.ones(3)), None),
        (returned(x=torch.ones(3)), returned(x=torch.zeros(3)), "a difference of 1"),
        (returned(x=torch.ones(3)), returned(x=torch.ones(2)), "shape (2,)"),
        (returned(x=None), returned(x=None), None),
        (returned(x=None), returned(x=torch.ones(3)), "a tensor of shape (3,)"),
        (returned(x=torch.ones(3)), returned(), "None"),
        (returned(), returned(ValueError("no")), "ValueError: no"),
        (returned(ValueError("no")), returned(), "ValueError: no"),
    ],
)
def test_two_calls_are_compared_output_by_output(one, other, expected):
    found = compare.alike(one, other)
    assert (found and found.observed) == expected


def test_what_is_raised_is_told_with_its_class():
    assert compare.raised(int, "seven").startswith("ValueError: invalid literal")
    assert compare.raised(int, "7") == "no error"
