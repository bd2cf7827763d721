"""The Transformer classes once more, worked out from the modules inside them.

Each function has the signature of a forward, with a module in front and the names of what is to be
left out: masks, which become None, and modules inside, which are skipped.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from mhadoc.catalog.multihead_attention.claims.compare import alike
from mhadoc.language import Mismatch, Seen, same

__all__ = ["as_by_hand", "decoder", "decoder_layer", "encoder", "encoder_layer", "passed_on"]

Left = Collection[str]

_ATTRIBUTES = {
    "dropout": {"Dropout": ("p",), "MultiheadAttention": ("dropout",)},
    "layer_norm_eps": {"LayerNorm": ("eps",)},
}


def as_by_hand(seen: Seen, *, function: Any, left_out: Left = ()) -> Mismatch | None:
    """Call a function in the place of the module, with the same seed, and compare."""
    return alike(seen.again(partial(function, seen.module, left_out)), seen)


def encoder_layer(module: Any, without: Left, src: Any, **given: Any) -> Any:
    """Return what an encoder layer makes of its input."""
    masks = _kept(given, without)

    def attend(x: Any) -> Any:
        mask, padding = masks.get("src_mask"), masks.get("src_key_padding_mask")
        found = module.self_attn(x, x, x, padding, False, mask, **hinted(given.get("is_causal")))
        return _through(module, "dropout1", without)(found[0])

    def feed(x: Any) -> Any:
        return _feed(module, "dropout2", without, x)

    if module.norm_first:
        x = src + attend(module.norm1(src))
        return x + feed(module.norm2(x))
    x = module.norm1(src + attend(src))
    return module.norm2(x + feed(x))


def decoder_layer(module: Any, without: Left, tgt: Any, memory: Any, **given: Any) -> Any:
    """Return what a decoder layer makes of its inputs."""
    masks = _kept(given, without)

    def look(attention: Any, name: str, x: Any, key: Any) -> Any:
        mask, padding = masks.get(f"{name}_mask"), masks.get(f"{name}_key_padding_mask")
        hint = hinted(given.get(f"{name}_is_causal"))
        return attention(x, key, key, padding, False, mask, **hint)[0]

    def own(x: Any) -> Any:
        return _through(module, "dropout1", without)(look(module.self_attn, "tgt", x, x))

    def cross(x: Any) -> Any:
        found = look(module.multihead_attn, "memory", x, memory)
        return _through(module, "dropout2", without)(found)

    def feed(x: Any) -> Any:
        return _feed(module, "dropout3", without, x)

    if module.norm_first:
        x = tgt + own(module.norm1(tgt))
        x = x + cross(module.norm2(x))
        return x + feed(module.norm3(x))
    x = module.norm1(tgt + own(tgt))
    x = module.norm2(x + cross(x))
    return module.norm3(x + feed(x))


def encoder(module: Any, without: Left, src: Any, **given: Any) -> Any:
    """Return what a stack of encoder layers makes of its input; nothing is nested here."""
    masks = _kept(given, without)
    for layer in module.layers:
        src = layer(
            src,
            masks.get("mask"),
            masks.get("src_key_padding_mask"),
            **hinted(given.get("is_causal")),
        )
    return _normed(module, src)


def decoder(module: Any, without: Left, tgt: Any, memory: Any, **given: Any) -> Any:
    """Return what a stack of decoder layers makes of its inputs."""
    masks = _kept(given, without)
    hints = {name: True for name in ("tgt_is_causal", "memory_is_causal") if masks.pop(name, None)}
    for layer in module.layers:
        tgt = layer(tgt, memory, **masks, **hints)
    return _normed(module, tgt)


def hinted(hint: object) -> dict[str, bool]:
    """Return the argument of a hint that is given; the first releases of torch knew none."""
    return {"is_causal": True} if hint else {}


def passed_on(seen: Seen, *, name: str, left_out: str = "") -> Mismatch | None:
    """Build a module with an argument changed, and look whether all inside have its value.

    A module whose path ends in ``left_out`` would not have it.
    """
    module = seen.built(**{name: 0.375})
    found = {
        path: getattr(inside, attribute)
        for path, inside in module.named_modules()
        for attribute in _ATTRIBUTES[name].get(type(inside).__name__, ())
    }
    expected = {path: 0.375 for path in found if not left_out or not path.endswith(left_out)}
    return same(expected, {path: value for path, value in found.items() if value == 0.375})


def _kept(given: dict[str, Any], without: Left) -> dict[str, Any]:
    return {name: None if name in without else value for name, value in given.items()}


def _through(module: Any, name: str, without: Left) -> Any:
    return (lambda x: x) if name in without else getattr(module, name)


def _feed(module: Any, last: str, without: Left, x: Any) -> Any:
    inside = _through(module, "dropout", without)(module.activation(module.linear1(x)))
    return _through(module, last, without)(module.linear2(inside))


def _normed(module: Any, x: Any) -> Any:
    return x if module.norm is None else module.norm(x)
