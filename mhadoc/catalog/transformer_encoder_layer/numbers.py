"""The claims on what an encoder layer works out: its attention, the order of norms, its masks."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import shapes, told
from mhadoc.catalog.transformer_encoder_layer.paths import FORWARD
from mhadoc.catalog.transformer_encoder_layer.rules import (
    CALL_REQUIREMENTS,
    INIT,
    is_causal,
    padded,
    src_mask_rank,
)
from mhadoc.catalog.transformer_terms import batched, dropout, training
from mhadoc.language import Claim, Mismatch, Seen, close, same

RUNS = And(*(demand.holds for demand in CALL_REQUIREMENTS))
EXACT = Or(Not(training), Not(dropout))
_UNMASKED = And(Eq(src_mask_rank, 0), Not(padded), Not(is_causal))


def by_parts(seen: Seen, *, first: bool | None = None, after: bool = True) -> Any:
    """Return what a layer makes of its input, from the modules inside; masks are left out."""
    module, x = seen.module, seen.inputs["src"]
    first = module.norm_first if first is None else first

    def attend(x: Any) -> Any:
        return module.self_attn(x, x, x, need_weights=False)[0]

    def feed(x: Any) -> Any:
        return module.linear2(module.activation(module.linear1(x)))

    if first:
        x = x + attend(module.norm1(x))
        return x + feed(module.norm2(x))
    x = module.norm1(x + attend(x))
    return module.norm2(x + feed(x)) if after else x + feed(module.norm2(x))


def _order(seen: Seen, **changes: Any) -> Mismatch | None:
    changes = {name: value(seen) if callable(value) else value for name, value in changes.items()}
    return close(by_parts(seen, **changes), seen.outputs["output"])


def _inner(seen: Seen, name: str = "kdim", value: str = "d_model") -> Mismatch | None:
    attention = seen.module.self_attn
    return same(seen.values[value], getattr(attention, name)) or same(
        (None, False), (attention.bias_k, attention.add_zero_attn)
    )


def _no_bias(seen: Seen, kept: tuple[str, ...] = ()) -> Mismatch | None:
    module = seen.built(bias=False)
    return same(kept, tuple(key for key in shapes(module) if key.endswith("bias")))


def _no_detection(seen: Seen, looks: bool = False) -> Mismatch | None:
    """Pass the causal mask without the hint, and see whether the hint reaches the attention."""
    heard = []
    size = seen.values["S"]
    causal = seen.inputs["src"].new_ones(size, size).triu(1) > 0

    def hear(_: object, __: object, given: dict[str, Any]) -> None:
        heard.append(given["is_causal"])

    with seen.module.self_attn.register_forward_pre_hook(hear, with_kwargs=True):
        seen.again(src_mask=causal, is_causal=False)
    return same([looks], heard)


def _positional(seen: Seen, second: str = "src_mask") -> Mismatch | None:
    square = seen.inputs["src"].new_ones(seen.values["S"], seen.values["S"]).triu(1) > 0
    module, src = seen.module, seen.inputs["src"]
    expected = seen.again(**{second: square})
    if expected.error:
        return Mismatch("a mask", told(expected))
    return close(expected.outputs["output"], module(src, square))


def _empty(seen: Seen, *, refused: bool = False) -> Mismatch | None:
    state = shapes(seen.built(dim_feedforward=0))
    width = seen.values["d_model"]
    expected = ((0, width), (width, 0)) if not refused else ()
    return same(expected, (state["linear1.weight"], state["linear2.weight"]))


CLAIMS = (
    Claim(
        id="tr.layer.norm_order",
        sentence="Each part is added to what goes into it; with `norm_first=True` the norm comes "
        "before the part, otherwise after the sum.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, dropout=0.0)
        >>> x = torch.randn(7, 3, 10)
        >>> attended = layer.norm1(x + layer.self_attn(x, x, x)[0])
        >>> fed = layer.linear2(layer.linear1(attended).relu())
        >>> torch.allclose(layer(x), layer.norm2(attended + fed), atol=1e-5)
        True
        """,
        check=_order,
        when=And(RUNS, EXACT, _UNMASKED),
        axes=("norm_first", "batch_first", "activation", "rank"),
        twins={
            "the norm always comes first": partial(_order, first=True),
            "the norm never comes first": partial(_order, first=False),
            "the second norm is inside the sum": partial(_order, after=False),
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.mha_config",
        sentence="The attention inside is as wide as the layer for query, key and value, and has "
        "neither `add_bias_kv` nor `add_zero_attn`: no argument of the layer changes that.",
        doctest="""
        >>> from torch import nn
        >>> attention = nn.TransformerEncoderLayer(d_model=10, nhead=2).self_attn
        >>> attention.kdim, attention.vdim, attention.bias_k, attention.add_zero_attn
        (10, 10, None, False)
        """,
        check=_inner,
        axes=("bias", "batch_first"),
        twins={
            "the key is as wide as a head": partial(_inner, value="head_dim"),
            "as wide as the feed-forward part": partial(_inner, value="dim_feedforward"),
        },
        source=INIT,
    ),
    Claim(
        id="doc.tel_bias",
        since="2.1",
        sentence="`bias=False` removes every bias: of the linear maps, the norms, and also the two "
        "of the attention, which the docstring does not name.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, bias=False)
        >>> [name for name, _ in layer.named_parameters() if name.endswith("bias")]
        []
        """,
        check=_no_bias,
        axes=("bias",),
        twins={
            "the attention keeps its own": partial(
                _no_bias, kept=("self_attn.in_proj_bias", "self_attn.out_proj.bias")
            ),
            "the norms keep theirs": partial(_no_bias, kept=("norm1.bias", "norm2.bias")),
        },
        source=INIT,
    ),
    Claim(
        id="tr.layer.no_detection",
        since="2.3",
        sentence="A layer never looks whether its mask is the causal one: without `is_causal=True` "
        "the attention is told False.",
        doctest="""
        >>> import inspect
        >>> from torch import nn
        >>> inspect.signature(nn.TransformerEncoderLayer.forward).parameters["is_causal"].default
        False
        """,
        check=_no_detection,
        when=And(EXACT, batched),
        axes=("training", "batch_first"),
        twins={"it is told True": partial(_no_detection, looks=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.mask_as_kpm_positional",
        sentence="Silent: the second positional argument is `src_mask`, so that a padding mask "
        "passed there hides other places wherever N is S.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, dropout=0.0, batch_first=True)
        >>> x, padding = torch.randn(4, 4, 10), torch.ones(4, 4, dtype=torch.bool).triu(1)
        >>> right, wrong = layer(x, src_key_padding_mask=padding), layer(x, padding)
        >>> torch.allclose(right, wrong, atol=1e-3)
        False
        """,
        check=_positional,
        when=And(EXACT, _UNMASKED, batched),
        axes=("norm_first",),
        twins={"it is src_key_padding_mask": partial(_positional, second="src_key_padding_mask")},
        source=FORWARD,
    ),
    Claim(
        id="tr.ff_zero",
        sentence="`dim_feedforward=0` is accepted: the two linear maps are empty then.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # torch finds nothing to draw
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, dim_feedforward=0)
        >>> layer.linear1.weight.numel(), layer.linear2.weight.numel()
        (0, 0)
        """,
        check=_empty,
        axes=("bias",),
        twins={"it is refused": partial(_empty, refused=True)},
        source=INIT,
    ),
)
