"""The claims on what an encoder layer does with its masks, its dropout and its eps."""

from __future__ import annotations

from functools import partial

from sympy import And, Not, Or

from mhadoc.catalog.transformer_by_hand import as_by_hand, encoder_layer, passed_on
from mhadoc.catalog.transformer_encoder_layer.numbers import EXACT, RUNS
from mhadoc.catalog.transformer_encoder_layer.paths import FORWARD, fast
from mhadoc.catalog.transformer_encoder_layer.rules import (
    FEED,
    INIT,
    SELF,
    is_causal,
    padded,
    padded_float,
    src_mask_float,
    src_mask_rank,
)
from mhadoc.catalog.transformer_terms import dropout, training
from mhadoc.language import Claim

_MASKED = Or(src_mask_rank > 0, padded)
_BOOLS = And(Not(src_mask_float), Not(padded_float), Not(is_causal))

_by_hand = partial(as_by_hand, function=encoder_layer)


CLAIMS = (
    Claim(
        id="tr.layer.masks",
        sentence="`src_mask` and `src_key_padding_mask` go to the attention, as its `attn_mask` "
        "and `key_padding_mask`, and to nothing else.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, dropout=0.0, batch_first=True)
        >>> x, padding = torch.randn(3, 7, 10), torch.zeros(3, 7).bool()
        >>> padding[:, -2:] = True
        >>> added = layer.self_attn(x, x, x, key_padding_mask=padding)[0]
        >>> x_attended = layer.norm1(x + added)
        >>> fed = layer.linear2(layer.linear1(x_attended).relu())
        >>> expected = layer.norm2(x_attended + fed)
        >>> torch.allclose(layer(x, src_key_padding_mask=padding), expected, atol=1e-5)
        True
        """,
        check=_by_hand,
        when=And(RUNS, EXACT, _MASKED, Not(fast)),
        axes=("src_mask", "src_key_padding_mask", "norm_first"),
        twins={
            "src_mask hides nothing": partial(_by_hand, left_out=("src_mask",)),
            "src_key_padding_mask hides nothing": partial(
                _by_hand, left_out=("src_key_padding_mask",)
            ),
        },
        source=SELF,
    ),
    Claim(
        id="tr.fast.masks",
        sentence="On the fast path boolean masks hide what they hide elsewhere, one alone or both.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x, later = torch.randn(3, 7, 10), torch.ones(7, 7).triu(1).bool()
        >>> slow = layer(x, later)
        >>> with torch.no_grad():
        ...     torch.allclose(layer(x, later), slow, atol=1e-5)
        True
        """,
        check=_by_hand,
        when=And(fast, _MASKED, _BOOLS),
        axes=("src_mask", "src_key_padding_mask", "norm_first"),
        twins={
            "src_mask hides nothing": partial(_by_hand, left_out=("src_mask",)),
            "src_key_padding_mask hides nothing": partial(
                _by_hand, left_out=("src_key_padding_mask",)
            ),
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.layer.dropout",
        sentence="In training `dropout` acts in four places: on the attention weights, on what the "
        "attention adds, on what the activation returns, and on what the second linear map adds.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, dropout=0.3)
        >>> layer.self_attn.dropout, layer.dropout1.p, layer.dropout.p, layer.dropout2.p
        (0.3, 0.3, 0.3, 0.3)
        """,
        check=_by_hand,
        when=And(RUNS, training, dropout),
        axes=("norm_first", "activation"),
        twins={
            "not on what the attention adds": partial(_by_hand, left_out=("dropout1",)),
            "not on what the activation returns": partial(_by_hand, left_out=("dropout",)),
            "not at the end": partial(_by_hand, left_out=("dropout2",)),
        },
        source=FEED,
    ),
    Claim(
        id="tr.layer.dropout_everywhere",
        sentence="The constructor's `dropout` is that of the attention and of every Dropout in the "
        "layer.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, dropout=0.3)
        >>> {module.p for module in layer.modules() if isinstance(module, nn.Dropout)}
        {0.3}
        """,
        check=partial(passed_on, name="dropout"),
        axes=("bias", "batch_first"),
        twins={
            "the attention has none": partial(passed_on, name="dropout", left_out="self_attn"),
            "the last Dropout has one half": partial(
                passed_on, name="dropout", left_out="dropout2"
            ),
        },
        source=INIT,
    ),
    Claim(
        id="tr.layer.eps",
        sentence="`layer_norm_eps` is the `eps` of both norms.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, layer_norm_eps=1e-3)
        >>> layer.norm1.eps, layer.norm2.eps
        (0.001, 0.001)
        """,
        check=partial(passed_on, name="layer_norm_eps"),
        axes=("bias",),
        twins={
            "of the first alone": partial(passed_on, name="layer_norm_eps", left_out="norm2"),
        },
        source=INIT,
    ),
)
