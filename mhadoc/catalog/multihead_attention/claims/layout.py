"""The layouts: what kdim and vdim decide, and where each head lives."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.by_hand import Conventions
from mhadoc.catalog.multihead_attention.claims.called import called
from mhadoc.catalog.multihead_attention.claims.compare import RUNS, alike, failure, shapes, told
from mhadoc.catalog.multihead_attention.claims.formula import EXACT, recomputed
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import ATTEND, INIT, packed
from mhadoc.language import Claim, Mismatch, Seen, close, same


def _explicit(seen: Seen, kdim: str = "embed_dim", vdim: str = "embed_dim") -> Mismatch | None:
    passed = seen.built(kdim=seen.values[kdim], vdim=seen.values[vdim])
    return same(shapes(seen.built(kdim=None, vdim=None)), shapes(passed))


def _only_one(seen: Seen, separate: str = "qkv", follows: bool = False) -> Mismatch | None:
    width = seen.values["embed_dim"] + 1
    for given, other in ("kv", "vk"):
        module = seen.built(**{f"{given}dim": width, f"{other}dim": None})
        weights = {role: getattr(module, f"{role}_proj_weight") for role in "qkv"}
        expected = dict.fromkeys(separate, seen.values["embed_dim"]) | {given: width}
        expected |= {other: width} if follows else {}
        found = {role: w.shape[1] for role, w in weights.items() if w is not None}
        if wrong := same(expected, found):
            return wrong
    return None


def _query_features(seen: Seen, features: str = "embed_dim") -> Mismatch | None:
    query = seen.inputs["query"]
    for name in ("embed_dim", "kdim", "vdim"):
        width = seen.values[name]
        tried = seen.again(query=query.new_zeros((*query.shape[:-1], width)))
        fits = width == seen.values[features]
        expected = "no error" if fits else _REFUSED.format(seen.values["embed_dim"], width)
        if wrong := same(expected, told(tried)):
            return wrong
    return None


_REFUSED = "AssertionError: was expecting embedding dimension of {}, but got {}"


def _no_shape(seen: Seen, others: Mapping[str, Any] | None = None) -> Mismatch | None:
    other = seen.built(num_heads=seen.values["embed_dim"])
    return same(shapes(seen.module) | dict(others or {}), shapes(other))


def _separated(seen: Seen, order: str = "qkv", bias_order: str = "qkv") -> Mismatch | None:
    """Cut the packed weight into three, hand these to the function, and compare with forward."""
    if failed := failure(seen):
        return failed
    module = seen.module
    weights = dict(zip(order, module.in_proj_weight.chunk(3), strict=True))
    changes = {f"{role}_proj_weight": weight for role, weight in weights.items()}
    if module.in_proj_bias is not None:
        places = [bias_order.index(role) for role in "qkv"]
        changes["in_proj_bias"] = module.in_proj_bias.view(3, -1)[places].flatten()
    output, _ = called(seen, in_proj_weight=None, use_separate_proj_weight=True, **changes)
    return close(output, seen.outputs["attn_output"])


def _column(seen: Seen, axis: int = 1, interleaved: bool = False) -> Mismatch | None:
    """Take one head out at the end, by out_proj, and at the start, by v: the same is left."""
    features, size = seen.values["embed_dim"], seen.values["head_dim"]
    head, heads = seen.values["num_heads"] - 1, seen.values["num_heads"]
    late, early = seen.built(), seen.built()
    rows = slice(head * size, (head + 1) * size)
    columns = slice(head, None, heads) if interleaved else rows
    late.out_proj.weight.detach().transpose(0, axis)[columns] = 0
    for tensor in _value_parts(early, features):
        tensor[rows] = 0
    return alike(seen.again(module=early), seen.again(module=late))


def _value_parts(module: Any, features: int) -> list[Any]:
    """Return what makes the values: weight, bias and learned value, first axis E, to write to."""
    weight = module.v_proj_weight
    parts = [module.in_proj_weight[2 * features :] if weight is None else weight]
    if module.in_proj_bias is not None:
        parts.append(module.in_proj_bias[2 * features :])
    if module.bias_v is not None:
        parts.append(module.bias_v[0, 0])
    return [part.detach() for part in parts]


CLAIMS = (
    Claim(
        id="mha.kdim.explicit",
        sentence="Passing `kdim=embed_dim` and `vdim=embed_dim` is the same as leaving them out: "
        "the weight stays packed.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=512, vdim=512)
        >>> list(mha.state_dict())
        ['in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias']
        """,
        check=_explicit,
        axes=("bias", "add_bias_kv"),
        twins={
            "passing another kdim as well": partial(_explicit, kdim="head_dim"),
            "passing another vdim as well": partial(_explicit, vdim="head_dim"),
        },
        source=INIT,
    ),
    Claim(
        id="mha.kdim.only_one",
        sentence="A `kdim` or `vdim` other than `embed_dim` makes all three projections separate; "
        "the one that is not given stays `embed_dim` wide.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=300)
        >>> for name, weight in mha.named_parameters():
        ...     print(f"{name:16}{tuple(weight.shape)}")
        q_proj_weight   (512, 512)
        k_proj_weight   (512, 300)
        v_proj_weight   (512, 512)
        in_proj_bias    (1536,)
        out_proj.weight (512, 512)
        out_proj.bias   (512,)
        """,
        check=_only_one,
        axes=("bias", "add_bias_kv"),
        twins={
            "only the key and value projections become separate": partial(_only_one, separate="kv"),
            "the other one is as wide": partial(_only_one, follows=True),
        },
        source=INIT,
    ),
    Claim(
        id="mha.query.features",
        sentence="The query always has `embed_dim` features, whatever `kdim` and `vdim` are; "
        "there is no `qdim`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, kdim=11, vdim=13)
        >>> query, key, value = torch.randn(4, 10), torch.randn(7, 11), torch.randn(7, 13)
        >>> mha(query, key, value)[0].shape
        torch.Size([4, 10])
        >>> mha(torch.randn(4, 11), key, value)
        Traceback (most recent call last):
            ...
        AssertionError: was expecting embedding dimension of 10, but got 11
        """,
        check=_query_features,
        when=And(Not(packed), RUNS),
        axes=("kdim", "vdim", "need_weights"),
        twins={
            "it has kdim features": partial(_query_features, features="kdim"),
            "it has vdim features": partial(_query_features, features="vdim"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.num_heads.no_shape",
        sentence="No parameter's shape depends on `num_heads`, and the state_dict does not hold "
        "it.",
        doctest="""
        >>> from torch import nn
        >>> for num_heads in (1, 8, 64):
        ...     mha = nn.MultiheadAttention(embed_dim=512, num_heads=num_heads)
        ...     print(mha.in_proj_weight.shape, mha.out_proj.weight.shape, len(mha.state_dict()))
        torch.Size([1536, 512]) torch.Size([512, 512]) 4
        torch.Size([1536, 512]) torch.Size([512, 512]) 4
        torch.Size([1536, 512]) torch.Size([512, 512]) 4
        """,
        check=_no_shape,
        axes=("bias", "add_bias_kv", "kdim"),
        twins={
            "the state_dict holds it": partial(_no_shape, others={"num_heads": ()}),
            "out_proj.weight has head_dim rows": lambda seen: _no_shape(
                seen, {"out_proj.weight": (seen.values["head_dim"], seen.values["embed_dim"])}
            ),
        },
        source=INIT,
    ),
    Claim(
        id="mha.layout.same_numbers",
        sentence="The three parts of a packed weight, used as separate weights, give the same "
        "result.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> packed = nn.MultiheadAttention(embed_dim=10, num_heads=2)
        >>> x = torch.randn(4, 3, 10)
        >>> q_rows, k_rows, v_rows = packed.in_proj_weight.chunk(3)
        >>> output, _ = nn.functional.multi_head_attention_forward(
        ...     x, x, x, 10, 2, None, packed.in_proj_bias, None, None, False, 0.0,
        ...     packed.out_proj.weight, packed.out_proj.bias, use_separate_proj_weight=True,
        ...     q_proj_weight=q_rows, k_proj_weight=k_rows, v_proj_weight=v_rows)
        >>> torch.allclose(output, packed(x, x, x)[0], atol=1e-6)
        True
        """,
        check=_separated,
        when=And(packed, RUNS, EXACT, Not(fast)),
        axes=("bias", "add_bias_kv", "identity", "rank"),
        twins={
            "the parts are k, q, v": partial(_separated, order="kqv"),
            "the parts are v, k, q": partial(_separated, order="vkq"),
            "the bias is in the order v, q, k": partial(_separated, bias_order="vqk"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.layout.heads",
        sentence="Head h works with the rows from `h * head_dim` to `(h + 1) * head_dim` of each "
        "of q, k and v, in weight and bias.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2)  # head_dim is 5
        >>> x = torch.randn(4, 3, 10)
        >>> _, before = mha(x, x, x, average_attn_weights=False)  # one axis for the heads
        >>> _ = mha.in_proj_weight.detach()[5:10].normal_()  # in q, the rows of head 1
        >>> _, after = mha(x, x, x, average_attn_weights=False)
        >>> [torch.equal(before[:, h], after[:, h]) for h in range(2)]
        [True, False]
        """,
        check=recomputed,
        when=And(RUNS, EXACT),
        axes=("bias", "kdim", "vdim"),
        twins={
            "head h works with every num_heads-th row": partial(
                recomputed, conventions=Conventions(interleaved=True)
            )
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.layout.out_proj_columns",
        sentence="Head h enters the output through the columns from `h * head_dim` to "
        "`(h + 1) * head_dim` of `out_proj.weight`.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, bias=False)
        >>> x = torch.randn(4, 3, 10)
        >>> _ = mha.out_proj.weight.detach()[:, :5].zero_()  # the columns of head 0
        >>> before, _ = mha(x, x, x)
        >>> _ = mha.in_proj_weight.detach()[20:25].zero_()  # in v, the rows of head 0
        >>> torch.equal(mha(x, x, x)[0], before)
        True
        """,
        check=_column,
        when=And(RUNS, EXACT),
        axes=("bias", "add_bias_kv", "kdim", "need_weights"),
        twins={
            "through the rows": partial(_column, axis=0),
            "through every num_heads-th column": partial(_column, interleaved=True),
        },
        source=ATTEND,
    ),
)
