"""Dropout: when it acts, on what, and which probabilities fail only in forward."""

from __future__ import annotations

from functools import partial

from sympy import And

from mhadoc.catalog.multihead_attention.by_hand import by_hand, laid_out
from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    failure,
    plainly,
    told,
)
from mhadoc.catalog.multihead_attention.symbols import ATTEND, INIT, dropout, need_weights, training
from mhadoc.language import Claim, Mismatch, Seen, close, same

_ACTIVE = And(training, dropout)


def _kept(seen: Seen, kind: type = str) -> Mismatch | None:
    module = seen.built(dropout="0.1")
    children = [type(child).__name__ for child in module.children()]
    return same(kind, type(module.dropout)) or same(False, "Dropout" in children)


def _changes_nothing(seen: Seen, probability: float, mode: bool) -> Mismatch | None:
    """Compare a module that has this dropout with one that has none."""
    first, second = (seen.built(dropout=p).train(mode) for p in (0.0, probability))
    return alike(seen.again(module=first), seen.again(module=second))


def _heads(seen: Seen, mode: bool) -> Seen:
    """Call without masks and with each head's weights, dropout acting or not."""
    return plainly(seen, module=seen.built().train(mode))


def _dropped(seen: Seen, scaled: bool = True, some: bool = True) -> Mismatch | None:
    """Look at each weight returned: 0, or larger than without dropout by one factor."""
    active, without = _heads(seen, True), _heads(seen, False)
    if failed := failure(active) or failure(without):
        return failed
    found = active.outputs["attn_output_weights"]
    whole = without.outputs["attn_output_weights"]
    factor = 1 / (1 - seen.module.dropout) if scaled else 1.0
    expected = (whole * factor).masked_fill(found == 0, 0.0) if some else whole
    return close(expected, found)


def _used(seen: Seen, mode: bool = True) -> Mismatch | None:
    """Work the output out from the weights returned, or from those without dropout."""
    active, source = _heads(seen, True), _heads(seen, mode)
    if failed := failure(active) or failure(source):
        return failed
    weights = source.outputs["attn_output_weights"]
    weights = weights if seen.values["batched"] else weights[None]
    output, _ = by_hand(active, seen.spec, weights=weights)
    return close(laid_out(output, seen), active.outputs["attn_output"])


def _everything(seen: Seen, bias: bool = True) -> Mismatch | None:
    module = seen.built(dropout=1.0).train()
    tried = seen.again(module=module)
    if failed := failure(tried):
        return failed
    output, added = tried.outputs["attn_output"], module.out_proj.bias
    expected = output.new_zeros(output.shape)
    return close(expected + added if bias and added is not None else expected, output)


_RANGE = "dropout probability has to be between 0 and 1, but got 1.5"
_NO_NUMBER = "'>' not supported between instances of 'NoneType' and 'float'"
_NO_FLOAT = (
    "scaled_dot_product_attention(): argument 'dropout_p' (position 5) must be float, not NoneType"
)


def _refused(
    seen: Seen, given: float | None, texts: tuple[str, str], late: bool = True
) -> Mismatch | None:
    """Compare what training raises, with weights and without, and look that eval does not."""
    active, inactive = (
        seen.again(module=seen.built(dropout=given).train(m)) for m in (True, False)
    )
    expected = texts[0] if seen.values["need_weights"] else texts[1]
    return same(expected, told(active)) or same(late, inactive.error is None)


_TOO_LARGE = partial(_refused, given=1.5)
_NONE = partial(_refused, given=None)

#: A dropout above 1, once it failed in the same words without weights.
_ONE_TEXT = {
    "sentence": "A `dropout` above 1 fails only in training, with a ValueError.",
    "doctest": """
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dropout=1.5)
        >>> x = torch.randn(4, 10)
        >>> mha(x, x, x, need_weights=False)
        Traceback (most recent call last):
            ...
        ValueError: dropout probability has to be between 0 and 1, but got 1.5
        """,
    "check": partial(_TOO_LARGE, texts=(f"ValueError: {_RANGE}",) * 2),
    "twins": {
        "it fails in eval mode too": partial(
            _TOO_LARGE, texts=(f"ValueError: {_RANGE}",) * 2, late=False
        ),
    },
}

CLAIMS = (
    Claim(
        id="mha.dropout.kept",
        sentence="`dropout` is kept as it is given, as a plain attribute: there is no `nn.Dropout` "
        "inside.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, dropout="0.1")
        >>> mha.dropout
        '0.1'
        >>> [type(child).__name__ for child in mha.children()]
        ['NonDynamicallyQuantizableLinear']
        """,
        check=_kept,
        axes=(),
        twins={"it is kept as a float": partial(_kept, kind=float)},
        source=INIT,
    ),
    Claim(
        id="mha.dropout.eval",
        sentence="In eval mode dropout does nothing.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dropout=0.5)
        >>> x = torch.randn(4, 3, 10)
        >>> _ = mha.eval()
        >>> torch.equal(mha(x, x, x)[0], mha(x, x, x)[0])
        True
        >>> _ = mha.train()
        >>> torch.equal(mha(x, x, x)[0], mha(x, x, x)[0])
        False
        """,
        check=partial(_changes_nothing, probability=0.5, mode=False),
        when=RUNS,
        axes=("need_weights", "kdim"),
        twins={"nor in training": partial(_changes_nothing, probability=0.5, mode=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.dropout.returned",
        sentence="In training the weights returned are the ones after dropout: dropped ones are 0, "
        "the others are divided by `1 - dropout`, so rows need not add up to 1.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=1, dropout=0.75)
        >>> x = torch.randn(4, 10)
        >>> _, dropped = mha(x, x, x)
        >>> _, whole = mha.eval()(x, x, x)
        >>> left = dropped > 0
        >>> torch.allclose(dropped[left], whole[left] * 4), int(left.sum()) < 16
        (True, True)
        """,
        check=_dropped,
        when=_ACTIVE,
        axes=("rank", "add_zero_attn", "grad"),
        twins={
            "they are the ones before dropout": partial(_dropped, some=False),
            "the others stay as they are": partial(_dropped, scaled=False),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.dropout.used",
        sentence="The output is made from the weights after dropout: from the same numbers that "
        "are returned.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=1, dropout=0.5)
        >>> x = torch.randn(4, 10)
        >>> v = x @ mha.in_proj_weight[20:].T
        >>> output, weights = mha(x, x, x)
        >>> torch.allclose(output, mha.out_proj(weights @ v), atol=1e-6)
        True
        """,
        check=_used,
        when=_ACTIVE,
        axes=("rank", "bias", "add_bias_kv"),
        twins={"it is made from all weights": partial(_used, mode=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.dropout.one",
        sentence="`dropout=1.0` drops every weight in training: the output is `out_proj.bias`, "
        "without NaN.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dropout=1.0)
        >>> _ = nn.init.normal_(mha.out_proj.bias)  # it starts at zero
        >>> x = torch.randn(4, 10)
        >>> torch.equal(mha(x, x, x)[0], mha.out_proj.bias.expand(4, 10))
        True
        """,
        check=_everything,
        when=And(training, RUNS),
        axes=("bias", "need_weights", "add_zero_attn"),
        twins={"the output is zero": partial(_everything, bias=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.dropout.above_one",
        sentence="A `dropout` above 1 fails only in training: a ValueError with weights, a "
        "RuntimeError without.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dropout=1.5)
        >>> x = torch.randn(4, 10)
        >>> mha(x, x, x)
        Traceback (most recent call last):
            ...
        ValueError: dropout probability has to be between 0 and 1, but got 1.5
        >>> mha(x, x, x, need_weights=False)
        Traceback (most recent call last):
            ...
        RuntimeError: dropout probability has to be between 0 and 1, but got 1.5
        """,
        check=partial(_TOO_LARGE, texts=(f"ValueError: {_RANGE}", f"RuntimeError: {_RANGE}")),
        before={"2.0": _ONE_TEXT},
        when=And(training, RUNS),
        axes=("need_weights",),
        twins={
            "a ValueError either way": partial(_TOO_LARGE, texts=(f"ValueError: {_RANGE}",) * 2),
            "it fails in eval mode too": partial(
                _TOO_LARGE, texts=(f"ValueError: {_RANGE}", f"RuntimeError: {_RANGE}"), late=False
            ),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.dropout.none",
        sentence="`dropout=None` fails only in training, with a TypeError.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dropout=None)
        >>> x = torch.randn(4, 10)
        >>> mha(x, x, x)
        Traceback (most recent call last):
            ...
        TypeError: '>' not supported between instances of 'NoneType' and 'float'
        >>> output, weights = mha.eval()(x, x, x)
        """,
        check=partial(_NONE, texts=(f"TypeError: {_NO_NUMBER}", f"TypeError: {_NO_FLOAT}")),
        before={
            "2.0": {
                "check": partial(_NONE, texts=(f"TypeError: {_NO_NUMBER}",) * 2),
                "twins": {"it means no dropout": partial(_NONE, texts=("no error", "no error"))},
            }
        },
        when=And(training, RUNS),
        axes=("need_weights",),
        twins={
            "it means no dropout": partial(_NONE, texts=("no error", "no error")),
            "the same text either way": partial(_NONE, texts=(f"TypeError: {_NO_NUMBER}",) * 2),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.dropout.negative",
        sentence="Silent: a negative `dropout` is no dropout where weights are returned.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, dropout=-0.5)
        >>> x = torch.randn(4, 10)
        >>> torch.equal(mha(x, x, x)[0], mha.eval()(x, x, x)[0])
        True
        """,
        check=partial(_changes_nothing, probability=-0.5, mode=True),
        when=And(need_weights, training, RUNS),
        axes=("rank", "kdim"),
        twins={
            "it is its absolute value": partial(_changes_nothing, probability=0.5, mode=True),
        },
        source=ATTEND,
    ),
)
