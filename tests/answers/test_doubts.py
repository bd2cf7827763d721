"""Warnings: each in these words where it must appear, and not at its neighbour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import mhadoc
from mhadoc.catalog import spec
from mhadoc.language import Doubt
from mhadoc.language.doubts import Doubts, doubts_of
from tests.answers.doubtful import EXAMPLES, Example

SPECS = [spec(name) for name in mhadoc.specs()]
STATEMENTS = {claim.id for each in SPECS for claim in each.claims}
DOUBTS = {doubt.id: doubt for each in SPECS for doubt in each.doubts}

TEXTS = [
    "warning: query: should have more than one position to look at, on its first axis, "
    "but has shape (1, 5, 6): 5 sequences of one position each, so that every weight "
    "is 1 [mha.silent.batch_first].\n  way out: if 5 is the length, build with "
    "batch_first=True, or pass query.transpose(0, 1); to check: the weights have shape "
    "(N, L, S)",
    "warning: attn_mask: should be True where a key is hidden, but is True on the "
    "diagonal and below: a query sees nothing but what comes later "
    "[mha.silent.sdpa_mask].\n  way out: a mask for scaled_dot_product_attention is "
    "True where a key is seen: pass ~attn_mask; to check: (~attn_mask)[-1] is what the "
    "last query sees",
    "warning: attn_mask: should be True where a key is hidden, but is True everywhere: "
    "no query sees any key [mha.silent.sdpa_mask].\n  way out: a mask for "
    "scaled_dot_product_attention is True where a key is seen: pass ~attn_mask; to "
    "check: (~attn_mask)[-1] is what the last query sees",
    "warning: key_padding_mask: should be True where there is padding, but is True at "
    "the front of each row, as a tokenizer's mask is [mha.silent.tokenizer_mask].\n  "
    "way out: pass ~key_padding_mask; to check: its sum(-1) is how many keys each "
    "element loses",
    "warning: key_padding_mask: should be True where there is padding, but is True at "
    "the front of each row, as a tokenizer's mask is [mha.silent.tokenizer_mask].\n  "
    "way out: pass ~key_padding_mask; to check: its sum(-1) is how many keys each "
    "element loses",
    "warning: key_padding_mask: should be True where there is padding, but is True "
    "everywhere: no query sees any key [mha.silent.tokenizer_mask].\n  way out: pass "
    "~key_padding_mask; to check: its sum(-1) is how many keys each element loses",
    "warning: attn_mask: should be one of bools, or hold 0 and -inf, but holds zeros "
    "and ones, which are added to the scores and hide nothing [mha.silent.ones].\n  "
    "way out: if 1 is to hide, pass attn_mask.bool(); if 1 is to keep, pass attn_mask "
    "== 0; to check: no weight is 0",
    "warning: key_padding_mask: should be one of bools, or hold 0 and -inf, but holds "
    "zeros and ones, which are added to the scores and hide nothing "
    "[mha.silent.padding_ones].\n  way out: if 1 is to hide, pass "
    "key_padding_mask.bool(); if 1 is to keep, pass key_padding_mask == 0; to check: "
    "no weight is 0",
    "warning: src_mask: should be one of bools, or hold 0 and -inf, on the layer's "
    "fast path, but holds 0.5 for key 1, which hides it here, as any number but 0 "
    "does; in training the number is added [tr.fast.float_mask_as_bool].\n  way out: "
    "call with gradients enabled, or torch.backends.mha.set_fastpath_enabled(False); "
    "to check: compare with the output under torch.enable_grad()",
    "warning: src_key_padding_mask: should be one of bools, or hold 0 and -inf, on the "
    "layer's fast path, but holds 0.5 for key 4, which hides it here, as any number "
    "but 0 does; in training the number is added [tr.fast.float_mask_as_bool].\n  way "
    "out: call with gradients enabled, or "
    "torch.backends.mha.set_fastpath_enabled(False); to check: compare with the output "
    "under torch.enable_grad()",
    "warning: key_padding_mask: should have a row for each batch element, a column for "
    "each key, but hides the end of each column, and not of each row "
    "[mha.silent.transposed_padding].\n  way out: pass key_padding_mask.T; to check: "
    "(~key_padding_mask).sum(1) are the lengths",
    "warning: key_padding_mask: should tell which keys are padding, but is the causal "
    "mask, and hides from batch element n what comes after position n "
    "[mha.silent.fourth].\n  way out: pass it by its name, attn_mask=...: the fourth "
    "argument is key_padding_mask",
    "warning: key_padding_mask: should have shape (N, S) = (3, 5), but has shape (5, "
    "3), which the fast path reads row by row as if it were that "
    "[mha.fast_path.padding_elements].\n  way out: pass a mask of shape (N, S); to "
    "check: with gradients torch refuses this one",
    "warning: attn_mask: should have shape (L, S) = (5, 5), but has shape (25,), which "
    "the fast path reads row by row as if it were that "
    "[mha.fast_path.matrix_elements].\n  way out: pass a mask of shape (L, S); to "
    "check: with gradients torch refuses this one",
    "warning: attn_mask: should have shape (N * num_heads, L, S), but has shape (3, 5, "
    "5), which only the fast path takes [mha.fast_path.per_head_elements].\n  way out: "
    "pass one matrix for each batch element and head: "
    "masks.repeat_interleave(num_heads, 0); to check: with gradients torch refuses "
    "this one",
    "warning: attn_mask: should have the mask of element n and head h at index n * "
    "num_heads + h, but repeats 3 masks, one after the other, as if the index were h * "
    "N + n [mha.silent.repeat].\n  way out: build it by "
    "masks.repeat_interleave(num_heads, 0), not by repeat; to check: attn_mask.view(N, "
    "num_heads, L, S)[n] is what element n gets",
    "warning: attn_mask: should have the mask of element n and head h at index n * "
    "num_heads + h, but repeats 2 masks, one after the other, as if the index were h * "
    "N + n [mha.silent.repeat].\n  way out: build it by "
    "masks.repeat_interleave(num_heads, 0), not by repeat; to check: attn_mask.view(N, "
    "num_heads, L, S)[n] is what element n gets",
    "warning: attn_mask: should leave every query a key, but hides every key from "
    "query 0 of every batch element: the attention gives NaN there "
    "[mha.nan.with_weights].\n  way out: leave it one key, the first for example; to "
    "check: output.isnan().any()",
    "warning: key_padding_mask: should leave every query a key, but hides every key "
    "from every query of batch element 1: the attention gives NaN there "
    "[mha.nan.with_weights].\n  way out: leave it one key, the first for example; to "
    "check: output.isnan().any()",
    "warning: key_padding_mask: should leave every query a key, but hides every key "
    "from every query of batch element 1: the attention gives NaN there "
    "[mha.nan.fast_path].\n  way out: leave it one key, the first for example; to "
    "check: output.isnan().any()",
    "warning: attn_mask: should leave every query a key, but hides every key from "
    "query 0 of batch element 0: the attention gives out_proj.bias there "
    "[mha.nan.without_weights].\n  way out: leave it one key, the first for example; "
    "to check: with need_weights=True and on the fast path it is NaN",
    "warning: attn_mask: should leave every query a key, but hides every key from "
    "query 2 of batch element 0 in head 1: the attention gives nothing of that head "
    "there [mha.nan.without_weights].\n  way out: leave it one key, the first for "
    "example; to check: with need_weights=True and on the fast path it is NaN",
    "warning: key_padding_mask: should leave every query a key, but leaves every query "
    "of batch element 1 nothing but keys with a low number, which are seen all the "
    "same [mha.nan.finite_floats].\n  way out: leave it one key with 0; to check: the "
    "weights of that query",
    "warning: is_causal: should come with a mask, but comes without, and is ignored on "
    "the fast path: every query sees the future [mha.causal.makes_no_mask].\n  way "
    "out: pass attn_mask=torch.ones(5, 5, dtype=torch.bool).triu(1) as well; to check: "
    "the weights above the diagonal are not 0",
    "warning: is_causal: should come with the causal mask, but is ignored on the fast "
    "path, and query 0 sees key 1, which comes later [mha.causal.fast_path].\n  way "
    "out: pass attn_mask=torch.ones(5, 5, dtype=torch.bool).triu(1); to check: the "
    "weights above the diagonal are not 0",
    "warning: is_causal: should come with the causal mask, but is ignored with "
    "need_weights=True, and query 0 sees key 1, which comes later "
    "[mha.causal.with_weights].\n  way out: pass attn_mask=torch.ones(5, 5, "
    "dtype=torch.bool).triu(1); to check: the weights above the diagonal are not 0",
    "warning: is_causal: should come with the causal mask, but is ignored with a "
    "key_padding_mask, and query 0 sees key 1, which comes later "
    "[mha.causal.with_padding].\n  way out: pass attn_mask=torch.ones(5, 5, "
    "dtype=torch.bool).triu(1); to check: the weights above the diagonal are not 0",
    "warning: is_causal: should come with the causal mask, but puts the causal mask in "
    "the place of attn_mask, which says something else of query 2 and key 0 "
    "[mha.causal.replaces].\n  way out: leave is_causal out, so that attn_mask is "
    "used; to check: compare the two outputs",
    "warning: is_causal: should come with a mask of shape (L, S) = (5, 5), but comes "
    "with one of shape (7, 3): nothing looks at it, the causal mask is used "
    "[mha.causal.unchecked].\n  way out: pass attn_mask=torch.ones(5, 5, "
    "dtype=torch.bool).triu(1); to check: without is_causal torch refuses this one",
    "warning: is_causal: should not be set with add_bias_kv or add_zero_attn, but "
    "hides the extra keys as well, as if they came last "
    "[mha.causal.hides_extra_keys].\n  way out: leave is_causal out, and pass the "
    "causal mask as attn_mask; to check: compare the two outputs",
    "warning: need_weights: should be asked for in eval mode, but asks for weights in "
    "training, with dropout=0.25: they come after dropout, and a row need not add up "
    "to 1 [mha.dropout.returned].\n  way out: call eval() to look at weights, or pass "
    "need_weights=False; to check: weights.sum(-1)",
    "warning: dropout: should be between 0 and 1, but is -0.25, which drops nothing "
    "where weights are returned [mha.dropout.negative].\n  way out: build with "
    "dropout=0.0, or with the probability that you mean",
    "warning: out_proj: should have no hooks, but has hooks that never run: forward "
    "reads its weight and bias, and does not call it [mha.out_proj.not_called].\n  way "
    "out: put the hooks on the attention itself: what it returns first is what "
    "out_proj made",
    "warning: out_proj: should be a plain Linear, but is of class Adapted, whose own "
    "forward never runs: only its weight and bias are used [mha.out_proj.replaced].\n  "
    "way out: merge what it adds into out_proj.weight, or parametrize that weight with "
    "torch.nn.utils.parametrize",
    "warning: activation: should give the same on the fast path as elsewhere, but is "
    'nn.GELU(approximate="tanh"), in whose place the fast path works out the exact '
    "GELU [tr.fast.gelu_tanh].\n  way out: use nn.GELU(), or call "
    "torch.backends.mha.set_fastpath_enabled(False); to check: compare with the output "
    "under torch.enable_grad()",
    "warning: layers.0.activation: should give the same on the fast path as elsewhere, "
    'but is nn.GELU(approximate="tanh"), in whose place the fast path works out the '
    "exact GELU [tr.fast.gelu_tanh].\n  way out: use nn.GELU(), or call "
    "torch.backends.mha.set_fastpath_enabled(False); to check: compare with the output "
    "under torch.enable_grad()",
    "warning: src_mask: should tell which keys each query sees, but hides the end of "
    "each row, of lengths that go up and down, as padding does "
    "[tr.mask_as_kpm_positional].\n  way out: pass it by its name, "
    "src_key_padding_mask=...: the second argument is src_mask",
    "warning: src_key_padding_mask: should be one of bools, or hold 0 and -inf, where "
    "nested tensors are used, but holds -0.5, which hides its position for good here, "
    "and leaves zeros there; in training the number is added "
    "[tr.fast.float_kpm_nested].\n  way out: build with enable_nested_tensor=False, or "
    "pass a boolean mask; to check: compare with the output under torch.enable_grad()",
    "warning: src_key_padding_mask: should be True at the end of each row alone, with "
    "mask_check=False, but is True elsewhere as well: as many positions are dropped at "
    "the end in their place [tr.fast.mask_check].\n  way out: build with "
    "mask_check=True, or move the padding to the end; to check: compare with the "
    "output under torch.enable_grad()",
    "warning: memory_key_padding_mask: should hide what src_key_padding_mask hides, "
    "but is left out: the decoder sees the padding of the source "
    "[tr.no_mem_mask_default].\n  way out: pass "
    "memory_key_padding_mask=src_key_padding_mask as well; to check: compare the two "
    "outputs",
    "warning: batch_first: should be the same everywhere inside, but is True here and "
    "False in encoder.layers[0], whose attention then runs across the batch "
    "[mha.silent.batch_first].\n  way out: build both with the same batch_first; to "
    "check: change one batch element, and compare the outputs of the others",
    "warning: batch_first: should say on which axis the batch is, but is False, and "
    "with batch_first=True every shape would fit [mha.silent.batch_first].\n  way out: "
    "build with batch_first=True, or exchange the first two axes; to check: which axis "
    "of each sequence is its length?",
    "warning: batch_first: should say on which axis the batch is, but is False, and "
    "with batch_first=True every shape would fit [mha.silent.batch_first].\n  way out: "
    "build with batch_first=True, or exchange the first two axes; to check: which axis "
    "of each sequence is its length?",
]


def test_each_doubt_has_an_example() -> None:
    assert {example.id for example in EXAMPLES} == DOUBTS.keys()


@pytest.mark.parametrize(("example", "text"), list(zip(EXAMPLES, TEXTS, strict=True)))
def test_in_these_words(example: Example, text: str) -> None:
    rule = DOUBTS[example.id].claim
    (problem,) = [problem for problem in example.told() if problem.rule == rule]
    assert str(problem) == text
    assert problem.severity == "warning"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("example", [e for e in EXAMPLES if not DOUBTS[e.id].beside_errors])
def test_torch_accepts_it(example: Example) -> None:
    with torch.set_grad_enabled(example.grad):
        example.build()(**example.inputs)


@pytest.mark.parametrize("example", EXAMPLES)
def test_nothing_else_is_told(example: Example) -> None:
    """A mask of the opposite sense also leaves a query without a key; the others say one thing."""
    warnings = [problem for problem in example.told() if problem.severity == "warning"]
    rules = {problem.rule for problem in warnings} - {DOUBTS[example.id].claim}
    assert not rules or (example.id.endswith("sense") and rules == {"mha.nan.with_weights"})


@pytest.mark.parametrize("example", EXAMPLES)
def test_not_at_the_neighbour(example: Example) -> None:
    assert example.told_beside() == []


@pytest.mark.parametrize("doubt", list(DOUBTS.values()), ids=list(DOUBTS))
def test_each_names_a_claim(doubt: Doubt) -> None:
    assert doubt.claim in STATEMENTS


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if all("mask" in problem.argument for problem in e.told())]
)
def test_without_numbers_nothing_is_said_of_them(example: Example) -> None:
    moved: dict[int, torch.Tensor] = {}
    for value in example.inputs.values():
        if isinstance(value, torch.Tensor):
            moved[id(value)] = value.to("meta")
    inputs = {name: moved.get(id(value), value) for name, value in example.inputs.items()}
    with torch.set_grad_enabled(example.grad):
        found = mhadoc.diagnose(example.build().to("meta"), **inputs)
    assert [problem.rule for problem in found if problem.severity == "warning"] == []


def test_a_module_inside_is_told_in_the_words_of_the_caller() -> None:
    layer = nn.TransformerDecoderLayer(6, 2, 11, batch_first=True)
    layer.multihead_attn.out_proj.register_forward_hook(lambda *_: None)
    tgt, memory = torch.randn(3, 4, 6), torch.randn(3, 5, 6)
    padding = torch.tensor([[0, 0, 0, 0, 1], [1] * 5, [0] * 5]).bool()
    told = mhadoc.diagnose(layer, tgt, memory, memory_key_padding_mask=padding)
    assert [problem.argument for problem in told] == [
        "memory_key_padding_mask",
        "multihead_attn.out_proj",
    ]
    assert told[0].rule == "mha.nan.without_weights"


def test_errors_come_first() -> None:
    """A call that fails gives nothing that could be looked at in doubt, but its batch_first."""
    module, x = nn.MultiheadAttention(6, 2, dropout=0.5), torch.randn(3, 5, 6)
    told = mhadoc.diagnose(module, x, x, x, attn_mask=torch.ones(3, 4).bool())
    assert [problem.severity for problem in told] == ["error"]
    told = mhadoc.diagnose(module, x, x, x, attn_mask=torch.ones(5, 5).bool())
    assert [problem.severity for problem in told] == ["error", "warning"]


@pytest.mark.parametrize(("size", "warned"), [(4, False), (5, True)])
def test_a_watched_call_is_told_its_errors_first(size: int, warned: bool) -> None:
    module, x = nn.MultiheadAttention(6, 2, dropout=0.5), torch.randn(3, 5, 6)
    mask = torch.ones(size, size).bool()
    with pytest.raises(RuntimeError, match="2D attn_mask") as raised, mhadoc.watch(module):
        module(x, x, x, attn_mask=mask)
    (note,) = raised.value.__notes__
    heads = [line.split(":")[0].strip() for line in note.splitlines()[1::2]]
    assert heads == ["error", "warning"][: 1 + warned]


def test_a_watched_call_that_fails_for_another_reason_is_told_no_warning() -> None:
    """A warning must not look as if it were the cause of what is raised."""
    module, x = nn.MultiheadAttention(6, 2, dropout=0.5), torch.randn(3, 5, 6)
    assert mhadoc.diagnose(module, x, x, x) != []
    module.out_proj = None
    with pytest.raises(AttributeError, match="'weight'") as raised, mhadoc.watch(module):
        module(x, x, x)
    assert not hasattr(raised.value, "__notes__")


CAUSAL = torch.ones(5, 5).triu(1).bool()
PADDED = torch.zeros(3, 5).bool()


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(6, 2, 11, batch_first=True)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)


def decoder() -> nn.Module:
    return nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 11, batch_first=True), 2)


@pytest.mark.parametrize(
    ("build", "given", "asked"),
    [
        (encoder, {}, 0),
        (encoder, {"mask": CAUSAL}, 1),
        (encoder, {"src_key_padding_mask": PADDED}, 1),
        (decoder, {}, 0),
        (decoder, {"tgt_is_causal": False}, 0),
        (decoder, {"tgt_mask": CAUSAL}, 1),
        (decoder, {"tgt_mask": CAUSAL, "memory_mask": CAUSAL}, 2),
    ],
)
def test_of_layers_alike_the_first_is_asked_of_masks(
    build: Callable[[], nn.Module],
    given: dict[str, Any],
    asked: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = list[Doubts]()
    monkeypatch.setattr(Doubts, "possible", lambda self, values: (seen.append(self), ())[1])
    module, x = build(), torch.randn(3, 5, 6)
    mhadoc.diagnose(module, *(x, x)[: 1 + (build is decoder)], **given)
    assert seen.count(doubts_of(spec("MultiheadAttention"))) == asked


OLD_OR_NOT = pytest.mark.parametrize(("release", "warned"), [("2.0", False), (None, True)])


@OLD_OR_NOT
def test_a_warning_rests_on_what_is_stated_of_the_release(
    release: str | None, warned: bool
) -> None:
    module, x = nn.MultiheadAttention(6, 2, dropout=0.5), torch.randn(5, 3, 6)
    found = mhadoc.diagnose(module, x, x, x, attn_mask=torch.eye(5), torch_version=release)
    rules = [problem.rule for problem in found]
    assert rules == [*["mha.silent.ones"] * warned, "mha.dropout.returned"]


@OLD_OR_NOT
def test_so_does_one_beside_an_error(release: str | None, warned: bool) -> None:
    module, x = nn.TransformerEncoderLayer(6, 2, 11), torch.randn(3, 5, 6)
    mask = torch.ones(5, 5).bool()
    found = mhadoc.diagnose(module, x, src_mask=mask, torch_version=release)
    rules = [problem.rule for problem in found if problem.severity == "warning"]
    assert rules == ["mha.silent.batch_first"] * warned
    assert found[0].severity == "error"
