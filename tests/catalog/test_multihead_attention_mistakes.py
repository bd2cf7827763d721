"""Each way to call forward wrongly is refused in exactly the words stated, and in their order."""

import string
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest
import torch

import mhadoc
from mhadoc.catalog import breaking
from mhadoc.catalog.multihead_attention.paths import fast, merges
from mhadoc.language import Requirement
from mhadoc.language.compiled import truth
from mhadoc.proof.checks import check_mistake
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench

SPEC = mhadoc.spec("MultiheadAttention")

MISTAKES = [demand for demand in SPEC.call_requirements if demand.breaks is not None]
ON_FAST_PATH = [m for m in MISTAKES if ".fast_" in m.id or m.id.endswith("weights.bool")]
#: Where torch notices the device depends on the layout; a rank is told together with the others;
#: a softmax comes before dropout where the weights are returned, and else after it.
DEVICES = {f"{name}.device" for name in ("query", "key", "value")}
UNORDERED = {*DEVICES, "query.floats", "query.rank_of_others", "key.rank", "value.rank"}

parametrize_mistakes = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.id)


@cache
def quick():
    """Return the legal calls of the quick cases in which each mistake is tried."""
    tried, bench = {mistake.id: [] for mistake in MISTAKES}, Bench(SPEC)
    for case, statements in covering(SPEC).items():
        planned = [s for s in statements if isinstance(s, Requirement)]
        seen = bench.observe(case) if planned else None
        for mistake in planned:
            if seen.error is None:
                tried[mistake.id].append(seen)
    return tried


def told(seen):
    return f"{type(seen.error).__name__}: {seen.error}" if seen.error else "no error"


def test_there_are_many_and_no_id_is_given_twice():
    assert len(MISTAKES) >= 55
    ids = Counter(demand.id for demand in SPEC.call_requirements)
    assert [name for name, count in ids.items() if count > 1] == []


@parametrize_mistakes
def test_it_is_refused_in_the_words_stated(mistake):
    seen = quick()[mistake.id]
    assert len(seen) >= 5
    assert [found for case in seen if (found := check_mistake(mistake, case))] == []


@parametrize_mistakes
@pytest.mark.parametrize("part", ["message", "error"])
def test_another_text_or_class_is_refuted(mistake, part):
    false = replace(mistake, **{part: getattr(mistake, part) + "s"})
    assert all(check_mistake(false, case) for case in quick()[mistake.id])


@parametrize_mistakes
def test_the_same_call_without_the_mistake_is_accepted(mistake):
    for case in quick()[mistake.id]:
        assert told(case.again()) == "no error"
        assert told(case.again(**mistake.breaks(case))) != "no error"


@parametrize_mistakes
def test_it_says_what_is_demanded_and_the_way_out(mistake):
    for text in (mistake.demand, mistake.hint):
        assert text == text.strip()
        assert not text.endswith(".")
        assert "{" not in text
    assert ": " in mistake.source


@parametrize_mistakes
def test_what_it_is_about_are_arguments(mistake):
    known = {rule.name for rule in SPEC.rules}
    assert set(mistake.about) <= known
    assert mistake.about or mistake.id == "forward.known_names"


@parametrize_mistakes
def test_the_template_names_what_it_shows(mistake):
    """What a message shows is a symbol, an input, a fact of the module, or worked out."""
    names = {name for _, name, _, _ in string.Formatter().parse(mistake.message) if name}
    known = {rule.name for rule in SPEC.rules} | {symbol.name for symbol in SPEC.symbols}
    for name in names:
        root = name.split(".")[0].split("[")[0]
        assert root in known | {"module"} | set(mistake.computes) or root.startswith("type_")


def before(pairs, possible):
    """Iterate over pairs of mistakes made at once of which not the first is told."""
    for first, second in pairs:
        for seen in possible:
            if not (truth(first.when, seen.values) and truth(second.when, seen.values)):
                continue
            one, other = first.breaks(seen), second.breaks(seen)
            if not set(one) & set(other):
                both = told(seen.again(**one, **other))
                if both == told(seen.again(**other)) != told(seen.again(**one)):
                    yield first.id, second.id
                break


def legal(condition):
    everywhere = {id(seen): seen for calls in quick().values() for seen in calls}
    return [seen for seen in everywhere.values() if truth(condition, seen.values)]


def test_they_stand_in_the_order_in_which_torch_looks():
    ordered = [mistake for mistake in MISTAKES if mistake.id not in UNORDERED]
    assert list(before(combinations(ordered, 2), legal(~merges))) == []


def test_they_stand_in_this_order_on_the_fast_path_too():
    assert len(ON_FAST_PATH) == 11
    assert list(before(combinations(ON_FAST_PATH, 2), legal(fast))) == []


def test_the_order_would_be_missed():
    first, second = (
        next(m for m in MISTAKES if m.id == name) for name in ("query.rank", "key.given")
    )
    assert list(before([(first, second)], legal(~merges))) == [("query.rank", "key.given")]


@pytest.mark.parametrize(
    ("dtype", "scalar", "in_c"),
    [
        ("float64", "Double", "double"),
        ("float32", "Float", "float"),
        ("float16", "Half", "c10::Half"),
        ("bfloat16", "BFloat16", "c10::BFloat16"),
    ],
)
def test_a_dtype_has_the_name_that_messages_give_it(dtype, scalar, in_c):
    tensor = torch.zeros(1, dtype=getattr(torch, dtype))
    assert (breaking.scalar(tensor), breaking.in_c(tensor)) == (scalar, in_c)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_messages_of_other_dtypes_are_foretold_as_well(dtype):
    mistakes = {m.id: m for m in MISTAKES}
    mha = torch.nn.MultiheadAttention(10, 2)
    x = torch.zeros(4, 10, dtype=getattr(torch, dtype))
    with pytest.raises(RuntimeError, match=r"mat1 and mat2 must have the same dtype") as raised:
        mha(x, x, x)
    shown = {"query": x, "key": x, "value": x, "module": mha}
    assert mistakes["query.dtype"].torch_error(shown) == f"RuntimeError: {raised.value}"
