"""How the site is built: `make html` calls Sphinx with this file and the pages of docs/."""

from __future__ import annotations

import doctest
import os
import sys
import tomllib
from pathlib import Path

from sphinx.util.tags import Tags

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

given_tags: Tags = globals()["tags"]  # Sphinx puts it there: the values of its option -t.

_metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _metadata["name"]
version = release = _metadata["version"]
author = "the mhadoc authors"
project_copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "mhadoc.sphinxext",
    "gallery_pages",
    "mathml",
    "matrix_table",
    "release_notes",
    "rooms",
    "strict",
    "links",
    "pasted",
    "permanent",
    "plain",
    "shared",
    "lost",
    "origin",
    "breaks",
    "signatures",
    "spec_files",
    "torch_choice",
    "promises",
]
exclude_patterns = ["_ext", "_static", "_templates", "sg_execution_times.rst"]
suppress_warnings: list[str] = []

# Where the site stands, and where its sources are: who publishes them says it, and until somebody
# does no page names an address of its own or a place to edit it.
html_baseurl = f"{address.rstrip('/')}/" if (address := os.environ.get("SITE_ADDRESS")) else ""
source_repository = os.environ.get("SOURCE_REPOSITORY", "")

# Text
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

# Python
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
# Nothing is fetched while the site is built: what is linked to at other sites is listed here.
intersphinx_mapping = {
    name: (address, str(ROOT / "docs" / "inventories" / f"{name}.txt"))
    for name, address in {
        "hypothesis": "https://hypothesis.readthedocs.io/en/latest",
        "python": "https://docs.python.org/3",
        "sympy": "https://docs.sympy.org/latest",
        "torch": "https://docs.pytorch.org/docs/2.13",
    }.items()
}
nitpick_ignore_regex = [
    ("py:class", r"[\w.]+\[[^\]]*"),  # autodoc cuts the text of a dataclass field's type in two
    ("py:class", r"mhadoc\..*\._\w+|mhadoc\.proof\.observe\.Bench|mhadoc\.language\.steps\.Step"),
    ("py:class", r"concurrent\.futures\._base\.Executor"),
    ("py:class", r"sympy\.(Basic|Expr)"),  # sympy documents them where they are defined
]

# An example of an exception is compared with its text.
doctest_default_flags = doctest.ELLIPSIS | doctest.DONT_ACCEPT_TRUE_FOR_1

# Gallery
if given_tags.has("without_gallery"):
    exclude_patterns.append("auto_gallery")
    suppress_warnings += ["myst.xref_missing", "ref", "toc"]
else:
    extensions.append("sphinx_gallery.gen_gallery")
sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "gallery"),
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "ignore_repr_types": r"matplotlib",
    "image_srcset": ["2x"],
    "thumbnail_size": (260, 182),
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    # Seconds differ in every build.
    "min_reported_time": float("inf"),
    "write_computation_times": False,
}

# A line of a file at its host is there once a script has run.
linkcheck_anchors_ignore = [r"L\d+"]

# Looks: everything is served from the site itself, fonts are the reader's own.
html_theme = "furo"
html_title = "mhadoc"
html_static_path = ["docs/_static"]
templates_path = ["docs/_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "torch.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_css_files = ["custom.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("scroll.js", "drawers.js", "torch.js")]
html_favicon = "docs/_static/favicon.svg"
html_logo = "docs/_static/logo.svg"
html_copy_source = False
html_domain_indices = False
html_search_scorer = str(ROOT / "docs" / "_static" / "scorer.js")
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_theme_options = {
    "top_of_page_buttons": ["edit"],
    "light_css_variables": {
        "color-brand-primary": "#0b5a8f",
        "color-brand-content": "#0b5a8f",
        "color-brand-visited": "#5d4391",
        "color-problematic": "#8a2f1f",
        "color-link-underline": "#0b5a8f80",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7fbcf0",
        "color-brand-content": "#7fbcf0",
        "color-brand-visited": "#c0adf2",
        "color-problematic": "#f0a292",
        "color-link-underline": "#7fbcf080",
    },
}

# Copy buttons leave out prompts and output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = "div:not(.sphx-glr-script-out) > div.highlight pre"
