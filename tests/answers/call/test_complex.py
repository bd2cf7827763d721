"""Complex modules can be built, and are not called: that is told."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mhadoc

C = torch.zeros(2, 5, 12, dtype=torch.complex64)
SDPA = nn.functional.scaled_dot_product_attention


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_an_attention_has_no_softmax(bias: bool, need_weights: bool, training: bool) -> None:
    mha = nn.MultiheadAttention(12, 4, bias=bias, batch_first=True, dtype=torch.complex64)
    mha.train(training)
    for given in (C, C[:0]):
        with torch.set_grad_enabled(training):
            found = mhadoc.diagnose(mha, given, given, given, need_weights=need_weights)
        if given is C:
            with torch.set_grad_enabled(training), pytest.raises(NotImplementedError):
                mha(C, C, C, need_weights=need_weights)
            assert [(problem.argument, problem.observed) for problem in found] == [
                ("query", "is one of complex64")
            ]
        else:
            assert [problem for problem in found if problem.severity == "error"] == []


@pytest.mark.parametrize("affine", [True, False])
def test_a_norm_has_no_kernel(affine: bool) -> None:
    norm = nn.LayerNorm(12, elementwise_affine=affine, dtype=torch.complex64)
    with pytest.raises(NotImplementedError):
        norm(C)
    (problem,) = mhadoc.diagnose(norm, C)
    assert problem.rule == "LayerNorm.input.floats"


def test_the_function_has_no_softmax() -> None:
    with pytest.raises(NotImplementedError):
        SDPA(C, C, C)
    (problem,) = mhadoc.diagnose(SDPA, C, C, C)
    assert problem.rule == "scaled_dot_product_attention.query.floats"
    SDPA(C[:0], C[:0], C[:0])
    assert mhadoc.diagnose(SDPA, C[:0], C[:0], C[:0]) == []


def test_a_projection_is_taken() -> None:
    linear = nn.Linear(12, 3, dtype=torch.complex64)
    linear(C)
    assert mhadoc.diagnose(linear, C) == []
