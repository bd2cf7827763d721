"""The module as a part of something: hooks, another out_proj, copies, files."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And

from mhadoc.catalog.multihead_attention.claims.compare import RUNS, alike, failure, plainly
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.symbols import ACTIVATION, ATTEND, FORWARD, INIT
from mhadoc.language import Claim, Mismatch, Seen, close, same

_SETSTATE = f"{ACTIVATION}: MultiheadAttention.__setstate__"


def _hooks(seen: Seen, fires: int = 0) -> Mismatch | None:
    """Count how often hooks on out_proj fire in one call."""
    module, fired = seen.built(), []
    module.out_proj.register_forward_pre_hook(lambda *arguments: fired.append("before"))
    module.out_proj.register_forward_hook(lambda *arguments: fired.append("after"))
    return failure(seen.again(module=module)) or same(fires, len(fired))


def _replaced(seen: Seen, asked: bool = False) -> Mismatch | None:
    """Put another module in the place of out_proj: same weights, another forward."""
    from torch import nn

    class Doubled(nn.Linear):
        def forward(self, given: Any) -> Any:
            return 2 * super().forward(given)

    own, width = seen.module.out_proj, seen.values["embed_dim"]
    other = Doubled(width, width, own.bias is not None, own.weight.device, own.weight.dtype)
    other.load_state_dict(own.state_dict())
    module = seen.built()
    module.out_proj = other
    tried = seen.again(module=module)
    if failed := failure(seen) or failure(tried):
        return failed
    expected = seen.outputs["attn_output"] * (2 if asked else 1)
    return close(expected, tried.outputs["attn_output"])


def _copied(seen: Seen, shared: bool = False) -> Mismatch | None:
    from copy import deepcopy

    other = deepcopy(seen.module)
    pairs = zip(seen.module.parameters(), other.parameters(), strict=True)
    found = any(one.data_ptr() == two.data_ptr() for one, two in pairs)
    return same(shared, found) or alike(seen, seen.again(module=other), 0.0)


def _saved(seen: Seen, whole: bool = False) -> Mismatch | None:
    """Save a state_dict, or the whole module, and load it as nothing but tensors."""
    from io import BytesIO
    from pickle import UnpicklingError

    import torch

    file = BytesIO()
    torch.save(seen.module if whole else seen.module.state_dict(), file)
    file.seek(0)
    try:
        loaded = torch.load(file, weights_only=True)
    except UnpicklingError as refused:
        return Mismatch("tensors", type(refused).__name__)
    other = seen.built()
    other.load_state_dict(loaded)
    return alike(seen, seen.again(module=other), 0.0)


def _old_pickle(seen: Seen, expected: bool = True) -> Mismatch | None:
    """Restore a module from a state that lacks what came after torch 1.1."""
    state = dict(seen.module.__dict__)
    del state["_qkv_same_embed_dim"]
    cls: Any = type(seen.module)
    restored = cls.__new__(cls)
    restored.__setstate__(state)
    return same(expected, restored._qkv_same_embed_dim)


def _compiled(seen: Seen, whole: bool = True, factor: float = 1.0) -> Mismatch | None:
    """Compile the module without a break, and compare what it returns."""
    import torch
    from torch import _dynamo

    _dynamo.reset()  # it counts what it compiled before, and refuses at some point
    compiled = torch.compile(seen.module, backend="eager", fullgraph=True)
    tried = plainly(seen, module=compiled, query=seen.inputs["query"] * factor)
    if not whole:
        return same(True, tried.error is not None)
    return alike(plainly(seen), tried)


CLAIMS = (
    Claim(
        id="mha.out_proj.not_called",
        sentence="`out_proj` is never called: forward reads its weight and bias, and hooks on it "
        "do not fire.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> _ = mha.out_proj.register_forward_hook(lambda *given: print("out_proj was called"))
        >>> x = torch.randn(4, 3, 10)
        >>> output, weights = mha(x, x, x)
        >>> output = mha.out_proj(output)
        out_proj was called
        """,
        check=_hooks,
        when=RUNS,
        axes=("need_weights", "kdim", "grad"),
        twins={"two hooks fire": partial(_hooks, fires=2)},
        source=ATTEND,
    ),
    Claim(
        id="mha.out_proj.replaced",
        sentence="Silent: of a module that replaces `out_proj`, only weight and bias are used; its "
        "own forward is not.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> before, _ = mha(x, x, x)
        >>> class Doubled(nn.Linear):
        ...     def forward(self, x):
        ...         return 2 * super().forward(x)
        >>> doubled = Doubled(10, 10)
        >>> _ = doubled.load_state_dict(mha.out_proj.state_dict())
        >>> mha.out_proj = doubled
        >>> torch.equal(mha(x, x, x)[0], before)
        True
        """,
        check=_replaced,
        when=And(RUNS, EXACT),
        axes=("need_weights", "bias"),
        twins={"its forward is used": partial(_replaced, asked=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.tools.deepcopy",
        sentence="A deep copy gives the same results and shares no memory.",
        doctest="""
        >>> import copy, torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> other = copy.deepcopy(mha)
        >>> x = torch.randn(4, 10)
        >>> torch.equal(mha(x, x, x)[0], other(x, x, x)[0])
        True
        >>> _ = mha.in_proj_weight.detach().zero_()
        >>> bool(other.in_proj_weight.any())
        True
        """,
        check=_copied,
        when=RUNS,
        axes=("kdim", "add_bias_kv"),
        twins={"it shares memory": partial(_copied, shared=True)},
        source=INIT,
    ),
    Claim(
        id="mha.tools.save",
        sentence="A saved state_dict is nothing but tensors: `torch.load` takes it with "
        "`weights_only=True`, which a saved module is refused.",
        doctest="""
        >>> import io, torch
        >>> from torch import nn
        >>> mha, file = nn.MultiheadAttention(embed_dim=512, num_heads=8), io.BytesIO()
        >>> torch.save(mha.state_dict(), file)
        >>> _ = file.seek(0)
        >>> mha.load_state_dict(torch.load(file, weights_only=True))
        <All keys matched successfully>
        """,
        check=_saved,
        when=RUNS,
        axes=("kdim",),
        twins={"a saved module is taken as well": partial(_saved, whole=True)},
        source=INIT,
    ),
    Claim(
        id="mha.tools.old_pickle",
        sentence="A module pickled by torch 1.1 or older, which knew one layout, is restored as "
        "packed.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8)
        >>> state = dict(mha.__dict__)
        >>> del state["_qkv_same_embed_dim"]  # as it was before torch 1.2
        >>> old = nn.MultiheadAttention.__new__(nn.MultiheadAttention)
        >>> old.__setstate__(state)
        >>> old._qkv_same_embed_dim
        True
        """,
        check=_old_pickle,
        axes=(),
        twins={"it is restored as separate": partial(_old_pickle, expected=False)},
        source=_SETSTATE,
    ),
    Claim(
        id="mha.tools.compile",
        since="2.1",
        sentence="`torch.compile` with `fullgraph=True` takes the whole module, and gives the same "
        "numbers.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, add_bias_kv=True)
        >>> compiled = torch.compile(mha, backend="eager", fullgraph=True)
        >>> x = torch.randn(4, 3, 10)
        >>> torch.allclose(compiled(x, x, x)[0], mha(x, x, x)[0], atol=1e-6)
        True
        """,
        check=_compiled,
        when=EXACT,
        axes=(),
        twins={
            "there are breaks in its graph": partial(_compiled, whole=False),
            "doubling the query changes nothing": partial(_compiled, factor=2.0),
        },
        source=FORWARD,
    ),
)
