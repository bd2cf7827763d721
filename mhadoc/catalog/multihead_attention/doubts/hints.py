"""What is_causal=True does instead of hiding the future: nothing, or more than was meant."""

from __future__ import annotations

from sympy import And, Basic, Eq, Not

from mhadoc.catalog.multihead_attention import findings
from mhadoc.catalog.multihead_attention.doubts.calls import (
    ANOTHER_SHAPE,
    CAUSAL,
    EXTRA,
    MASKED,
    REPLACED,
    SETUP,
    SLOW,
)
from mhadoc.catalog.multihead_attention.paths import taken
from mhadoc.catalog.multihead_attention.symbols import (
    S,
    attn_mask_rank,
    is_causal,
    need_weights,
    padding_mask,
)
from mhadoc.language import Doubt

__all__ = ["HINTS"]

_NEARLY = f"""{SETUP}
        >>> nearly = torch.ones(7, 7, dtype=torch.bool).triu(2)  # by one too far"""


def _leak(id: str, claim: str, when: Basic, because: str, call: str) -> Doubt:
    return Doubt(
        id=f"is_causal.{id}",
        argument="is_causal",
        claim=claim,
        when=And(is_causal, MASKED, when),
        finds=findings.leak,
        expected="should come with the causal mask",
        observed=f"is ignored {because}, and query {{query}} sees key {{key}}, which comes later",
        hint=f"pass attn_mask={CAUSAL}; to check: the weights above the diagonal are not 0",
        title=f"The future is seen although is_causal=True, {because}",
        example=f"""{_NEARLY}{call}
        """,
    )


HINTS = (
    Doubt(
        id="is_causal.alone",
        argument="is_causal",
        claim="mha.causal.makes_no_mask",
        when=And(is_causal, Eq(attn_mask_rank, 0), taken, S > 1),
        expected="should come with a mask",
        observed="comes without, and is ignored on the fast path: every query sees the future",
        hint=f"pass attn_mask={CAUSAL} as well; to check: the weights above the diagonal are not 0",
        title="The future is seen although is_causal=True, without a mask",
        example=f"""{SETUP}
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(mha.eval(), x, x, x, is_causal=True))
        """,
    ),
    _leak(
        "fast_path",
        "mha.causal.fast_path",
        taken,
        "on the fast path",
        """
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(mha.eval(), x, x, x, attn_mask=nearly, is_causal=True))""",
    ),
    _leak(
        "weights",
        "mha.causal.with_weights",
        And(SLOW, need_weights),
        "with need_weights=True",
        """
        >>> print(*mhadoc.diagnose(mha, x, x, x, attn_mask=nearly, is_causal=True))""",
    ),
    _leak(
        "padding",
        "mha.causal.with_padding",
        And(SLOW, Not(need_weights), padding_mask),
        "with a key_padding_mask",
        """
        >>> masks = {"attn_mask": nearly, "key_padding_mask": torch.zeros(3, 7).bool()}
        >>> flags = {"is_causal": True, "need_weights": False}
        >>> print(*mhadoc.diagnose(mha, x, x, x, **masks, **flags))""",
    ),
    Doubt(
        id="is_causal.replaces",
        argument="is_causal",
        claim="mha.causal.replaces",
        when=And(REPLACED, Not(ANOTHER_SHAPE)),
        finds=findings.not_causal,
        expected="should come with the causal mask",
        observed="puts the causal mask in the place of attn_mask, which says something else of "
        "query {query} and key {key}",
        hint="leave is_causal out, so that attn_mask is used; to check: compare the two outputs",
        title="is_causal=True discards a mask",
        example=f"""{SETUP}
        >>> causal = torch.ones(7, 7, dtype=torch.bool).triu(1)
        >>> window = causal | causal.T.tril(-3)  # and no more than three positions back
        >>> flags = {{"is_causal": True, "need_weights": False}}
        >>> print(*mhadoc.diagnose(mha, x, x, x, attn_mask=window, **flags))
        """,
    ),
    Doubt(
        id="is_causal.unchecked",
        argument="is_causal",
        claim="mha.causal.unchecked",
        when=And(REPLACED, ANOTHER_SHAPE),
        expected="should come with a mask of shape (L, S) = ({L}, {S})",
        observed="comes with one of shape {attn_mask.shape}: nothing looks at it, the causal mask "
        "is used",
        hint=f"pass attn_mask={CAUSAL}; to check: without is_causal torch refuses this one",
        title="With is_causal=True a mask of any shape is taken",
        example=f"""{SETUP}
        >>> flags = {{"is_causal": True, "need_weights": False}}
        >>> print(*mhadoc.diagnose(mha, x, x, x, attn_mask=torch.zeros(8, 8), **flags))
        """,
    ),
    Doubt(
        id="is_causal.extra_keys",
        argument="is_causal",
        claim="mha.causal.hides_extra_keys",
        when=And(REPLACED, EXTRA, S > 0),
        expected="should not be set with add_bias_kv or add_zero_attn",
        observed="hides the extra keys as well, as if they came last",
        hint="leave is_causal out, and pass the causal mask as attn_mask; to check: compare the "
        "two outputs",
        title="is_causal=True takes the effect of add_bias_kv and add_zero_attn",
        example="""
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> mha, x = nn.MultiheadAttention(10, 2, add_bias_kv=True), torch.randn(7, 10)
        >>> causal = torch.ones(7, 7, dtype=torch.bool).triu(1)
        >>> flags = {"is_causal": True, "need_weights": False}
        >>> print(*mhadoc.diagnose(mha, x, x, x, attn_mask=causal, **flags))
        """,
    ),
)
