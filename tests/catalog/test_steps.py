"""The shapes on the way through a call are among those that torch's operators make."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mhadoc
from mhadoc.sphinxext.way import used

SPEC = mhadoc.spec("MultiheadAttention")
N, L, S, H, D = 2, 3, 5, 7, 11


class Shapes(TorchDispatchMode):
    """Every shape that an operator of torch returns, and those of its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[int, ...]] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for each in (*args, *(found if isinstance(found, (tuple, list)) else (found,))):
            if isinstance(each, torch.Tensor):
                self.seen.add(tuple(each.shape))
        return found


@pytest.mark.parametrize("given", [{}, {"kdim": 10, "vdim": 9}, {"add_bias_kv": True}])
def test_torch_makes_each_shape(given: dict[str, Any]) -> None:
    module = torch.nn.MultiheadAttention(H * D, H, batch_first=True, **given)
    inputs = (torch.zeros(N, L, H * D), *(torch.zeros(N, S, w) for w in (module.kdim, module.vdim)))
    with Shapes() as shapes:
        module(*inputs, need_weights=False)
        module(*inputs)
    sizes = {"N": N, "L": L, "S": S, "num_heads": H, "head_dim": D, "embed_dim": H * D}
    sizes |= {"kdim": module.kdim, "vdim": module.vdim, "add_zero_attn": 0}
    sizes["add_bias_kv"] = int("add_bias_kv" in given)
    made = {m.name: m.shape.evaluate(sizes) for step in SPEC.steps for m in step.makes}
    plain = {shape[1::-1] + shape[2:] for shape in shapes.seen if len(shape) == 3}
    assert {name: s for name, s in made.items() if s not in shapes.seen | plain} == {}
    assert len(set(made.values())) >= 6


def test_the_first_and_the_last_shapes_are_those_of_the_rules() -> None:
    made = {m.name: m.shape for step in SPEC.steps for m in step.makes}
    for rule in (*SPEC.inputs, *SPEC.outputs):
        if rule.label in ("", "batch_first", "averaged") and rule.name in made:
            assert made[rule.name] in {r.shape for r in SPEC.named(rule.name)}
    assert {rule.name for rule in used(SPEC)} <= {rule.name for rule in SPEC.parameters}
