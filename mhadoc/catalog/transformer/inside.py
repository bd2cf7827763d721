"""The claims on what nn.Transformer hands on: tensors and masks, arguments, modules of others."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And

from mhadoc.catalog.multihead_attention.claims.compare import alike
from mhadoc.catalog.transformer.claims import EXACT, RUNS, UNMASKED
from mhadoc.catalog.transformer.rules import FORWARD, INIT
from mhadoc.catalog.transformer_by_hand import as_by_hand, passed_on
from mhadoc.catalog.transformer_terms import grad
from mhadoc.language import Claim, Mismatch, Seen, same


def _two_steps(module: Any, without: tuple[str, ...], src: Any, tgt: Any, **given: Any) -> Any:
    """Encode and decode, each with its own masks and hints."""
    kept = {name: None if name in without else value for name, value in given.items()}
    memory = module.encoder(
        src,
        mask=kept.get("src_mask"),
        src_key_padding_mask=kept.get("src_key_padding_mask"),
        is_causal=kept.get("src_is_causal"),
    )
    names = [name for name in kept if not name.startswith("src_")]
    hints = {"memory_is_causal": bool(kept.get("memory_is_causal"))}
    passed = {name: kept[name] for name in names} | hints
    return module.decoder(tgt, src if "memory" in without else memory, **passed)


_in_steps = partial(as_by_hand, function=_two_steps)


def _source_padding(seen: Seen, *, padding: bool = False) -> Mismatch | None:
    """Encode and decode by hand, and compare; the source's padding goes to the encoder alone."""
    hidden = _hidden(seen)
    again = seen.again(src_key_padding_mask=hidden)
    found = seen.again(
        partial(_two_steps, seen.module, ()),
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden if padding else None,
    )
    return alike(found, again)


def _hidden(seen: Seen) -> Any:
    """Return a padding mask of the source that hides the last positions."""
    size = seen.values["S"]
    shape = (seen.values["N"], size) if seen.values["batched"] else (size,)
    hidden = seen.inputs["src"].new_zeros(shape) > 0
    hidden[..., -2:] = True
    return hidden


def _custom(seen: Seen, used: tuple[bool, bool] = (True, True)) -> Mismatch | None:
    """Pass the encoder and the decoder of another module, and look where they are."""
    other = seen.built()
    module = seen.built(custom_encoder=other.encoder, custom_decoder=other.decoder)
    return same(used, (module.encoder is other.encoder, module.decoder is other.decoder))


CLAIMS = (
    Claim(
        id="tr.two_steps",
        since="2.1",
        sentence="The encoder gets `src` with the masks and the hint that begin with `src_`, and "
        "what it returns is the memory; the decoder gets `tgt`, the memory and all the others.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, dropout=0.0, batch_first=True)
        >>> src, tgt = torch.randn(3, 7, 10), torch.randn(3, 6, 10)
        >>> later = transformer.generate_square_subsequent_mask(6)
        >>> memory = transformer.encoder(src)
        >>> output = transformer.decoder(tgt, memory, tgt_mask=later)
        >>> torch.allclose(transformer(src, tgt, tgt_mask=later), output, atol=1e-6)
        True
        """,
        check=_in_steps,
        when=RUNS,
        axes=("src_mask", "tgt_mask"),
        twins={
            "the decoder sees the source itself": partial(_in_steps, left_out=("memory",)),
            **{
                f"{name} goes no further": partial(_in_steps, left_out=(name,))
                for name in (
                    *("src_mask", "src_key_padding_mask", "tgt_mask", "tgt_key_padding_mask"),
                    *("memory_mask", "memory_key_padding_mask"),
                )
            },
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.dropout_everywhere",
        sentence="`dropout` is that of every attention and every Dropout inside.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, dropout=0.3)
        >>> {module.p for module in transformer.modules() if isinstance(module, nn.Dropout)}
        {0.3}
        """,
        check=partial(passed_on, name="dropout"),
        axes=("bias", "batch_first"),
        twins={
            "the decoder has none": partial(
                passed_on, name="dropout", left_out="decoder.layers.0.dropout3"
            )
        },
        source=INIT,
    ),
    Claim(
        id="tr.eps_everywhere",
        sentence="`layer_norm_eps` is the `eps` of every LayerNorm inside, the two final ones "
        "included.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, layer_norm_eps=1e-3)
        >>> {module.eps for module in transformer.modules() if isinstance(module, nn.LayerNorm)}
        {0.001}
        """,
        check=partial(passed_on, name="layer_norm_eps"),
        axes=("bias",),
        twins={
            "the final ones have their default": partial(
                passed_on, name="layer_norm_eps", left_out="coder.norm"
            )
        },
        source=INIT,
    ),
    Claim(
        id="tr.custom",
        sentence="A `custom_encoder` or `custom_decoder` is used as it is, and not copied.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> mine = nn.TransformerDecoder(nn.TransformerDecoderLayer(10, 2), num_layers=1)
        >>> nn.Transformer(10, 2, 1, 1, 11, custom_decoder=mine).decoder is mine
        True
        """,
        check=_custom,
        axes=("bias",),
        twins={
            "the decoder is copied": partial(_custom, used=(True, False)),
            "the encoder is copied": partial(_custom, used=(False, True)),
        },
        source=INIT,
    ),
    Claim(
        id="tr.no_mem_mask_default",
        since="2.1",
        sentence="Silent: `src_key_padding_mask` hides positions from the encoder alone; the "
        "decoder sees them unless `memory_key_padding_mask` hides them as well.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, dropout=0.0, batch_first=True)
        >>> src, tgt = torch.randn(3, 7, 10), torch.randn(3, 6, 10)
        >>> padding = torch.zeros(3, 7, dtype=torch.bool)
        >>> padding[:, -2:] = True
        >>> seen = transformer(src, tgt, src_key_padding_mask=padding)
        >>> hidden = transformer(
        ...     src, tgt, src_key_padding_mask=padding, memory_key_padding_mask=padding)
        >>> torch.allclose(seen, hidden, atol=1e-3)
        False
        """,
        check=_source_padding,
        when=And(RUNS, EXACT, UNMASKED, grad),
        axes=("batch_first", "rank"),
        twins={"the decoder does not see them": partial(_source_padding, padding=True)},
        source=FORWARD,
    ),
)
