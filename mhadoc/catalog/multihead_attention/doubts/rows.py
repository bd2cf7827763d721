"""Queries from which every key is hidden, and what becomes of them on each path."""

from __future__ import annotations

from functools import partial

from sympy import And, Basic, Not, Or

from mhadoc.catalog.multihead_attention import findings
from mhadoc.catalog.multihead_attention.doubts.calls import (
    EXTRA,
    MASK,
    MASKED,
    PADDING,
    REPLACED,
    SETUP,
    SLOW,
)
from mhadoc.catalog.multihead_attention.paths import taken
from mhadoc.catalog.multihead_attention.symbols import need_weights, padding_mask
from mhadoc.language import Doubt

__all__ = ["ROWS"]

_LOOK = "; to check: output.isnan().any()"
_ALL_PADDING = f"""{SETUP}
        >>> padding = torch.zeros(3, 7, dtype=torch.bool)
        >>> padding[1] = True  # batch element 1 is nothing but padding"""


#: On each path it was NaN once.
_MENDED = {
    "2.5": {
        "claim": "mha.nan.everywhere",
        "finds": partial(findings.empty_row, whole="NaN", part="NaN"),
        "hint": f"leave it one key, the first for example{_LOOK}",
        "title": "NaN comes out",
    }
}


def _empty_row(
    path: str, when: Basic, gives: str, in_head: str, hint: str, title: str, example: str
) -> Doubt:
    return Doubt(
        id=f"masks.empty_row_{path}",
        argument="query",
        claim=f"mha.nan.{path}",
        when=And(when, Not(REPLACED), Not(EXTRA), Or(MASKED, padding_mask)),
        finds=partial(findings.empty_row, whole=gives, part=in_head),
        expected="should leave every query a key",
        observed="hides every key from {place}: the attention gives {gives} there",
        hint=f"leave it one key, the first for example{hint}",
        title=title,
        example=f"{_ALL_PADDING}{example}",
        before={} if path == "with_weights" else _MENDED,
    )


ROWS = (
    _empty_row(
        "with_weights",
        And(SLOW, need_weights),
        "NaN",
        "NaN",
        _LOOK,
        "NaN comes out",
        """
        >>> print(*mhadoc.diagnose(mha, x, x, x, key_padding_mask=padding))
        """,
    ),
    _empty_row(
        "fast_path",
        taken,
        "NaN",
        "NaN",
        _LOOK,
        "NaN comes out in eval mode, and in training it does not",
        """
        >>> masks = {"key_padding_mask": padding, "need_weights": False}
        >>> with torch.no_grad():
        ...     print(*mhadoc.diagnose(mha.eval(), x, x, x, **masks))
        """,
    ),
    _empty_row(
        "without_weights",
        And(SLOW, Not(need_weights)),
        "out_proj.bias",
        "nothing of that head",
        "; to check: with need_weights=True and on the fast path it is NaN",
        "Some outputs do not depend on the input",
        """
        >>> masks = {"key_padding_mask": padding, "need_weights": False}
        >>> print(*mhadoc.diagnose(mha, x, x, x, **masks))
        """,
    ),
    Doubt(
        id="masks.even_row",
        argument="query",
        claim="mha.nan.finite_floats",
        when=And(SLOW, Not(REPLACED), Not(EXTRA), Or(MASK.floating, PADDING.floating)),
        finds=findings.even_row,
        expected="should leave every query a key",
        observed="leaves {place} nothing but keys with a low number, which are seen all the same",
        hint="leave it one key with 0; to check: the weights of that query",
        title="What is masked by -1e9 is seen",
        example=f"""{_ALL_PADDING}
        >>> print(*mhadoc.diagnose(mha, x, x, x, key_padding_mask=padding * -1e9))
        """,
    ),
)
