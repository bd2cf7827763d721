"""
The four masks, and what True means
===================================

In ``MultiheadAttention``, True means: this key may *not* be attended to.
``scaled_dot_product_attention`` reads the same mask the other way round.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

N, L, S = 2, 4, 7  # batch, target length, source length
num_heads, head_dim = 3, 5
embed_dim = num_heads * head_dim

torch.manual_seed(0)
attention = torch.nn.MultiheadAttention(embed_dim, num_heads, batch_first=True)
query = 2 * torch.randn(N, L, embed_dim)
memory = 2 * torch.randn(N, S, embed_dim)


def weights_with(**masks: torch.Tensor) -> torch.Tensor:
    """Return the attention weights of every head under some masks."""
    return attention(query, memory, memory, average_attn_weights=False, **masks)[1].detach()


# %%
# A bool attn_mask
# ----------------
#
# One row for each query position and one column for each key position.
# It holds for every sample and every head. This one forbids each query the keys after it.

later = torch.ones(L, S, dtype=torch.bool).triu(diagonal=1)
print(later.int())

weights = weights_with(attn_mask=later)
assert (weights[:, :, later] == 0).all()
assert (weights[:, :, ~later] > 0).all()

# %%
# A float attn_mask
# -----------------
#
# It is added to the scores before the softmax.
# Minus infinity forbids, and any other number only makes a key weaker or stronger.

distance = (torch.arange(L)[:, None] - torch.arange(S)).clamp(min=0)
fading = (-distance).float().masked_fill(later, float("-inf"))
print(fading)

only_infinity = torch.zeros(L, S).masked_fill(later, float("-inf"))
torch.testing.assert_close(weights_with(attn_mask=only_infinity), weights)
assert not torch.allclose(weights_with(attn_mask=fading), weights)

# %%
# A key_padding_mask
# ------------------
#
# One row for each sample and one column for each key position.
# It holds for every query and every head. Here the second sample has three padded keys.

padding = torch.zeros(N, S, dtype=torch.bool)
padding[1, -3:] = True
print(padding.int())

weights = weights_with(key_padding_mask=padding)
assert (weights[1, :, :, -3:] == 0).all()
assert (weights[0] > 0).all()

# %%
# A mask for each head
# --------------------
#
# An ``attn_mask`` with three dimensions has one slice for each sample and head.
# Head h of sample n reads slice ``n * num_heads + h``: the heads of a sample lie together.
# To show it, slice i forbids key i and nothing else.

per_head = torch.zeros(N * num_heads, L, S, dtype=torch.bool)
for i in range(N * num_heads):
    per_head[i, :, i] = True
print(tuple(per_head.shape))

head_weights = weights_with(attn_mask=per_head)
for n in range(N):
    for h in range(num_heads):
        forbidden = torch.arange(S) == n * num_heads + h
        assert (head_weights[n, h][:, forbidden] == 0).all()
        assert (head_weights[n, h][:, ~forbidden] > 0).all()

# %%
# True is the other way round elsewhere
# -------------------------------------
#
# In ``scaled_dot_product_attention``, True means: this key takes part.
# With an identity matrix as values, its output is its weights.

q, k = torch.randn(L, head_dim), torch.randn(S, head_dim)
opposite = torch.nn.functional.scaled_dot_product_attention(q, k, torch.eye(S), attn_mask=later)

assert (opposite[~later] == 0).all()
assert (opposite[later] > 0).all()

# %%
# A query that may attend to no key gets nan, because there is nothing to share out.

nothing_left = later.clone()
nothing_left[0] = True
assert weights_with(attn_mask=nothing_left)[:, :, 0].isnan().all()
assert not weights_with(attn_mask=nothing_left)[:, :, 1:].isnan().any()

# %%
# Drawn: four masks and what they do
# ----------------------------------
#
# Orange is forbidden: True, or minus infinity. Below each mask are the weights under it:
# brighter is more, and a cross is exactly zero.

FORBIDDEN = "#D55E00"


def draw_mask(ax: Axes, mask: torch.Tensor) -> None:
    """Draw what a mask forbids, and the numbers that it adds elsewhere."""
    forbidden = mask if mask.dtype == torch.bool else mask.isinf()
    colors = ListedColormap(["#EEEEEE", FORBIDDEN])
    ax.imshow(forbidden.tolist(), cmap=colors, vmin=0, vmax=1, aspect="auto")
    if mask.dtype != torch.bool:
        for row, column in (~forbidden).nonzero().tolist():
            ax.text(column, row, f"{mask[row, column]:.0f}", ha="center", va="center", fontsize=9)


def draw_weights(ax: Axes, weights: torch.Tensor) -> None:
    """Draw attention weights, with a cross where a weight is exactly zero."""
    ax.imshow(weights.tolist(), cmap="cividis", vmin=0, vmax=0.8, aspect="auto")
    rows, columns = (weights == 0).nonzero(as_tuple=True)
    ax.scatter(columns.tolist(), rows.tolist(), marker="x", color=FORBIDDEN, s=25)


one_slice = per_head[1 * num_heads + 2]
panels = {
    "bool\nattn_mask": (later, weights_with(attn_mask=later), (0, 0)),
    "float\nattn_mask": (fading, weights_with(attn_mask=fading), (0, 0)),
    "key_padding_\nmask": (padding, weights, (1, 0)),
    "slice of 3-D\nattn_mask": (one_slice, head_weights, (1, 2)),
}
fig, axes = plt.subplots(2, len(panels), figsize=(6.4, 4.2), layout="constrained")
fig.suptitle("Four masks and the weights under them", fontsize=13)
for (above, below), (name, (mask, result, (n, h))) in zip(axes.T, panels.items(), strict=True):
    draw_mask(above, mask)
    draw_weights(below, result[n, h])
    above.set_title(name, fontsize=11)
    below.set_title(f"sample {n}\nhead {h}", fontsize=11)
    for ax, rows in ((above, len(mask)), (below, L)):
        ax.set(xticks=range(0, S, 2), yticks=range(rows))
    below.set_xlabel("key")
    if mask is padding:
        above.set_ylabel("sample")
for ax in axes[:, 0]:
    ax.set_ylabel("query")
plt.show()

# %%
# Drawn: which slice belongs to which head
# ----------------------------------------
#
# Slice i forbids key i, so the crosses tell which slice a head reads.

fig, axes = plt.subplots(N, num_heads, figsize=(6.4, 3.6), layout="constrained")
fig.suptitle("Head h of sample n reads slice n * num_heads + h", fontsize=13)
for n in range(N):
    for h in range(num_heads):
        draw_weights(axes[n, h], head_weights[n, h])
        slice_index = n * num_heads + h
        axes[n, h].set_title(f"n={n}, h={h}: slice {slice_index}", fontsize=11)
        axes[n, h].set(xticks=range(S), yticks=range(L))
    axes[n, 0].set_ylabel("query")
axes[-1, 1].set_xlabel("key")
plt.show()

# %%
# What to remember
# ----------------
#
# True forbids here, and allows in ``scaled_dot_product_attention``.
# A float mask is added to the scores. A padding mask belongs to the keys of a sample.
# With one mask for each head, the index is ``n * num_heads + h``.
