"""What a warning says will happen does: thousands of calls with drawn masks, each compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch

import mhadoc
from tests.answers.call.draws import drawn
from tests.answers.doubtful import EXAMPLES
from tests.answers.valued import Valued, valued

COUNTS = {
    "MultiheadAttention": 2500,
    "TransformerEncoderLayer": 1200,
    "TransformerDecoderLayer": 600,
}
NAN = {"mha.nan.with_weights", "mha.nan.fast_path"}
IGNORED = {"mha.causal.fast_path", "mha.causal.with_weights", "mha.causal.with_padding"}
Told = dict[str, mhadoc.Problem]


def nan(call: Valued, told: Told) -> bool:
    """A query without a key is NaN exactly where that is said."""
    return bool(call.output().isnan().any()) == bool(told.keys() & NAN)


def bias(call: Valued, told: Told) -> bool:
    """A query without a key comes out as the bias of the last projection where that is said."""
    if "mha.nan.without_weights" not in told or not hasattr(call.module, "out_proj"):
        return True
    added, output = (
        call.module.out_proj.bias,
        (call.with_eval() if _random(call) else call).output(),
    )
    expected = output.new_zeros(()) if added is None else added
    whole = "in head" not in told["mha.nan.without_weights"].observed
    found = bool((output == expected).all(-1).any())
    return found == whole and not bool(output.isnan().any())


def even(call: Valued, told: Told) -> bool:
    """Where all keys that are left have a low number, they are seen, and by the same weight."""
    if "mha.nan.finite_floats" not in told or not call.inputs.get("need_weights"):
        return True
    weights = call.with_eval().run(average_attn_weights=False)[1]
    share = 1 / (weights > 0).sum(-1, keepdim=True)
    return bool(((weights == 0) | ((weights - share).abs() < 1e-6)).all(-1).any())


def sums(call: Valued, told: Told) -> bool:
    """Rows of weights add up to 1 unless it is said that they need not."""
    returned = call.run()
    weights = returned[1] if isinstance(returned, tuple) else None
    if weights is None or bool(weights.isnan().any()):
        return True
    off = (weights.sum(-1) - 1).abs() > 1e-4
    return bool(off.any()) if "mha.dropout.returned" in told else not bool(off.any())


def future(call: Valued, told: Told) -> bool:
    """With is_causal=True a later position is seen exactly where that is said."""
    if not call.inputs.get("is_causal") or _random(call) or told.keys() & {"mha.nan.with_weights"}:
        return True
    name = "src" if "src" in call.inputs else "query"
    x = call.inputs[name]
    if call.inputs.get("key", x) is not x or bool(call.output().isnan().any()):
        return True
    seen = any(_depends(call, name, place) for place in range(1, x.shape[-2]))
    said = bool(told.keys() & (IGNORED | {"mha.causal.makes_no_mask"}))
    return seen == said


def _depends(call: Valued, name: str, place: int) -> bool:
    """Tell whether a query before a place sees what is there."""
    x = call.inputs[name].clone()
    x[..., place, :] += torch.linspace(1, 4, 6)
    given = {"src": x} if name == "src" else {"query": x, "key": x, "value": x}
    before, after = (o[:, :place] for o in (call.output(), call.output(**given)))
    return not torch.allclose(before, after, atol=1e-6)


def replaced(call: Valued, told: Told) -> bool:
    """The mask given is used unless it is said that another one takes its place."""
    hint = next((name for name in call.inputs if name.endswith("is_causal")), "")
    if not call.inputs[hint] or call.inputs[_MASKS[hint, "src" in call.inputs]] is None:
        return True
    if _random(call):
        return True
    same = torch.allclose(call.output(), call.output(**{hint: False}), atol=1e-6, equal_nan=True)
    said = bool(told.keys() & {"mha.causal.replaces", "mha.causal.hides_extra_keys"})
    return same != said


_MASKS = {
    ("is_causal", False): "attn_mask",
    ("is_causal", True): "src_mask",
    ("tgt_is_causal", False): "tgt_mask",
}


def misread(call: Valued, told: Told) -> bool:
    """The fast path of a layer gives other numbers exactly where it is said to misread floats."""
    if "src" not in call.inputs or call.module.training or call.grad:
        return True
    fast = call.output(is_causal=False)
    slow = call.with_grad(True).output(is_causal=False)
    same = torch.allclose(fast, slow, atol=1e-5, equal_nan=True)
    if told.keys() & NAN:
        return not same
    return same == ("tr.fast.float_mask_as_bool" not in told)


def _random(call: Valued) -> bool:
    return bool(call.module.training and getattr(call.module, "dropout", 0) == 0.3)


def diagnosed(call: Valued) -> list[Any]:
    with torch.set_grad_enabled(call.grad):
        return mhadoc.diagnose(call.module, **call.inputs)


CHECKS: list[Callable[[Valued, Told], bool]] = [*(nan, bias, even, sums, future, replaced, misread)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COUNTS)
def test_what_is_said_happens(name: str) -> None:
    counted: Counter[str] = Counter()
    for call in valued(name, COUNTS[name], 11):
        problems = diagnosed(call)
        if any(problem.severity == "error" for problem in problems):
            continue
        told = {problem.rule: problem for problem in problems}
        counted.update(told.keys() or {"nothing"})
        for check in CHECKS:
            assert check(call, told), (check.__name__, call, problems)
    assert counted["nothing"] > COUNTS[name] / 4
    assert sum(counted.values()) > COUNTS[name]
    assert len(counted) > 10


@pytest.mark.filterwarnings("ignore")
def test_a_stack_gives_nan_where_that_is_said() -> None:
    counted: Counter[bool] = Counter()
    for call in valued("TransformerEncoder", 600, 14):
        problems = diagnosed(call)
        if all(problem.severity == "warning" for problem in problems):
            told = {problem.rule: problem for problem in problems}
            assert nan(call, told), (call, problems)
            counted[bool(told.keys() & NAN)] += 1
    assert min(counted[True], counted[False]) > 15


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COUNTS)
def test_hooks_on_out_proj_never_run(name: str) -> None:
    for call in valued(name, 100, 12):
        fired: list[str] = []
        inner = getattr(call.module, "self_attn", call.module)
        assert "mha.out_proj.not_called" not in {problem.rule for problem in diagnosed(call)}
        with inner.out_proj.register_forward_hook(lambda *_, heard=fired: heard.append("it ran")):
            problems = diagnosed(call)
            if any(problem.severity == "error" for problem in problems):
                continue
            call.run()
        assert "mha.out_proj.not_called" in {problem.rule for problem in problems}
        assert not fired


def example(id: str) -> tuple[Any, dict[str, Any]]:
    """Return the module and the inputs of the example of a doubt."""
    found = next(each for each in EXAMPLES if each.id == id)
    torch.manual_seed(0)
    module = found.build()
    return module, found.inputs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "id",
    [
        "activation.gelu_tanh",
        "attn_mask.read_as_bool",
        "src_key_padding_mask.nested_floats",
        "src_key_padding_mask.not_at_end",
    ],
)
def test_the_fast_path_gives_other_numbers(id: str) -> None:
    module, inputs = example(id)
    slow = module(**inputs)
    with torch.no_grad():
        fast = module(**inputs)
    kept = ~inputs.get("src_key_padding_mask", torch.zeros(3, 5)).bool()
    assert not torch.allclose(fast[kept], slow[kept], atol=1e-6)


def test_floats_leave_zeros_where_nested_tensors_are_used() -> None:
    module, inputs = example("src_key_padding_mask.nested_floats")
    with torch.no_grad():
        output = module(**inputs)
    assert torch.equal((output == 0).all(-1), inputs["src_key_padding_mask"] != 0)


def test_the_decoder_sees_the_padding_of_the_source() -> None:
    module, inputs = example("memory_key_padding_mask.left_out")
    also = inputs["src_key_padding_mask"]
    seen, hidden = module(**inputs), module(**inputs, memory_key_padding_mask=also)
    assert not torch.allclose(seen, hidden, atol=1e-6)


def test_one_batch_element_changes_the_others() -> None:
    module, inputs = example("batch_first.mixed")
    changed = inputs["src"].clone()
    changed[0] += 1
    before, after = module(**inputs), module(**{**inputs, "src": changed})
    assert not torch.allclose(before[1:], after[1:], atol=1e-6)


@pytest.mark.parametrize("id", [each.id for each in EXAMPLES if "elements" in each.id])
def test_off_the_fast_path_torch_refuses_the_shape(id: str) -> None:
    module, inputs = example(id)
    with pytest.raises((AssertionError, RuntimeError), match=r"mask"):
        module(**inputs)


def turned(module: Any) -> Any:
    """Return a copy of a module in training mode, with the batch on the other axis."""
    other = deepcopy(module).train()
    for inner in other.modules():
        if isinstance(inner, torch.nn.MultiheadAttention):
            inner.batch_first = not inner.batch_first
    return other


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COUNTS)
def test_with_the_other_batch_first_a_legal_call_is_told(name: str) -> None:
    told = 0
    for call in valued(name, 400, 13):
        query = next(iter(call.inputs.values()))
        legal = all(p.severity == "warning" for p in mhadoc.diagnose(call.module, **call.inputs))
        problems = mhadoc.diagnose(turned(call.module), **call.inputs)
        if legal and query.dim() == 3 and problems and problems[0].severity == "error":
            assert problems[-1].argument == "batch_first", (call, problems)
            told += 1
    assert told > 50


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COUNTS)
def test_where_it_is_told_the_other_batch_first_runs(name: str) -> None:
    for call in drawn(name, 1000, 13):
        with torch.set_grad_enabled(call.grad):
            problems = mhadoc.diagnose(call.module, **call.inputs)
        if problems and problems[-1].argument == "batch_first":
            assert problems[0].severity == "error"
            dtype = next(iter(call.inputs.values())).dtype
            turned(call.module).to(dtype)(**call.inputs)
