"""The claims on an encoder layer among torch's tools, and on what its docstring says."""

from __future__ import annotations

from functools import partial
from typing import Any

from sympy import And, Eq, Not

from mhadoc.catalog.multihead_attention.claims.compare import alike, told
from mhadoc.catalog.transformer_encoder_layer.paths import FORWARD, fast
from mhadoc.catalog.transformer_encoder_layer.rules import (
    INIT,
    is_causal,
    padded,
    src_mask_rank,
)
from mhadoc.catalog.transformer_terms import (
    SOURCE,
    activation_relu_or_gelu,
    batched,
    dropout,
    grad,
    training,
)
from mhadoc.language import Claim, Mismatch, Seen, close, same

_UNMASKED = And(Eq(src_mask_rank, 0), Not(padded), Not(is_causal))


def _tanh(seen: Seen, exact: bool = True) -> Mismatch | None:
    """Compare the fast path of a layer whose GELU is approximated with the exact one."""
    import torch

    approximate = seen.built(activation=torch.nn.GELU(approximate="tanh"))
    if exact:
        return alike(seen, seen.again(approximate), tolerance=1e-9)
    slow = seen.built(activation=torch.nn.GELU(approximate="tanh"))
    slow.norm1.eps *= 1 + 1e-12
    return alike(seen.again(slow), seen.again(approximate), tolerance=1e-9)


def _autocast(seen: Seen, dtype: str = "torch.bfloat16") -> Mismatch | None:
    import torch

    module = seen.built().float()
    with torch.autocast(seen.inputs["src"].device.type):
        again = seen.again(module, src=seen.inputs["src"].float())
    if again.error:
        return Mismatch(dtype, told(again))
    return same(dtype, str(again.outputs["output"].dtype))


def _global_hooks(seen: Seen, inside: bool = False) -> Mismatch | None:
    """Let a hook on all modules note whose forward ran."""
    from torch.nn.modules.module import register_module_forward_hook

    ran: list[str] = []
    with register_module_forward_hook(lambda module, *_: ran.append(type(module).__name__)):
        seen.again()
    return same(inside, len(ran) > 1)


def _old_pickle(seen: Seen, name: str = "relu") -> Mismatch | None:
    """Restore a layer from a state without its activation, as torch once saved them."""
    cls: Any = type(seen.module)
    state = {key: value for key, value in vars(seen.module).items() if key != "activation"}
    restored = cls.__new__(cls)
    restored.__setstate__(state)
    return same(name, restored.activation.__name__)


def _mixed(seen: Seen, names: str = "src_key_padding_mask and src_mask") -> Mismatch | None:
    """Pass a mask of floats with one of bools, and compare what torch warns of."""
    size, count = seen.values["S"], seen.values["N"]
    floats = seen.inputs["src"].new_zeros(size, size)
    bools = seen.inputs["src"].new_zeros(count, size) > 0
    again = seen.again(src_mask=floats, src_key_padding_mask=bools)
    text = f"Support for mismatched {names} is deprecated. Use same type for both instead."
    return same((text,), again.warnings[:1])


def _plain_function(seen: Seen, code: int = 0) -> Mismatch | None:
    import torch

    found = seen.built(activation=torch.relu).activation_relu_or_gelu
    missing = not hasattr(torch.functional, "relu") and not hasattr(torch.functional, "gelu")
    return same((code, True), (found, missing))


def _floats_added(seen: Seen, *, added: bool = True) -> Mismatch | None:
    """Compare a mask of one number with none: added to every score it changes nothing."""
    src, size = seen.inputs["src"], seen.values["S"]
    even = seen.again(src_mask=src.new_full((size, size), 0.7))
    if even.error:
        return Mismatch("a call that runs", told(even))
    observed = even.outputs["output"].allclose(seen.outputs["output"], atol=1e-9)
    return same(added, observed)


def _float_padding(seen: Seen, hides: bool = False) -> Mismatch | None:
    """Pass one number as padding everywhere: it is added, and hides nothing."""
    padding = seen.inputs["src"].new_full((seen.values["N"], seen.values["S"]), 0.7)
    again = seen.again(src_key_padding_mask=padding)
    if hides:
        return same(True, bool(again.outputs["output"].isnan().any()))
    return close(seen.outputs["output"], again.outputs["output"])


CLAIMS = (
    Claim(
        id="tr.fast.gelu_tanh",
        sentence='Silent: `nn.GELU(approximate="tanh")` counts as GELU, and the fast path works '
        "out the exact one: eval mode without gradients gives other numbers than training.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(
        ...     10, 2, activation=nn.GELU(approximate="tanh"), batch_first=True).eval().double()
        >>> x = torch.randn(3, 7, 10, dtype=torch.float64)
        >>> with torch.no_grad():
        ...     fast = layer(x)
        >>> torch.allclose(fast, layer(x), atol=1e-9)
        False
        """,
        check=_tanh,
        when=And(fast, Eq(activation_relu_or_gelu, 2), _UNMASKED),
        axes=("norm_first",),
        twins={"it is approximated there as well": partial(_tanh, exact=False)},
        source=INIT,
    ),
    Claim(
        id="tr.fast.autocast_cpu",
        since="2.6",
        sentence="Silent: under autocast on the CPU the fast path is still taken, and returns "
        "bfloat16 where the other path returns float32.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> x = torch.randn(3, 7, 10)
        >>> with torch.autocast("cpu"):
        ...     slow = layer(x)
        ...     with torch.no_grad():
        ...         fast = layer(x)
        >>> slow.dtype, fast.dtype
        (torch.float32, torch.bfloat16)
        """,
        check=_autocast,
        when=And(fast, _UNMASKED),
        axes=("activation",),
        twins={"it returns float32": partial(_autocast, dtype="torch.float32")},
        source=FORWARD,
    ),
    Claim(
        id="tr.fast.global_hooks",
        sentence="Hooks on all modules do not keep a layer off its fast path: there they hear of "
        "the layer alone, elsewhere of each module inside.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.modules.module import register_module_forward_hook
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True).eval()
        >>> ran = []
        >>> with torch.no_grad(), register_module_forward_hook(
        ...         lambda module, inputs, output: ran.append(type(module).__name__)):
        ...     _ = layer(torch.randn(3, 7, 10))
        >>> ran
        ['TransformerEncoderLayer']
        """,
        check=_global_hooks,
        when=And(fast, _UNMASKED),
        axes=("norm_first",),
        twins={"they hear of each module inside": partial(_global_hooks, inside=True)},
        source=FORWARD,
    ),
    Claim(
        id="tr.setstate",
        sentence="A layer restored from a pickle without an activation, as torch once saved them, "
        "has ReLU.",
        doctest="""
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(d_model=10, nhead=2, activation="gelu")
        >>> state = {name: value for name, value in vars(layer).items() if name != "activation"}
        >>> restored = nn.TransformerEncoderLayer.__new__(nn.TransformerEncoderLayer)
        >>> restored.__setstate__(state)
        >>> restored.activation.__name__
        'relu'
        """,
        check=_old_pickle,
        axes=("activation",),
        twins={"it has GELU": partial(_old_pickle, name="gelu")},
        source=f"{SOURCE}: TransformerEncoderLayer.__setstate__",
    ),
    Claim(
        id="tr.layer.mixed_masks",
        since="2.0",
        sentence="A mask of floats together with one of bools brings a warning, under the names "
        "that the layer gives them.",
        doctest="""
        >>> import torch, warnings
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, batch_first=True)
        >>> with warnings.catch_warnings(record=True) as heard:
        ...     warnings.simplefilter("always")
        ...     _ = layer(torch.randn(3, 7, 10), torch.zeros(7, 7), torch.zeros(3, 7).bool())
        >>> str(heard[0].message)
        'Support for mismatched src_key_padding_mask and src_mask is deprecated...'
        """,
        check=_mixed,
        when=And(_UNMASKED, grad, batched),
        axes=("batch_first",),
        twins={"under the attention's": partial(_mixed, names="key_padding_mask and attn_mask")},
        source=FORWARD,
    ),
    Claim(
        id="doc.tel_activation_names",
        sentence="The docstring names `torch.functional.relu` and `torch.functional.gelu` for the "
        "fast path: there are none. What counts is `torch.nn.functional`'s, and an nn.ReLU or "
        "nn.GELU; `torch.relu` does not.",
        doctest="""
        >>> import inspect, torch
        >>> "``torch.functional.relu``" in inspect.getdoc(torch.nn.TransformerEncoderLayer)
        True
        >>> hasattr(torch.functional, "relu"), hasattr(torch.functional, "gelu")
        (False, False)
        """,
        check=_plain_function,
        axes=("activation",),
        twins={"torch.relu counts as ReLU": partial(_plain_function, code=1)},
        source=INIT,
    ),
    Claim(
        id="doc.t_float_added",
        sentence="Off the fast path a mask of floats is added to the scores before the softmax, "
        "and not to the weights as the docstring says: the same number everywhere changes nothing.",
        doctest="""
        >>> import inspect
        >>> from torch import nn
        >>> said = " ".join(inspect.getdoc(nn.Transformer.forward).split())
        >>> "it will be added to the attention weight" in said
        True
        """,
        check=_floats_added,
        when=And(_UNMASKED, Not(dropout), Not(fast)),
        axes=("norm_first", "rank"),
        twins={"it changes the output": partial(_floats_added, added=False)},
        source=FORWARD,
    ),
    Claim(
        id="doc.t_kpm_bool_only",
        sentence="A padding mask may be one of floats as well, which the docstring does not say; "
        "off the fast path they are added to the scores.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> layer = nn.TransformerEncoderLayer(10, 2, dropout=0.0, batch_first=True)
        >>> x, padding = torch.randn(3, 7, 10), torch.zeros(3, 7)
        >>> padding[:, -1] = float("-inf")
        >>> torch.allclose(layer(x, None, padding), layer(x, None, padding < 0), atol=1e-6)
        True
        """,
        check=_float_padding,
        when=And(_UNMASKED, Not(dropout), training, grad, batched),
        axes=("norm_first", "batch_first"),
        twins={"every float but 0 hides": partial(_float_padding, hides=True)},
        source=FORWARD,
    ),
)
