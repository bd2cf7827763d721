"""A report in other people's formats: JUnit XML, annotations of GitHub Actions, a rich table."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from mhadoc.proof.report import Report

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["FORMATS", "github", "junit", "table", "text"]


def text(report: Report) -> str:
    """Return the report as text: refutations with their programs, and one line at the end."""
    parts = [f"{refutation}\n\n{_indented(refutation.code)}" for refutation in report.refutations]
    return "\n".join([*parts, *report.compared(), report.line()])


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in code.splitlines())


def junit(report: Report) -> str:
    """Return the report as JUnit XML: one test case a statement, a failure where it is refuted."""
    refuted = {refutation.statement: refutation for refutation in report.refutations}
    names = dict.fromkeys((*report.held, *refuted))
    suite = ElementTree.Element(
        "testsuite",
        name=f"mhadoc on torch {report.torch_version} ({report.device})",
        tests=str(len(names)),
        failures=str(len(refuted)),
        errors="0",
        time=f"{report.seconds:.3f}",
    )
    for name in names:
        module, _, statement = name.partition(".")
        case = ElementTree.SubElement(suite, "testcase", classname=module, name=statement)
        if name in refuted:
            failure = ElementTree.SubElement(case, "failure", message=refuted[name].sentence)
            failure.text = f"{refuted[name]}\n\n{refuted[name].code}"
    ElementTree.indent(suite)
    body = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def github(report: Report) -> str:
    """Return the report as workflow commands, which GitHub Actions shows as annotations."""
    lines = [
        f"::error title={_escaped(found.statement, ',:')}::{_escaped(str(found))}"
        for found in report.refutations
    ]
    if told := "\n".join(report.compared()):
        lines.append(f"::notice title=mhadoc::{_escaped(told)}")
    level = "notice" if report.ok else "error"
    return "\n".join([*lines, f"::{level} title=mhadoc::{_escaped(report.line())}"])


def _escaped(message: str, also: str = "") -> str:
    """Escape what would end a workflow command, as GitHub documents it."""
    for character in "%\r\n" + also:
        message = message.replace(character, f"%{ord(character):02X}")
    return message


def table(report: Report) -> RenderableType:
    """Return the report for a terminal: a panel for each refutation, and one line at the end."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.text import Text

    panels = [
        Panel(
            Group(Text(str(found)), Syntax(found.code, "python", background_color="default")),
            title=Text(found.statement),
            border_style="red",
        )
        for found in report.refutations
    ]
    told = map(Text, report.compared())
    return Group(*panels, *told, Text(report.line(), style="green" if report.ok else "red"))


#: What the command line offers besides a terminal's own rendering.
FORMATS = {"text": text, "json": Report.to_json, "junit": junit, "github": github}
