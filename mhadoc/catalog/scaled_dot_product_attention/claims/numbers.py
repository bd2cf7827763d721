"""The numbers: the formula, the scale, dropout and shared heads."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not

from mhadoc.catalog.scaled_dot_product_attention.by_hand import Conventions, recomputed
from mhadoc.catalog.scaled_dot_product_attention.kernel import EVEN, LEGAL, fused
from mhadoc.catalog.scaled_dot_product_attention.symbols import (
    SOURCE,
    dropout_p,
    enable_gqa,
    scaled,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

#: The call is legal, and nothing is random in it.
EXACT = And(Eq(dropout_p, 0), LEGAL)


def twin(**conventions: Any) -> partial[Mismatch | None]:
    """Return the check of a sentence in which torch has chosen otherwise."""
    return partial(recomputed, conventions=Conventions(**conventions))


def _dropped(seen: Seen, *, all_of_it: bool = True, trains: bool | None = None) -> Mismatch | None:
    """Drop every weight, without a gradient as with one, and look at what is left."""
    other = seen.again(dropout_p=1.0, attn_mask=None, is_causal=False)
    if other.error is not None:
        return Mismatch("a call that torch accepts", str(other.error))
    drops = seen.values["grad"] if trains else all_of_it
    return same(bool(drops), not other.outputs["output"].any())


def _negative(seen: Seen, *, dropped: bool = False) -> Mismatch | None:
    """Compare a negative probability with none at all."""
    plain = {"attn_mask": None, "is_causal": False}
    other, none = seen.again(dropout_p=-0.5, **plain), seen.again(dropout_p=0.0, **plain)
    if other.error is not None:
        return Mismatch("a call that torch accepts", str(other.error))
    expected = 0 * none.outputs["output"] if dropped else none.outputs["output"]
    return close(expected, other.outputs["output"])


_QKV = """
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key, value = torch.randn(4, 10), torch.randn(7, 10), torch.randn(7, 6)"""

CLAIMS = (
    Claim(
        id="sdpa.formula",
        sentence="The output is `softmax(query @ key.mT / sqrt(E)) @ value`, the softmax over the "
        "keys.",
        doctest=f"""{_QKV}
        >>> weights = (query @ key.mT / 10**0.5).softmax(-1)
        >>> output = F.scaled_dot_product_attention(query, key, value)
        >>> torch.allclose(output, weights @ value, atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(EXACT, Not(scaled)),
        axes=("front", "width", "enable_gqa", "aligned"),
        twins={
            "the scores are not scaled": twin(scale=0.0),
            "the scores are divided by E": twin(scale=-1.0),
            "the softmax runs over the queries": twin(softmax_axis=-2),
        },
        source=SOURCE,
    ),
    Claim(
        id="sdpa.scale",
        sentence="`scale` takes the place of `1 / sqrt(E)`: it multiplies the scores alone.",
        doctest=f"""{_QKV}
        >>> output = F.scaled_dot_product_attention(query, key, value, scale=0.5)
        >>> torch.allclose(output, (query @ key.mT * 0.5).softmax(-1) @ value, atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(EXACT, scaled),
        axes=("front", "width"),
        twins={"beside 1 / sqrt(E)": twin(scales_twice=True)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.dropout.always",
        sentence="Silent: `dropout_p` drops weights whenever it is above zero, in eval mode and "
        "without gradients too, as a function knows no mode.",
        doctest=f"""{_QKV}
        >>> with torch.no_grad():
        ...     F.scaled_dot_product_attention(query, key, value, dropout_p=1.0).any()
        tensor(False)
        """,
        check=_dropped,
        when=EVEN,
        axes=("front", "width", "grad"),
        twins={
            "where gradients are enabled only": partial(_dropped, trains=True),
            "what is left is not zero": partial(_dropped, all_of_it=False),
        },
        source=SOURCE,
    ),
    Claim(
        id="sdpa.dropout.negative",
        sentence="Silent: outside the fused kernel a negative `dropout_p` counts as 0.",
        doctest=f"""{_QKV}
        >>> output = F.scaled_dot_product_attention(query, key, value, dropout_p=-0.5)
        >>> torch.equal(output, F.scaled_dot_product_attention(query, key, value))
        True
        """,
        check=_negative,
        when=And(EVEN, Not(fused)),
        axes=("front", "width"),
        twins={"it drops": partial(_negative, dropped=True)},
        source=SOURCE,
    ),
    Claim(
        id="sdpa.gqa.neighbours",
        sentence="With `enable_gqa=True` neighbouring heads of the query share a head of key and "
        "value: head `h` uses head `h * H // Hq`.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> query, key = torch.randn(3, 6, 4, 10), torch.randn(3, 2, 7, 10)
        >>> output = F.scaled_dot_product_attention(query, key, key, enable_gqa=True)
        >>> each = key.repeat_interleave(3, dim=1)  # heads 0, 0, 0, 1, 1, 1
        >>> torch.allclose(output, F.scaled_dot_product_attention(query, each, each), atol=1e-6)
        True
        """,
        check=recomputed,
        when=And(EXACT, enable_gqa),
        axes=("front", "width", "heads"),
        twins={"it uses head h modulo H": twin(interleaved=True)},
        source=SOURCE,
    ),
)
