"""Attention worked out by hand, head by head, from nothing but the spec's blocks.

Each convention that torch could have chosen otherwise is an argument, so that a claim about it
has a false twin next to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mhadoc.catalog.multihead_attention.paths import discards_mask
from mhadoc.language import Parameter, Seen
from mhadoc.language.compiled import joined, truth

__all__ = ["TORCH", "Conventions", "by_hand", "laid_out"]


@dataclass(frozen=True)
class Conventions:
    """What torch chose: the truth by default, a false twin where one is changed.

    ``order`` names the blocks that serve as q, k and v, ``bias_order`` those of the bias alone;
    ``scale`` is the power of head_dim that multiplies the scores; ``softmax_axis`` is the axis that
    sums to one; ``hides`` is the boolean that hides a key; ``head_major`` indexes a 3-D mask by
    ``h * N + n``; ``interleaved`` gives head h every H-th row; ``mixed`` takes rows of out_proj
    where torch takes columns; ``bias_each_head`` adds its bias once a head; ``extra_first`` puts
    the appended keys in front; ``zero_first`` puts the key of zeros before the learned one;
    ``extra_biased`` adds the projections' bias to the appended keys and values.
    """

    order: str = "qkv"
    bias_order: str = ""
    scale: float = -0.5
    softmax_axis: int = -1
    hides: bool = True
    head_major: bool = False
    interleaved: bool = False
    mixed: bool = False
    bias_each_head: bool = False
    extra_first: bool = False
    zero_first: bool = False
    extra_biased: bool = False
    float_factor: float = 1.0
    obeys_hint: bool = True


TORCH = Conventions()


def by_hand(
    seen: Seen, rules: Any, conventions: Conventions = TORCH, weights: Any = None
) -> tuple[Any, Any]:
    """Return the output as (N, L, E) and the weights as (N, H, L, keys) for an observed call.

    ``rules`` is the spec, whose blocks say which rows and columns belong to what. Where weights
    are given, they are used as they are.
    """
    work = _Work(seen, rules, conventions)
    outputs, attentions = 0, []
    for head in range(seen.values["num_heads"]):
        attention = work.attention(head) if weights is None else weights[:, head]
        outputs = outputs + (attention @ work.projected("v", head)) @ work.columns(head)
        attentions.append(attention)
    stacked = attentions[0].new_empty((len(attentions), *attentions[0].shape))
    for head, attention in enumerate(attentions):
        stacked[head] = attention
    return outputs + work.constant(), stacked.transpose(0, 1)


def laid_out(output: Any, seen: Seen) -> Any:
    """Return an output (N, L, E) with its axes as forward returns them."""
    if not seen.values["batched"]:
        return output[0]
    return output if seen.values["batch_first"] else output.transpose(0, 1)


@dataclass(frozen=True)
class _Work:
    seen: Seen
    rules: Any
    conventions: Conventions

    def attention(self, head: int) -> Any:
        """Return one head's weights, (N, L, keys)."""
        scores = self.scores(head) + self.mask(head)
        return scores.softmax(self.conventions.softmax_axis)

    def constant(self) -> Any:
        """Return what is added to the output at every place, (E,), or 0."""
        bias = self.seen.module.out_proj.bias
        times = self.seen.values["num_heads"] if self.conventions.bias_each_head else 1
        return 0 if bias is None else bias * times

    def scores(self, head: int) -> Any:
        """Return one head's scaled scores, (N, L, keys)."""
        scale = self.seen.values["head_dim"] ** self.conventions.scale
        return self.projected("q", head) @ self.projected("k", head).transpose(1, 2) * scale

    def projected(self, role: str, head: int) -> Any:
        """Return one head's q, k or v, (N, length, D), the extra keys included."""
        tensor = {"q": "query", "k": "key", "v": "value"}[role]
        weight, bias = self._weight(role, head), self._bias(role, head)
        projected = self._batch_first(self.seen.inputs[tensor]) @ weight.transpose(0, 1) + bias
        return projected if role == "q" else self._extended(projected, role, head)

    def _weight(self, role: str, head: int) -> Any:
        module, block = self.seen.module, "qkv"[self.conventions.order.index(role)]
        if module.in_proj_weight is None:
            name = f"{block}_proj_weight"
            return getattr(module, name)[self._rows(name, "head h", head)]
        return module.in_proj_weight[self._rows("in_proj_weight", f"head h of {block}", head)]

    def _bias(self, role: str, head: int) -> Any:
        if (bias := self.seen.module.in_proj_bias) is None:
            return 0
        order = self.conventions.bias_order or self.conventions.order
        return bias[self._rows("in_proj_bias", f"head h of {'qkv'[order.index(role)]}", head)]

    def _rows(self, parameter: str, block: str, head: int) -> slice:
        rule: Parameter = self.rules.rule(parameter)
        (found,) = (b for b in rule.blocks if b.name == block)
        start, stop = found.bounds(joined({"h": head}, self.seen.values))
        if not self.conventions.interleaved:
            return slice(start, stop)
        first, _ = found.bounds(joined({"h": 0}, self.seen.values))
        heads = self.seen.values["num_heads"]
        return slice(first + head, first + heads * (stop - start), heads)

    def columns(self, head: int) -> Any:
        """Return the part of out_proj that one head's output multiplies, (D, E)."""
        weight = self.seen.module.out_proj.weight
        rows = self._rows("out_proj.weight", "head h", head)
        return weight[rows] if self.conventions.mixed else weight[:, rows].transpose(0, 1)

    def _extended(self, projected: Any, role: str, head: int) -> Any:
        extra = []
        if self.seen.values["add_bias_kv"]:
            learned = getattr(self.seen.module, f"bias_{role}")
            extra.append(learned[:, :, self._rows(f"bias_{role}", "head h", head)])
        if self.seen.values["add_zero_attn"]:
            place = 0 if self.conventions.zero_first else len(extra)
            extra.insert(place, projected.new_zeros((1, 1, projected.shape[2])))
        if self.conventions.extra_biased:
            extra = [vector + self._bias(role, head) for vector in extra]
        return self._joined(projected, extra)

    def _joined(self, real: Any, extra: list[Any]) -> Any:
        count, length, size = real.shape
        longer = real.new_zeros((count, length + len(extra), size))
        first = len(extra) if self.conventions.extra_first else 0
        longer[:, first : first + length] = real
        for place, vector in enumerate(extra):
            longer[:, place if self.conventions.extra_first else length + place] = vector[0]
        return longer

    def mask(self, head: int) -> Any:
        """Return what is added to one head's scores, (N, L, keys)."""
        values, query = self.seen.values, self._batch_first(self.seen.inputs["query"])
        extra = values["add_bias_kv"] + values["add_zero_attn"]
        mask = query.new_zeros((query.shape[0], query.shape[1], self._sources() + extra))
        if self.conventions.obeys_hint and truth(discards_mask, values):
            return mask.masked_fill(mask.new_ones(mask.shape[1:]).triu(1) > 0, float("-inf"))
        first = extra if self.conventions.extra_first else 0
        part = mask[:, :, first : first + self._sources()]
        if (padding := self.seen.inputs.get("key_padding_mask")) is not None:
            part += self._added(padding if padding.dim() == 2 else padding[None])[:, None]
        if (given := self.seen.inputs.get("attn_mask")) is not None:
            part += self._added(given if given.dim() == 2 else given[self._places(head)])
        return mask

    def _sources(self) -> int:
        return int(self._batch_first(self.seen.inputs["key"]).shape[1])

    def _places(self, head: int) -> list[int]:
        heads = self.seen.values["num_heads"]
        count = self.seen.values["N"] if self.seen.values["batched"] else 1
        if self.conventions.head_major:
            return [head * count + n for n in range(count)]
        return [n * heads + head for n in range(count)]

    def _added(self, mask: Any) -> Any:
        if mask.is_floating_point():
            return mask * self.conventions.float_factor
        hidden = mask if self.conventions.hides else ~mask
        return self.seen.inputs["query"].new_zeros(mask.shape).masked_fill(hidden, float("-inf"))

    def _batch_first(self, tensor: Any) -> Any:
        if not self.seen.values["batched"]:
            return tensor[None]
        return tensor if self.seen.values["batch_first"] else tensor.transpose(0, 1)
