"""What the docstrings of nn.MultiheadAttention do not say, or say otherwise."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import Any

from sympy import And, Not

from mhadoc.catalog.examples import outcome
from mhadoc.catalog.multihead_attention.claims.compare import RUNS, failure
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.paths import KERNEL_OF_FUNCTION, fast
from mhadoc.catalog.multihead_attention.symbols import ATTEND, FORWARD, INIT, need_weights
from mhadoc.language import Claim, Mismatch, Seen, close, same
from mhadoc.language.releases import without_later

_FUSED = "_scaled_dot_product"


def _fused(seen: Seen, always: bool = False) -> Mismatch | None:
    """Tell by the softmax, which is an operator of its own where the weights are asked for."""
    ran = seen.operators()
    expected = always or not seen.values["need_weights"]
    return same(expected, any(name.startswith(_FUSED) for name in ran))


def _runs(seen: Seen, expected: str = "NameError: name 'embed_dim' is not defined") -> Any:
    from torch.nn import MultiheadAttention

    return same(expected, outcome(MultiheadAttention.__doc__ or ""))


def _values_apart(seen: Seen, changed: str = "value") -> Mismatch | None:
    """Change what is given as the values, and compare the weights."""
    other = seen.again(**{changed: seen.inputs[changed].flip(-1)})
    if failed := failure(seen) or failure(other):
        return failed
    expected, found = (each.outputs["attn_output_weights"] for each in (seen, other))
    return close(expected, found)


_DEFAULTS: dict[str, Any] = {
    "training": True,
    "need_weights": True,
    "average_attn_weights": True,
    "is_causal": False,
    "use_separate_proj_weight": False,
}


def _defaults(seen: Seen, **changes: Any) -> Mismatch | None:
    found = _parameters()
    expected = without_later(seen.spec, {**_DEFAULTS, **changes})
    return same(expected, {name: found[name].default for name in expected})


def _names(seen: Seen, known: bool = False) -> Mismatch | None:
    found = _parameters()
    asked = [name in found for name in ("need_weights", "needs_weight", "needs_weights")]
    return same([True, known, known], asked)


def _parameters() -> Any:
    from torch.nn.functional import multi_head_attention_forward

    return signature(multi_head_attention_forward).parameters


CLAIMS = (
    Claim(
        id="doc.mha.sdpa",
        since="2.1",
        sentence="Outside the fast path, forward uses `scaled_dot_product_attention` with "
        "`need_weights=False` only; with the default it works out scores and softmax by itself.",
        doctest="""
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> mha, x = nn.MultiheadAttention(10, 2), torch.randn(7, 3, 10)
        >>> kernel = nn.functional.scaled_dot_product_attention
        >>> with patch.object(nn.functional, kernel.__name__, wraps=kernel) as watched:
        ...     _ = mha(x, x, x)
        ...     before = watched.call_count
        ...     _ = mha(x, x, x, need_weights=False)
        >>> before, watched.call_count
        (0, 1)
        """,
        check=_fused,
        when=And(RUNS, EXACT, Not(fast), KERNEL_OF_FUNCTION),
        axes=("rank", "need_weights", "batch_first", "kdim"),
        twins={"it always does": partial(_fused, always=True)},
        source=ATTEND,
    ),
    Claim(
        id="doc.mha.example",
        sentence="The example in the class's docstring is marked as skipped and does not run: "
        "`embed_dim`, `num_heads`, `query`, `key` and `value` are nowhere defined.",
        doctest="""
        >>> import inspect
        >>> from torch import nn
        >>> "# xdoctest: +SKIP" in inspect.getdoc(nn.MultiheadAttention)
        True
        """,
        check=_runs,
        axes=(),
        twins={"it runs": partial(_runs, expected="no error")},
        source=INIT,
    ),
    Claim(
        id="doc.mha.values",
        sentence="The weights come from query and key alone: other values give the same weights.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(4, 10), torch.randn(7, 10)
        >>> one, other = torch.randn(7, 10), torch.randn(7, 10)
        >>> torch.equal(mha(query, key, one)[1], mha(query, key, other)[1])
        True
        """,
        check=_values_apart,
        when=And(RUNS, EXACT, need_weights),
        axes=("rank", "kdim", "vdim", "batch_first"),
        twins={"other keys do as well": partial(_values_apart, changed="key")},
        source=FORWARD,
    ),
    Claim(
        id="doc.function.names",
        sentence="The docstring of `F.multi_head_attention_forward` speaks of `needs_weight` and "
        "`needs_weights`; the parameter is called `need_weights`.",
        doctest="""
        >>> import inspect
        >>> from torch.nn.functional import multi_head_attention_forward as attend
        >>> names = inspect.signature(attend).parameters
        >>> [name in names for name in ("need_weights", "needs_weight", "needs_weights")]
        [True, False, False]
        """,
        check=_names,
        axes=(),
        twins={"all three are taken": partial(_names, known=True)},
        source=ATTEND,
    ),
    Claim(
        id="doc.function.defaults",
        sentence="Unless told otherwise the function takes `training`, `need_weights` and "
        "`average_attn_weights` as True, `is_causal` and `use_separate_proj_weight` as False.",
        doctest="""
        >>> import inspect
        >>> from torch.nn.functional import multi_head_attention_forward as attend
        >>> names = inspect.signature(attend).parameters
        >>> names["training"].default, names["need_weights"].default, names["is_causal"].default
        (True, True, False)
        """,
        check=_defaults,
        before={
            "2.0": {
                "sentence": "Unless told otherwise the function takes `training`, `need_weights` "
                "and `average_attn_weights` as True, `use_separate_proj_weight` as False.",
                "doctest": """
        >>> import inspect
        >>> from torch.nn.functional import multi_head_attention_forward as attend
        >>> names = inspect.signature(attend).parameters
        >>> names["training"].default, names["need_weights"].default
        (True, True)
        """,
            }
        },
        axes=(),
        twins={
            "training is False": partial(_defaults, training=False),
            "is_causal is True": partial(_defaults, is_causal=True),
            "the weights are left out": partial(_defaults, need_weights=False),
        },
        source=ATTEND,
    ),
)
