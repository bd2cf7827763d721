"""
Attention maps from a stock encoder
===================================

A ``TransformerEncoder`` never returns its attention weights, and in eval mode it may not even work
them out. Two hooks on each ``self_attn`` bring them out, and change no result.
"""

import warnings
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

# An encoder with padding uses nested tensors by itself, and torch calls them a prototype.
warnings.filterwarnings("ignore", "The PyTorch API of nested tensors")

N, S = 2, 6  # batch, length
d_model, nhead, num_layers = 16, 4, 3

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=32, batch_first=True)
encoder = nn.TransformerEncoder(layer, num_layers).eval()
for parameter in encoder.parameters():  # layers are copies: draw each anew
    if parameter.dim() > 1:
        nn.init.normal_(parameter, std=0.35)
src = torch.randn(N, S, d_model)

# %%
# Why a plain hook is not enough
# ------------------------------
#
# Each layer calls its attention with ``need_weights=False``, so a hook sees None.

seen: list[Tensor | None] = []
hook = encoder.layers[0].self_attn.register_forward_hook(
    lambda module, inputs, output: seen.append(output[1])
)
encoder(src)
hook.remove()
print("a plain hook sees", seen)

assert seen == [None]

# %%
# And without any hook, in eval mode and without gradients, the attention is not called at all:
# one fused kernel does the whole layer. Hooks on all modules hear of the layers alone.

called: list[str] = []
listening = torch.nn.modules.module.register_module_forward_hook(
    lambda module, inputs, output: called.append(type(module).__name__)
)
with torch.no_grad():
    fast = encoder(src)
listening.remove()
print(called)

assert "TransformerEncoderLayer" in called
assert "MultiheadAttention" not in called

# %%
# Two hooks that do it
# --------------------
#
# The first asks for the weights of every head, before the call; the second keeps them, after it.
# The layer uses element 0 of what its attention returns, so nothing else changes.

maps: dict[str, Tensor] = {}


def ask(module: nn.Module, inputs: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Ask an attention for the weights of each head."""
    return inputs, {**options, "need_weights": True, "average_attn_weights": False}


def keep(name: str) -> Any:
    """Return a hook that keeps the weights under a name."""

    def hook(module: nn.Module, inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        maps[name] = output[1].detach()

    return hook


for i, layer in enumerate(encoder.layers):
    layer.self_attn.register_forward_pre_hook(ask, with_kwargs=True)
    layer.self_attn.register_forward_hook(keep(f"layer {i}"))

with torch.no_grad():
    output = encoder(src)
for name, weights in maps.items():
    print(name, tuple(weights.shape))

assert list(maps) == [f"layer {i}" for i in range(num_layers)]
for weights in maps.values():
    assert weights.shape == (N, nhead, S, S)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(N, nhead, S))

# %%
# A hook takes a layer off its fused kernel, so the numbers come from other code.
# They are the same up to rounding.

torch.testing.assert_close(output, fast, atol=1e-4, rtol=1e-4)

# %%
# The maps are those of the first layer's own input: worked out by hand, they agree.

first = encoder.layers[0].self_attn
q_weight, k_weight, _ = first.in_proj_weight.chunk(3)
q, k = ((src @ w.T).unflatten(-1, (nhead, -1)).transpose(1, 2) for w in (q_weight, k_weight))
by_hand = (q @ k.mT / (d_model // nhead) ** 0.5).softmax(dim=-1)
torch.testing.assert_close(by_hand, maps["layer 0"])

# %%
# With padding
# ------------
#
# No head looks at a padded key. In eval mode without gradients the stack leaves padded positions
# out of the work altogether, so their own rows are zeros as well; in any other mode they are not.

padding = torch.zeros(N, S, dtype=torch.bool)
padding[1, -2:] = True

encoder(src, src_key_padding_mask=padding)
with_gradients = maps["layer 2"]
assert (with_gradients[1, :, :, -2:] == 0).all()
assert (with_gradients[1, :, -2:].sum(dim=-1) > 0.99).all()

with torch.no_grad():
    encoder(src, src_key_padding_mask=padding)
assert (maps["layer 2"][1, :, :, -2:] == 0).all()
assert (maps["layer 2"][1, :, -2:] == 0).all()
torch.testing.assert_close(maps["layer 2"][1, :, :-2], with_gradients[1, :, :-2])

# %%
# Drawn: every head of every layer
# --------------------------------
#
# The second sample, whose last two positions are padding. Brighter is more.

fig, axes = plt.subplots(num_layers, nhead, figsize=(6.4, 5), layout="constrained")
fig.suptitle("Attention maps of the second sample", fontsize=13)
for row, (name, weights) in zip(axes, maps.items(), strict=True):
    for h, ax in enumerate(row):
        ax.imshow(weights[1, h].tolist(), cmap="cividis", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        if name == "layer 0":
            ax.set_title(f"head {h}", fontsize=11)
    row[0].set_ylabel(name, fontsize=11)
plt.show()

# %%
# What to remember
# ----------------
#
# Ask with a pre-hook and keep with a hook, both on ``self_attn``.
# Remove them when done: while they are there, no layer takes its fused kernel.
# Rows of padded queries mean nothing.
