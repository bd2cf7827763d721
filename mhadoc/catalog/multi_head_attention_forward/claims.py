"""The claims about multi_head_attention_forward that are not the module's."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multi_head_attention_forward.grid import separate, static
from mhadoc.catalog.multihead_attention import SPEC as MODULE
from mhadoc.catalog.multihead_attention.by_hand import TORCH, Conventions, by_hand, laid_out
from mhadoc.catalog.multihead_attention.claims.compare import alike, failure
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.paths import hinted
from mhadoc.catalog.multihead_attention.symbols import ATTEND, add_bias_kv
from mhadoc.language import Claim, Mismatch, Seen, close

_STORED = ("in_proj_weight", "in_proj_bias", "bias_k", "bias_v")
_RUNS = And(Not(hinted), Not(And(static, add_bias_kv)))


def _as_module(seen: Seen) -> Any:
    """Return the call as one of a module that holds the tensors passed in."""
    names = (*_STORED, "q_proj_weight", "k_proj_weight", "v_proj_weight")
    held = {name: seen.inputs.get(name) for name in names}
    out = SimpleNamespace(
        weight=seen.inputs["out_proj_weight"], bias=seen.inputs.get("out_proj_bias")
    )
    return SimpleNamespace(
        module=SimpleNamespace(**held, out_proj=out),
        values={**seen.values, "batch_first": 0},
        inputs=seen.inputs,
    )


def _recomputed(seen: Seen, conventions: Conventions = TORCH) -> Mismatch | None:
    if failed := failure(seen):
        return failed
    module = _as_module(seen)
    output, _ = by_hand(module, MODULE, conventions)
    return close(laid_out(output, module), seen.outputs["attn_output"])


def _same_apart(seen: Seen, order: str = "qkv") -> Mismatch | None:
    """Pass the three blocks of the packed weight one by one."""
    blocks = dict(zip("qkv", seen.inputs["in_proj_weight"].chunk(3), strict=True))
    weights = {f"{n}_proj_weight": blocks[o] for n, o in zip("qkv", order, strict=True)}
    apart = seen.again(use_separate_proj_weight=True, in_proj_weight=None, **weights)
    return alike(seen, apart)


def _unread(seen: Seen, read: bool = False) -> Mismatch | None:
    """Call with other keys and values."""
    other = seen.again(key=seen.inputs["key"] + 1, value=seen.inputs["value"] + 1)
    if failed := failure(seen) or failure(other):
        return failed
    found = close(seen.outputs["attn_output"], other.outputs["attn_output"])
    if read:
        return None if found else Mismatch("another output", "the same")
    return found


_BEGIN = """
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.functional import multi_head_attention_forward as attend
        >>> mha, x = nn.MultiheadAttention(10, 2), torch.randn(4, 3, 10)
        >>> out = mha.out_proj.weight, mha.out_proj.bias"""

CLAIMS = (
    Claim(
        id="mhaf.formula",
        sentence="The function computes what the module computes, from the tensors passed in: "
        "their blocks are the module's.",
        doctest=f"""{_BEGIN}
        >>> stored = mha.in_proj_weight, mha.in_proj_bias, mha.bias_k, mha.bias_v
        >>> output, weights = attend(x, x, x, 10, 2, *stored, False, 0.0, *out)
        >>> torch.allclose(output, mha(x, x, x)[0])
        True
        """,
        check=_recomputed,
        when=And(_RUNS, EXACT, Not(static)),
        axes=("use_separate_proj_weight", "kdim", "bias", "rank", "need_weights"),
        twins={
            "the blocks are k, q, v": partial(_recomputed, conventions=Conventions("kqv")),
            "the scores are divided by head_dim": partial(
                _recomputed, conventions=Conventions(scale=-1.0)
            ),
            "head h has every H-th row": partial(
                _recomputed, conventions=Conventions(interleaved=True)
            ),
            "out_proj is taken by rows": partial(_recomputed, conventions=Conventions(mixed=True)),
            "extra keys come first": partial(
                _recomputed, conventions=Conventions(extra_first=True, bias_each_head=True)
            ),
        },
        source=ATTEND,
    ),
    Claim(
        id="mhaf.layouts",
        sentence="Three separate weights that are the blocks of `in_proj_weight` give the same "
        "result as the packed one.",
        doctest=f"""{_BEGIN}
        >>> rest = (None, None, None, False, 0.0, *out)  # no biases
        >>> packed, _ = attend(x, x, x, 10, 2, mha.in_proj_weight, *rest)
        >>> q, k, v = mha.in_proj_weight.chunk(3)
        >>> apart, _ = attend(x, x, x, 10, 2, None, *rest,
        ...     use_separate_proj_weight=True, q_proj_weight=q, k_proj_weight=k, v_proj_weight=v)
        >>> torch.allclose(packed, apart, atol=1e-6)
        True
        """,
        check=_same_apart,
        when=And(_RUNS, EXACT, Not(separate), Not(static)),
        axes=("bias", "rank", "identity", "need_weights"),
        twins={"in the order k, q, v": partial(_same_apart, order="kqv")},
        source=ATTEND,
    ),
    Claim(
        id="mhaf.static.unread",
        sentence="With `static_k` and `static_v` the numbers of key and value do not matter; their "
        "shapes are checked all the same.",
        doctest=f"""{_BEGIN}
        >>> k, v = torch.randn(6, 7, 5), torch.randn(6, 7, 5)  # (N * num_heads, length, head_dim)
        >>> rest = (10, 2, mha.in_proj_weight, None, None, None, False, 0.0, *out)
        >>> one, weights = attend(x, x, x, *rest, static_k=k, static_v=v)
        >>> other, _ = attend(x, x + 1, x - 1, *rest, static_k=k, static_v=v)
        >>> torch.equal(one, other), weights.shape
        (True, torch.Size([3, 4, 7]))
        """,
        check=_unread,
        when=And(_RUNS, EXACT, static),
        axes=(
            *("static", "rank", "need_weights", "average_attn_weights"),
            *("identity", "use_separate_proj_weight"),
        ),
        twins={"they matter": partial(_unread, read=True)},
        source=ATTEND,
    ),
)
