"""The calls of nn.MultiheadAttention that torch accepts and that are probably not meant."""

from __future__ import annotations

from functools import partial

from sympy import And, Basic, Eq, Ne, Not, Or

from mhadoc.catalog.multihead_attention import findings
from mhadoc.catalog.multihead_attention.mistakes.given import dropout_rate
from mhadoc.catalog.multihead_attention.paths import taken
from mhadoc.catalog.multihead_attention.symbols import (
    H,
    L,
    N,
    S,
    add_bias_kv,
    add_zero_attn,
    attn_mask_rank,
    batch_first,
    batched,
    is_causal,
    need_weights,
    padding_mask,
    tensors,
    training,
)
from mhadoc.language import Doubt, Measured

__all__ = ["DOUBTS"]

_MASK, _PADDING = Measured("attn_mask"), Measured("key_padding_mask")
_MASKED = attn_mask_rank > 0
_EXTRA = Or(add_bias_kv, add_zero_attn)
_SLOW = Not(taken)
#: The causal mask is used in the place of the one that is given.
_REPLACED = And(is_causal, _MASKED, Not(padding_mask), Not(need_weights), _SLOW)
_USED = And(_MASKED, Not(_REPLACED))
_CAUSAL = "torch.ones({L}, {S}, dtype=torch.bool).triu(1)"

_LOOK = "; to check: output.isnan().any()"

_matrix = And(Eq(attn_mask_rank, 2), Eq(_MASK.axis_0, L), Eq(_MASK.axis_1, S))
_per_head = And(
    Eq(attn_mask_rank, 3), Eq(_MASK.axis_0, N * H), Eq(_MASK.axis_1, L), Eq(_MASK.axis_2, S)
)
_ANOTHER_SHAPE = And(_MASKED, Not(_matrix), Not(_per_head))


def _empty_row(path: str, when: Basic, gives: str, in_head: str, hint: str) -> Doubt:
    return Doubt(
        id=f"masks.empty_row_{path}",
        argument="query",
        claim=f"mha.nan.{path}",
        when=And(when, Not(_REPLACED), Not(_EXTRA), Or(_MASKED, padding_mask)),
        finds=partial(findings.empty_row, whole=gives, part=in_head),
        expected="should leave every query a key",
        observed="hides every key from {place}: the attention gives {gives} there",
        hint=f"leave it one key, the first for example{hint}",
    )


def _leak(id: str, claim: str, when: Basic, because: str) -> Doubt:
    return Doubt(
        id=f"is_causal.{id}",
        argument="is_causal",
        claim=claim,
        when=And(is_causal, _MASKED, when),
        finds=findings.leak,
        expected="should come with the causal mask",
        observed=f"is ignored {because}, and query {{query}} sees key {{key}}, which comes later",
        hint=f"pass attn_mask={_CAUSAL}; to check: the weights above the diagonal are not 0",
    )


DOUBTS = (
    Doubt(
        id="query.one_position",
        argument="query",
        claim="mha.silent.batch_first",
        when=And(
            *(batched, Not(batch_first), Eq(L, 1), Eq(S, 1), N > 1, Eq(tensors, 1)),
            *(Eq(attn_mask_rank, 0), Not(padding_mask), Not(is_causal)),
        ),
        expected="should have more than one position to look at, on its first axis",
        observed="has shape {query.shape}: {N} sequences of one position each, so that every "
        "weight is 1",
        hint="if {N} is the length, build with batch_first=True, or pass query.transpose(0, 1); to "
        "check: the weights have shape (N, L, S)",
        inside=False,
    ),
    Doubt(
        id="attn_mask.sense",
        argument="attn_mask",
        claim="mha.silent.sdpa_mask",
        when=And(_USED, Not(_EXTRA)),
        finds=findings.only_later,
        expected="should be True where a key is hidden",
        observed="{seen}",
        hint="a mask for scaled_dot_product_attention is True where a key is seen: pass "
        "~attn_mask; to check: (~attn_mask)[-1] is what the last query sees",
        covers=("masks.empty_row",),
    ),
    Doubt(
        id="key_padding_mask.sense",
        argument="key_padding_mask",
        claim="mha.silent.tokenizer_mask",
        finds=findings.tokens,
        when=padding_mask,
        expected="should be True where there is padding",
        observed="is True at the front of each row, as a tokenizer's mask is",
        hint="pass ~key_padding_mask; to check: its sum(-1) is how many keys each element loses",
        covers=("masks.empty_row",),
    ),
    *(
        Doubt(
            id=f"{name}.added",
            argument=name,
            claim=claim,
            when=when,
            finds=partial(findings.zeros_and_ones, name=name),
            expected="should be one of bools, or hold 0 and -inf",
            observed="holds zeros and ones, which are added to the scores and hide nothing",
            hint=f"if 1 is to hide, pass {name}.bool(); if 1 is to keep, pass {name} == 0; to "
            "check: no weight is 0",
        )
        for name, claim, when in (
            ("attn_mask", "mha.silent.ones", And(_USED, _MASK.floating)),
            ("key_padding_mask", "mha.silent.padding_ones", _PADDING.floating),
        )
    ),
    *(
        Doubt(
            id=f"{name}.read_as_bool",
            argument=name,
            claim="tr.fast.float_mask_as_bool",
            when=And(there, Measured(name).boolean, taken),
            finds=partial(findings.misread, name=name),
            expected="should be one of bools, or hold 0 and -inf, on the layer's fast path",
            observed="holds {number} for key {key}, which hides it here, as any number but 0 "
            "does; in training the number is added",
            hint="call with gradients enabled, or torch.backends.mha.set_fastpath_enabled(False); "
            "to check: compare with the output under torch.enable_grad()",
            covers=("masks.empty_row",),
        )
        for name, there in (("attn_mask", _MASKED), ("key_padding_mask", padding_mask))
    ),
    Doubt(
        id="key_padding_mask.transposed",
        argument="key_padding_mask",
        claim="mha.silent.transposed_padding",
        when=And(batched, padding_mask, Eq(N, S), N > 2),
        finds=findings.transposed,
        expected="should have a row for each batch element, a column for each key",
        observed="hides the end of each column, and not of each row",
        hint="pass key_padding_mask.T; to check: (~key_padding_mask).sum(1) are the lengths",
    ),
    Doubt(
        id="key_padding_mask.causal",
        argument="key_padding_mask",
        claim="mha.silent.fourth",
        when=And(batched, padding_mask, Eq(N, S), Eq(L, S), N > 2),
        finds=findings.past_of_batch,
        expected="should tell which keys are padding",
        observed="is the causal mask, and hides from batch element n what comes after position n",
        hint="pass it by its name, attn_mask=...: the fourth argument is key_padding_mask",
    ),
    Doubt(
        id="key_padding_mask.elements",
        argument="key_padding_mask",
        claim="mha.fast_path.padding_elements",
        when=And(
            *(taken, _MASKED, padding_mask),
            Not(And(Eq(_PADDING.rank, 2), Eq(_PADDING.axis_0, N), Eq(_PADDING.axis_1, S))),
        ),
        expected="should have shape (N, S) = ({N}, {S})",
        observed="has shape {key_padding_mask.shape}, which the fast path reads row by row as if "
        "it were that",
        hint="pass a mask of shape (N, S); to check: with gradients torch refuses this one",
    ),
    Doubt(
        id="attn_mask.elements",
        argument="attn_mask",
        claim="mha.fast_path.matrix_elements",
        when=And(taken, _MASKED, Ne(attn_mask_rank, 3), Not(_matrix)),
        expected="should have shape (L, S) = ({L}, {S})",
        observed="has shape {attn_mask.shape}, which the fast path reads row by row as if it were "
        "that",
        hint="pass a mask of shape (L, S); to check: with gradients torch refuses this one",
    ),
    Doubt(
        id="attn_mask.elements_per_head",
        argument="attn_mask",
        claim="mha.fast_path.per_head_elements",
        when=And(taken, Eq(attn_mask_rank, 3), Not(_per_head)),
        expected="should have shape (N * num_heads, L, S)",
        observed="has shape {attn_mask.shape}, which only the fast path takes",
        hint="pass one matrix for each batch element and head: masks.repeat_interleave(num_heads, "
        "0); to check: with gradients torch refuses this one",
    ),
    Doubt(
        id="attn_mask.order",
        argument="attn_mask",
        claim="mha.silent.repeat",
        when=And(batched, Eq(attn_mask_rank, 3), _USED, N > 1, H > 1),
        finds=findings.repeated,
        expected="should have the mask of element n and head h at index n * num_heads + h",
        observed="repeats {N} masks, one after the other, as if the index were h * N + n",
        hint="build it by masks.repeat_interleave(num_heads, 0), not by repeat; to check: "
        "attn_mask.view(N, num_heads, L, S)[n] is what element n gets",
    ),
    _empty_row("with_weights", And(_SLOW, need_weights), "NaN", "NaN", _LOOK),
    _empty_row("fast_path", taken, "NaN", "NaN", _LOOK),
    _empty_row(
        "without_weights",
        And(_SLOW, Not(need_weights)),
        "out_proj.bias",
        "nothing of that head",
        "; to check: with need_weights=True and on the fast path it is NaN",
    ),
    Doubt(
        id="masks.even_row",
        argument="query",
        claim="mha.nan.finite_floats",
        when=And(_SLOW, Not(_REPLACED), Not(_EXTRA), Or(_MASK.floating, _PADDING.floating)),
        finds=findings.even_row,
        expected="should leave every query a key",
        observed="leaves {place} nothing but keys with a low number, which are seen all the same",
        hint="leave it one key with 0; to check: the weights of that query",
    ),
    Doubt(
        id="is_causal.alone",
        argument="is_causal",
        claim="mha.causal.makes_no_mask",
        when=And(is_causal, Eq(attn_mask_rank, 0), taken, S > 1),
        expected="should come with a mask",
        observed="comes without, and is ignored on the fast path: every query sees the future",
        hint=f"pass attn_mask={_CAUSAL} as well; to check: the weights above the diagonal are not "
        "0",
    ),
    _leak("fast_path", "mha.causal.fast_path", taken, "on the fast path"),
    _leak("weights", "mha.causal.with_weights", And(_SLOW, need_weights), "with need_weights=True"),
    _leak(
        "padding",
        "mha.causal.with_padding",
        And(_SLOW, Not(need_weights), padding_mask),
        "with a key_padding_mask",
    ),
    Doubt(
        id="is_causal.replaces",
        argument="is_causal",
        claim="mha.causal.replaces",
        when=And(_REPLACED, Not(_ANOTHER_SHAPE)),
        finds=findings.not_causal,
        expected="should come with the causal mask",
        observed="puts the causal mask in the place of attn_mask, which says something else of "
        "query {query} and key {key}",
        hint="leave is_causal out, so that attn_mask is used; to check: compare the two outputs",
    ),
    Doubt(
        id="is_causal.unchecked",
        argument="is_causal",
        claim="mha.causal.unchecked",
        when=And(_REPLACED, _ANOTHER_SHAPE),
        expected="should come with a mask of shape (L, S) = ({L}, {S})",
        observed="comes with one of shape {attn_mask.shape}: nothing looks at it, the causal mask "
        "is used",
        hint=f"pass attn_mask={_CAUSAL}; to check: without is_causal torch refuses this one",
    ),
    Doubt(
        id="is_causal.extra_keys",
        argument="is_causal",
        claim="mha.causal.hides_extra_keys",
        when=And(_REPLACED, _EXTRA, S > 0),
        expected="should not be set with add_bias_kv or add_zero_attn",
        observed="hides the extra keys as well, as if they came last",
        hint="leave is_causal out, and pass the causal mask as attn_mask; to check: compare the "
        "two outputs",
    ),
    Doubt(
        id="need_weights.dropout",
        argument="need_weights",
        claim="mha.dropout.returned",
        when=And(training, need_weights, dropout_rate > 0, L > 0, S > 0),
        expected="should be asked for in eval mode",
        observed="asks for weights in training, with dropout={dropout}: they come after dropout, "
        "and a row need not add up to 1",
        hint="call eval() to look at weights, or pass need_weights=False; to check: "
        "weights.sum(-1)",
    ),
    Doubt(
        id="dropout.negative",
        argument="dropout",
        claim="mha.dropout.negative",
        when=And(training, need_weights, dropout_rate < 0),
        expected="should be between 0 and 1",
        observed="is {dropout}, which drops nothing where weights are returned",
        hint="build with dropout=0.0, or with the probability that you mean",
    ),
    Doubt(
        id="out_proj.hooks",
        argument="out_proj",
        claim="mha.out_proj.not_called",
        finds=findings.unheard,
        expected="should have no hooks",
        observed="has hooks that never run: forward reads its weight and bias, and does not call "
        "it",
        hint="put the hooks on the attention itself: what it returns first is what out_proj made",
    ),
    Doubt(
        id="out_proj.replaced",
        argument="out_proj",
        claim="mha.out_proj.replaced",
        finds=partial(findings.unheard, replaced=True),
        expected="should be a plain Linear",
        observed="is of class {name}, whose own forward never runs: only its weight and bias are "
        "used",
        hint="merge what it adds into out_proj.weight, or parametrize that weight with "
        "torch.nn.utils.parametrize",
    ),
)
