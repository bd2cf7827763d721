"""The claims about nn.Transformer as a whole."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import sympy
from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import shapes
from mhadoc.catalog.transformer.rules import (
    FORWARD,
    INIT,
    RESET,
    SPEC,
)
from mhadoc.catalog.transformer_terms import (
    bias,
    d_model,
    dim_feedforward,
    dropout,
    num_decoder_layers,
    num_encoder_layers,
    training,
)
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.language.compiled import number

RUNS = And(*(Or(demand.holds, Not(demand.when)) for demand in SPEC.call_requirements))
EXACT = Or(Not(training), Not(dropout))
_SYMBOLS = {symbol.name: symbol.expr for symbol in SPEC.symbols}
UNMASKED = And(
    *(Eq(_SYMBOLS[f"{name}_mask_rank"], 0) for name in ("src", "tgt", "memory")),
    *(Not(_SYMBOLS[f"{name}_key_padding_mask"]) for name in ("src", "tgt", "memory")),
    *(Not(_SYMBOLS[f"{name}_is_causal"]) for name in ("src", "tgt", "memory")),
)

#: The number of parameters as people write it: attention, feed-forward part and norms.
COUNT = sympy.expand(
    num_encoder_layers * (4 * d_model * (d_model + bias) + 2 * d_model * dim_feedforward)
    + num_encoder_layers * ((dim_feedforward + d_model) * bias + 2 * d_model * (1 + bias))
    + num_decoder_layers * (8 * d_model * (d_model + bias) + 2 * d_model * dim_feedforward)
    + num_decoder_layers * ((dim_feedforward + d_model) * bias + 3 * d_model * (1 + bias))
    + 2 * d_model * (1 + bias)
)


def _counted(seen: Seen, formula: Any = SPEC.size) -> Mismatch | None:
    count = sum(parameter.numel() for parameter in seen.module.parameters())
    return same(count, int(number(formula, seen.values))) or same(SPEC.size, formula)


def _norms(seen: Seen, expected: tuple[str, ...] = ("encoder", "decoder")) -> Mismatch | None:
    found = [key.split(".")[0] for key in shapes(seen.module) if ".norm.weight" in key]
    return same(expected, tuple(found))


def _reinitialised(seen: Seen, kept: bool = False) -> Mismatch | None:
    """Pass an encoder whose numbers are known, and look at them afterwards."""
    encoder, cls = seen.built().encoder, type(seen.module)
    before = {name: tensor.clone() for name, tensor in encoder.named_parameters()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cls(seen.values["d_model"], seen.values["nhead"], 1, 1, 3, custom_encoder=encoder)
    after = dict(encoder.named_parameters())
    for name, tensor in before.items():
        expected = kept or tensor.dim() < 2
        if wrong := same(expected, bool(tensor.equal(after[name]))):
            return wrong
    return None


def _one_tensor(seen: Seen, kind: str = "Tensor") -> Mismatch | None:
    return same(kind, type(seen.module(seen.inputs["src"], seen.inputs["tgt"])).__name__)


def _warned(seen: Seen, times: int = 1) -> Mismatch | None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        type(seen.module)(d_model=4, nhead=2, dim_feedforward=3)
    text = (
        "enable_nested_tensor is True, but self.use_nested_tensor is False because "
        "encoder_layer.self_attn.batch_first was not True"
        "(use batch_first for better inference performance)"
    )
    return same([text] * times, [str(warning.message) for warning in heard])


CLAIMS = (
    Claim(
        id="tr.transformer.count",
        sentence="With d for `d_model`, f for `dim_feedforward` and b for `bias` as 0 or 1, an "
        "encoder layer has `4*d*(d + b) + 2*d*f + (f + d)*b + 2*d*(1 + b)` parameters, a decoder "
        "layer `8*d*(d + b) + 2*d*f + (f + d)*b + 3*d*(1 + b)`, and the two final norms have "
        "`2*d*(1 + b)`.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> d, f, b = 512, 2048, 1
        >>> encoder_layer = 4 * d * (d + b) + 2 * d * f + (f + d) * b + 2 * d * (1 + b)
        >>> decoder_layer = 8 * d * (d + b) + 2 * d * f + (f + d) * b + 3 * d * (1 + b)
        >>> 6 * encoder_layer + 6 * decoder_layer + 2 * d * (1 + b)
        44140544
        >>> sum(parameter.numel() for parameter in nn.Transformer(device="meta").parameters())
        44140544
        """,
        check=partial(_counted, formula=COUNT),
        axes=("bias", "norm_first"),
        twins={
            "the final norms are left out": partial(
                _counted, formula=sympy.expand(COUNT - 2 * d_model * (1 + bias))
            ),
            "a decoder layer has one attention": partial(
                _counted,
                formula=sympy.expand(COUNT - num_decoder_layers * 4 * d_model * (d_model + bias)),
            ),
        },
        source=INIT,
    ),
    Claim(
        id="tr.final_norms",
        sentence="Encoder and decoder each end in a LayerNorm of their own, also with "
        "`norm_first=False`, where each layer has normed its output already.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> transformer = nn.Transformer(d_model=10, nhead=2)
        >>> transformer.encoder.norm, transformer.decoder.norm
        (LayerNorm((10,), ...), LayerNorm((10,), ...))
        """,
        check=_norms,
        axes=("norm_first", "bias"),
        twins={"only the decoder does": partial(_norms, expected=("decoder",))},
        source=INIT,
    ),
    Claim(
        id="tr.custom_encoder_reinit",
        sentence="Silent: every parameter of a `custom_encoder` or `custom_decoder` that has two "
        "or more axes is drawn anew; what was trained is lost.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> trained = nn.TransformerEncoder(layer, 2)
        >>> before = trained.layers[0].linear1.weight.clone()
        >>> transformer = nn.Transformer(10, 2, batch_first=True, custom_encoder=trained)
        >>> torch.equal(trained.layers[0].linear1.weight, before)
        False
        """,
        check=_reinitialised,
        axes=("bias",),
        twins={"its numbers stay": partial(_reinitialised, kept=True)},
        source=RESET,
    ),
    Claim(
        id="tr.no_weights",
        sentence="One tensor comes out, never attention weights: the attentions inside are called "
        "with `need_weights=False`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, batch_first=True)
        >>> transformer(torch.randn(3, 7, 10), torch.randn(3, 6, 10)).shape
        torch.Size([3, 6, 10])
        """,
        check=_one_tensor,
        axes=("batch_first", "training"),
        twins={"a pair comes out": partial(_one_tensor, kind="tuple")},
        source=FORWARD,
    ),
    Claim(
        id="tr.default_warns",
        since="2.1",
        sentence="`nn.Transformer()` with its own defaults warns: nested tensors are asked for, "
        "and `batch_first=False` rules them out.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     _ = nn.Transformer(device="meta")
        >>> str(heard[0].message).partition("because ")[2].partition("(")[0]
        'encoder_layer.self_attn.batch_first was not True'
        """,
        check=_warned,
        axes=(),
        twins={"it is silent": partial(_warned, times=0)},
        source=INIT,
    ),
)
