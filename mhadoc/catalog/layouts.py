"""Layouts: how other libraries name and shape the projections that attention is made of.

Each entry says what a key holds, its shape in the symbols of nn.MultiheadAttention, and the
Python expression that turns it into ours: one block of rows for each of q, k and v. A library has
some of the biases, all, or none: Whisper has none for k, and diffusers one for the output alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sympy import Eq, true
from sympy.logic.boolalg import Boolean

from mhadoc.catalog.multihead_attention.symbols import D, E, H, kdim, vdim
from mhadoc.language import Shape, Symbol

__all__ = ["LAYOUTS", "Entry", "Layout"]

_SQUARE = Shape(E, E)
_PACKED = Shape(3 * E, E)
_KV = Symbol("kv_features", "features of all key heads together").expr


@dataclass(frozen=True)
class Entry:
    """One key of another library: what it holds (q, k, v, qkv or out) and how it becomes ours.

    ``becomes`` and ``bias_becomes`` are Python expressions of the weight and of its bias, which is
    ``{w}`` there; ``{width}`` and ``{heads}`` are ``embed_dim`` and ``num_heads``.
    """

    key: str
    holds: str
    shape: Shape = _SQUARE
    becomes: str = "{w}"
    bias_becomes: str = "{w}"

    @property
    def bias(self) -> str:
        """Return the key of the bias that belongs to this weight."""
        return f"{self.key.rpartition('.')[0]}.bias"


@dataclass(frozen=True)
class Layout:
    """Where a library keeps q, k, v and the output projection; ``source`` says where it says so.

    ``apart`` are keys of biases that stand beside the weights, by what they hold; ``same`` are keys
    that may be there and are ours already; ``unused`` are keys that have no effect there. An
    attention that does not meet ``fits`` is none that nn.MultiheadAttention could be.
    """

    library: str
    entries: tuple[Entry, ...]
    source: str
    note: str = ""
    apart: Mapping[str, str] = field(default_factory=dict)
    same: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    fits: Boolean = true

    @property
    def weights(self) -> dict[str, tuple[str, str]]:
        """Return the key of each weight and what it becomes, by what it holds."""
        return {entry.holds: (entry.key, entry.becomes) for entry in self.entries}

    @property
    def biases(self) -> dict[str, tuple[str, str]]:
        """Return the key that each bias has, if there is one, and what it becomes."""
        own = {entry.holds: (entry.bias, entry.bias_becomes) for entry in self.entries}
        return own | {holds: (key, "{w}") for holds, key in self.apart.items()}

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every key that is looked at, whether it must be there or may be."""
        parts = (*self.weights.values(), *self.biases.values())
        return (*(key for key, _ in parts), *self.same)


def _separate(names: str, **changes: Shape) -> tuple[Entry, ...]:
    keys = (f"{name}.weight" for name in names.split())
    roles = ("q", "k", "v", "out")
    return tuple(
        Entry(key, holds, changes.get(holds, _SQUARE))
        for key, holds in zip(keys, roles, strict=True)
    )


def _crossing(names: str) -> tuple[Entry, ...]:
    """Return the entries of a library whose keys and values may have features of their own."""
    return _separate(names, k=Shape(E, kdim), v=Shape(E, vdim))


def _packed(
    names: str, shape: Shape = _PACKED, becomes: str = "{w}", out: str = "{w}"
) -> tuple[Entry, ...]:
    qkv, last = (f"{name}.weight" for name in names.split())
    bias = becomes.removesuffix(".T")
    return Entry(qkv, "qkv", shape, becomes, bias), Entry(last, "out", _SQUARE, out)


def _kernels(names: str) -> tuple[Entry, ...]:
    *inputs, last = (f"{name}.kernel" for name in names.split())
    heads = Shape(E, H, D)
    into = (
        Entry(key, holds, heads, "{w}.flatten(1).T", "{w}.flatten()")
        for key, holds in zip(inputs, "qkv", strict=True)
    )
    return *into, Entry(last, "out", Shape(H, D, E), "{w}.flatten(0, 1).T")


_BY_HEAD = "{w}.unflatten(0, ({heads}, 3, -1)).transpose(0, 1).flatten(0, 2)"
_UNSCALED = "{w} * ({width} / {heads}) ** 0.5"
_MODELS = "transformers/models"

LAYOUTS = (
    Layout(
        "fairseq, or Hugging Face's BART, CLIP, OPT or Whisper",
        _crossing("q_proj k_proj v_proj out_proj"),
        "fairseq/modules/multihead_attention.py: MultiheadAttention.__init__",
        same=("bias_k", "bias_v"),
    ),
    Layout(
        "Hugging Face's Llama, Mistral or Qwen",
        _separate("q_proj k_proj v_proj o_proj", k=Shape(_KV, E), v=Shape(_KV, E)),
        f"{_MODELS}/llama/modeling_llama.py: LlamaAttention.__init__",
        "queries may share keys and values there, and both are rotated by their position, which "
        "nn.MultiheadAttention cannot do",
        fits=Eq(_KV, E),
    ),
    Layout(
        "Hugging Face's BERT or RoBERTa",
        _separate("self.query self.key self.value output.dense"),
        f"{_MODELS}/bert/modeling_bert.py: BertSelfAttention.__init__",
    ),
    Layout(
        "Hugging Face's ViT",
        _separate("attention.query attention.key attention.value output.dense"),
        f"{_MODELS}/vit/modeling_vit.py: ViTSelfAttention.__init__",
    ),
    Layout(
        "Hugging Face's DistilBERT",
        _separate("q_lin k_lin v_lin out_lin"),
        f"{_MODELS}/distilbert/modeling_distilbert.py: MultiHeadSelfAttention.__init__",
    ),
    Layout(
        "Hugging Face's T5",
        (
            Entry("q.weight", "q", becomes=_UNSCALED, bias_becomes=_UNSCALED),
            *_separate("q k v o")[1:],
        ),
        f"{_MODELS}/t5/modeling_t5.py: T5Attention.__init__",
        "its scores are not divided by the square root of head_dim",
    ),
    Layout(
        "Hugging Face's GPT-2",
        _packed("c_attn c_proj", Shape(E, 3 * E), "{w}.T", "{w}.T"),
        f"{_MODELS}/gpt2/modeling_gpt2.py: GPT2Attention.__init__",
        "its weights are stored transposed",
    ),
    Layout(
        "minGPT or nanoGPT",
        _packed("c_attn c_proj"),
        "nanoGPT/model.py: CausalSelfAttention.__init__",
    ),
    Layout(
        "Hugging Face's BLOOM or GPT-NeoX",
        _packed("query_key_value dense", becomes=_BY_HEAD),
        f"{_MODELS}/gpt_neox/modeling_gpt_neox.py: GPTNeoXAttention.__init__",
        "its rows go head by head: q, k and v of head 0 come first",
    ),
    Layout(
        "timm's vision transformers",
        _packed("qkv proj"),
        "timm/layers/attention.py: Attention.__init__",
        apart={"q": "q_bias", "k": "k_bias", "v": "v_bias"},
    ),
    Layout(
        "diffusers",
        _crossing("to_q to_k to_v to_out.0"),
        "diffusers/models/attention_processor.py: Attention.__init__",
    ),
    Layout(
        "vit-pytorch",
        _packed("to_qkv to_out.0"),
        "vit_pytorch/vit.py: Attention.__init__",
    ),
    Layout(
        "ESPnet or WeNet",
        _separate("linear_q linear_k linear_v linear_out"),
        "espnet/nets/pytorch_backend/transformer/attention.py: MultiHeadedAttention.__init__",
    ),
    Layout(
        "torch.ao.nn.quantizable.MultiheadAttention",
        _crossing("linear_Q linear_K linear_V out_proj"),
        "torch/ao/nn/quantizable/modules/activation.py: MultiheadAttention.__init__",
        same=("bias_k", "bias_v"),
        unused=(
            "in_proj_weight",
            "in_proj_bias",
            "q_proj_weight",
            "k_proj_weight",
            "v_proj_weight",
        ),
    ),
    Layout(
        "keras.layers.MultiHeadAttention",
        _kernels("query key value attention_output"),
        "keras/src/layers/attention/multi_head_attention.py: MultiHeadAttention.build",
        "its kernels have three axes and are stored transposed",
        fits=Eq(H * D, E),
    ),
    Layout(
        "flax.linen.MultiHeadDotProductAttention",
        _kernels("query key value out"),
        "flax/linen/attention.py: MultiHeadDotProductAttention.__call__",
        "its kernels have three axes and are stored transposed",
        fits=Eq(H * D, E),
    ),
)
