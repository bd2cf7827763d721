"""Another class that claims to be a drop-in for nn.MultiheadAttention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from torch import nn

import mhadoc
from mhadoc.errors import PathError, SubjectError, UnknownNameError
from mhadoc.proof.report import Report

pytestmark = pytest.mark.xdist_group("subject")

NAME = "MultiheadAttention"
SPEC = mhadoc.spec(NAME)
WITHOUT_CLAIMS = replace(SPEC, claims=())
ON_WEIGHTS = tuple(claim for claim in SPEC.claims if claim.id.startswith("mha.average"))
QUANTIZABLE = "torch.ao.nn.quantizable:MultiheadAttention"


class Faithful(nn.MultiheadAttention):
    """Does what its base does, and has a name."""

    def __init__(self, *args: Any, label: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label = label


class Unbuildable(nn.MultiheadAttention):
    """Knows no add_bias_kv."""

    def __init__(self, *args: Any, add_bias_kv: bool = False, **kwargs: Any) -> None:
        if add_bias_kv:
            raise NotImplementedError("no add_bias_kv here")
        super().__init__(*args, **kwargs)


class Averaging(nn.MultiheadAttention):
    """Averages the weights over the wrong axis, where nobody looks at shapes."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output, weights = super().forward(*args, **kwargs)
        if weights is not None and kwargs.get("average_attn_weights", True):
            weights = weights.flip(-2)
        return output, weights


@pytest.fixture(scope="module")
def quantizable() -> Report:
    return mhadoc.verify(NAME, subject=QUANTIZABLE)


def test_a_faithful_subclass_holds() -> None:
    report = mhadoc.verify(NAME, subject=Faithful)
    assert report.ok, report
    assert report.claims > 100


def test_wrong_numbers_with_right_shapes(quantizable: Report) -> None:
    refuted = {found.statement: found for found in quantizable.refutations}
    assert f"{NAME}.attn_output.batch_first" not in refuted
    assert quantizable.held[f"{NAME}.attn_output.batch_first"] > 5
    assert "difference" in refuted["mha.batch_first.swaps"].observed


def test_the_program_names_the_subject(quantizable: Report) -> None:
    codes = [found.code for found in quantizable.refutations]
    assert all("from torch.ao.nn.quantizable" in code for code in codes)


def test_what_cannot_be_built_is_refuted() -> None:
    report = mhadoc.verify(WITHOUT_CLAIMS, subject=Unbuildable)
    (found,) = (r for r in report.refutations if r.statement == f"{NAME}.state_dict")
    assert found.case == {"add_bias_kv": "True"}
    assert found.observed == "NotImplementedError: no add_bias_kv here"


def test_wrong_numbers_are_found_by_claims() -> None:
    report = mhadoc.verify(replace(SPEC, claims=ON_WEIGHTS), subject=Averaging)
    refuted = {found.statement for found in report.refutations}
    assert "mha.average.mean" in refuted
    assert not {name for name in refuted if name.startswith(f"{NAME}.attn_output")}


def test_unknown_subject() -> None:
    with pytest.raises(UnknownNameError, match=r"no part of torch\.nn is called 'Nope'"):
        mhadoc.verify(NAME, subject="torch.nn:Nope")


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (dict, "dict is a class derived from object: a drop-in for MultiheadAttention is a class"),
        (len, "len is a function: a drop-in for MultiheadAttention is a class derived from torch"),
        (nn.Linear(2, 3), "is a Linear: a drop-in for MultiheadAttention is a class derived from"),
        ("json:JSONDecoder", "json:JSONDecoder is a class derived from object: a drop-in for Mul"),
        ("torch.nn:functional", "torch.nn:functional is a module: a drop-in for MultiheadAttent"),
    ],
)
def test_what_can_be_no_drop_in_is_refused(subject: object, said: str) -> None:
    with pytest.raises(SubjectError) as refused:
        mhadoc.verify(NAME, subject=subject)
    assert said in str(refused.value)


def test_what_is_not_called_can_take_no_functions_place() -> None:
    with pytest.raises(SubjectError, match=r"a drop-in for scaled_dot_product_attention is a func"):
        mhadoc.verify("scaled_dot_product_attention", subject="torch:nn")


@pytest.mark.parametrize("path", ["MultiheadAttention", "torch.nn.Linear", "my.attention", ""])
def test_a_path_without_a_colon_is_refused(path: str) -> None:
    with pytest.raises(PathError, match=r"is no path in Python: write it as package\.module:Class"):
        mhadoc.verify(NAME, subject=path)


def test_a_subject_needs_a_target() -> None:
    with pytest.raises(SubjectError, match=r"^a subject needs a target: "):
        mhadoc.verify(subject=Faithful)
