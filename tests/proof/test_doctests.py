"""The examples of claims run as they stand, and each one that does not is told."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

import mhadoc
from mhadoc.language import Claim
from mhadoc.proof.doctests import count, printed, run

CLAIMS = [claim for name in mhadoc.specs() for claim in mhadoc.spec(name).claims]


def example(text: str) -> Claim:
    return Claim(id="mha.x", sentence="x.", doctest=text, check=lambda seen: None, source="")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_claim_has_an_example_that_shows_something(claim: Claim):
    prompts = len(re.findall(r"^\s*>>> ", claim.doctest, re.MULTILINE))
    outputs = re.findall(r"^\s*(?!>>>|\.\.\.)\S", claim.doctest, re.MULTILINE)
    assert count(claim) == prompts > 0
    assert outputs


@pytest.mark.parametrize(
    "text",
    [
        ">>> 1 + 1\n2\n",
        "\n        >>> 1 + 1\n        2\n        ",
        ">>> print('a b c')\na ... c\n",
        ">>> [][1]\nTraceback (most recent call last):\n    ...\nIndexError: list index ...",
        ">>> import torch\n>>> torch.initial_seed()\n0\n",
        ">>> import warnings\n>>> with warnings.catch_warnings(record=True) as heard:\n"
        "...     warnings.simplefilter('always')\n...     warnings.warn('x')\n>>> len(heard)\n1\n",
    ],
    ids=["plain", "indented", "ellipsis", "exception", "seed", "heard warning"],
)
def test_what_comes_out_as_written_holds(text: str):
    assert run(example(text)) is None


@pytest.mark.parametrize(
    ("text", "expected", "observed"),
    [
        (">>> 1 + 1\n3\n", "3\nfrom: 1 + 1", "2"),
        (">>> x = 2\n>>> x\n3\n>>> x\n4\n", "3\nfrom: x", "2"),
        (">>> 1 == 1\n1\n", "1\nfrom: 1 == 1", "True"),
        (">>> 1 + 1\n", "no output\nfrom: 1 + 1", "2"),
        (">>> None\n1\n", "1\nfrom: None", "no output"),
        (">>> 1 / 0\n1\n", "1\nfrom: 1 / 0", "ZeroDivisionError: division by zero"),
        (
            ">>> 1 / 0\nTraceback (most recent call last):\n    ...\nZeroDivisionError: division",
            "ZeroDivisionError: division\nfrom: 1 / 0",
            "ZeroDivisionError: division by zero",
        ),
        (
            ">>> import warnings\n>>> warnings.warn('loud')\n",
            "no output\nfrom: warnings.warn('loud')",
            "UserWarning: loud",
        ),
    ],
    ids=["value", "first", "true", "nothing", "none", "raises", "text", "warning"],
)
def test_the_first_line_that_does_not_is_told(text: str, expected: str, observed: str):
    mismatch = run(example(text))
    assert (mismatch.expected, mismatch.observed) == (expected, observed)


def test_what_torch_says_to_itself_is_silent(monkeypatch: pytest.MonkeyPatch):
    says = "def says():\n    import warnings\n    warnings.warn('to itself')\n"
    exec(says, vars(torch.nn.functional))
    assert run(example(">>> import torch\n>>> torch.nn.functional.says()\n")) is None
    monkeypatch.delattr(torch.nn.functional, "says")


def test_it_leaves_torch_as_it_was():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    text = (
        ">>> import torch\n>>> torch.set_default_dtype(torch.float64)\n>>> _ = torch.randn(3)\n"
        ">>> _ = torch.set_grad_enabled(False)\n"
    )
    assert run(example(text)) is None
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert torch.equal(before, torch.get_rng_state())


def test_the_same_numbers_come_each_time():
    text = ">>> import torch\n>>> torch.randn(1).item()\n1.5409960746765137\n"
    assert run(example(text)) is None
    assert run(example(text)) is None


class TestPrinted:
    @pytest.mark.parametrize(
        ("text", "lines"),
        [
            (">>> 1 + 1\n", [">>> 1 + 1", "2"]),
            ("    >>> x = 2\n    >>> x\n    3\n", [">>> x = 2", ">>> x", "2"]),
            (
                ">>> for n in range(2):\n...     print(n)\n",
                [">>> for n in range(2):", "...     print(n)", "0", "1"],
            ),
            (
                ">>> import torch\n>>> torch.initial_seed()\n",
                [">>> import torch", ">>> torch.initial_seed()", "0"],
            ),
        ],
        ids=["value", "otherwise", "block", "seed"],
    )
    def test_each_statement_comes_with_what_it_printed(self, text: str, lines: list[str], capsys):
        assert printed(text).splitlines() == lines
        assert capsys.readouterr().out == ""

    def test_what_is_raised_goes_on(self, capsys):
        with pytest.raises(ZeroDivisionError, match="division by zero"):
            printed(">>> 1 / 0\n")
        assert capsys.readouterr().out == ""


def test_no_name_is_left_over_from_another_example():
    assert run(example(">>> left_over = 1\n")) is None
    assert "NameError" in run(example(">>> left_over\n1\n")).observed


class TestVerify:
    SPEC = mhadoc.spec("MultiheadAttention")

    @pytest.fixture
    def false(self) -> mhadoc.spec:
        claim = replace(self.SPEC.claim("mha.kdim.default"), doctest=">>> 1 + 1\n3\n")
        return replace(self.SPEC, claims=(claim,))

    def test_a_false_example_refutes_its_claim(self, false: mhadoc.spec):
        (refutation,) = mhadoc.verify(false).refutations
        assert refutation.statement == "mha.kdim.default"
        assert (refutation.expected, refutation.observed) == ("3\nfrom: 1 + 1", "2")

    def test_another_class_is_no_subject_of_the_examples(self, false: mhadoc.spec):
        assert mhadoc.verify(false, subject=torch.nn.MultiheadAttention).ok
