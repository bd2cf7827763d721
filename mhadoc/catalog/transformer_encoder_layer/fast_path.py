"""The claims on the fast path of an encoder layer: when it is taken, and what it changes."""

from __future__ import annotations

from functools import partial

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import alike
from mhadoc.catalog.transformer_encoder_layer.paths import FAST_ARGUMENTS, FORWARD, fast
from mhadoc.catalog.transformer_encoder_layer.rules import (
    INIT,
    is_causal,
    padded,
    padded_float,
    src_mask_float,
    src_mask_rank,
)
from mhadoc.catalog.transformer_terms import activation_relu_or_gelu
from mhadoc.language import Claim, Mismatch, Requirement, Seen, same
from mhadoc.language.compiled import truth

_LAYER = "_transformer_encoder_layer_fwd"
_ATTENTION = "_native_multi_head_attention"
_OTHERS = And(*(demand.holds for demand in FAST_ARGUMENTS if demand.id != "fast_path.activation"))
_UNMASKED = And(Eq(src_mask_rank, 0), Not(padded))


def _taken(seen: Seen, left_out: Requirement | None = None) -> Mismatch | None:
    """Compare which kernel runs with the conditions, and in a legal case with odd heads too."""
    conditions = [condition.holds for condition in FAST_ARGUMENTS if condition is not left_out]
    expected = all(truth(condition, seen.values) for condition in conditions)
    if wrong := same(expected, _LAYER in seen.operators()):
        return wrong
    odd = seen.built(nhead=5)
    regardless = left_out is not None and left_out.id == "fast_path.even_heads"
    return same(regardless, _LAYER in seen.operators(odd)) if expected else None


def _kernels(seen: Seen, kernel: str = _ATTENTION) -> Mismatch | None:
    ran = tuple(name for name in seen.operators() if name in (_LAYER, _ATTENTION))
    return same((kernel,), ran)


def _eps(seen: Seen, kernel: str = _ATTENTION) -> Mismatch | None:
    module = seen.built()
    module.norm1.eps *= 2
    ran = tuple(name for name in seen.operators(module) if name in (_LAYER, _ATTENTION))
    return same((kernel,), ran)


def _as_bool(seen: Seen, zeros: bool = False) -> Mismatch | None:
    """Compare with the masks of what is not zero."""
    masks = {name: seen.inputs.get(name) for name in ("src_mask", "src_key_padding_mask")}
    hidden = {name: (mask == 0) == zeros for name, mask in masks.items() if mask is not None}
    return alike(seen.again(**hidden), seen)


def _added(seen: Seen) -> Mismatch | None:
    """Compare with a layer off the fast path, which adds floats."""
    slow = seen.built()
    slow.norm1.eps *= 1 + 1e-12
    return alike(seen.again(slow), seen, tolerance=1e-6)


def _hint_ignored(seen: Seen, hides: bool = False) -> Mismatch | None:
    if hides:
        size = seen.values["S"]
        causal = seen.inputs["src"].new_ones(size, size).triu(1) > 0
        return alike(seen.again(src_mask=causal, is_causal=False), seen)
    return alike(seen.again(is_causal=False), seen)


def _nothing_left(seen: Seen, hidden: bool = True) -> Mismatch | None:
    """Pass a mask of one finite number everywhere: nothing is left to look at."""
    src, size = seen.inputs["src"], seen.values["S"]
    output = seen.again(src_mask=src.new_full((size, size), 0.5)).outputs["output"]
    return same(hidden, bool(output.isnan().all()))


_CONDITIONS = (
    "The fused kernel of the whole layer is called exactly when the input has three axes,{} the "
    "layer is in eval mode, `batch_first=True`, `bias=True`, the activation is ReLU or GELU, "
    "`nhead` is even, and no gradient is needed."
)

CLAIMS = (
    Claim(
        id="tr.fast.conditions",
        sentence=_CONDITIONS.format(""),
        doctest="""
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> kernel = torch._transformer_encoder_layer_fwd
        >>> with patch.object(torch, kernel.__name__, wraps=kernel) as watched, torch.no_grad():
        ...     _ = layer(torch.randn(3, 7, 10))
        >>> watched.called
        True
        """,
        check=_taken,
        axes=("bias", "batch_first", "activation", "rank", "training", "grad"),
        before={"2.0": {"sentence": _CONDITIONS.format(" there is no `src_mask`,")}},
        twins={
            f"without {c.demand}": partial(_taken, left_out=c)
            for c in FAST_ARGUMENTS
            if c.until is None
        },
        source=FORWARD,
    ),
    Claim(
        id="doc.tel_one_mask",
        since="2.0",
        sentence="The fast path is taken with `src_mask` and `src_key_padding_mask` together, "
        "although the docstring allows one of them.",
        doctest="""
        >>> import inspect
        >>> from torch import nn
        >>> said = "at most one of ``src_mask`` and ``src_key_padding_mask`` is passed"
        >>> said in inspect.getdoc(nn.TransformerEncoderLayer)
        True
        """,
        check=partial(_kernels, kernel=_LAYER),
        when=And(fast, src_mask_rank > 0, padded),
        axes=("src_mask", "src_key_padding_mask", "norm_first"),
        twins={"the attention's kernel runs instead": _kernels},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.torch_relu",
        since="2.3",
        sentence="Any other activation, `torch.relu` included, takes the layer off its fast path; "
        "without masks the attention inside still takes its own.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, activation=torch.relu)
        >>> layer.activation_relu_or_gelu
        0
        """,
        check=_kernels,
        when=And(_OTHERS, Eq(activation_relu_or_gelu, 0), _UNMASKED),
        axes=("norm_first",),
        twins={"the layer's kernel runs": partial(_kernels, kernel=_LAYER)},
        source=INIT,
    ),
    Claim(
        id="tr.fast.eps",
        sentence="Norms with different `eps` take the layer off its fast path; without masks the "
        "attention inside still takes its own.",
        doctest="""
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> layer.norm1.eps = 1e-3
        >>> kernel = torch._transformer_encoder_layer_fwd
        >>> with patch.object(torch, kernel.__name__, wraps=kernel) as watched, torch.no_grad():
        ...     _ = layer(torch.randn(3, 7, 10))
        >>> watched.called
        False
        """,
        check=_eps,
        when=And(fast, _UNMASKED),
        axes=("norm_first",),
        twins={"the layer's kernel runs": partial(_eps, kernel=_LAYER)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.float_mask_as_bool",
        sentence="Silent: on the fast path a mask of floats is not added; every entry but 0 hides, "
        "whatever its number.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x, bias = torch.randn(3, 7, 10), torch.zeros(7, 7)
        >>> bias[:, 0] = 0.1  # a slight preference
        >>> with torch.no_grad():
        ...     fast, hidden = layer(x, bias), layer(x, bias != 0)
        >>> torch.equal(fast, hidden)
        True
        """,
        check=_as_bool,
        when=And(fast, src_mask_rank > 0, src_mask_float, Not(padded_float)),
        axes=("src_mask", "norm_first"),
        twins={"floats are added": _added, "zeros hide": partial(_as_bool, zeros=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.is_causal_ignored",
        sentence="Silent: on the fast path `is_causal=True` has no effect: without a mask nothing "
        "is hidden.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> with torch.no_grad():
        ...     torch.equal(layer(x, is_causal=True), layer(x))
        True
        """,
        check=_hint_ignored,
        when=And(fast, is_causal, Eq(src_mask_rank, 0)),
        axes=("norm_first", "src_key_padding_mask"),
        twins={"it hides what comes later": partial(_hint_ignored, hides=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.hint_beside_mask",
        sentence="On the fast path a mask is used as it is, also where `is_causal=True` says that "
        "it is the causal one and it is not.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x, earlier = torch.randn(3, 7, 10), torch.ones(7, 7).tril(-1).bool()
        >>> with torch.no_grad():
        ...     torch.equal(layer(x, earlier, is_causal=True), layer(x, earlier))
        True
        """,
        check=_hint_ignored,
        when=And(fast, is_causal, src_mask_rank > 0),
        axes=("src_mask", "norm_first"),
        twins={"the causal one is used": partial(_hint_ignored, hides=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.float_mask_nan",
        since="2.0",
        sentence="Silent: on the fast path a mask of floats without a 0 hides everything, and the "
        "output is NaN; elsewhere the same number everywhere changes nothing.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> with torch.no_grad():
        ...     layer(torch.randn(3, 7, 10), torch.full((7, 7), 0.5)).isnan().all()
        tensor(True)
        """,
        check=_nothing_left,
        when=And(fast, _UNMASKED),
        axes=("norm_first",),
        twins={"the number is added": partial(_nothing_left, hidden=False)},
        source=FORWARD,
    ),
)
