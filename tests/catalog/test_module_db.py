"""The module samples that ship inside torch: an oracle that nobody here has written."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import mhadoc

NAMES = set(mhadoc.specs())


def samples() -> Iterator[Any]:
    """Every sample of a module that has a spec, in training and in eval mode."""
    from torch.testing._internal.common_modules import module_db

    for info in module_db:
        name = info.module_cls.__name__
        for training in (True, False) if name in NAMES else ():
            found = info.module_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=False, training=training
            )
            for place, sample in enumerate(found):
                yield pytest.param(
                    info.module_cls, training, sample, id=f"{name}-{training}-{place}"
                )


def collected() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(samples())


SAMPLES = collected()


def build(cls: Any, sample: Any) -> Any:
    given = sample.constructor_input
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(*given.args, **given.kwargs).double()


@pytest.mark.parametrize(("cls", "training", "sample"), SAMPLES)
def test_parameters(cls: Any, training: bool, sample: Any) -> None:
    given = sample.constructor_input
    predicted = mhadoc.predict(cls.__name__, *given.args, **given.kwargs)
    state = build(cls, sample).state_dict()
    assert list(predicted.items()) == [(name, tuple(t.shape)) for name, t in state.items()]


@pytest.mark.parametrize(("cls", "training", "sample"), SAMPLES)
def test_outputs(cls: Any, training: bool, sample: Any) -> None:
    module = build(cls, sample).train(training)
    call = sample.forward_input
    with torch.no_grad():
        returned = module(*call.args, **call.kwargs)
    elements = returned if isinstance(returned, tuple) else (returned,)
    found = mhadoc.spec(cls.__name__)
    given = found.bind(*sample.constructor_input.args, **sample.constructor_input.kwargs)
    predicted = mhadoc.predict_call(cls.__name__, given, *call.args, **call.kwargs)
    observed = [None if element is None else tuple(element.shape) for element in elements]
    assert list(predicted.values()) == observed


def test_nothing_untrue_is_told_of_them() -> None:
    """What is told of any sample is that a decoder sees the source's padding, and it does."""
    told = 0
    for cls, training, sample in (param.values for param in SAMPLES):
        module, call = build(cls, sample).train(training), sample.forward_input
        with torch.set_grad_enabled(training):
            problems = mhadoc.diagnose(module, *call.args, **call.kwargs)
            assert {problem.rule for problem in problems} <= {"tr.no_mem_mask_default"}
            if problems:
                given = call.kwargs["src_key_padding_mask"]
                also = {"memory_key_padding_mask": given}
                seen, hidden = (
                    module.eval()(*call.args, **call.kwargs, **more) for more in ({}, also)
                )
                assert not torch.allclose(seen, hidden, atol=1e-9)
                told += 1
    assert 0 < told < len(SAMPLES) / 4


def test_there_are_samples_of_most() -> None:
    sampled = {param.values[0].__name__ for param in SAMPLES}
    assert sampled >= {"Transformer", "TransformerEncoder", "TransformerDecoderLayer", "Linear"}
    assert len(SAMPLES) > 400
