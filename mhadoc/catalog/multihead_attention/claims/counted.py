"""What a call costs and what exporters see: operations counted, kernels recorded."""

from __future__ import annotations

from functools import partial
from typing import Any

import sympy
from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import RUNS, failure, raised
from mhadoc.catalog.multihead_attention.costs import FLOPS
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    E,
    L,
    N,
    attn_mask_rank,
    batched,
    bias,
    need_weights,
    padding_mask,
)
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.language.compiled import number

_NO_DTYPE = "'NoneType' object has no attribute or method 'dtype'"
_KERNEL = "_native_multi_head_attention"

_UNMASKED = And(Eq(attn_mask_rank, 0), Not(padding_mask))


def _flops(seen: Seen, formula: Any = FLOPS) -> Mismatch | None:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        again = seen.again()
    return failure(again) or same(int(number(formula, seen.values)), counter.get_total_flops())


def _attends(seen: Seen, swapped: bool = False) -> Mismatch | None:
    """Tell whether torch's function for attention is called."""
    from unittest.mock import patch

    from torch.nn import functional

    function = functional.scaled_dot_product_attention
    with patch.object(functional, function.__name__, wraps=function) as watched:
        again = seen.again()
    expected = swapped == bool(seen.values["need_weights"])
    return failure(again) or same(expected, watched.called)


def _recorded(seen: Seen, kernel: bool = True) -> Mismatch | None:
    """Trace self-attention to TorchScript, and look for the fused kernel in what was recorded."""
    import warnings

    import torch

    class Self(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = seen.module

        def forward(self, x: Any) -> Any:
            return self.attention(x, x, x)[0]

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(Self().eval(), (seen.inputs["query"],))
    return same(kernel, _KERNEL in str(traced.inlined_graph))


def _script_fails(seen: Seen, text: str = _NO_DTYPE) -> Mismatch | None:
    """Script the module; TorchScript tells why only the first time that it meets a class."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = seen.built()
        module.__class__ = type("Fresh", (type(module),), {})
        found = raised(torch.jit.script, module)
    return None if text in found else Mismatch(text, found)


CLAIMS = (
    Claim(
        id="mha.need_weights.function",
        since="2.0",
        sentence="Outside the fast path, `need_weights=False` makes forward call "
        "`scaled_dot_product_attention`; with `need_weights=True` it works out the scores itself.",
        doctest="""
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> mha, x = nn.MultiheadAttention(embed_dim=10, num_heads=2), torch.randn(4, 3, 10)
        >>> function = nn.functional.scaled_dot_product_attention
        >>> for need_weights in (True, False):
        ...     with patch.object(nn.functional, function.__name__, wraps=function) as watched:
        ...         _ = mha(x, x, x, need_weights=need_weights)
        ...     print(need_weights, watched.called)
        True False
        False True
        """,
        check=_attends,
        when=And(RUNS, Not(fast)),
        axes=("need_weights", "rank", "training", "add_zero_attn"),
        twins={"the other way round": partial(_attends, swapped=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.flops",
        since="2.1",
        sentence="With weights and outside the fast path, `FlopCounterMode` counts "
        "`2*N*E*(2*L*E + S*kdim + S*vdim) + 4*N*L*S*E`, where S counts the extra keys in the last "
        "term: `num_heads` does not matter.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch.utils.flop_counter import FlopCounterMode
        >>> query, key = torch.randn(4, 3, 10), torch.randn(7, 3, 10)
        >>> L, S, N, E = 4, 7, 3, 10
        >>> for num_heads in (1, 2, 10):
        ...     with FlopCounterMode(display=False) as counter:
        ...         _ = nn.MultiheadAttention(E, num_heads)(query, key, key)
        ...     print(counter.get_total_flops())
        16560
        16560
        16560
        >>> 2*N*E*(2*L*E + S*E + S*E) + 4*N*L*S*E
        16560
        """,
        check=_flops,
        when=And(RUNS, need_weights, Not(fast)),
        axes=("kdim", "vdim", "add_bias_kv", "add_zero_attn"),
        twins={
            "each head costs as much": partial(_flops, formula=FLOPS * sympy.Symbol("num_heads")),
            "out_proj is left out": partial(_flops, formula=FLOPS - 2 * N * L * E * E),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.flops_fast",
        since="2.1",
        sentence="Silent: on the fast path `FlopCounterMode` counts 0: the fused kernel is one "
        "operator that it knows no formula for.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch.utils.flop_counter import FlopCounterMode
        >>> mha = nn.MultiheadAttention(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> with torch.no_grad(), FlopCounterMode(display=False) as counter:
        ...     _ = mha(x, x, x)
        >>> counter.get_total_flops()
        0
        """,
        check=partial(_flops, formula=sympy.Integer(0)),
        when=fast,
        axes=("need_weights",),
        twins={"it counts what the other path takes": _flops},
        source=FORWARD,
    ),
    Claim(
        id="mha.tools.jit_trace",
        sentence="`torch.jit.trace` records the fused kernel of the fast path, and so does what "
        "goes by it: `torch.onnx.export` with `dynamo=False`.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # TorchScript is deprecated
        >>> class SelfAttention(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.attention = nn.MultiheadAttention(10, 2, batch_first=True)
        ...     def forward(self, x):
        ...         return self.attention(x, x, x)[0]
        >>> model, x = SelfAttention().eval(), torch.randn(3, 7, 10)
        >>> with torch.no_grad():
        ...     graph = torch.jit.trace(model, (x,)).inlined_graph
        >>> [node.kind() for node in graph.nodes() if "attention" in node.kind()]
        ['aten::_native_multi_head_attention']
        """,
        check=_recorded,
        when=And(fast, _UNMASKED, need_weights),
        axes=(),
        twins={"they record the other path": partial(_recorded, kernel=False)},
        source=FORWARD,
    ),
    Claim(
        id="mha.tools.script_no_bias",
        sentence="`torch.jit.script` refuses a module without biases: `'NoneType' object has no "
        "attribute or method 'dtype'`.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # TorchScript is deprecated
        >>> torch.jit.script(nn.MultiheadAttention(embed_dim=10, num_heads=2, bias=False))
        Traceback (most recent call last):
            ...
        RuntimeError: ...
        """,
        check=_script_fails,
        when=And(Not(bias), batched),
        axes=(),
        twins={"of another attribute": partial(_script_fails, text="method 'device'")},
        source=FORWARD,
    ),
)
