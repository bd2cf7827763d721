"""The claims on what a decoder layer does with its masks, its dropout and its eps."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not, Or

from mhadoc.catalog.transformer_by_hand import as_by_hand, decoder_layer, passed_on
from mhadoc.catalog.transformer_decoder_layer.claims import RUNS
from mhadoc.catalog.transformer_decoder_layer.rules import (
    FEED,
    FORWARD,
    INIT,
    memory_mask_rank,
    memory_padded,
    tgt_mask_rank,
    tgt_padded,
)
from mhadoc.catalog.transformer_terms import SOURCE, dropout, training
from mhadoc.language import Claim, Mismatch, Seen, same

_EXACT = Or(Not(training), Not(dropout))
_MASKED = Or(tgt_mask_rank > 0, memory_mask_rank > 0, tgt_padded, memory_padded)

_by_hand = partial(as_by_hand, function=decoder_layer)


def _old_pickle(seen: Seen, name: str = "relu") -> Mismatch | None:
    """Restore a layer from a state without its activation, as torch once saved them."""
    cls: Any = type(seen.module)
    restored = cls.__new__(cls)
    inside = {k: v for k, v in vars(seen.module)["_modules"].items() if k != "activation"}
    state = {k: v for k, v in vars(seen.module).items() if k != "activation"}
    restored.__setstate__({**state, "_modules": inside})
    return same(name, restored.activation.__name__)


CLAIMS = (
    Claim(
        id="tr.decoder.masks",
        sentence="`tgt_mask` and `tgt_key_padding_mask` go to `self_attn`; `memory_mask` and "
        "`memory_key_padding_mask` go to `multihead_attn`. Each hides keys there and nowhere else.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(10, 2, dropout=0.0, batch_first=True)
        >>> tgt, memory = torch.randn(3, 6, 10), torch.randn(3, 7, 10)
        >>> padding = torch.zeros(3, 7).bool()
        >>> padding[:, -2:] = True
        >>> hidden = layer(tgt, memory, memory_key_padding_mask=padding)
        >>> torch.allclose(hidden, layer(tgt, memory[:, :-2]), atol=1e-5)
        True
        """,
        check=_by_hand,
        when=And(RUNS, _EXACT, _MASKED),
        axes=("tgt_key_padding_mask", "memory_key_padding_mask", "norm_first"),
        twins={
            f"{name} hides nothing": partial(_by_hand, left_out=(name,))
            for name in (
                *("tgt_mask", "memory_mask"),
                *("tgt_key_padding_mask", "memory_key_padding_mask"),
            )
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.decoder.dropout",
        sentence="In training `dropout` acts on the weights of both attentions, on what each of "
        "them adds, on what the activation returns, and on what the second linear map adds.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=10, nhead=2, dropout=0.3)
        >>> [name for name, module in layer.named_modules() if isinstance(module, nn.Dropout)]
        ['dropout', 'dropout1', 'dropout2', 'dropout3']
        """,
        check=_by_hand,
        when=And(RUNS, training, dropout),
        axes=("norm_first", "activation"),
        twins={
            "not on what self_attn adds": partial(_by_hand, left_out=("dropout1",)),
            "not on what multihead_attn adds": partial(_by_hand, left_out=("dropout2",)),
            "not on what the activation returns": partial(_by_hand, left_out=("dropout",)),
            "not at the end": partial(_by_hand, left_out=("dropout3",)),
        },
        source=FEED,
    ),
    Claim(
        id="tr.decoder.dropout_everywhere",
        sentence="The constructor's `dropout` is that of both attentions and of every Dropout in "
        "the layer.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=10, nhead=2, dropout=0.3)
        >>> layer.self_attn.dropout, layer.multihead_attn.dropout, layer.dropout3.p
        (0.3, 0.3, 0.3)
        """,
        check=partial(passed_on, name="dropout"),
        axes=("bias", "batch_first"),
        twins={
            "multihead_attn has none": partial(
                passed_on, name="dropout", left_out="multihead_attn"
            ),
            "the last Dropout has one half": partial(
                passed_on, name="dropout", left_out="dropout3"
            ),
        },
        source=INIT,
    ),
    Claim(
        id="tr.decoder.eps",
        sentence="`layer_norm_eps` is the `eps` of all three norms.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=10, nhead=2, layer_norm_eps=1e-3)
        >>> layer.norm1.eps, layer.norm2.eps, layer.norm3.eps
        (0.001, 0.001, 0.001)
        """,
        check=partial(passed_on, name="layer_norm_eps"),
        axes=("bias",),
        twins={
            "not of the third": partial(passed_on, name="layer_norm_eps", left_out="norm3"),
        },
        source=INIT,
    ),
    Claim(
        id="tr.decoder.setstate",
        sentence="A decoder layer restored from a pickle without an activation, as torch once "
        "saved them, has ReLU.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerDecoderLayer(d_model=10, nhead=2, activation="gelu")
        >>> state = {name: value for name, value in vars(layer).items() if name != "activation"}
        >>> restored = nn.TransformerDecoderLayer.__new__(nn.TransformerDecoderLayer)
        >>> restored.__setstate__(state)
        >>> restored.activation.__name__
        'relu'
        """,
        check=_old_pickle,
        axes=("activation",),
        twins={"it has GELU": partial(_old_pickle, name="gelu")},
        source=f"{SOURCE}: TransformerDecoderLayer.__setstate__",
    ),
)
