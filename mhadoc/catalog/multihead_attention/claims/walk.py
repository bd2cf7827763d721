"""The well-known question, step by step: from Transformer() down to in_proj_weight."""

from __future__ import annotations

from typing import Any

from mhadoc.catalog.multihead_attention.symbols import INIT
from mhadoc.language import Claim, Mismatch, Seen, same

_ENCODER_LAYER = "torch/nn/modules/transformer.py: TransformerEncoderLayer.__init__"
_TWELVE = (
    *("self_attn.in_proj_weight", "self_attn.in_proj_bias"),
    *("self_attn.out_proj.weight", "self_attn.out_proj.bias"),
    *("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"),
    *("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"),
)


def _first_layer(seen: Seen) -> Any:
    """Return the first encoder layer of a Transformer as wide as the case's attention."""
    from torch import nn

    width, heads = seen.values["embed_dim"], seen.values["num_heads"]
    transformer = nn.Transformer(width, heads, 1, 1, 3, batch_first=True)
    return transformer.encoder.layers[0]


def _entries(seen: Seen, expected: tuple[str, ...] = _TWELVE) -> Mismatch | None:
    return same(expected, tuple(_first_layer(seen).state_dict()))


def _rows(seen: Seen, times: int = 3) -> Mismatch | None:
    width = seen.values["embed_dim"]
    weight = _first_layer(seen).self_attn.in_proj_weight
    return same((times * width, width), tuple(weight.shape))


def _printed(seen: Seen, shown: tuple[str, ...] = ("out_proj",)) -> Mismatch | None:
    return same(shown, tuple(name for name, _ in seen.module.named_children()))


CLAIMS = (
    Claim(
        id="mha.walk.printed",
        sentence="Printing the module shows `out_proj` alone: the projections of q, k and v are "
        "parameters, not submodules.",
        doctest="""
        >>> from torch import nn
        >>> nn.MultiheadAttention(embed_dim=512, num_heads=8)
        MultiheadAttention(
          (out_proj): NonDynamicallyQuantizableLinear(in_features=512, out_features=512, bias=True)
        )
        """,
        check=_printed,
        axes=("bias", "kdim", "vdim", "add_bias_kv"),
        twins={
            "it shows in_proj as well": lambda seen: _printed(seen, ("in_proj", "out_proj")),
        },
        source=INIT,
    ),
    Claim(
        id="mha.walk.entries",
        sentence="The first encoder layer of a `Transformer()` has twelve entries in its "
        "state_dict, and the first four are the attention's.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> model = nn.Transformer(device="meta")  # shapes alone, no numbers
        >>> for name, tensor in model.encoder.layers[0].state_dict().items():
        ...     print(f"{name:26}{tuple(tensor.shape)}")
        self_attn.in_proj_weight  (1536, 512)
        self_attn.in_proj_bias    (1536,)
        self_attn.out_proj.weight (512, 512)
        self_attn.out_proj.bias   (512,)
        linear1.weight            (2048, 512)
        linear1.bias              (2048,)
        linear2.weight            (512, 2048)
        linear2.bias              (512,)
        norm1.weight              (512,)
        norm1.bias                (512,)
        norm2.weight              (512,)
        norm2.bias                (512,)
        """,
        check=_entries,
        axes=(),
        twins={
            "the feed-forward part comes first": lambda seen: _entries(
                seen, _TWELVE[4:8] + _TWELVE[:4] + _TWELVE[8:]
            ),
        },
        source=_ENCODER_LAYER,
    ),
    Claim(
        id="mha.walk.rows",
        sentence="The attention inside a `Transformer()` has an `in_proj_weight` of three times "
        "`d_model` rows, because its `embed_dim` is `d_model`.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> model = nn.Transformer(device="meta")  # shapes alone, no numbers
        >>> attention = model.encoder.layers[0].self_attn
        >>> attention.embed_dim
        512
        >>> attention.in_proj_weight.shape[0] == 3 * attention.embed_dim
        True
        """,
        check=_rows,
        axes=(),
        twins={"twice as many": lambda seen: _rows(seen, 2)},
        source=_ENCODER_LAYER,
    ),
)
