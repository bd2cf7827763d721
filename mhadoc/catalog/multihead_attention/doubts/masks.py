"""Masks that say something else than was meant: of another sense, kind, order or place."""

from __future__ import annotations

from functools import partial

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention import findings
from mhadoc.catalog.multihead_attention.doubts.calls import (
    EXTRA,
    MASK,
    MASKED,
    PADDING,
    SETUP,
    USED,
)
from mhadoc.catalog.multihead_attention.paths import taken
from mhadoc.catalog.multihead_attention.symbols import (
    H,
    L,
    N,
    S,
    attn_mask_rank,
    batched,
    padding_mask,
)
from mhadoc.language import Doubt, Measured

__all__ = ["MASKS"]

_LENGTHS = f"""{SETUP}
        >>> lengths = torch.tensor([7, 5, 2])
        >>> tokens = torch.arange(7) < lengths[:, None]  # True where there is a token"""
_SQUARE = """
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> mha, x = nn.MultiheadAttention(10, 2, batch_first=True), torch.randn(3, 3, 10)"""
_LAYER = """
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)"""

MASKS = (
    Doubt(
        id="attn_mask.sense",
        argument="attn_mask",
        claim="mha.silent.sdpa_mask",
        when=And(USED, Not(EXTRA)),
        finds=findings.only_later,
        expected="should be True where a key is hidden",
        observed="{seen}",
        hint="a mask for scaled_dot_product_attention is True where a key is seen: pass "
        "~attn_mask; to check: (~attn_mask)[-1] is what the last query sees",
        title="What should be seen is hidden, and the rest is seen",
        example=f"""{SETUP}
        >>> keep = torch.ones(7, 7, dtype=torch.bool).tril()  # for scaled_dot_product_attention
        >>> print(*mhadoc.diagnose(mha, x, x, x, attn_mask=keep), sep="\\n")
        """,
    ),
    Doubt(
        id="key_padding_mask.sense",
        argument="key_padding_mask",
        claim="mha.silent.tokenizer_mask",
        when=And(padding_mask, Not(EXTRA)),
        finds=findings.tokens,
        expected="should be True where there is padding",
        observed="{seen}",
        hint="pass ~key_padding_mask; to check: its sum(-1) is how many keys each element loses",
        title="The padding is seen, and the tokens are not",
        example=f"""{_LENGTHS}
        >>> print(*mhadoc.diagnose(mha, x, x, x, key_padding_mask=tokens), sep="\\n")
        """,
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
            title=f"Ones and zeros in {called} hide nothing",
            example=example,
        )
        for name, called, claim, when, example in (
            (
                *("attn_mask", "a mask", "mha.silent.ones", And(USED, MASK.floating)),
                f"""{SETUP}
        >>> ones = torch.ones(7, 7).triu(1)
        >>> print(*mhadoc.diagnose(mha, x, x, x, attn_mask=ones))
        """,
            ),
            (
                *("key_padding_mask", "a padding mask", "mha.silent.padding_ones"),
                PADDING.floating,
                f"""{_LENGTHS}
        >>> print(*mhadoc.diagnose(mha, x, x, x, key_padding_mask=tokens.float()))
        """,
            ),
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
            title=f"{called} works in training, and not in eval mode",
            example=f"""{_LAYER}{example}
        """,
        )
        for name, there, called, example in (
            (
                *("attn_mask", MASKED, "An attention bias"),
                """
        >>> distance = (torch.arange(7.0)[:, None] - torch.arange(7.0)).abs()
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(layer, x, src_mask=-0.1 * distance))""",
            ),
            (
                *("key_padding_mask", padding_mask, "A soft padding mask"),
                """
        >>> doubtful = torch.zeros(3, 7)
        >>> doubtful[:, -1] = -0.5  # the last one counts less
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(layer, x, src_key_padding_mask=doubtful))""",
            ),
        )
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
        title="A padding mask may be transposed",
        example=f"""{_SQUARE}
        >>> padding = torch.arange(3) >= torch.tensor([1, 3, 2])[:, None]
        >>> print(*mhadoc.diagnose(mha, x, x, x, key_padding_mask=padding.T))
        """,
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
        title="A causal mask hides the same keys from every query",
        example=f"""{_SQUARE}
        >>> causal = torch.ones(3, 3, dtype=torch.bool).triu(1)
        >>> print(*mhadoc.diagnose(mha, x, x, x, causal))
        """,
    ),
    Doubt(
        id="attn_mask.order",
        argument="attn_mask",
        claim="mha.silent.repeat",
        when=And(batched, Eq(attn_mask_rank, 3), USED, N > 1, H > 1),
        finds=findings.repeated,
        expected="should have the mask of element n and head h at index n * num_heads + h",
        observed="repeats {N} masks, one after the other, as if the index were h * N + n",
        hint="build it by masks.repeat_interleave(num_heads, 0), not by repeat; to check: "
        "attn_mask.view(N, num_heads, L, S)[n] is what element n gets",
        title="Batch elements get each other's masks",
        example=f"""{SETUP}
        >>> masks = torch.zeros(3, 7, 7, dtype=torch.bool)
        >>> masks[1, :, 5:] = True  # batch element 1 is to see 5 keys
        >>> print(*mhadoc.diagnose(mha, x, x, x, attn_mask=masks.repeat(2, 1, 1)))
        """,
    ),
)
