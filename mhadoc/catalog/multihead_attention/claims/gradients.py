"""Gradients: what is differentiable, which parameters get one, and which get zero."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    failure,
    plainly,
    sequence_axis,
)
from mhadoc.catalog.multihead_attention.paths import discards_mask
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    INIT,
    add_bias_kv,
    add_zero_attn,
    bias,
    grad,
    need_weights,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_GRAD = And(grad, RUNS)


def _gradients(seen: Seen, tensors: dict[str, Any], output: str = "attn_output") -> dict[str, Any]:
    """Return the gradient of a sum of squares by each tensor; None where there is none."""
    from torch.autograd import grad

    loss = seen.outputs[output].square().sum()
    found = grad(loss, list(tensors.values()), retain_graph=True, allow_unused=True)
    return dict(zip(tensors, found, strict=True))


def _leaves(seen: Seen, learned: bool = True, leaf: bool = True) -> Mismatch | None:
    found = {(p.requires_grad, p.is_leaf) for p in seen.module.parameters()}
    return same({(learned, leaf)}, found)


def _differentiable(seen: Seen, weights: bool = True) -> Mismatch | None:
    if failed := failure(seen):
        return failed
    found = [tensor.requires_grad for tensor in seen.outputs.values()]
    return same([True, weights], found)


def _all_reached(seen: Seen, *unreached: str) -> Mismatch | None:
    """Name the parameters that get no gradient from the output."""
    if failed := failure(seen):
        return failed
    found = _gradients(seen, dict(seen.module.named_parameters()))
    return same(list(unreached), [name for name, gradient in found.items() if gradient is None])


def _zero_part(seen: Seen, role: str = "k") -> Mismatch | None:
    """Look at the gradient of one part of in_proj_bias: zero, up to rounding."""
    if failed := failure(seen):
        return failed
    found = _gradients(seen, {"bias": seen.module.in_proj_bias})["bias"]
    part = dict(zip("qkv", found.chunk(3), strict=True))[role]
    return close(part.new_zeros(part.shape), part)


def _weights_alone(seen: Seen, role: str = "v") -> Mismatch | None:
    """Look at what a loss on the weights leaves out: out_proj and all that makes the values."""
    if failed := failure(seen):
        return failed
    parameters = dict(seen.module.named_parameters())
    for name, found in _gradients(seen, parameters, "attn_output_weights").items():
        left_out = name.startswith("out_proj") or name in (f"{role}_proj_weight", f"bias_{role}")
        if left_out and found is not None:
            return Mismatch(f"no gradient for {name}", "one")
        if name.startswith("in_proj"):
            part = dict(zip("qkv", found.chunk(3), strict=True))[role]
            if wrong := close(part.new_zeros(part.shape), part, 0.0):
                return wrong
    return None


def _inputs(seen: Seen, *unreached: str) -> Mismatch | None:
    """Call with inputs that require gradients, and name those that get none."""
    floats = {
        name: given.clone().requires_grad_()
        for name, given in seen.inputs.items()
        if name not in _FLAGS and given is not None and given.is_floating_point()
    }
    tried = seen.again(**floats)
    if failed := failure(tried):
        return failed
    found = _gradients(tried, floats)
    return same(list(unreached), [name for name, gradient in found.items() if gradient is None])


_FLAGS = ("need_weights", "average_attn_weights", "is_causal")


def _hidden_key(seen: Seen, place: int = -1) -> Mismatch | None:
    """Hide the last key, and look at the gradient of one key and its value."""
    key, axis = seen.inputs["key"], sequence_axis(seen)
    hidden = key.new_zeros((seen.values["N"], seen.values["S"])) > 0
    hidden[:, -1] = True
    floats = {name: seen.inputs[name].clone().requires_grad_() for name in ("key", "value")}
    padding = hidden if seen.values["batched"] else hidden[0]
    tried = plainly(seen, key_padding_mask=padding, **floats)
    if failed := failure(tried):
        return failed
    for found in _gradients(tried, floats).values():
        part = found.select(axis, place)
        if wrong := close(part.new_zeros(part.shape), part, 0.0):
            return wrong
    return None


CLAIMS = (
    Claim(
        id="mha.gradients.leaves",
        sentence="Every parameter is a leaf that requires a gradient.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, add_bias_kv=True)
        >>> all(p.requires_grad and p.is_leaf for p in mha.parameters())
        True
        """,
        check=_leaves,
        axes=("bias", "kdim", "add_bias_kv"),
        twins={"none requires a gradient": partial(_leaves, learned=False)},
        source=INIT,
    ),
    Claim(
        id="mha.gradients.weights",
        sentence="The weights that forward returns are differentiable, like the output.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 10)
        >>> output, weights = mha(x, x, x)
        >>> output.requires_grad, weights.requires_grad
        (True, True)
        """,
        check=_differentiable,
        when=And(_GRAD, need_weights),
        axes=("rank", "average_attn_weights", "training"),
        twins={"they are detached": partial(_differentiable, weights=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.gradients.all",
        sentence="The output gives every parameter a gradient.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, add_bias_kv=True)
        >>> x = torch.randn(4, 10)
        >>> mha(x, x, x)[0].sum().backward()
        >>> all(parameter.grad is not None for parameter in mha.parameters())
        True
        """,
        check=_all_reached,
        when=_GRAD,
        axes=("bias", "add_bias_kv", "kdim", "need_weights"),
        twins={
            "in_proj_bias gets none": lambda seen: _all_reached(seen, "in_proj_bias"),
            "bias_k and bias_v get none": lambda seen: _all_reached(seen, "bias_k", "bias_v"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.gradients.key_bias",
        sentence="Without extra keys, the gradient of the k part of `in_proj_bias` is zero, up to "
        "rounding.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 10)
        >>> mha(x, x, x)[0].square().sum().backward()
        >>> q_part, k_part, v_part = mha.in_proj_bias.grad.chunk(3)
        >>> [bool(part.abs().max() < 1e-6) for part in (q_part, k_part, v_part)]
        [False, True, False]
        """,
        check=_zero_part,
        when=And(_GRAD, bias, Not(add_bias_kv), Not(add_zero_attn)),
        axes=("kdim", "need_weights"),
        twins={
            "that of the q part": partial(_zero_part, role="q"),
            "that of the v part": partial(_zero_part, role="v"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.gradients.weights_alone",
        sentence="A loss on the weights alone reaches neither `out_proj` nor v: what makes the "
        "values gets no gradient, or zeros as a part of a packed tensor.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 10)
        >>> mha(x, x, x)[1].square().sum().backward()
        >>> print(mha.out_proj.weight.grad)
        None
        >>> [bool(part.any()) for part in mha.in_proj_weight.grad.chunk(3)]  # q, k, v
        [True, True, False]
        """,
        check=_weights_alone,
        when=And(_GRAD, need_weights),
        axes=("bias", "add_bias_kv", "kdim"),
        twins={
            "neither out_proj nor q": partial(_weights_alone, role="q"),
            "neither out_proj nor k": partial(_weights_alone, role="k"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.gradients.inputs",
        sentence="Query, key, value and float masks get gradients, unless `is_causal` replaces the "
        "mask.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 10)
        >>> learned = torch.zeros(4, 4, requires_grad=True)
        >>> mha(x, x, x, attn_mask=learned)[0].square().sum().backward()
        >>> bool(learned.grad.any())
        True
        """,
        check=_inputs,
        when=And(_GRAD, Not(discards_mask)),
        axes=("attn_mask", "key_padding_mask", "need_weights"),
        twins={
            "the attention mask gets none": lambda seen: _inputs(seen, "attn_mask"),
            "the query gets none": lambda seen: _inputs(seen, "query"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.gradients.hidden_key",
        sentence="A key that is hidden from every query gets a gradient of zero, and so does its "
        "value.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> query, key = torch.randn(2, 10), torch.randn(4, 10, requires_grad=True)
        >>> padding = torch.tensor([False, False, False, True])
        >>> mha(query, key, key, key_padding_mask=padding)[0].sum().backward()
        >>> [bool(row.any()) for row in key.grad]
        [True, True, True, False]
        """,
        check=_hidden_key,
        when=grad,
        axes=("rank", "batch_first", "kdim"),
        twins={"so does the first key": partial(_hidden_key, place=0)},
        source=ATTEND,
    ),
)
