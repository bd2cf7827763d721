"""The calculator's form as HTML: each field with its label, its help and room for what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mhadoc.language import ModuleSpec
    from mhadoc.sphinxext.calculator.fields import Field

__all__ = ["form"]

_LEGENDS = {"constructor": "Constructor", "sizes": "Sizes of a call", "call": "The call"}
_NUMERIC = {"int": "numeric", "number": "decimal"}

_TOP = """
<p class="mhadoc-broken mhadoc-without">This calculator needs JavaScript, which does not
run here. The same answers at a prompt: <code>mhadoc.explain</code> and
<code>mhadoc.predict_call</code>.</p>
<form class="mhadoc-calculator" id="calculator" data-spec="{name}" data-links="{links}">
<div class="mhadoc-field mhadoc-paste">
<label for="calculator-paste">Paste a constructor line</label>
<input id="calculator-paste" data-part="paste" type="text" autocomplete="off" spellcheck="false"
 placeholder="nn.{name}(...)" aria-describedby="calculator-paste-error">
<span class="mhadoc-error" id="calculator-paste-error" data-part="paste-error" role="status"></span>
</div>
"""

_ANSWER = """
<div class="mhadoc-verdict">
<div data-part="verdict" role="status" aria-live="polite" aria-atomic="true"></div>
<div class="mhadoc-line" data-part="copied-line"><code data-part="line"></code>
<button type="button" data-part="copy">Copy<span class="mhadoc-hidden"> the constructor
line</span></button> <span data-part="copied" role="status"></span></div>
</div>
"""

_BOTTOM = """
<p><button type="reset">Start again</button></p>
<div data-part="results">
<dl data-part="facts"></dl>
{tables}
</div>
</form>
"""

_TABLE = """
<div class="table-wrapper" tabindex="0" role="group" aria-labelledby="calculator-{part}">
<table class="docutils"><caption id="calculator-{part}">{caption}</caption>
<thead><tr>{heads}</tr></thead><tbody data-part="{part}"></tbody></table></div>
"""

_TABLES = {
    "parameters": ("Parameters", ("Name", "Shape", "Here", "Numbers")),
    "inputs": ("Inputs", ("Name", "Shape", "Here")),
    "outputs": ("Outputs", ("Name", "Shape", "Here")),
}


def form(spec: ModuleSpec, fields: Iterable[Field], links: Mapping[str, str]) -> str:
    """Return the form; ``links`` are the addresses at which rules are stated, by their ids."""
    found = tuple(fields)
    tables = "".join(map(_table, _TABLES))
    parts = [_fieldset(part, [f for f in found if f.part == part]) for part in _LEGENDS]
    top = _TOP.format(name=spec.name, links=escape(json.dumps(links), quote=True))
    return top + _ANSWER + "".join(parts) + _BOTTOM.format(tables=tables)


def _table(part: str) -> str:
    caption, columns = _TABLES[part]
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    return _TABLE.format(part=part, caption=caption, heads=heads)


def _fieldset(part: str, fields: Iterable[Field]) -> str:
    rows = "".join(map(_row, fields))
    return f'<fieldset class="mhadoc-{part}"><legend>{_LEGENDS[part]}</legend>{rows}</fieldset>\n'


def _row(field: Field) -> str:
    place = f"calculator-{field.name}"
    label = f'<label for="{place}"><code>{field.name}</code></label>'
    named = f'id="{place}" name="{field.name}" aria-describedby="{place}-error {place}-help"'
    control = _CONTROLS.get(field.kind, _text)(field, named)
    error = f'<span class="mhadoc-error" id="{place}-error" data-part="error-{field.name}"></span>'
    help = f'<span class="mhadoc-help" id="{place}-help">{_sentence(field.help)}</span>'
    return f'<div class="mhadoc-field">{label}{control}{error}{help}</div>\n'


def _flag(field: Field, named: str) -> str:
    return f'<input type="checkbox" {named}>'


def _choice(field: Field, named: str) -> str:
    return f"<select {named}>{''.join(_options(field))}</select>"


def _options(field: Field) -> Iterator[str]:
    return (f"<option>{escape(choice)}</option>" for choice in field.choices)


def _text(field: Field, named: str) -> str:
    hint = f' placeholder="{field.empty}"' if field.empty else ""
    typed = f'type="text" inputmode="{_NUMERIC[field.kind]}" autocomplete="off" spellcheck="false"'
    return f"<input {typed} {named}{hint}>"


_CONTROLS = {"flag": _flag, "choice": _choice}


def _sentence(text: str) -> str:
    """Return a sentence with a capital, in which single backticks mark code."""
    plain = text[0].upper() + text[1:]
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(plain, quote=False))
