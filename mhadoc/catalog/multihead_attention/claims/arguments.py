"""The constructor's arguments: what is taken, what is kept as given, what fails only later."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sympy import And, Not

from mhadoc.catalog.multihead_attention.claims.compare import (
    RUNS,
    alike,
    failure,
    plainly,
    raised,
    shapes,
    told,
)
from mhadoc.catalog.multihead_attention.claims.formula import EXACT
from mhadoc.catalog.multihead_attention.paths import fast
from mhadoc.catalog.multihead_attention.symbols import (
    ATTEND,
    FORWARD,
    INIT,
    add_bias_kv,
    add_zero_attn,
    batch_first,
    batched,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_NAMES = (
    *("embed_dim", "num_heads", "dropout", "bias", "add_bias_kv", "add_zero_attn"),
    *("kdim", "vdim", "batch_first", "device", "dtype"),
)


def _by_position(seen: Any, first: str = "", second: str = "") -> Mismatch | None:
    swap = {first: second, second: first}
    arguments = seen.bench.arguments(seen.case)
    module = seen.bench.cls(*(arguments[swap.get(name, name)] for name in _NAMES))
    return same(_kept(seen.module), _kept(module))


def _kept(module: Any) -> tuple[Any, ...]:
    names = ("num_heads", "dropout", "batch_first", "add_zero_attn")
    kept = tuple(getattr(module, name) for name in names)
    return (*kept, shapes(module), module.out_proj.weight.dtype)


def _refuses(seen: Any, text: str, **arguments: Any) -> Mismatch | None:
    """Build with these arguments alone, and look for the text, cut short, in what is raised."""
    told = raised(seen.bench.cls, **arguments)
    return None if text in told else Mismatch(text, told)


_GOOD: dict[str, Any] = {"embed_dim": 10, "num_heads": 2}
_MISSING = "missing 2 required positional arguments: 'embed_dim' and 'num_heads'"


def _bias_truth(seen: Seen, rule: Callable[[object], bool] = bool) -> Mismatch | None:
    values: tuple[object, ...] = (None, 0, [], "False", 0.5)
    for given in values:
        found = seen.built(bias=given).in_proj_bias is not None
        if wrong := same((given, rule(given)), (given, found)):
            return wrong
    return None


def _batch_first_truth(seen: Seen, means: bool = True) -> Mismatch | None:
    expected = seen.again(module=seen.built(batch_first=means))
    return alike(expected, seen.again(module=seen.built(batch_first="no")))


def _tensor_sizes(seen: Seen, kind: str = "Tensor") -> Mismatch | None:
    width = seen.inputs["query"].new_tensor([seen.values["embed_dim"], seen.values["num_heads"]])
    features, heads = width.long().cpu()
    module = seen.built(embed_dim=features, num_heads=heads)
    wrong = same(kind, type(module.head_dim).__name__)
    return wrong or alike(seen, seen.again(module=module))


def _float_heads(seen: Seen, expected: str = "TypeError") -> Mismatch | None:
    module = seen.built(num_heads=float(seen.values["num_heads"]))
    return same(expected, told(seen.again(module=module)).partition(":")[0])


def _without(seen: Seen, name: str) -> Seen:
    """Call once more with keys (or values) of no features at all."""
    tensor = {"kdim": "key", "vdim": "value"}[name]
    inputs = {tensor: seen.inputs[tensor][..., :0]}
    return plainly(seen, module=seen.built(**{name: 0}), **inputs)


def _equal_weights(seen: Seen, name: str = "kdim") -> Mismatch | None:
    tried = _without(seen, name)
    if failed := failure(tried):
        return failed
    weights = tried.outputs["attn_output_weights"]
    return close(weights.new_full(weights.shape, 1 / weights.shape[-1]), weights)


def _only_biases(seen: Seen, projected: bool = True) -> Mismatch | None:
    tried, module = _without(seen, "vdim"), seen.module
    if failed := failure(tried):
        return failed
    output = tried.outputs["attn_output"]
    expected = output.new_zeros(seen.values["embed_dim"])
    if module.in_proj_bias is not None:
        value = module.in_proj_bias.chunk(3)[2] if projected else expected
        expected = module.out_proj(value)
    return close(expected.expand(output.shape), output)


def _float_width(seen: Seen, kind: type = float) -> Mismatch | None:
    module = seen.built(kdim=float(seen.values["embed_dim"]), vdim=None)
    return same(kind, type(module.kdim)) or same(True, module.in_proj_weight is not None)


CLAIMS = (
    Claim(
        id="mha.arguments.by_position",
        sentence="Every constructor argument can be passed by position: `embed_dim`, `num_heads`, "
        "`dropout`, `bias`, `add_bias_kv`, `add_zero_attn`, `kdim`, `vdim`, `batch_first`, "
        "`device`, `dtype`.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(10, 2, 0.1, False, True, False, 11, 13, True)
        >>> mha.dropout, mha.in_proj_bias, mha.add_zero_attn, mha.kdim, mha.vdim, mha.batch_first
        (0.1, None, False, 11, 13, True)
        """,
        check=_by_position,
        axes=("bias", "add_bias_kv", "add_zero_attn"),
        twins={
            "bias comes before dropout": partial(_by_position, first="bias", second="dropout"),
            "add_zero_attn comes before add_bias_kv": partial(
                _by_position, first="add_zero_attn", second="add_bias_kv"
            ),
            "vdim comes before kdim": partial(_by_position, first="vdim", second="kdim"),
        },
        source=INIT,
    ),
    Claim(
        id="mha.arguments.required",
        sentence="Only `embed_dim` and `num_heads` have to be given.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(512, 8)
        >>> nn.MultiheadAttention()  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
            ...
        TypeError: MultiheadAttention.__init__() missing 2 required positional arguments:
        'embed_dim' and 'num_heads'
        """,
        check=partial(_refuses, text=_MISSING),
        axes=(),
        twins={
            "num_heads need not be given": partial(
                _refuses, text="missing 1 required positional argument: 'embed_dim'"
            ),
        },
        source=INIT,
    ),
    Claim(
        id="mha.arguments.unknown",
        sentence="An argument that does not exist is refused by name.",
        doctest="""
        >>> from torch import nn
        >>> nn.MultiheadAttention(512, 8, qdim=300)
        Traceback (most recent call last):
            ...
        TypeError: MultiheadAttention.__init__() got an unexpected keyword argument 'qdim'...
        """,
        check=partial(_refuses, text="got an unexpected keyword argument 'qdim'", qdim=11, **_GOOD),
        axes=(),
        twins={
            "kdim is refused as well": partial(
                _refuses, text="got an unexpected keyword argument 'kdim'", kdim=11, **_GOOD
            )
        },
        source=INIT,
    ),
    Claim(
        id="mha.bias.truth",
        sentence="`bias` counts by its truth value: None, 0 and an empty list mean False, and the "
        'text `"False"` means True.',
        doctest="""
        >>> from torch import nn
        >>> for bias in (None, 0, [], "False"):
        ...     print(nn.MultiheadAttention(512, 8, bias=bias).in_proj_bias is not None)
        False
        False
        False
        True
        """,
        check=_bias_truth,
        axes=("kdim",),
        twins={
            "only False means False": partial(_bias_truth, rule=lambda given: given is not False),
            "the text False means False": partial(
                _bias_truth, rule=lambda given: bool(given) and given != "False"
            ),
        },
        source=INIT,
    ),
    Claim(
        id="mha.batch_first.truth",
        sentence='`batch_first` counts by its truth value: the text `"no"` means True.',
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> x = torch.randn(3, 4, 10)
        >>> _, weights = nn.MultiheadAttention(10, 2, batch_first="no")(x, x, x)
        >>> weights.shape  # three elements in the batch, four positions
        torch.Size([3, 4, 4])
        """,
        check=_batch_first_truth,
        when=And(batched, batch_first, RUNS, EXACT),
        axes=("need_weights",),
        twins={"it means False": partial(_batch_first_truth, means=False)},
        source=FORWARD,
    ),
    Claim(
        id="mha.sizes.tensors",
        sentence="`embed_dim` and `num_heads` may be tensors without axes; `head_dim` then is one.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> nn.MultiheadAttention(torch.tensor(10), torch.tensor(2)).head_dim
        tensor(5)
        """,
        check=_tensor_sizes,
        when=And(RUNS, EXACT, Not(fast)),
        axes=("need_weights",),
        twins={"head_dim is an int": partial(_tensor_sizes, kind="int")},
        source=INIT,
    ),
    Claim(
        id="mha.num_heads.float",
        since="2.1",
        sentence="A whole number of heads given as a float is taken by the constructor, and fails "
        "in the first call.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2.0)
        >>> x = torch.randn(4, 3, 10)
        >>> mha(x, x, x)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        TypeError: view(): argument 'size' failed to unpack the object at pos 2 with error ...
        """,
        check=_float_heads,
        when=RUNS,
        axes=("need_weights",),
        twins={"it works": partial(_float_heads, expected="no error")},
        source=ATTEND,
    ),
    Claim(
        id="mha.kdim.zero",
        sentence="With `kdim=0` all keys are alike: without extra keys and masks, each gets the "
        "same weight.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, kdim=0)
        >>> _, weights = mha(torch.randn(4, 10), torch.randn(7, 0), torch.randn(7, 10))
        >>> torch.allclose(weights, torch.tensor(1 / 7))
        True
        """,
        check=_equal_weights,
        when=And(Not(add_bias_kv), Not(add_zero_attn), EXACT),
        axes=("bias", "rank"),
        twins={"with vdim=0 as well": partial(_equal_weights, name="vdim")},
        source=ATTEND,
    ),
    Claim(
        id="mha.vdim.zero",
        sentence="With `vdim=0` each value is the bias of v: without extra keys, the output is "
        "`out_proj` of that bias everywhere.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=10, num_heads=2, vdim=0)
        >>> _ = nn.init.normal_(mha.in_proj_bias)  # it starts at zero
        >>> output, _ = mha(torch.randn(4, 10), torch.randn(7, 10), torch.randn(7, 0))
        >>> torch.allclose(output, mha.out_proj(mha.in_proj_bias[20:]), atol=1e-6)
        True
        """,
        check=_only_biases,
        when=And(Not(add_bias_kv), Not(add_zero_attn), EXACT),
        axes=("bias", "rank"),
        twins={"the output is out_proj.bias": partial(_only_biases, projected=False)},
        source=ATTEND,
    ),
    Claim(
        id="mha.kdim.float",
        sentence="A `kdim` or `vdim` given as a float equal to `embed_dim` is taken, and kept as a "
        "float.",
        doctest="""
        >>> from torch import nn
        >>> mha = nn.MultiheadAttention(embed_dim=512, num_heads=8, kdim=512.0)
        >>> mha.kdim, mha.in_proj_weight.shape
        (512.0, torch.Size([1536, 512]))
        """,
        check=_float_width,
        axes=(),
        twins={"it is kept as an int": partial(_float_width, kind=int)},
        source=INIT,
    ),
)
