"""The function behind the module: what it takes besides, and what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.called import called
from mhadoc.catalog.multihead_attention.claims.compare import RUNS, failure, raised
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    FUNCTIONAL,
    add_bias_kv,
    add_zero_attn,
    bias,
    packed,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_PLAIN: dict[str, Any] = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}


def _same(seen: Seen, **changes: Any) -> Mismatch | None:
    """Compare what the function returns with what forward returned, to the last digit."""
    if failed := failure(seen):
        return failed
    output, weights = called(seen, **changes)
    found = seen.outputs["attn_output_weights"]
    if wrong := close(output, seen.outputs["attn_output"], 0.0):
        return wrong
    return close(weights, found, 0.0) if found is not None else same(None, weights)


def _trains(seen: Seen, default: bool = True) -> Mismatch | None:
    """Leave training out, and compare the output with both of its values."""
    from torch.random import fork_rng, manual_seed

    outputs = []
    for training in (..., default):
        with fork_rng(devices=()):
            manual_seed(0)
            outputs.append(called(seen, dropout_p=0.5, training=training, **_PLAIN)[0])
    return close(outputs[1], outputs[0])


def _refused(seen: Seen, expected: str, **changes: Any) -> Mismatch | None:
    return same(expected, raised(called, seen, **{**_PLAIN, **changes}))


def _half_a_pair(
    seen: Seen, needed: bool = True, words: str = "{given} is set but {other} is None"
) -> Mismatch | None:
    learned = seen.built(add_bias_kv=True).bias_k
    for given, other in (("bias_k", "bias_v"), ("bias_v", "bias_k")):
        told = f"AssertionError: {words.format(given=given, other=other)}"
        changes = {given: learned, other: None}
        if wrong := _refused(seen, told if needed else "no error", **changes):
            return wrong
    return None


def _checked_width(seen: Seen, swapped: bool = False) -> Mismatch | None:
    """Announce a width that is one too small, and look which two numbers are told."""
    width = seen.values["embed_dim"]
    first, second = (width, width - 1) if swapped else (width - 1, width)
    told = f"AssertionError: was expecting embedding dimension of {first}, but got {second}"
    return _refused(seen, told, embed_dim_to_check=width - 1)


def _undivided(
    seen: Seen, text: str = "embed_dim {} not divisible by num_heads {}"
) -> Mismatch | None:
    width = seen.values["embed_dim"]
    return _refused(seen, f"AssertionError: {text.format(width, width - 1)}", num_heads=width - 1)


_MISSING = "AssertionError: use_separate_proj_weight is True but {}_proj_weight is None"


def _missing(seen: Seen, order: str = "qkv") -> Mismatch | None:
    """Give the three separate weights one after the other, and look which one is missed."""
    weights: dict[str, Any] = dict.fromkeys(_SEPARATE)
    for role in order:
        told = _MISSING.format(role)
        if wrong := _refused(seen, told, use_separate_proj_weight=True, **weights):
            return wrong
        weights[f"{role}_proj_weight"] = getattr(seen.module, f"{role}_proj_weight")
    return None


_SEPARATE = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
_ROLES = {"query": "embed_dim", "key": "kdim", "value": "vdim"}


def _weight_shapes(seen: Seen, transposed: bool = False) -> Mismatch | None:
    """Give each separate weight with a row too many, and compare what torch says of it."""
    for name, width in _ROLES.items():
        rows, columns = seen.values["embed_dim"], seen.values[width]
        expected = (columns, rows) if transposed else (rows, columns)
        wrong = seen.inputs["query"].new_zeros((rows + 1, columns))
        told = f"expecting {name} weights shape of {expected}, but got {wrong.shape}"
        changes = {f"{name[0]}_proj_weight": wrong}
        if mismatch := _refused(seen, f"AssertionError: {told}", **changes):
            return mismatch
    return None


def _static(seen: Seen, order: str = "kv") -> Mismatch | None:
    """Project key and value here, hand them over as static, and compare with forward."""
    if failed := failure(seen):
        return failed
    parts = dict(zip("qkv", seen.module.in_proj_weight.chunk(3), strict=True))
    heads = {role: _as_heads(seen, tensor, parts[role]) for role, tensor in _TENSORS.items()}
    output, _ = called(seen, static_k=heads[order[0]], static_v=heads[order[1]])
    return close(output, seen.outputs["attn_output"])


_TENSORS = {"k": "key", "v": "value"}


def _as_heads(seen: Seen, tensor: str, weight: Any) -> Any:
    """Return a projection as the function holds it: (N * H, S, D)."""
    given, values = seen.inputs[tensor], seen.values
    if values["batched"] and values["batch_first"]:
        given = given.transpose(0, 1)
    projected = given @ weight.transpose(0, 1)
    return projected.reshape(values["S"], -1, values["head_dim"]).transpose(0, 1)


def _static_bias(seen: Seen, allowed: bool = False) -> Mismatch | None:
    """Hand over static keys or values to a module with bias_k and bias_v."""
    other = seen.built(add_bias_kv=True)
    learned = {"bias_k": other.bias_k, "bias_v": other.bias_v}
    for name, text in (("static_k", "key"), ("static_v", "value")):
        told = f"AssertionError: bias cannot be added to static {text}."
        given = seen.inputs["query"].new_zeros(_static_shape(seen))
        if wrong := _refused(seen, "no error" if allowed else told, **learned, **{name: given}):
            return wrong
    return None


def _static_shape(seen: Seen) -> tuple[int, int, int]:
    values = seen.values
    count = values["N"] if values["batched"] else 1
    return count * values["num_heads"], values["S"], values["head_dim"]


def _static_sizes(seen: Seen, axes: tuple[int, ...] = (0, 2)) -> Mismatch | None:
    """Hand over static keys and values that are one too large on one axis."""
    for name in ("static_k", "static_v"):
        for axis in axes:
            shape = list(_static_shape(seen))
            shape[axis] += 1
            told = f"expecting {name}.size({axis}) of {shape[axis] - 1}, but got {shape[axis]}"
            given = seen.inputs["query"].new_zeros(shape)
            if wrong := _refused(seen, f"AssertionError: {told}", **{name: given}):
                return wrong
    return None


#: How every example begins: the function with a module's own tensors.
_BEGIN = """
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.functional import multi_head_attention_forward as attend
        >>> mha, x = nn.MultiheadAttention(10, 2), torch.randn(4, 3, 10)
        >>> projections = mha.in_proj_weight, mha.in_proj_bias
        >>> out = mha.out_proj.weight, mha.out_proj.bias"""

_HALF_A_PAIR = f"""{_BEGIN}
        >>> learned = torch.randn(1, 1, 10)
        >>> attend(x, x, x, 10, 2, *projections, learned, None, False, 0.0, *out)
        Traceback (most recent call last):
            ...
        AssertionError"""

CLAIMS = (
    Claim(
        id="mha.functional.same",
        sentence="Outside the fast path, forward is `F.multi_head_attention_forward` with the "
        "module's tensors: equal to the last digit.",
        doctest=f"""{_BEGIN}
        >>> output, weights = attend(x, x, x, 10, 2, *projections, None, None, False, 0.0, *out)
        >>> torch.equal(output, mha(x, x, x)[0]), torch.equal(weights, mha(x, x, x)[1])
        (True, True)
        """,
        check=_same,
        when=And(RUNS, EXACT, Not(fast)),
        axes=("kdim", "add_bias_kv", "add_zero_attn", "need_weights"),
        twins={
            "without out_proj.bias": partial(_same, out_proj_bias=None),
            "without extra keys": partial(_same, add_zero_attn=False, bias_k=None, bias_v=None),
        },
        source=FORWARD,
    ),
    Claim(
        id="mha.functional.training",
        sentence="Silent: the function takes `training=True` unless told otherwise, and drops "
        "weights also for a module in eval mode.",
        doctest=f"""{_BEGIN}
        >>> _ = mha.eval()
        >>> output, _ = attend(x, x, x, 10, 2, *projections, None, None, False, 0.5, *out)
        >>> torch.allclose(output, mha(x, x, x)[0], atol=1e-3)
        False
        """,
        check=_trains,
        axes=("rank", "need_weights"),
        twins={"it takes training=False": partial(_trains, default=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.functional.bias_kv",
        sentence="The function takes `bias_k` and `bias_v` together, or neither.",
        doctest=f"""{_HALF_A_PAIR}: bias_k is set but bias_v is None
        """,
        check=_half_a_pair,
        before={"2.11": {"doctest": _HALF_A_PAIR, "check": partial(_half_a_pair, words="")}},
        axes=("kdim", "rank"),
        twins={"one alone will do": partial(_half_a_pair, needed=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.functional.embed_dim",
        sentence="The function compares the query's width with `embed_dim_to_check`.",
        doctest=f"""{_BEGIN}
        >>> attend(x, x, x, 9, 2, *projections, None, None, False, 0.0, *out)
        Traceback (most recent call last):
            ...
        AssertionError: was expecting embedding dimension of 9, but got 10
        """,
        check=_checked_width,
        axes=("kdim", "rank"),
        twins={"the two numbers change places": partial(_checked_width, swapped=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.functional.num_heads",
        sentence="A `num_heads` that does not divide the width is refused by the function too, in "
        "other words than by the constructor.",
        doctest=f"""{_BEGIN}
        >>> attend(x, x, x, 10, 3, *projections, None, None, False, 0.0, *out)
        Traceback (most recent call last):
            ...
        AssertionError: embed_dim 10 not divisible by num_heads 3
        """,
        check=_undivided,
        axes=("kdim", "rank"),
        twins={
            "in the same words": partial(
                _undivided, text="embed_dim must be divisible by num_heads"
            ),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.functional.separate",
        sentence="With `use_separate_proj_weight=True` the function asks for the weights of q, k "
        "and v in turn.",
        doctest=f"""{_BEGIN}
        >>> attend(x, x, x, 10, 2, *projections, None, None, False, 0.0, *out,
        ...        use_separate_proj_weight=True, q_proj_weight=torch.randn(10, 10))
        Traceback (most recent call last):
            ...
        AssertionError: use_separate_proj_weight is True but k_proj_weight is None
        """,
        check=_missing,
        when=Not(packed),
        axes=("kdim", "vdim", "rank"),
        twins={
            "in the order k, q, v": partial(_missing, order="kqv"),
            "in the order q, v, k": partial(_missing, order="qvk"),
        },
        source=ATTEND,
    ),
    Claim(
        id="mha.functional.weight_shapes",
        sentence="A separate weight has `embed_dim` rows and as many columns as its tensor has "
        "features, or the function says which shape it expects.",
        doctest=f"""{_BEGIN}
        >>> q, k, v = torch.randn(10, 10), torch.randn(9, 10), torch.randn(10, 10)
        >>> attend(x, x, x, 10, 2, *projections, None, None, False, 0.0, *out,
        ...        use_separate_proj_weight=True, q_proj_weight=q, k_proj_weight=k, v_proj_weight=v)
        Traceback (most recent call last):
            ...
        AssertionError: expecting key weights shape of (10, 10), but got torch.Size([9, 10])
        """,
        check=_weight_shapes,
        when=Not(packed),
        axes=("kdim", "vdim", "rank"),
        twins={"rows and columns change places": partial(_weight_shapes, transposed=True)},
        source=f"{FUNCTIONAL}: _in_projection",
    ),
    Claim(
        id="mha.functional.static",
        sentence="`static_k` and `static_v` take the place of the projected key and value, head by "
        "head.",
        doctest=f"""{_BEGIN}
        >>> k, v = (x @ rows.T for rows in mha.in_proj_weight.chunk(3)[1:])
        >>> k, v = (t.view(4, 3 * 2, 5).transpose(0, 1) for t in (k, v))  # (N*H, S, D)
        >>> nothing = torch.zeros(4, 3, 10)
        >>> output, _ = attend(x, nothing, nothing, 10, 2, *projections, None, None, False, 0.0,
        ...                    *out, static_k=k, static_v=v)
        >>> torch.allclose(output, mha(x, x, x)[0], atol=1e-6)
        True
        """,
        check=_static,
        when=And(packed, Not(bias), Not(add_bias_kv), Not(add_zero_attn), RUNS, EXACT),
        axes=("rank", "need_weights", "identity"),
        twins={"static_v is the key": partial(_static, order="vk")},
        source=ATTEND,
    ),
    Claim(
        id="mha.functional.static_bias",
        sentence="`static_k` and `static_v` do not go together with `bias_k` and `bias_v`.",
        doctest=f"""{_BEGIN}
        >>> learned, static = torch.randn(1, 1, 10), torch.randn(6, 7, 5)
        >>> attend(x, x, x, 10, 2, *projections, learned, learned, False, 0.0, *out,
        ...        static_k=static, static_v=static)
        Traceback (most recent call last):
            ...
        AssertionError: bias cannot be added to static key.
        """,
        check=_static_bias,
        axes=("kdim", "rank"),
        twins={"they do": partial(_static_bias, allowed=True)},
        source=ATTEND,
    ),
    Claim(
        id="mha.functional.static_sizes",
        sentence="`static_k` and `static_v` have `N * num_heads` rows of heads and `head_dim` "
        "features.",
        doctest=f"""{_BEGIN}
        >>> attend(x, x, x, 10, 2, *projections, None, None, False, 0.0, *out,
        ...        static_k=torch.randn(7, 4, 5))
        Traceback (most recent call last):
            ...
        AssertionError: expecting static_k.size(0) of 6, but got 7
        """,
        check=_static_sizes,
        when=Not(add_bias_kv),
        axes=("kdim", "rank"),
        twins={"and S positions": partial(_static_sizes, axes=(1,))},
        source=ATTEND,
    ),
)
