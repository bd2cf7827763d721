"""Take scripts and styles out of the pages, so that a strict Content-Security-Policy works.

The theme writes one script and one style sheet into every page; both become files of the site. A
server may then allow scripts and styles from the site's own files alone. What the theme leaves
open to a screen reader is said as well.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_FILES = {
    _SCRIPT: ("theme_before.js", '<script src="{}"></script>'),
    _STYLE: ("theme_colours.css", '<link rel="stylesheet" type="text/css" href="{}" />'),
}
#: What the attribute ``style`` says, in attributes that every policy allows; a heading's level; and
#: that pictures of a list are not needed before they are near.
_SAID = (
    (re.compile(r'(<svg [^>]*)style="display: none;"'), r'\1width="0" height="0"'),
    (re.compile(r'style="opacity: 50%"'), 'opacity="0.5"'),
    (re.compile(r'(<col\b[^>]*)style="width: ([\d.]+%)"'), r'\1width="\2"'),
    (re.compile(r'(<t[dh]\b[^>]*)style="width: ([\d.]+%); vertical-align: top;"'), r'\1width="\2"'),
    (re.compile(r'(<table\b[^>]*)style="width: 100%"'), r'\1width="100%"'),
    (re.compile(r'(<div class="sphx-glr-thumbcontainer"[^>]*><img )(?=alt)'), r'\1loading="lazy" '),
    (re.compile(r'(<p class="caption" role="heading")>'), r'\1 aria-level="2">'),
)


def outside(html: str, page: PurePosixPath) -> tuple[str, dict[str, str]]:
    """Return a page without scripts and styles in it, and the files that hold them.

    >>> outside("<style>a {}</style>", PurePosixPath("a/b.html"))[1]
    {'theme_colours.css': 'a {}'}
    """
    files: dict[str, str] = {}
    up = "../" * (len(page.parts) - 1)
    for pattern, (name, tag) in _FILES.items():
        found = pattern.search(html)
        if found:
            files[name] = found[1]
            html = html.replace(found[0], tag.format(f"{up}_static/{name}"))
    for pattern, said in _SAID:
        html = pattern.sub(said, html)
    return html, files


def write(app: Sphinx, error: Exception | None) -> None:
    """Write every page of a finished site again, and the files that they share."""
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    for path in sorted(folder.rglob("*.html")):
        before = path.read_text(encoding="utf-8")
        html, files = outside(before, PurePosixPath(path.relative_to(folder).as_posix()))
        for name, text in files.items():
            (folder / "_static" / name).write_text(text, encoding="utf-8")
        if html != before:
            path.write_text(html, encoding="utf-8")
    (folder / ".buildinfo").unlink(missing_ok=True)  # for builds that go on; it names this folder


def setup(app: Sphinx) -> ExtensionMetadata:
    """Listen for the end of the build."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
