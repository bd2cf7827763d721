"""Which way the CPU takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sympy import And, Basic, Or

from mhadoc.catalog.scaled_dot_product_attention.kernel import FAST_PATH, LEGAL, fused
from mhadoc.catalog.scaled_dot_product_attention.symbols import SOURCE
from mhadoc.language import Claim, Mismatch, Seen, same
from mhadoc.language.claims import Check
from mhadoc.language.compiled import truth

_KERNEL = "_scaled_dot_product_flash_attention_for_cpu"


def _chosen(seen: Seen, when: Basic = fused) -> Mismatch | None:
    """Compare whether the kernel runs with a condition; other devices have others."""
    if seen.inputs["query"].device.type != "cpu":
        return None
    return same(truth(when, seen.values), _KERNEL in seen.operators())


def _but(*ids: str) -> Basic:
    """Return the conditions for the kernel without some of them."""
    return And(*(condition.holds for condition in FAST_PATH if condition.id not in ids))


_MASK = "kernel.mask"
_OTHERS = tuple(condition for condition in FAST_PATH if condition.id != _MASK)
#: Each case is one where the kernel runs, or one step away from it.
_NEAR = Or(*(_but(condition.id) for condition in _OTHERS))


def _without_each(there: Callable[[str | None], bool]) -> dict[str, Check]:
    """Return the claim without each condition, of those whose end is as told."""
    return {
        f"and it does not matter that {condition.demand}": partial(_chosen, when=_but(condition.id))
        for condition in _OTHERS
        if there(condition.until)
    }


_EXACTLY = (
    "On the CPU the fused kernel runs exactly where query, key and value have {}, the same in "
    "front, as many features each, and nothing is dropped."
)

CLAIMS = (
    Claim(
        id="sdpa.kernel.conditions",
        since="2.3",
        sentence="On the CPU the fused kernel runs exactly where query, key and value have four "
        "axes, the same in front, as many features each, side by side in memory, nothing is "
        "dropped, and no mask needs a gradient.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> from torch.utils._python_dispatch import TorchDispatchMode
        >>> class Named(TorchDispatchMode):
        ...     def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        ...         print(operator.name())
        ...         return operator(*args, **(kwargs or {}))
        >>> x = torch.randn(3, 2, 4, 10)
        >>> with Named():
        ...     _ = F.scaled_dot_product_attention(x, x, x)
        aten::_scaled_dot_product_flash_attention_for_cpu
        """,
        check=_chosen,
        when=And(LEGAL, _NEAR),
        axes=("front", "width", "aligned", "heads", "dropout_p"),
        twins=_without_each(lambda until: until is None),
        source=SOURCE,
    ),
    Claim(
        id="sdpa.kernel.mask",
        since="2.3",
        sentence="With four axes, a mask of three keeps a call from the fused kernel; one of two "
        "or four does not.",
        doctest="""
        >>> import torch
        >>> from torch.nn import functional as F
        >>> x, mask = torch.randn(3, 2, 4, 10), torch.ones(4, 4, dtype=torch.bool)
        >>> F.scaled_dot_product_attention(x, x, x, mask[None], dropout_p=-0.5).shape
        torch.Size([3, 2, 4, 10])
        >>> F.scaled_dot_product_attention(x, x, x, mask[None, None], dropout_p=-0.5)  # it asks
        Traceback (most recent call last):
            ...
        RuntimeError: scaled_dot_product_attention_flash_attention: Currently do not support \
dropout > 0
        """,
        check=_chosen,
        when=And(LEGAL, _but(_MASK)),
        axes=("attn_mask", "front"),
        twins={"nor does one of three": partial(_chosen, when=_but(_MASK))},
        source=SOURCE,
    ),
)
