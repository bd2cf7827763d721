"""The claims on nested tensors in nn.TransformerEncoder, and on tensors without numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from sympy import And, Eq, Mod, Not

from mhadoc.catalog.multihead_attention.claims.compare import raised
from mhadoc.catalog.transformer_encoder.symbols import (
    FORWARD,
    INIT,
    nests,
)
from mhadoc.catalog.transformer_terms import (
    SOURCE,
    activation_relu_or_gelu,
    batch_first,
    batched,
    bias,
    grad,
    nhead,
    norm,
    norm_first,
    training,
)
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.language.compiled import truth
from mhadoc.language.releases import newer

_NESTED = And(nests, batched, Not(training), Not(grad))


def _again(seen: Seen, **arguments: Any) -> Any:
    """Build the stack of a case once more, with the numbers that torch gives it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = {name: getattr(seen.module, name) for name in ("num_layers", "norm")}
        return type(seen.module)(seen.module.layers[0], **{**given, **arguments})


def _padding(seen: Seen, left: bool = False) -> Any:
    """Return a padding mask that hides the last position of all but the first element."""
    padding = seen.inputs["src"].new_zeros((seen.values["N"], seen.values["S"])) > 0
    padding[1:, 0 if left else -1] = True
    return padding


def _zeros(seen: Seen, zero: bool = True) -> Mismatch | None:
    output = seen.again(src_key_padding_mask=_padding(seen), mask=None).outputs["output"]
    return same(zero, not output[1:, -1].any().item())


def _left(seen: Seen, wrong: bool = True) -> Mismatch | None:
    """Hide the first position: without the check the last one is dropped in its place."""
    padding = _padding(seen, left=True)
    module = _again(seen, norm=None, mask_check=False).eval()
    careful = _again(seen, norm=None, mask_check=True).eval()
    found = seen.again(module, src_key_padding_mask=padding, mask=None).outputs["output"]
    right = seen.again(careful, src_key_padding_mask=padding, mask=None).outputs["output"]
    return same(wrong, not found[1:].allclose(right[1:], atol=1e-3))


def _finite(seen: Seen, added: bool = False) -> Mismatch | None:
    """Weaken the last position by a finite number: nested tensors drop it."""
    padding = _padding(seen).double() * -1.0
    output = seen.again(src_key_padding_mask=padding, mask=None).outputs["output"]
    return same(not added, not output[1:, -1].any().item())


_START = "enable_nested_tensor is True, but self.use_nested_tensor is False because encoder_layer"

#: What keeps a stack from nested tensors, and how torch says so, in the order in which it looks.
_REASONS = (
    (norm_first, ".norm_first was True"),
    (
        Not(batch_first),
        ".self_attn.batch_first was not True(use batch_first for better inference performance)",
    ),
    (And(Not(bias), newer("2.3")), ".self_attn was passed bias=False"),
    (Eq(activation_relu_or_gelu, 0), ".activation_relu_or_gelu was not True"),
    (Eq(Mod(nhead, 2), 1), ".self_attn.num_heads is odd"),
)


_EPS = ".norm1.eps was not equal to encoder_layer.norm2.eps"


def _warned(build: Callable[[], Any]) -> list[str]:
    """Return what torch warns of, and whether nested tensors may be used all the same."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        stack = build()
    used = ["used"] if stack.use_nested_tensor else []
    return [*(str(warning.message) for warning in heard), *used]


def _warning(seen: Seen, last: bool = False) -> Mismatch | None:
    """Compare what a stack warns of with the first reason that holds, or with the last."""
    flag = bool(seen.values["enable_nested_tensor"])
    texts = [text for holds, text in _REASONS if truth(holds, seen.values)]
    expected = [_START + texts[-1 if last else 0]] if flag and texts else []
    if flag and not texts:
        expected = ["used"]
    cls: Any = type(seen.module)
    return same(
        expected, _warned(partial(cls, seen.module.layers[0], 1, enable_nested_tensor=flag))
    )


def _warned_of(seen: Seen, change: str, text: str) -> Mismatch | None:
    """Build a stack over a layer with norms that differ, or over one of another class."""
    stack = _again(seen)
    layer = stack.layers[0]
    if change == "eps":
        layer.norm1.eps *= 2
    else:
        layer = layer.linear1
    cls: Any = type(stack)
    return same([_START + text], _warned(partial(cls, layer, 1)))


def _meta(seen: Seen, needs: str = "is_causal") -> Mismatch | None:
    """Call on the meta device with the causal mask, with and without the hint."""
    module, src = seen.built().to("meta"), seen.inputs["src"].to("meta")
    mask = (src.new_ones(seen.values["S"], seen.values["S"]).triu(1) > 0).to("meta")
    hints = {"is_causal": False} if needs == "is_causal" else {}
    unread = raised(module, src, mask=mask)
    return same("RuntimeError: Tensor.item() cannot be called on meta tensors", unread) or same(
        "no error", raised(module, src, mask=mask, **hints)
    )


def _fake(seen: Seen, error: str = "AssertionError") -> Mismatch | None:
    """Build and call a layer, and then a stack, with tensors that have no numbers."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    layer = type(seen.module.layers[0])
    with FakeTensorMode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inside = layer(seen.values["d_model"], seen.values["nhead"])
        src = inside.linear1.weight.new_zeros((4, seen.values["d_model"]))
        stack = type(seen.module)(inside, 2)
        found = raised(inside, src), raised(stack, src).partition(":")[0]
    return same(("no error", error), found)


CLAIMS = (
    Claim(
        id="tr.meta.mask_item",
        since="2.4",
        sentence="On the meta device a stack fails with a 2-D mask, because it looks at its "
        "numbers; with `is_causal` given it does not look.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True, device="meta")
        >>> encoder = nn.TransformerEncoder(layer, 2)
        >>> x = torch.empty(3, 7, 10, device="meta")
        >>> mask = nn.Transformer.generate_square_subsequent_mask(7, device="meta")
        >>> encoder(x, mask, is_causal=False).shape
        torch.Size([3, 7, 10])
        >>> encoder(x, mask)
        Traceback (most recent call last):
            ...
        RuntimeError: Tensor.item() cannot be called on meta tensors
        """,
        check=_meta,
        axes=("batch_first", "rank"),
        twins={"it fails with the hint as well": partial(_meta, needs="more")},
        source=f"{SOURCE}: _detect_is_causal_mask",
    ),
    Claim(
        id="tr.meta.fake_deepcopy",
        since="2.1",
        sentence="Under a FakeTensorMode a layer runs and a stack built inside the mode does not: "
        "copying the layer copies the mode.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch._subclasses.fake_tensor import FakeTensorMode
        >>> with FakeTensorMode():
        ...     layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        ...     encoder, x = nn.TransformerEncoder(layer, 2), torch.randn(3, 7, 10)
        ...     print(tuple(layer(x).shape))
        ...     encoder(x)
        Traceback (most recent call last):
            ...
        AssertionError: Mixing fake modes NYI...
        """,
        check=_fake,
        axes=(),
        twins={"the stack runs as well": partial(_fake, error="no error")},
        source=f"{SOURCE}: _get_clones",
    ),
    Claim(
        id="doc.te_nested",
        sentence="Nested tensors are used only in eval mode without gradients, for a batch with a "
        "padding mask and no other, by a layer that has a fast path and norms last; the outputs at "
        "padded positions are zeros then.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, 2).eval()
        >>> padding = torch.tensor([[False] * 4, [False] * 3 + [True]])
        >>> with torch.no_grad():
        ...     output = encoder(torch.randn(2, 4, 10), src_key_padding_mask=padding)
        >>> output[1, -1].unique()
        tensor([0.])
        """,
        check=_zeros,
        when=And(_NESTED, Not(norm)),
        axes=("dropout", "activation"),
        twins={"the outputs there are kept": partial(_zeros, zero=False)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.float_kpm_nested",
        sentence="Silent: where nested tensors are used, a finite float in `src_key_padding_mask` "
        "hides its position for good, and the output there is zero.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, 2).eval()
        >>> padding = torch.tensor([[0.0] * 4, [0.0, 0.0, 0.0, -1.0]])
        >>> with torch.no_grad():
        ...     output = encoder(torch.randn(2, 4, 10), src_key_padding_mask=padding)
        >>> output[1, -1].unique()
        tensor([0.])
        """,
        check=_finite,
        when=And(_NESTED, Not(norm)),
        axes=("activation",),
        twins={"it is added to the scores": partial(_finite, added=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.mask_check",
        sentence="Silent: with `mask_check=False` padding at the start drops the positions at the "
        "end in its place; with the check nested tensors are not used for it.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> hasty = nn.TransformerEncoder(layer, 2, mask_check=False).eval()
        >>> padding = torch.tensor([[False] * 4, [True, False, False, False]])
        >>> with torch.no_grad():
        ...     output = hasty(torch.randn(2, 4, 10), src_key_padding_mask=padding)
        >>> output[1, -1].unique()
        tensor([0.])
        """,
        check=_left,
        when=_NESTED,
        axes=("activation",),
        twins={"the result is the same": partial(_left, wrong=False)},
        source=FORWARD,
    ),
    Claim(
        id="tr.warn.nested",
        since="2.1",
        sentence="A stack warns when it is built with `enable_nested_tensor=True`, the default, "
        "over a layer that cannot use nested tensors, and names the first reason: `norm_first`, no "
        "`batch_first`, no `bias`, another activation, an odd `nhead`.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True, norm_first=True)
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     _ = nn.TransformerEncoder(layer, 2)
        >>> str(heard[0].message).partition("because ")[2]
        'encoder_layer.norm_first was True'
        """,
        check=_warning,
        axes=("bias", "batch_first", "norm_first", "activation", "heads", "enable_nested_tensor"),
        twins={"it names the last reason": partial(_warning, last=True)},
        source=INIT,
    ),
    Claim(
        id="tr.warn.eps",
        since="2.1",
        sentence="A stack warns as well when it is built over a layer whose two norms differ in "
        "`eps`, and does not use nested tensors then.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> layer.norm1.eps = 1e-3
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     nn.TransformerEncoder(layer, 2).use_nested_tensor
        False
        >>> str(heard[0].message).partition("because ")[2]
        'encoder_layer.norm1.eps was not equal to encoder_layer.norm2.eps'
        """,
        check=partial(_warned_of, change="eps", text=_EPS),
        when=nests,
        axes=("activation",),
        twins={
            "it speaks of the layer's class": partial(
                _warned_of, change="eps", text=" was not TransformerEncoderLayer"
            )
        },
        source=INIT,
    ),
    Claim(
        id="tr.warn.class",
        since="2.1",
        sentence="A stack warns too when it is built over a layer of another class: nested tensors "
        "are for `TransformerEncoderLayer` and classes derived from it.",
        doctest="""
        >>> import warnings
        >>> from torch import nn
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     _ = nn.TransformerEncoder(nn.Linear(10, 10), 2)
        >>> str(heard[0].message).partition("because ")[2]
        'encoder_layer was not TransformerEncoderLayer'
        """,
        check=partial(_warned_of, change="class", text=" was not TransformerEncoderLayer"),
        axes=("batch_first",),
        twins={
            "it speaks of eps": partial(
                _warned_of,
                change="class",
                text=".norm1.eps was not equal to encoder_layer.norm2.eps",
            )
        },
        source=INIT,
    ),
)
