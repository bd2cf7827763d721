"""Long names are broken between their words, and only where a page is narrow."""

from __future__ import annotations

import re

import pytest
from breaks import add_breaks, broken
from signatures import plain


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("average_attn_weights", "average_<wbr>attn_<wbr>weights"),
        ("self_attn.in_proj_weight", "self_<wbr>attn.<wbr>in_<wbr>proj_<wbr>weight"),
        ("TransformerEncoderLayer", "Transformer<wbr>Encoder<wbr>Layer"),
        ("embed_dim", "embed_dim"),
        ("2.13.0.14.15.16.17", "2.13.0.14.15.16.17"),
        ("an answer. Another", "an answer. Another"),
        ('<a title="average_attn_weights">x</a>', '<a title="average_attn_weights">x</a>'),
        ("<option>average_attn_weights</option>", "<option>average_attn_weights</option>"),
        ("0 and -inf", '0 and <span class="mhadoc-unbroken">-inf</span>'),
        ("x-inf", "x-inf"),
    ],
)
def test_a_name_is_broken_between_its_words(html: str, expected: str) -> None:
    assert broken(html) == expected


def test_what_is_copied_is_the_same() -> None:
    html = "<td>self_attn.in_proj_weight</td><td>-inf</td>"
    assert re.sub("<[^>]+>", "", broken(html)) == re.sub("<[^>]+>", "", html)


def test_in_prose_a_name_stays_whole() -> None:
    name = "average_attn_weights"
    context = {"body": f"<h1>{name}</h1><p>{name}</p><table><td>{name}</td></table>", "toc": name}
    add_breaks(None, "index", "page.html", context, None)
    assert context["body"].count("<wbr>") == 4
    assert f"<p>{name}</p>" in context["body"]
    assert context["toc"].count("<wbr>") == 2


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("(a: dict = <factory>)", "(a: dict = ...)"),
        ("(heard=<function silent>)", "(heard=...)"),
        ("(kind=<class 'object'>, b=1)", "(kind=..., b=1)"),
        ("(a: int = 1) -> bool", "(a: int = 1) -> bool"),
    ],
)
def test_a_default_that_is_an_object_is_not_printed(signature: str, expected: str) -> None:
    assert plain(signature) == expected
