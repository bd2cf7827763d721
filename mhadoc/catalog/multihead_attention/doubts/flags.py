"""What is not meant beside masks: the batch's place, dropped weights, a module that never runs."""

from __future__ import annotations

from functools import partial

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention import findings
from mhadoc.catalog.multihead_attention.doubts.calls import SETUP
from mhadoc.catalog.multihead_attention.mistakes.given import dropout_rate
from mhadoc.catalog.multihead_attention.symbols import (
    L,
    N,
    S,
    attn_mask_rank,
    batch_first,
    batched,
    is_causal,
    need_weights,
    padding_mask,
    tensors,
    training,
)
from mhadoc.language import Doubt

__all__ = ["FLAGS"]

_DROPPING = """
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> mha, x = nn.MultiheadAttention(10, 2, dropout={}), torch.randn(7, 10)
        >>> print(*mhadoc.diagnose(mha, x, x, x))
        """

FLAGS = (
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
        title="Every attention weight is 1",
        example="""
        >>> import mhadoc, torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2)  # batch_first=False
        >>> x = torch.randn(1, 7, 10)           # but (N, L, E)
        >>> print(*mhadoc.diagnose(mha, x, x, x))
        """,
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
        title="Returned weights do not add up to 1",
        example=_DROPPING.format(0.1),
    ),
    Doubt(
        id="dropout.negative",
        argument="dropout",
        claim="mha.dropout.negative",
        when=And(training, need_weights, dropout_rate < 0),
        expected="should be between 0 and 1",
        observed="is {dropout}, which drops nothing where weights are returned",
        hint="build with dropout=0.0, or with the probability that you mean",
        title="Dropout does nothing in training",
        example=_DROPPING.format(-0.1),
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
        title="A hook on out_proj never runs",
        example=f"""{SETUP}
        >>> hook = mha.out_proj.register_forward_hook(lambda *given: print("it runs"))
        >>> print(*mhadoc.diagnose(mha, x, x, x))
        """,
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
        title="An adapter on out_proj has no effect",
        example=f"""{SETUP}
        >>> class Adapted(nn.Linear):
        ...     def forward(self, x):
        ...         return super().forward(x) + 0.1 * x
        >>> mha.out_proj = Adapted(10, 10)
        >>> print(*mhadoc.diagnose(mha, x, x, x))
        """,
    ),
)
