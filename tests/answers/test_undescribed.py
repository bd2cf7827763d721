"""What is not torch's, or was altered since it was built, is refused by name, not answered."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import mhadoc
from mhadoc.errors import UndescribedError

X = torch.zeros(2, 5, 12)
ARGUMENTS: dict[str, Any] = {"embed_dim": 12, "num_heads": 4}
Asked = Callable[[nn.Module], Any]


def attention(cls: Any = nn.MultiheadAttention) -> Any:
    return cls(12, 4, batch_first=True)


def layer(cls: Any = nn.TransformerEncoderLayer, **parts: nn.Module) -> Any:
    built = cls(12, 4, 20, batch_first=True)
    for name, part in parts.items():
        setattr(built, name, part)
    return built


def stack(last: nn.Module, **arguments: Any) -> nn.TransformerEncoder:
    built = nn.TransformerEncoder(layer(), 2, **arguments)
    built.layers[1] = last
    return built


def whole(**arguments: Any) -> nn.Transformer:
    return nn.Transformer(12, 4, 1, 1, 20, batch_first=True, **arguments)


class MultiheadAttention(nn.Module):
    """An attention of another library, which is only called so."""

    def __init__(self, embed_dim: int = 12, num_heads: int = 4) -> None:
        super().__init__()
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, True
        self.q_proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, query: Any, key: Any, value: Any, **masks: Any) -> Any:
        return self.q_proj(query), None


class Dropout(nn.Module):
    """A Dropout with another call."""

    def forward(self, input: Any, mask: Any) -> Any:
        return input * mask


class Positions(nn.MultiheadAttention):
    """An attention whose forward takes other inputs."""

    def forward(self, x: Any, positions: Any) -> Any:  # type: ignore[override]
        return super().forward(x + positions, x + positions, x)


class Deaf(nn.MultiheadAttention):
    """An attention that does not hear of masks."""

    def forward(  # type: ignore[override]  # the point of the test
        self, query: Any, key: Any, value: Any, **masks: Any
    ) -> Any:
        return super().forward(query, key, value, need_weights=False)


class Halves(nn.TransformerEncoderLayer):
    """A layer whose feed-forward part is another one."""

    def _ff_block(self, x: Any) -> Any:
        return x / 2


class Adapted(nn.Linear):
    """A linear map with two more parameters, and another constructor."""

    def __init__(self, features: int, out: int, rank: int = 2) -> None:
        super().__init__(features, out)
        self.lora_A = nn.Parameter(torch.zeros(rank, features))
        self.lora_B = nn.Parameter(torch.zeros(out, rank))


class Same(nn.TransformerEncoderLayer):
    """A layer that only has another name."""


FOREIGN = {"attention": MultiheadAttention(), "dropout": Dropout()}


@pytest.mark.parametrize("module", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(
    "asked",
    [
        mhadoc.spec,
        lambda module: mhadoc.spec(type(module)),
        mhadoc.explain,
        lambda module: mhadoc.predict(type(module)),
        lambda module: mhadoc.predict_call(type(module), {}, X),
        lambda module: mhadoc.diagnose(module, X),
        lambda module: mhadoc.why_not_fast_path(module, X),
    ],
    ids=["spec", "class", "explain", "predict", "predict_call", "diagnose", "why"],
)
def test_a_class_that_only_has_the_name_is_not_torchs(asked: Asked, module: nn.Module) -> None:
    name = type(module).__name__
    said = rf"^no spec is called '{__name__}\.{name}': it only has the name of torch\.nn\.{name}"
    with pytest.raises(mhadoc.UnknownNameError, match=said):
        asked(module)


def test_in_a_model_of_such_a_name_each_attention_is_explained() -> None:
    model = type("Transformer", (nn.Module,), {})()
    model.inner = attention()
    assert [part.prefix for part in mhadoc.explain(model).parts] == ["inner"]


@pytest.mark.parametrize(
    ("module", "method"),
    [
        (attention(Positions), "Positions.forward"),
        (layer(Halves), "Halves._ff_block"),
        (torch.ao.nn.quantizable.MultiheadAttention(12, 4), "MultiheadAttention.forward"),
    ],
    ids=["forward", "helper", "torch's own"],
)
def test_of_a_forward_of_its_own_nothing_is_known(module: nn.Module, method: str) -> None:
    with pytest.raises(UndescribedError, match=rf"it has its own \w+: \S+\.{method}"):
        mhadoc.diagnose(module, X, X)
    with pytest.raises(UndescribedError, match=method.partition(".")[0]):
        mhadoc.why_not_fast_path(module, X, X)
    with pytest.raises(UndescribedError, match="it has its own"):
        mhadoc.predict_call(type(module), {}, X, X)


def test_a_forward_may_be_given_to_one_module_alone() -> None:
    module = attention()
    module.forward = lambda x: (x, None)
    with pytest.raises(UndescribedError, match="another forward after it was built"):
        mhadoc.diagnose(module, X)


def test_its_parameters_are_those_of_its_base() -> None:
    assert mhadoc.explain(attention(Positions)).total == 624
    assert mhadoc.predict(Positions, 12, 4) == mhadoc.predict("MultiheadAttention", 12, 4)
    assert mhadoc.diagnose(layer(Same), X) == []


def test_of_a_constructor_of_its_own_nothing_is_known() -> None:
    asked: Any
    for cls in (Adapted, nn.LazyLinear):
        for asked in (mhadoc.predict, mhadoc.explain):
            with pytest.raises(UndescribedError, match=r"it has its own __init__"):
                asked(cls, 12, 3)
    told = mhadoc.explain(Adapted(12, 3))
    assert told.further == {"lora_A": (2, 12), "lora_B": (3, 2)}
    assert "not described, and not counted: lora_A (2, 12), lora_B (3, 2)" in str(told)
    assert told.to_json()["further"]["lora_A"] == [2, 12]


PARTS: dict[str, tuple[nn.Module, str]] = {
    "sequential": (layer(linear1=nn.Sequential(nn.Linear(12, 20))), "linear1 is a Sequential"),
    "identity": (layer(norm1=nn.Identity()), "norm1 is an Identity, not torch.nn.LayerNorm"),
    "no dropout": (layer(dropout=nn.Identity()), "dropout is an Identity"),
    "attention": (
        layer(self_attn=MultiheadAttention()),
        f"self_attn is a {__name__}.MultiheadAttention",
    ),
    "deaf": (layer(self_attn=attention(Deaf)), "self_attn has its own forward"),
    "norm": (layer(norm2=nn.LayerNorm(9)), "norm2.weight has shape (9,), where (12,) is"),
    "linear": (layer(linear2=nn.Linear(19, 12)), "linear2.weight has shape (12, 19), where (12"),
}


@pytest.mark.parametrize(("part", "said"), PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("around", ["layer", "stack", "whole"])
def test_a_part_that_is_not_torchs_is_named(around: str, part: nn.Module, said: str) -> None:
    module, inputs = {
        "layer": lambda: (part, (X,)),
        "stack": lambda: (stack(part), (X,)),
        "whole": lambda: (whole(custom_encoder=stack(part)), (X, X)),
    }[around]()
    for asked in (mhadoc.diagnose, mhadoc.why_not_fast_path):
        with pytest.raises(UndescribedError) as refused:
            asked(module, *inputs)
        assert said in str(refused.value)
    with pytest.raises(UndescribedError):
        mhadoc.diagnose(module, *inputs, torch_version="2.0")
    assert "attention" in str(mhadoc.explain(module)).lower()


@pytest.mark.parametrize(("part", "said"), PARTS.values(), ids=PARTS)
def test_watching_one_adds_nothing_of_its_own(part: nn.Module, said: str) -> None:
    with pytest.raises(Exception, match=r"\S") as raised, mhadoc.watch(part):
        part(X[..., :7])
    notes = "\n".join(getattr(raised.value, "__notes__", ()))
    assert type(part).__name__ not in notes
    assert said not in notes


@pytest.mark.parametrize(
    ("module", "inputs", "said"),
    [
        (whole(custom_encoder=nn.Identity()), (X, X), "encoder is an Identity"),
        (nn.TransformerEncoder(layer(), 1, nn.RMSNorm(8)), (X,), "norm is a RMSNorm"),
        (stack(layer(nn.TransformerDecoderLayer)), (X,), "layers.1 is a TransformerDecoderLayer"),
    ],
)
def test_what_a_stack_demands_before_such_a_part_is_told(
    module: nn.Module, inputs: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(UndescribedError, match=said):
        mhadoc.diagnose(module, *inputs)
    wrong = (*inputs[:-1], inputs[-1][..., 1:])
    problems = [] if said.startswith("layers") else mhadoc.diagnose(module, *wrong)
    assert all(problem.severity == "error" for problem in problems)
    with pytest.raises((AssertionError, RuntimeError, TypeError)):
        module(*wrong)


def cut(module: Any, name: str, *shape: int) -> Any:
    setattr(module, name, nn.Parameter(torch.zeros(shape)))
    return module


def changed(module: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


ALTERED: dict[str, tuple[Any, str]] = {
    "columns": (cut(nn.Linear(12, 3), "weight", 3, 10), r"weight has shape \(3, 10\)"),
    "lazy": (nn.LazyLinear(3), "weight has no shape"),
    "norm": (cut(nn.LayerNorm(12), "weight", 11), r"weight has shape \(11,\), where \(12,\)"),
    "kdim": (changed(attention(), kdim=10), "q_proj_weight has no shape, or is not there"),
    "no weight": (changed(attention(), in_proj_weight=None), "in_proj_weight has no shape"),
    "out_proj": (
        changed(attention(), out_proj=nn.Identity()),
        "out_proj.weight has no shape, or is not there",
    ),
}


@pytest.mark.parametrize(("module", "said"), ALTERED.values(), ids=ALTERED)
def test_a_tensor_of_another_shape_is_named(module: nn.Module, said: str) -> None:
    inputs = (X, X, X) if isinstance(module, nn.MultiheadAttention) else (X,)
    with pytest.raises(UndescribedError, match=said):
        mhadoc.diagnose(module, *inputs)


def test_a_call_that_was_legal_is_not_taken_for_one_of_an_altered_module() -> None:
    module = attention()
    assert mhadoc.diagnose(module, X, X, X) == []
    cut(module, "in_proj_weight", 30, 12)
    for _ in range(2):
        with pytest.raises(UndescribedError):
            mhadoc.diagnose(module, X, X, X)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ["k_proj_weight", "q_proj_weight", "v_proj_weight"])
def test_a_pruned_weight_has_the_shape_of_the_whole_one(name: str, bias: bool) -> None:
    module = nn.MultiheadAttention(12, 3, kdim=7, vdim=5, bias=bias)
    plain = mhadoc.explain(copy.deepcopy(module))
    prune.l1_unstructured(module, name, amount=0.3)
    told = mhadoc.explain(module)
    assert (told.rows, told.further) == (plain.rows, {})
    assert told.total == sum(parameter.numel() for parameter in module.parameters())
    assert mhadoc.diagnose(module, torch.zeros(5, 12), torch.zeros(4, 7), torch.zeros(4, 5)) == []


def test_a_parametrized_weight_is_there() -> None:
    module = parametrizations.orthogonal(nn.Linear(12, 12))
    assert [row.shape for row in mhadoc.explain(module).rows] == [(12, 12), (12,)]
    assert mhadoc.diagnose(module, X) == []


def test_layers_by_another_name_take_their_fast_path() -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        module = nn.TransformerEncoder(layer(Same), 2).eval()
        assert mhadoc.why_not_fast_path(module, X) == []
        own = type("Own", (Same,), {"forward": Same.forward})
        with pytest.raises(UndescribedError, match=r"layers\.0 has its own forward"):
            mhadoc.why_not_fast_path(nn.TransformerEncoder(layer(own), 2).eval(), X)
