"""Every rule that a problem can name has a place on the site, to which its address leads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import mhadoc
from mhadoc.sphinxext.arguments import argument_of
from tests.answers.call.draws import drawn

DOCS = Path(__file__).parents[2] / "docs"
#: Its rules are Linear's, and stand there.
SAME = "NonDynamicallyQuantizableLinear"
SPECS = [name for name in mhadoc.specs() if name != SAME]


def parts() -> set[tuple[str, str]]:
    """Return what the pages show of which spec."""
    texts = (page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    pattern = re.compile(r"```\{spec\} (\w+)\n:part: (\w+)")
    return {(name, part) for text in texts for name, part in pattern.findall(text)}


@pytest.mark.parametrize("name", SPECS)
def test_its_demands_stand_on_a_page(name: str) -> None:
    spec, shown = mhadoc.spec(name), parts()
    wanted = {
        "arguments": spec.requirements,
        "calls": spec.call_requirements,
        "fast_path": spec.fast_path,
    }
    assert {part for part, demands in wanted.items() if demands and (name, part) not in shown} == (
        set()
    )


@pytest.mark.parametrize("name", SPECS)
def test_each_demand_of_a_constructor_stands_with_an_argument(name: str) -> None:
    spec = mhadoc.spec(name)
    arguments = {argument.name for argument in spec.arguments}
    assert {argument_of(spec, demand) for demand in spec.requirements} <= arguments


@pytest.mark.parametrize("name", ["MultiheadAttention", "TransformerDecoder", "LayerNorm"])
def test_each_problem_names_a_statement(name: str) -> None:
    named = set()
    for call in drawn(name, 600, 3):
        with torch.set_grad_enabled(call.grad):
            problems = mhadoc.diagnose(call.module, **call.inputs)
        named |= {problem.rule for problem in problems if problem.severity == "error"}
    assert len(named) >= 4
    for rule in sorted(named):
        assert mhadoc.spec(rule.partition(".")[0]).sentence(rule)
