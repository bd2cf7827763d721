"""The start: in which order the random numbers are drawn, and what is drawn anew."""

from __future__ import annotations

import math
from functools import partial
from inspect import signature
from typing import Any

from mhadoc.catalog.multihead_attention.claims.compare import shapes
from mhadoc.catalog.multihead_attention.symbols import INIT, RESET
from mhadoc.language import Claim, Mismatch, close, same

_ORDER = (
    *("out_proj.weight", "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"),
    *("bias_k", "bias_v"),
)


def _fresh(seen: Any, **changes: Any) -> Any:
    return seen.bench.fresh({**seen.bench.arguments(seen.case), **changes})


def _drawn(seen: Any, order: tuple[str, ...] = _ORDER) -> Mismatch | None:
    """Draw the numbers again in the order stated, and compare them to the last digit."""
    import torch

    state = _fresh(seen).state_dict()
    torch.manual_seed(0)
    for name in order:
        if name in state and (wrong := close(_redrawn(seen, name, state[name]), state[name], 0.0)):
            return Mismatch(f"{name} in its turn", wrong.observed)
    return None


def _redrawn(seen: Any, name: str, found: Any) -> Any:
    from torch import nn

    empty = found.new_empty(found.shape)
    if name.startswith("bias"):
        return nn.init.xavier_normal_(empty)
    if name != "out_proj.weight":
        return nn.init.xavier_uniform_(empty)
    width, bias = seen.values["embed_dim"], bool(seen.values["bias"])
    linear = nn.Linear(width, width, bias, device=found.device, dtype=found.dtype)
    return linear.weight.detach()


def _one_matrix(seen: Any, rows: int = 3) -> Mismatch | None:
    """Compare the largest fresh number of the packed weight and of a separate one."""
    width = seen.values["embed_dim"]
    separate = _fresh(seen, kdim=width + 1, vdim=width + 1)
    whole = _fresh(seen, kdim=None, vdim=None)
    for weight, height in ((whole.in_proj_weight, rows), (separate.q_proj_weight, 1)):
        bound, largest = math.sqrt(6 / (height * width + width)), float(weight.detach().abs().max())
        if not 0.9 * bound < largest <= bound:
            return Mismatch(f"numbers up to {bound:.4f}", f"{largest:.4f} at most")
    return None


def _reset(seen: Any, kept: str = "out_proj.weight", public: bool = False) -> Mismatch | None:
    module = seen.built()
    for parameter in module.parameters():
        parameter.detach().fill_(7.0)
    module._reset_parameters()
    left = [name for name, parameter in module.named_parameters() if (parameter == 7).any()]
    return same(kept.split(), left) or same(public, hasattr(module, "reset_parameters"))


def _zeroed(seen: Any, others: tuple[str, ...] = ()) -> Mismatch | None:
    state = _fresh(seen).state_dict()
    zero = sorted(name for name, numbers in state.items() if not numbers.any())
    expected = [name for name in state if name in ("in_proj_bias", "out_proj.bias", *others)]
    return same(sorted(expected), zero)


def _skipped(seen: Any, untouched: bool = True) -> Mismatch | None:
    import torch

    if "device" not in signature(seen.bench.cls).parameters:
        return None  # skip_init wants the name itself, which *args and **kwargs do not give
    arguments, before = seen.bench.arguments(seen.case), torch.get_rng_state()
    module = torch.nn.utils.skip_init(seen.bench.cls, **arguments)
    wrong = same(untouched, torch.equal(torch.get_rng_state(), before))
    return wrong or same(shapes(seen.module), shapes(module))


CLAIMS = (
    Claim(
        id="mha.init.order",
        sentence="Random numbers are drawn for `out_proj` first, then for the projections in the "
        "order q, k, v, then for `bias_k` and `bias_v`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> _ = torch.manual_seed(0)
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, kdim=11)
        >>> _ = torch.manual_seed(0)
        >>> torch.equal(mha.out_proj.weight, nn.Linear(10, 10).weight)
        True
        >>> torch.equal(mha.q_proj_weight, nn.init.xavier_uniform_(torch.empty(10, 10)))
        True
        >>> torch.equal(mha.k_proj_weight, nn.init.xavier_uniform_(torch.empty(10, 11)))
        True
        """,
        check=_drawn,
        axes=("bias", "add_bias_kv", "kdim", "vdim"),
        twins={
            "out_proj is drawn last": partial(_drawn, order=_ORDER[1:] + _ORDER[:1]),
            "k is drawn before q": partial(
                _drawn, order=("out_proj.weight", "k_proj_weight", "q_proj_weight")
            ),
            "bias_v is drawn before bias_k": partial(
                _drawn, order=(*_ORDER[:-2], "bias_v", "bias_k")
            ),
        },
        source=INIT,
    ),
    Claim(
        id="mha.init.one_matrix",
        sentence="Xavier's bound sees the packed weight as one matrix of `3 * embed_dim` rows, so "
        "it starts smaller than separate weights by the square root of 2.",
        doctest="""
        >>> from torch import nn
        >>> packed = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> separate = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=300)
        >>> f"{packed.in_proj_weight.abs().max():.3f}"  # (6 / (1536 + 512)) ** 0.5
        '0.054'
        >>> f"{separate.q_proj_weight.abs().max():.3f}"  # (6 / (512 + 512)) ** 0.5
        '0.077'
        """,
        check=_one_matrix,
        axes=("bias",),
        twins={"it sees three matrices": partial(_one_matrix, rows=1)},
        source=RESET,
    ),
    Claim(
        id="mha.init.zeros",
        sentence="Only `in_proj_bias` and `out_proj.bias` start at zero; `bias_k` and `bias_v` do "
        "not.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, add_bias_kv=True)
        >>> [name for name, parameter in mha.named_parameters() if not parameter.any()]
        ['in_proj_bias', 'out_proj.bias']
        """,
        check=_zeroed,
        axes=("bias", "add_bias_kv"),
        twins={"so do bias_k and bias_v": partial(_zeroed, others=("bias_k", "bias_v"))},
        source=RESET,
    ),
    Claim(
        id="mha.init.reset",
        sentence="There is no `reset_parameters`; `_reset_parameters` starts everything anew "
        "except `out_proj.weight`.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> hasattr(mha, "reset_parameters")
        False
        >>> for parameter in mha.parameters():
        ...     _ = nn.init.constant_(parameter, 7.0)
        >>> mha._reset_parameters()
        >>> [name for name, parameter in mha.named_parameters() if (parameter == 7).any()]
        ['out_proj.weight']
        """,
        check=_reset,
        axes=("bias", "add_bias_kv", "kdim"),
        twins={
            "everything starts anew": partial(_reset, kept=""),
            "out_proj.bias is kept as well": partial(_reset, kept="out_proj.weight out_proj.bias"),
            "there is a reset_parameters": partial(_reset, public=True),
        },
        source=RESET,
    ),
    Claim(
        id="mha.init.skip",
        sentence="`torch.nn.utils.skip_init` builds the module with nothing drawn.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> before = torch.get_rng_state()
        >>> mha = nn.utils.skip_init(nn.MultiheadAttention, embed_dim=512, num_heads=8)
        >>> torch.equal(torch.get_rng_state(), before)
        True
        """,
        check=_skipped,
        axes=(),
        twins={"the numbers are drawn": partial(_skipped, untouched=False)},
        source=INIT,
    ),
)
