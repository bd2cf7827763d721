"""The claims on the masks of nn.TransformerEncoder: who gets them, what is found out of them."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import told
from mhadoc.catalog.multihead_attention.claims.surroundings import (
    autocast_for_cuda,
    switched_off,
)
from mhadoc.catalog.transformer_by_hand import as_by_hand, encoder
from mhadoc.catalog.transformer_encoder.claims import RUNS
from mhadoc.catalog.transformer_encoder.symbols import FORWARD, mask_rank, nests, padded
from mhadoc.catalog.transformer_terms import SOURCE, batched, dropout, grad, training
from mhadoc.language import Claim, Mismatch, Seen, same

_NESTED = And(nests, batched, padded, Eq(mask_rank, 0), Not(training), Not(grad))
_CONVERTS = "_nested_tensor_from_mask"

_by_hand = partial(as_by_hand, function=encoder)


def _converts(seen: Seen, left_out: str = "") -> Mismatch | None:
    """Compare whether a nested tensor is made with the conditions; padding is at the end."""
    values, masked = seen.values, seen.inputs.get("mask")
    padding = _padding(seen) if values["src_key_padding_mask"] else None
    conditions = {
        "eval mode": not values["training"],
        "no gradients": not values["grad"],
        "a batch": bool(values["batched"]),
        "a padding mask": padding is not None,
        "no other mask": masked is None,
    }
    expected = all(holds for name, holds in conditions.items() if name != left_out)
    ran = seen.operators(mask=masked, src_key_padding_mask=padding, is_causal=False)
    return same(expected, _CONVERTS in ran)


def _padding(seen: Seen) -> Any:
    """Return a padding mask that hides the last position of all but the first element."""
    batch = (seen.values["N"],) if seen.values["batched"] else ()
    hidden = seen.inputs["src"].new_zeros((*batch, seen.values["S"])) > 0
    if batch:
        hidden[1:, -1] = True
    return hidden


def _kept_from(seen: Seen, *, converts: bool = False) -> Mismatch | None:
    """Switch fast paths off, and autocast for CUDA on: neither call may make a nested tensor."""
    given = {"src_key_padding_mask": _padding(seen)}
    with switched_off():
        off = _CONVERTS in seen.operators(**given)
    with autocast_for_cuda():
        under = _CONVERTS in seen.operators(**given)
    return same((True, converts, converts), (_CONVERTS in seen.operators(**given), off, under))


def _all_padded(seen: Seen, error: str = "RuntimeError: to_padded_tensor") -> Mismatch | None:
    """Hide every position of every element."""
    padding = _padding(seen).fill_(True)
    return same(error, told(seen.again(src_key_padding_mask=padding)).rpartition(": ")[0])


def _ragged(seen: Seen, nested: bool = True) -> Mismatch | None:
    """Pass a nested tensor in the place of the padded one."""
    import torch

    src, length = seen.inputs["src"], seen.values["S"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ragged = torch.nested.nested_tensor([row[: length - i] for i, row in enumerate(src)])
    again = seen.again(_again_without_norm(seen), src=ragged, src_key_padding_mask=None)
    if again.error:
        return Mismatch("a nested tensor", told(again))
    return same(nested, again.outputs["output"].is_nested)


def _again_without_norm(seen: Seen) -> Any:
    cls: Any = type(seen.module)
    return cls(seen.module.layers[0], 2).eval()


def _nearly(seen: Seen, hint: bool = False) -> Mismatch | None:
    """Pass a mask that differs from the causal one in a single place."""
    size, heard = seen.values["S"], []
    mask = seen.inputs["src"].new_ones(size, size).triu(1) > 0
    mask[0, -1] = False

    def hear(_: object, __: object, given: dict[str, Any]) -> None:
        heard.append(given["is_causal"])

    with seen.module.layers[0].register_forward_pre_hook(hear, with_kwargs=True):
        seen.again(mask=mask, src_key_padding_mask=None, is_causal=None)
    return same([hint], heard)


CLAIMS = (
    Claim(
        id="tr.encoder.passes_on",
        sentence="Every layer gets the same `mask`, as `src_mask`, and the same "
        "`src_key_padding_mask`, unless nested tensors are used.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, dropout=0.0, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, 2)
        >>> x, padding = torch.randn(3, 7, 10), torch.zeros(3, 7).bool()
        >>> padding[:, -2:] = True
        >>> hidden = encoder(x, src_key_padding_mask=padding)
        >>> torch.allclose(hidden[:, :-2], encoder(x[:, :-2]), atol=1e-5)
        True
        """,
        check=_by_hand,
        when=And(RUNS, Or(mask_rank > 0, padded), Not(_NESTED)),
        axes=("mask", "src_key_padding_mask", "norm_first"),
        twins={
            "mask goes no further": partial(_by_hand, left_out=("mask",)),
            "src_key_padding_mask goes no further": partial(
                _by_hand, left_out=("src_key_padding_mask",)
            ),
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.encoder.nested_when",
        sentence="Over a layer that can use them, nested tensors are made exactly in eval mode, "
        "without gradients, for a batch, with a padding mask that hides ends alone, and without "
        "another mask.",
        doctest="""
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> encoder, x = nn.TransformerEncoder(layer, 2).eval(), torch.randn(3, 7, 10)
        >>> convert, padding = torch._nested_tensor_from_mask, torch.zeros(3, 7).bool()
        >>> with patch.object(torch, convert.__name__, wraps=convert) as watched, torch.no_grad():
        ...     _ = encoder(x, src_key_padding_mask=padding)
        >>> watched.called
        True
        """,
        check=_converts,
        when=And(nests, Or(Not(training), Not(dropout))),
        axes=("training", "grad", "rank", "mask", "src_key_padding_mask"),
        twins={
            f"without {name}": partial(_converts, left_out=name)
            for name in ("eval mode", "no gradients", "a batch", "a padding mask", "no other mask")
        },
        source=FORWARD,
    ),
    Claim(
        id="tr.encoder.nested_unless",
        since="2.3",
        sentence="`torch.backends.mha.set_fastpath_enabled(False)` keeps a stack from nested "
        "tensors, and so does autocast for CUDA, on the CPU as well.",
        doctest="""
        >>> from unittest.mock import patch
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> encoder, x = nn.TransformerEncoder(layer, 2).eval(), torch.randn(3, 7, 10)
        >>> convert, padding = torch._nested_tensor_from_mask, torch.zeros(3, 7).bool()
        >>> torch.backends.mha.set_fastpath_enabled(False)
        >>> with patch.object(torch, convert.__name__, wraps=convert) as watched, torch.no_grad():
        ...     _ = encoder(x, src_key_padding_mask=padding)
        >>> torch.backends.mha.set_fastpath_enabled(True)
        >>> watched.called
        False
        """,
        check=_kept_from,
        when=_NESTED,
        axes=("activation",),
        twins={"they are made all the same": partial(_kept_from, converts=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.all_padded",
        since="2.2",
        sentence="Where nested tensors are used, a padding mask that hides everything raises a "
        "RuntimeError about `to_padded_tensor`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> encoder, everything = nn.TransformerEncoder(layer, 2).eval(), torch.ones(3, 7).bool()
        >>> with torch.no_grad():
        ...     encoder(torch.randn(3, 7, 10), src_key_padding_mask=everything)
        Traceback (most recent call last):
            ...
        RuntimeError: to_padded_tensor: at least one constituent tensor should have non-zero numel
        """,
        check=_all_padded,
        when=_NESTED,
        axes=("activation",),
        twins={"it gives zeros": partial(_all_padded, error="no error")},
        source=FORWARD,
    ),
    Claim(
        id="tr.encoder.nested_input",
        sentence="A stack takes a nested tensor where its layers are on their fast path, and then "
        "returns one.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # nested tensors are a prototype
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, 2).eval()
        >>> x = torch.nested.nested_tensor([torch.randn(n, 10) for n in (4, 7, 2)])
        >>> with torch.no_grad():
        ...     encoder(x).is_nested
        True
        """,
        check=_ragged,
        when=_NESTED,
        axes=("activation",),
        twins={"it returns a padded one": partial(_ragged, nested=False)},
        source=FORWARD,
    ),
    Claim(
        id="tr.causal_autodetect.exact",
        since="2.1",
        sentence="A mask that differs from the causal one in a single place is not taken for it.",
        doctest="""
        >>> from torch import nn
        >>> from torch.nn.modules.transformer import _detect_is_causal_mask
        >>> nearly = nn.Transformer.generate_square_subsequent_mask(7)
        >>> nearly[0, 6] = 0.0
        >>> _detect_is_causal_mask(nearly)
        False
        """,
        check=_nearly,
        when=RUNS,
        axes=("batch_first", "rank"),
        twins={"it is": partial(_nearly, hint=True)},
        source=f"{SOURCE}: _detect_is_causal_mask",
    ),
)
