"""What the numbers in a mask give away: each function returns what it found, or None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mhadoc.catalog.multihead_attention.looks import HIDES, Look, level

__all__ = [
    "empty_row",
    "ends",
    "even_row",
    "leak",
    "misread",
    "not_causal",
    "only_later",
    "past_of_batch",
    "repeated",
    "tokens",
    "transposed",
    "unheard",
    "zeros_and_ones",
]

Found = Mapping[str, Any] | None


def only_later(look: Look) -> Found:
    """Find a boolean mask that is True wherever a causal one for another function would be."""
    mask = look.boolean("attn_mask")
    if mask is None or mask.shape[-1] < 2:
        return None
    if bool(mask.all()):
        return {"seen": "is True everywhere: no query sees any key"}
    length, keys = mask.shape[-2:]
    lower = mask.new_ones(length, keys).tril(keys - length)
    if length < 2 or keys < length or bool((lower & ~mask).any()):
        return None
    if keys > length and bool((mask != lower).any()):
        return None
    return {"seen": "is True on the diagonal and below: a query sees nothing but what comes later"}


def tokens(look: Look) -> Found:
    """Find a boolean padding mask that is True where a tokenizer's mask is 1: at the front.

    Padding on the left is there as well; but it leaves a token in each row, and the tokens of the
    longest row leave no padding.
    """
    rows = _rows(look.boolean("key_padding_mask"))
    if rows is None or rows.shape[1] < 2 or not bool(rows[:, 0].all()):
        return None
    if bool((rows[:, 1:] & ~rows[:, :-1]).any()):
        return None
    if bool(rows.all()):
        return {"seen": "is True everywhere: no query sees any key"}
    whole = bool(rows.all(1).any())
    return {"seen": "is True at the front of each row, as a tokenizer's mask is"} if whole else None


def zeros_and_ones(look: Look, name: str) -> Found:
    """Find a mask of floats that holds both zeros and ones, and nothing else."""
    mask = look.floats(name)
    if mask is None or look.given[name].requires_grad:
        return None
    ones = mask == 1
    mixed = bool(ones.any()) and not bool(ones.all())
    return {} if mixed and bool((ones | (mask == 0)).all()) else None


def transposed(look: Look) -> Found:
    """Find a square padding mask that hides the last of each column, but not of each row."""
    rows = _rows(look.shut("key_padding_mask"))
    if rows is None or rows.shape[0] != rows.shape[1] or not ends(rows.T):
        return None
    return None if ends(rows) or ends(rows.flip(1)) else {}


def past_of_batch(look: Look) -> Found:
    """Find a square padding mask that is the causal mask."""
    rows = _rows(look.shut("key_padding_mask"))
    if rows is None or rows.shape[0] != rows.shape[1] or len(rows) < 3:
        return None
    return {} if bool((rows == _future(rows)).all()) else None


def repeated(look: Look) -> Found:
    """Find a 3-D mask that repeats one mask for each batch element, in the order of the heads."""
    mask = look.masks.get("attn_mask")
    if mask is None or mask.shape[1] != look.values["num_heads"]:
        return None
    batch, heads, length, keys = mask.shape
    apart = mask.reshape(heads, batch, length, keys)
    if bool((mask == mask[:, :1]).all()) or not bool((apart == apart[:1]).all()):
        return None
    by_head = bool((mask == mask[:1]).all())
    return None if by_head and not _hide_columns(look.shut("attn_mask")[0]) else {}


def empty_row(look: Look, whole: str, part: str) -> Found:
    """Find a query from which every key is hidden: what it gives, in all heads or in one."""
    if look.hidden is None or not bool((rows := look.hidden.all(-1)).any()):
        return None
    in_head, found = _first(look, rows)
    return {**found, "gives": part if in_head else whole}


def even_row(look: Look) -> Found:
    """Find a query whose keys that are not hidden are all low, so that none is lower."""
    if not look.adds:
        return None
    most = look.total.amax(-1)
    rows = (most <= HIDES) & (most > -math.inf)
    return _first(look, rows, HIDES)[1] if bool(rows.any()) else None


def _first(look: Look, rows: Any, number: float = -math.inf) -> tuple[bool, dict[str, str]]:
    """Return whether one head alone is concerned, the first query that is, and by which mask."""
    everywhere = rows.all(1, keepdim=True)
    in_head = not bool(everywhere.any())
    element, head, query = (rows if in_head else everywhere).nonzero()[0].tolist()
    batch, length, _ = look.sizes
    place = "every query" if rows.shape[2] == 1 < length else f"query {query}"
    if look.values["batched"]:
        spread = len(rows) == 1 < batch
        place += " of every batch element" if spread else f" of batch element {element}"
    place += f" in head {head}" * in_head
    return in_head, {"argument": _blamed(look, element, number), "place": place}


def _blamed(look: Look, element: int, number: float) -> str:
    """Return the mask that hides everything from a query: the padding mask where it does alone."""
    padding = look.masks.get("key_padding_mask")
    if padding is None:
        return "attn_mask"
    row = padding[element].reshape(-1)
    whole = row <= number if row.is_floating_point() else row
    return "key_padding_mask" if bool(whole.all()) else "attn_mask"


def leak(look: Look) -> Found:
    """Find a query that sees a later key, although the causal mask is announced.

    Where there are more keys than queries, the last query may stand beside the last key.
    """
    if look.closed is None:
        return None
    _, length, keys = look.sizes
    future = _future(look.closed).triu(1 + max(keys - length, 0))
    seen = (~look.closed & future).nonzero()
    if not len(seen):
        return None
    *_, query, key = seen[0].tolist()
    return {"query": query, "key": key}


def not_causal(look: Look) -> Found:
    """Find a place where the mask that is announced as the causal one is another."""
    mask = look.masks.get("attn_mask")
    if mask is None:
        return None
    if str(mask.dtype) == "torch.bool":
        wrong = mask != _future(mask)
    else:
        some = (mask.amax(-1, keepdim=True) > HIDES) | (mask.shape[-1] == 1)
        added = level(mask).where(some, mask)
        shut = added <= HIDES
        wrong = (shut != _future(shut)) | (~shut & (added != 0))
    places = wrong.nonzero()
    if not len(places):
        return None
    *_, query, key = places[0].tolist()
    return {"query": query, "key": key}


def misread(look: Look, name: str) -> Found:
    """Find a float that is added elsewhere, and hides a key where floats are read as bools."""
    if look.total is None or not look.misread(name):
        return None
    mask = look.masks[name]
    places = ((mask != 0) & (look.total != 0) & (look.total > HIDES)).nonzero()
    if not len(places):
        return None
    place = [min(at, size - 1) for at, size in zip(places[0].tolist(), mask.shape, strict=True)]
    return {"number": f"{float(mask[tuple(place)]):g}", "key": int(places[0][-1])}


def unheard(look: Look, replaced: bool = False) -> Found:
    """Find hooks on out_proj, or a forward of its own: neither ever runs."""
    out = look.module.out_proj
    if not replaced:
        kinds = ("forward_pre", "forward", "backward_pre", "backward")
        return {} if any(getattr(out, f"_{kind}_hooks", None) for kind in kinds) else None
    forward = getattr(out.forward, "__func__", out.forward)
    own = getattr(forward, "__module__", "") == "torch.nn.modules.linear"
    return None if own else {"name": type(out).__name__}


def _rows(mask: Any) -> Any:
    """Return a padding mask as (N, S)."""
    return None if mask is None else mask[:, 0, 0]


def _future(mask: Any) -> Any:
    """Return the causal mask of the size of a boolean mask: True for each later key."""
    return mask.new_ones(mask.shape[-2:]).triu(1)


def ends(rows: Any) -> bool:
    """Tell whether each row hides the positions from some place on, and no others."""
    return not bool((rows[:, :-1] & ~rows[:, 1:]).any())


def _hide_columns(masks: Any) -> bool:
    """Tell whether masks differ in keys that some of them hide from every query, and only there."""
    common = masks.all(0)
    whole = bool((masks == (common | masks.all(-2, keepdim=True))).all())
    return whole and not bool((masks == masks[:1]).all())
