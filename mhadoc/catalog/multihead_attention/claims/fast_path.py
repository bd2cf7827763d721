"""The fast path: when forward calls the fused kernel, one condition at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Basic, Eq, Not

from mhadoc.catalog.multihead_attention.paths import FAST_ARGUMENTS, fast
from mhadoc.catalog.multihead_attention.symbols import (
    FORWARD,
    attn_mask_rank,
    grad,
    need_weights,
    padding_mask,
)
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.language.compiled import truth

_NO_MASK = And(Eq(attn_mask_rank, 0), Not(padding_mask))

KERNEL = "_native_multi_head_attention"
SETUP = """
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> def is_fast(module, *inputs, **options):
        ...     kernel = torch._native_multi_head_attention
        ...     with torch.no_grad(), patch.object(torch, kernel.__name__, wraps=kernel) as called:
        ...         module(*inputs, **options)
        ...     return called.called
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> is_fast(mha, x, x, x)
        True"""


def runs_kernel(seen: Seen, module: Any = None, **inputs: Any) -> bool:
    """Call once more and tell whether the fused kernel ran."""
    return KERNEL in seen.operators(module, **inputs)


def _exactly_when(seen: Seen, condition: Basic) -> Mismatch | None:
    return same(truth(condition, seen.values), runs_kernel(seen))


def _others(*left_out: str) -> Basic:
    names = {f"fast_path.{name}" for name in left_out}
    return And(*(condition.holds for condition in FAST_ARGUMENTS if condition.id not in names))


def _argument(
    id: str,
    sentence: str,
    lines: str,
    *axes: str,
    since: str | None = None,
    until: str | None = None,
) -> Claim:
    """Return the claim that one argument decides where all other conditions hold."""
    return Claim(
        id=f"mha.fast_path.{id}",
        sentence=f"The fast path needs {sentence}.",
        doctest=f"{SETUP}{lines}",
        check=partial(_exactly_when, condition=fast),
        when=_others(id),
        axes=(*axes, "need_weights"),
        twins={"it does not matter": partial(_exactly_when, condition=_others(id))},
        source=FORWARD,
        since=since,
        until=until,
    )


def _frozen(seen: Seen, used: bool = True) -> Mismatch | None:
    """Compare a module whose parameters need no gradient with one of which one does."""
    frozen = seen.built().requires_grad_(False)
    found = runs_kernel(seen, frozen)
    frozen.out_proj.bias.requires_grad_()
    return same((used, False), (found, runs_kernel(seen, frozen)))


CLAIMS = (
    Claim(
        id="mha.fast_path.kernel",
        sentence="Where nothing unusual surrounds the call, forward calls "
        "`torch._native_multi_head_attention` exactly when the arguments meet every condition "
        "of the fast path.",
        doctest=f"{SETUP}",
        check=partial(_exactly_when, condition=fast),
        axes=None,
        twins={
            "the bias does not matter": partial(_exactly_when, condition=_others("bias")),
            "masks must not be given": partial(_exactly_when, condition=And(fast, _NO_MASK)),
            "the weights must be asked for": partial(
                _exactly_when, condition=And(fast, need_weights)
            ),
        },
        source=FORWARD,
    ),
    _argument(
        "batched",
        "a query of three axes",
        """
        >>> one = x[0]
        >>> is_fast(mha, one, one, one)
        False
        """,
        "rank",
    ),
    _argument(
        "self_attention",
        "query, key and value to be one object",
        """
        >>> is_fast(mha, x, x, x.clone())
        False
        """,
        "identity",
    ),
    _argument(
        "eval",
        "`eval()`",
        """
        >>> is_fast(mha.train(), x, x, x)
        False
        """,
        "training",
    ),
    _argument(
        "batch_first",
        "`batch_first=True`",
        """
        >>> is_fast(nn.MultiheadAttention(10, 2).eval(), x, x, x)
        False
        """,
        "batch_first",
    ),
    _argument(
        "bias",
        "`bias=True`, which is the one condition for which torch gives no reason",
        """
        >>> is_fast(nn.MultiheadAttention(10, 2, bias=False, batch_first=True).eval(), x, x, x)
        False
        """,
        "bias",
        since="2.1",
    ),
    _argument(
        "no_bias_kv",
        "`add_bias_kv=False`",
        """
        >>> learned = nn.MultiheadAttention(10, 2, add_bias_kv=True, batch_first=True).eval()
        >>> is_fast(learned, x, x, x)
        False
        """,
        "add_bias_kv",
    ),
    _argument(
        "no_zero_attn",
        "`add_zero_attn=False`",
        """
        >>> zeros = nn.MultiheadAttention(10, 2, add_zero_attn=True, batch_first=True).eval()
        >>> is_fast(zeros, x, x, x)
        False
        """,
        "add_zero_attn",
    ),
    _argument(
        "no_dropout",
        "`dropout=0.0`, also in eval mode",
        """
        >>> is_fast(nn.MultiheadAttention(10, 2, dropout=0.1, batch_first=True).eval(), x, x, x)
        False
        """,
        "dropout",
        until="2.0",
    ),
    _argument(
        "no_mask",
        "no `attn_mask`; a `key_padding_mask` may be given",
        """
        >>> is_fast(mha, x, x, x, attn_mask=torch.zeros(7, 7, dtype=torch.bool))
        False
        >>> is_fast(mha, x, x, x, key_padding_mask=torch.zeros(3, 7, dtype=torch.bool))
        True
        """,
        "attn_mask",
        "key_padding_mask",
        until="2.0",
    ),
    _argument(
        "float_mask",
        "masks of booleans: any boolean mask will do, and no float mask",
        """
        >>> is_fast(mha, x, x, x, attn_mask=torch.zeros(7, 7, dtype=torch.bool))
        True
        >>> is_fast(mha, x, x, x, attn_mask=torch.zeros(7, 7))
        False
        """,
        "attn_mask",
        "key_padding_mask",
        since="2.1",
    ),
    _argument(
        "no_grad",
        "autograd to be disabled, or nothing that requires a gradient",
        """
        >>> kernel = torch._native_multi_head_attention
        >>> with patch.object(torch, kernel.__name__, wraps=kernel) as called:
        ...     _ = mha(x, x, x)
        >>> called.called
        False
        """,
        "grad",
    ),
    Claim(
        id="mha.fast_path.frozen",
        since="2.1",
        sentence="With autograd enabled, the fast path needs a query and projections of which "
        "none requires a gradient.",
        doctest="""
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval().requires_grad_(False)
        >>> x, kernel = torch.randn(3, 7, 10), torch._native_multi_head_attention
        >>> with patch.object(torch, kernel.__name__, wraps=kernel) as called:
        ...     _ = mha(x, x, x)
        >>> called.called
        True
        """,
        check=_frozen,
        when=And(_others("no_grad"), grad),
        axes=("attn_mask", "need_weights"),
        twins={"frozen parameters are not enough": partial(_frozen, used=False)},
        source=FORWARD,
    ),
)
