"""The conditions of the fast path agree with the kernel that torch calls."""

import random
from unittest.mock import patch

import pytest
import torch

import mhadoc
from mhadoc.catalog.multihead_attention import paths
from mhadoc.catalog.multihead_attention.paths import SURROUNDINGS, discards_mask, reason
from mhadoc.catalog.multihead_attention.symbols import attn_mask_rank
from mhadoc.language import Case
from mhadoc.language.compiled import truth
from mhadoc.language.releases import flags, settled
from mhadoc.proof.covering import covering
from mhadoc.proof.observe import Bench

SPEC = mhadoc.spec("MultiheadAttention")

#: The conditions as they are for the release that is installed.
FAST_PATH = SPEC.fast_path
FAST_ARGUMENTS = tuple(
    settled(c, SPEC.release) for c in paths.FAST_ARGUMENTS if c.id in {c.id for c in FAST_PATH}
)
RELEASE = flags(SPEC.release)


def asked(condition):
    """Return a condition with each question for the release answered."""
    return condition.subs({s: RELEASE[s.name] for s in condition.free_symbols if s.name in RELEASE})


fast, merges = asked(paths.fast), asked(paths.merges)

KERNEL = "_native_multi_head_attention"
BENCH = Bench(SPEC)
#: What surrounds a call in which nothing unusual is done.
USUAL = {symbol.name: 0 for symbol in SURROUNDINGS} | dict.fromkeys(
    ("fast_path_enabled", "bias_dtype", "weight_dtype", "known_device"), 1
)

parametrize_conditions = pytest.mark.parametrize("condition", FAST_PATH, ids=lambda c: c.id)
parametrize_arguments = pytest.mark.parametrize("condition", FAST_ARGUMENTS, ids=lambda c: c.id)


def runs_kernel(seen):
    return KERNEL in seen.operators()


def somewhere(chance):
    """Return a case drawn from all there are, each as likely as any other."""
    while True:
        case = Case(tuple(chance.randrange(len(axis.choices)) for axis in SPEC.cases.axes))
        if SPEC.cases.allows(case):
            return case


def wrongly_foretold(cases):
    seen = map(BENCH.observe, cases)
    return [s.case for s in seen if runs_kernel(s) is not truth(fast, s.values)]


def test_the_conditions_foretell_the_kernel_in_every_quick_case():
    assert wrongly_foretold(covering(SPEC)) == []


def test_the_conditions_foretell_the_kernel_in_two_thousand_of_all_cases():
    chance = random.Random(1)
    assert wrongly_foretold({somewhere(chance) for _ in range(2_000)}) == []


def test_the_conditions_foretell_the_kernel_wherever_they_are_met():
    cases = [SPEC.cases.completed(part) for part in SPEC.cases.where(fast)]
    assert len(cases) == 24
    assert all(runs_kernel(seen) for seen in map(BENCH.observe, cases))


@parametrize_arguments
def test_a_condition_broken_alone_keeps_the_kernel_away(condition):
    """Two conditions cannot be broken alone in a case: see their claims."""
    others = [c.holds for c in FAST_ARGUMENTS if c is not condition]
    broken = ~condition.holds
    for holds in others:
        broken &= holds
    case = SPEC.cases.draw(broken, random.Random(1), {})
    if condition.id in ("fast_path.packed", "fast_path.even_heads"):
        assert case is None
    else:
        assert not runs_kernel(BENCH.observe(case))


@parametrize_conditions
def test_each_condition_has_a_claim_that_shows_it(condition):
    claim = SPEC.claim(f"mha.{condition.id}")
    assert claim.twins


def test_what_surrounds_a_call_is_no_symbol_of_the_spec():
    names = {symbol.name for symbol in SURROUNDINGS}
    assert len(names) == len(SURROUNDINGS)
    assert not names & {symbol.name for symbol in SPEC.symbols}
    assert names == {str(s) for c in FAST_PATH for s in c.holds.free_symbols} & names


def shown(**changes):
    """Return what decides about the fast path, for a call that takes it, with some changes."""
    met = SPEC.cases.values(SPEC.cases.draw(fast, random.Random(1), {}))
    mha = torch.nn.MultiheadAttention(10, 2)
    plain = {"attn_mask_rank": 0, "padding_mask": 0, "num_heads": 2}
    return {
        **USUAL,
        **RELEASE,
        **met,
        **plain,
        "query": torch.zeros(3, 7, 10),
        "module": mha,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, ""),
        ({"fast_path_enabled": 0}, "torch.backends.mha.get_fastpath_enabled() was not True"),
        ({"training": 1}, "training is enabled"),
        ({"training": 1, "batch_first": 0}, "training is enabled"),
        ({"num_heads": 5}, "self.num_heads is not even"),
        ({"bias": 0}, ""),
        ({"bias": 0, "grad": 1}, "grad is enabled and at least one of query"),
        ({"nested": 1}, ""),
        ({"nested": 1, "padding_mask": 1}, "supplying both src_key_padding_mask and src_mask"),
        ({"autocast": 1}, "autocast is enabled"),
        ({"overridden": 1}, "some Tensor argument has_torch_function"),
        ({"known_device": 0}, "some Tensor argument's device is neither one of cpu"),
        ({"traced": 1}, "we are running make_fx tracing"),
        (
            {"attn_mask_rank": 2, "attn_mask_float": 1, "autocast": 1},
            "autocast is enabled",
        ),
        (
            {"weight_dtype": 0},
            "dtypes of query (torch.float32) and self.in_proj_weight (torch.float32) don't match",
        ),
        (
            {"batched": 0, "query": torch.zeros(7, 10)},
            "input not batched; expected query.dim() of 3 but got 2",
        ),
    ],
)
def test_the_reason_is_that_of_the_first_condition_that_is_not_met(changes, text):
    found = reason(shown(**changes))
    assert found.startswith(text)
    assert bool(found) is bool(text)


@pytest.mark.parametrize("flips", [set(), {"bias"}, {"bias", "training"}, {"grad"}])
def test_masks_are_merged_for_the_kernel_even_where_the_bias_keeps_it_away(flips):
    condition = fast & (attn_mask_rank > 0)
    case = SPEC.cases.draw(condition, random.Random(1), {})
    at = list(case.at)
    for name in flips:
        place = SPEC.cases.names.index(name)
        at[place] = 1 - at[place]
    seen = BENCH.observe(Case(tuple(at)))
    with patch.object(seen.module, "merge_masks", wraps=seen.module.merge_masks) as merging:
        seen.again()
    assert merging.called is truth(merges, seen.values) is (flips <= {"bias"})


def test_a_mask_is_discarded_outside_the_fast_path_only():
    assert SPEC.cases.draw(fast & asked(discards_mask), random.Random(1), {}) is None
