"""Under autocast, what is a mistake is what torch refuses: compared with torch itself."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from mhadoc import diagnose

torch = pytest.importorskip("torch")
nn = torch.nn

HALVES = (torch.bfloat16, torch.float16)
FLOATS = (torch.float32, *HALVES, torch.float64)
X = torch.zeros(2, 5, 12)


def attention(**arguments: Any) -> Any:
    return nn.MultiheadAttention(12, 4, batch_first=True, **arguments)


MODULES: dict[str, Callable[[], Any]] = {
    "linear": lambda: nn.Linear(12, 3),
    "plain linear": lambda: nn.Linear(12, 3, bias=False),
    "norm": lambda: nn.LayerNorm(12),
    "attention": attention,
    "attention without bias": lambda: attention(bias=False),
}
LAYERS: dict[str, Callable[[], Any]] = {
    "encoder layer": lambda: nn.TransformerEncoderLayer(12, 4, 20, batch_first=True),
    "decoder layer": lambda: nn.TransformerDecoderLayer(12, 4, 20, batch_first=True),
}


def runs(module: Any, *inputs: Any, **named: Any) -> bool:
    """Tell whether torch takes a call."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module(*inputs, **named)
    except (RuntimeError, NotImplementedError):
        return False
    return True


def legal(module: Any, *inputs: Any, **named: Any) -> bool:
    """Tell whether a call is told to be legal."""
    found = diagnose(module, *inputs, **named)
    return all(problem.severity != "error" for problem in found)


def inputs_of(module: Any, given: Any) -> tuple[Any, ...]:
    """Return the inputs that a module is called with."""
    kinds: dict[Any, int] = {nn.MultiheadAttention: 3, nn.TransformerDecoderLayer: 2}
    return (given,) * kinds.get(type(module), 1)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("cast", HALVES)
def test_each_module_takes_what_torch_takes(name: str, cast: Any) -> None:
    for own, given in itertools.product(FLOATS, FLOATS):
        module = MODULES[name]().to(own)
        inputs = inputs_of(module, X.to(given))
        with torch.autocast("cpu", cast):
            assert legal(module, *inputs) is runs(module, *inputs), (own, given)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("cast", HALVES)
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_of_usual_parameters_takes_what_torch_takes(
    name: str, cast: Any, training: bool
) -> None:
    layer = LAYERS[name]().train(training)
    for given in FLOATS:
        inputs = inputs_of(layer, X.to(given))
        with torch.autocast("cpu", cast), torch.set_grad_enabled(training):
            assert legal(layer, *inputs) is runs(layer, *inputs), given


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("cast", HALVES)
def test_masks_of_floats(cast: Any, need_weights: bool) -> None:
    for own, dtype in itertools.product((torch.float32, torch.float64), FLOATS):
        mha, x = attention().to(own), X.to(own)
        for name, shape in (("attn_mask", (5, 5)), ("key_padding_mask", (2, 5))):
            given = {name: torch.zeros(shape, dtype=dtype), "need_weights": need_weights}
            with torch.autocast("cpu", cast):
                assert legal(mha, x, x, x, **given) is runs(mha, x, x, x, **given), given


def test_two_masks_of_different_floats() -> None:
    mha = attention()
    for first, second in itertools.product(FLOATS, FLOATS):
        masks = {
            "attn_mask": torch.zeros(5, 5, dtype=first),
            "key_padding_mask": torch.zeros(2, 5, dtype=second),
        }
        with torch.autocast("cpu", torch.bfloat16):
            assert legal(mha, X, X, X, **masks) is runs(mha, X, X, X, **masks), masks


def test_what_is_legal_under_autocast_alone_is_not_remembered_outside_it() -> None:
    linear, layer, half = nn.Linear(12, 3), LAYERS["encoder layer"](), X.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert diagnose(linear, half) == diagnose(layer, half) == []
    assert [problem.argument for problem in diagnose(linear, half)] == ["input"]
    assert [problem.argument for problem in diagnose(layer, half)] == ["src"]


def test_autocast_of_another_kind_of_device_changes_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no such device here
        other = torch.autocast("cuda", torch.bfloat16)
    with other:
        assert not legal(nn.Linear(12, 3), X.bfloat16())


def test_the_dtypes_that_are_told_are_the_real_ones() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        (problem,) = diagnose(nn.Linear(12, 3), X.double())
    assert problem.expected == "must have the dtype of the parameters: float32"
    assert problem.observed == "has float64"
