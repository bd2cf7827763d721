"""The claims on the causal mask that nn.Transformer makes, and on what its call refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not, Or

from mhadoc.catalog.multihead_attention.claims.compare import alike, raised, told
from mhadoc.catalog.transformer.rules import (
    FORWARD,
    SPEC,
)
from mhadoc.catalog.transformer_terms import (
    SOURCE,
    dropout,
    training,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

RUNS = And(*(Or(demand.holds, Not(demand.when)) for demand in SPEC.call_requirements))
_EXACT = Or(Not(training), Not(dropout))
_SYMBOLS = {symbol.name: symbol.expr for symbol in SPEC.symbols}
_UNMASKED = And(
    *(Eq(_SYMBOLS[f"{name}_mask_rank"], 0) for name in ("src", "tgt", "memory")),
    *(Not(_SYMBOLS[f"{name}_key_padding_mask"]) for name in ("src", "tgt", "memory")),
    *(Not(_SYMBOLS[f"{name}_is_causal"]) for name in ("src", "tgt", "memory")),
)
_MASK = f"{SOURCE}: Transformer.generate_square_subsequent_mask"


def _causal(seen: Seen, shift: int = 1, value: float = float("-inf")) -> Mismatch | None:
    size = seen.values["T"]
    mask = seen.module.generate_square_subsequent_mask(size)
    ones = mask.new_ones(size, size).triu(shift) > 0
    return close(mask.new_zeros(size, size).masked_fill(ones, value), mask)


def _bool_causal(seen: Seen, shows: bool = False) -> Mismatch | None:
    """Ask for a boolean mask, and call with it: True has to hide."""
    tgt = seen.inputs["tgt"]
    mask = seen.module.generate_square_subsequent_mask(seen.values["T"])
    boolean = (mask == 0) if shows else (mask < 0)
    made = seen.module.generate_square_subsequent_mask(seen.values["T"], dtype=boolean.dtype)
    if wrong := same(True, bool(made.equal(boolean))):
        return wrong
    return alike(seen.again(tgt_mask=mask.to(tgt.dtype)), seen.again(tgt_mask=boolean))


def _integer_mask(seen: Seen, error: str = "RuntimeError") -> Mismatch | None:
    ints = seen.inputs["tgt"].long().dtype
    made = partial(seen.module.generate_square_subsequent_mask, dtype=ints)
    return same(error, raised(made, 3).partition(":")[0])


def _negative_mask(seen: Seen, error: str = "RuntimeError") -> Mismatch | None:
    made = seen.module.generate_square_subsequent_mask
    return same(error, raised(made, -1).partition(":")[0])


def _batch(seen: Seen, text: str = "the batch number of src and tgt must be equal") -> Any:
    tgt, axis = seen.inputs["tgt"], 0 if seen.values["batch_first"] else 1
    fewer = tgt.narrow(axis, 0, tgt.shape[axis] - 1)
    return same(f"RuntimeError: {text}", told(seen.again(tgt=fewer)))


def _rank(seen: Seen, text: str = "the batch number of src and tgt must be equal") -> Any:
    tgt = seen.inputs["tgt"].select(0 if seen.values["batch_first"] else 1, 0)
    return same(f"RuntimeError: {text}", told(seen.again(tgt=tgt)))


def _features(seen: Seen, names: tuple[str, ...] = ("src", "tgt")) -> Mismatch | None:
    text = f"the feature number of {' and '.join(names)} must be equal to d_model"
    for name in ("src", "tgt"):
        wide = seen.inputs[name].new_zeros((*seen.inputs[name].shape[:-1], 3))
        if wrong := same(f"RuntimeError: {text}", told(seen.again(**{name: wide}))):
            return wrong
    return None


CLAIMS = (
    Claim(
        id="tr.gen_mask",
        sentence="`generate_square_subsequent_mask(T)` is -inf above the diagonal and 0 on it and "
        "below: each position sees itself and what comes before.",
        doctest="""
        >>> from torch import nn
        >>> nn.Transformer.generate_square_subsequent_mask(3)
        tensor([[0., -inf, -inf],
                [0., 0., -inf],
                [0., 0., 0.]])
        """,
        check=_causal,
        axes=(),
        twins={
            "it hides the diagonal as well": partial(_causal, shift=0),
            "it holds ones": partial(_causal, value=1.0),
        },
        source=_MASK,
    ),
    Claim(
        id="tr.gen_mask_bool",
        since="2.1",
        sentence="With `dtype=torch.bool` the mask is True above the diagonal, where True hides: "
        "it means the same.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.bool)
        tensor([[False,  True,  True],
                [False, False,  True],
                [False, False, False]])
        """,
        check=_bool_causal,
        when=And(RUNS, _EXACT, _UNMASKED),
        axes=("batch_first",),
        twins={"it is True where a position is seen": partial(_bool_causal, shows=True)},
        source=_MASK,
    ),
    Claim(
        id="tr.gen_mask_int",
        since="2.1",
        sentence="A mask of ints cannot be made: they have no infinity.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.int64)
        Traceback (most recent call last):
            ...
        RuntimeError: value cannot be converted to type int64_t without overflow
        """,
        check=_integer_mask,
        axes=(),
        twins={"it can": partial(_integer_mask, error="no error")},
        source=_MASK,
    ),
    Claim(
        id="tr.gen_mask_negative",
        sentence="`generate_square_subsequent_mask` refuses a negative size with a RuntimeError.",
        doctest="""
        >>> from torch import nn
        >>> nn.Transformer.generate_square_subsequent_mask(-1)
        Traceback (most recent call last):
            ...
        RuntimeError: Trying to create tensor with negative dimension -1: [-1, -1]
        """,
        check=_negative_mask,
        axes=(),
        twins={"it returns an empty one": partial(_negative_mask, error="no error")},
        source=_MASK,
    ),
    Claim(
        id="tr.err.batch",
        sentence="Source and target must have the same batch size.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, batch_first=True)
        >>> transformer(torch.randn(3, 7, 10), torch.randn(2, 6, 10))
        Traceback (most recent call last):
            ...
        RuntimeError: the batch number of src and tgt must be equal
        """,
        check=_batch,
        when=_SYMBOLS["batched"],
        axes=("batch_first",),
        twins={"the text names the lengths": partial(_batch, text="src and tgt differ in length")},
        source=FORWARD,
    ),
    Claim(
        id="tr.err.rank_mix",
        sentence="A batched source with an unbatched target is refused for its batch size, not "
        "for its number of axes, unless the sizes compared happen to agree.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, batch_first=True)
        >>> transformer(torch.randn(3, 7, 10), torch.randn(6, 10))
        Traceback (most recent call last):
            ...
        RuntimeError: the batch number of src and tgt must be equal
        """,
        check=_rank,
        when=_SYMBOLS["batched"],
        axes=("batch_first",),
        twins={"the text names the axes": partial(_rank, text="src and tgt differ in rank")},
        source=FORWARD,
    ),
    Claim(
        id="tr.err.features",
        sentence="Source and target must have `d_model` features, and the text names both, "
        "whichever is wrong.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> transformer = nn.Transformer(10, 2, 1, 1, 11, batch_first=True)
        >>> transformer(torch.randn(3, 7, 10), torch.randn(3, 6, 9))
        Traceback (most recent call last):
            ...
        RuntimeError: the feature number of src and tgt must be equal to d_model
        """,
        check=_features,
        axes=("batch_first", "rank"),
        twins={"it names the wrong one": partial(_features, names=("tgt",))},
        source=FORWARD,
    ),
)
