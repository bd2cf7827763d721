"""The program that shows a refutation: line by line, on plain torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from torch import nn

import mhadoc
from mhadoc.language import Mismatch
from mhadoc.proof.observe import Bench
from mhadoc.proof.reproduce import reproduction
from tests.proof.test_functions import SPEC as REPEATED
from tests.proof.test_functions import doubled
from tests.toy import LINEAR

ATTENTION = mhadoc.spec("MultiheadAttention")


class Mine(nn.Linear):
    """Another class of the same name as no other."""


def program(bench: Bench, statement: str, mismatch: Mismatch, **labels: str) -> list[str]:
    case = bench.spec.cases.case(**labels)
    return reproduction(bench, statement, case, mismatch).splitlines()


def test_of_a_parameter() -> None:
    wrong = Mismatch("(7, 5)\nand more", "(5, 7)\nor less")
    assert program(Bench(LINEAR), "Linear.weight", wrong) == [
        "# Linear.weight",
        "# expected: (7, 5)",
        "# observed: (5, 7) or less",
        "import torch",
        "from torch.nn import Linear",
        "",
        "torch.manual_seed(0)",
        "module = Linear(in_features=5, out_features=7)",
        "for parameter in module.parameters():",
        "    torch.nn.init.normal_(parameter, std=1 / 3)",
        "input = torch.randn((3, 5))",
        "with torch.set_grad_enabled(True):",
        "    output = module(input)",
        "for name, parameter in module.state_dict().items():",
        "    print(name, tuple(parameter.shape))",
        "print('output', getattr(output, 'shape', None))",
        "assert tuple(module.state_dict()['weight'].shape) == (7, 5)",
        "and more",
    ]


def test_of_a_claim_on_masks_and_flags() -> None:
    labels = {
        "attn_mask": "2-D bool",
        "identity": "q is k is v",
        "training": "False",
        "grad": "False",
        "bias": "False",
        "need_weights": "False",
    }
    assert program(Bench(ATTENTION), "mha.x", Mismatch("", "2"), **labels) == [
        "# mha.x",
        "# expected: ",
        "# observed: 2",
        "import torch",
        "from torch.nn import MultiheadAttention",
        "",
        "torch.manual_seed(0)",
        "module = MultiheadAttention(embed_dim=10, num_heads=2, bias=False)",
        "for parameter in module.parameters():",
        "    torch.nn.init.normal_(parameter, std=1 / 3)",
        "module.eval()",
        "query = torch.randn((7, 3, 10))",
        "key = query",
        "value = key",
        "attn_mask = torch.rand((7, 7)) > 0.5",
        "attn_mask[..., 0] = False",
        "with torch.set_grad_enabled(False):",
        "    attn_output, attn_output_weights = "
        "module(query, key, value, need_weights=False, attn_mask=attn_mask)",
        "for name, parameter in module.state_dict().items():",
        "    print(name, tuple(parameter.shape))",
        "print('attn_output', getattr(attn_output, 'shape', None))",
        "print(attn_output)",
        "print('attn_output_weights', getattr(attn_output_weights, 'shape', None))",
        "print(attn_output_weights)",
    ]


def test_of_a_function() -> None:
    found = program(
        Bench(REPEATED, doubled),
        "repeated.output",
        Mismatch("(1,)", "2"),
        factor="half",
        twice="True",
    )
    assert found == [
        "# repeated.output",
        "# expected: (1,)",
        "# observed: 2",
        "import torch",
        "from tests.proof.test_functions import doubled",
        "",
        "torch.manual_seed(0)",
        "vectors = torch.randn((2, 3))",
        "times = 5",
        "width = 3",
        "factor = 0.5",
        "with torch.set_grad_enabled(True):",
        "    output = doubled(vectors, times, width, factor=factor, twice=True)",
        "print('output', getattr(output, 'shape', None))",
        "assert tuple(output.shape) == (1,)",
    ]


def test_of_a_refused_argument() -> None:
    assert program(Bench(LINEAR), "Linear.out_features.negative", Mismatch("", "")) == [
        "# out_features must not be negative",
        "# expected: RuntimeError",
        "from torch.nn import Linear",
        "",
        "Linear(in_features=3, out_features=-2)",
    ]


@pytest.mark.parametrize(
    ("bench", "line"),
    [
        (Bench(LINEAR), "from torch.nn import Linear"),
        (Bench(LINEAR, Mine), f"from {__name__} import Mine"),
        (Bench(replace(LINEAR, path=f"{__name__}.Mine")), f"from {__name__} import Mine"),
        (Bench(REPEATED), "from tests.proof.test_functions import repeated"),
        (
            Bench(replace(REPEATED, path="tests.proof.test_reproduce:doubled")),
            "from tests.proof.test_reproduce import doubled",
        ),
        (Bench(REPEATED, Mine), f"from {__name__} import Mine"),
        (
            Bench(mhadoc.spec("scaled_dot_product_attention")),
            "from torch.nn.functional import scaled_dot_product_attention",
        ),
    ],
)
def test_what_is_tried_is_imported_from_where_a_reader_finds_it(bench: Bench, line: str) -> None:
    assert program(bench, "x", Mismatch("", ""))[4] == line


@pytest.mark.parametrize(
    ("statement", "expected", "last"),
    [
        ("Linear.in_features.attribute", "(5)", "assert module.in_features == (5)"),
        ("Linear.output.batched", "(3, 7)", "assert tuple(output.shape) == (3, 7)"),
        ("Linear.output.batched", "None", "print('output', getattr(output, 'shape', None))"),
        ("linear.width", "(3, 7)", "print(output)"),
    ],
)
def test_the_last_line_asserts_what_was_expected_of_a_rule(
    statement: str, expected: str, last: str
) -> None:
    assert program(Bench(LINEAR), statement, Mismatch(expected, ""))[-1] == last


@pytest.mark.parametrize(("training", "there"), [({}, False), ({"training": 0}, True)])
def test_the_mode_is_said_where_it_is_not_torchs_own(training: Any, there: bool) -> None:
    cases = replace(LINEAR.cases, sizes={**LINEAR.cases.sizes, **training})
    lines = program(Bench(replace(LINEAR, cases=cases)), "x", Mismatch("", ""))
    assert ("module.eval()" in lines) is there


@pytest.mark.parametrize(
    ("changes", "call"),
    [
        ({"required": False}, "    output = module(input=input)"),
        ({"required": True}, "    output = module(input)"),
    ],
)
def test_what_is_optional_is_passed_by_its_name(changes: Any, call: str) -> None:
    inputs = tuple(replace(rule, **changes) for rule in LINEAR.inputs)
    assert call in program(Bench(replace(LINEAR, inputs=inputs)), "x", Mismatch("", ""))


def test_the_arguments_are_those_that_differ_from_their_defaults() -> None:
    (line,) = (
        line
        for line in program(Bench(LINEAR), "x", Mismatch("", ""), bias="False")
        if line.startswith("module = ")
    )
    assert line == "module = Linear(in_features=5, out_features=7, bias=False)"
