"""A Sphinx extension that prints rules and claims from specs, and proves them while it builds.

Add ``"mhadoc.sphinxext"`` to ``extensions``. Loading it imports no torch; the first page that
shows a statement does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

__all__ = ["setup"]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the domain, the directives and the roles with Sphinx.

    ``mhadoc_proof`` says whether pages are proved, ``mhadoc_cache`` where reports are kept (beside
    the output, in ``proof``), and ``mhadoc_specs`` names specs from outside this package as
    ``"package.module:SPEC"``. Where one of these is none the build does not begin, and where a
    statement of a spec that a page uses is refuted its exit status is 1, with ``-W`` and without.
    """
    from mhadoc.sphinxext import audits, badges
    from mhadoc.sphinxext.calculator import directive as calculator
    from mhadoc.sphinxext.directives import DIRECTIVES
    from mhadoc.sphinxext.domain import MhadocDomain, fail_where_refuted, outdated
    from mhadoc.sphinxext.proofs import check_specs, settle_folder
    from mhadoc.sphinxext.roles import ROLES
    from mhadoc.sphinxext.svg import Drawn, visitors

    app.add_config_value("mhadoc_proof", True, "env", bool)
    app.add_config_value("mhadoc_cache", None, "", (str, type(None)))
    app.add_config_value("mhadoc_specs", [], "env", (list, tuple))
    app.add_domain(MhadocDomain)
    for name, directive in (DIRECTIVES | audits.DIRECTIVES).items():
        app.add_directive(name, directive)
    for name, role in ROLES.items():
        app.add_role(name, role)
    app.add_node(Drawn, False, **visitors)
    app.add_node(badges.Badge, False, **badges.visitors)
    app.add_directive("calculator", calculator.Calculator)
    app.add_node(calculator.CalculatorForm, False, **calculator.visitors)
    app.connect("config-inited", calculator.add_static)
    app.connect("html-page-context", calculator.add_scripts)
    app.connect("builder-inited", settle_folder)
    app.connect("builder-inited", check_specs)
    app.connect("env-get-outdated", outdated)
    app.connect("build-finished", fail_where_refuted)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
