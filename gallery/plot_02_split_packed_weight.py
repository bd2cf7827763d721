"""
Split the packed weight into q, k, v and heads
==============================================

``in_proj_weight.chunk(3)`` gives the weights of q, k and v, in this order.
Within each, head h owns the ``head_dim`` rows that start at ``h * head_dim``,
and that is enough to recompute attention by hand to the same numbers.
"""

import math

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

# %%
# A module with no two sizes alike
# --------------------------------
#
# Different sizes cannot be mistaken for each other.
# The biases start at zero, and a zero would hide a mistake: every parameter is made random.

N, L, S = 2, 3, 5  # batch, target length, source length
num_heads, head_dim = 4, 7
embed_dim = num_heads * head_dim

torch.manual_seed(0)
attention = torch.nn.MultiheadAttention(embed_dim, num_heads, batch_first=True)
for parameter in attention.parameters():
    torch.nn.init.normal_(parameter, std=0.35)

query = torch.randn(N, L, embed_dim)
key = torch.randn(N, S, embed_dim)
value = torch.randn(N, S, embed_dim)

output, weights = attention(query, key, value, average_attn_weights=False)
print("output ", tuple(output.shape))
print("weights", tuple(weights.shape))

# %%
# Split
# -----
#
# The weight and the bias are cut into three along their rows.

assert attention.in_proj_weight.shape == (3 * embed_dim, embed_dim)
assert attention.in_proj_bias.shape == (3 * embed_dim,)

q_weight, k_weight, v_weight = attention.in_proj_weight.chunk(3)
q_bias, k_bias, v_bias = attention.in_proj_bias.chunk(3)


def split_heads(projected: torch.Tensor) -> torch.Tensor:
    """Cut the features into heads, and put the heads before the positions."""
    return projected.unflatten(-1, (num_heads, head_dim)).transpose(1, 2)


q = split_heads(query @ q_weight.T + q_bias)
k = split_heads(key @ k_weight.T + k_bias)
v = split_heads(value @ v_weight.T + v_bias)
for name, tensor in {"q": q, "k": k, "v": v}.items():
    print(name, tuple(tensor.shape))

# %%
# Recompute
# ---------
#
# Each head is scaled by the root of ``head_dim``, not of ``embed_dim``.
# Then the heads are put side by side again and go through ``out_proj``.

by_hand = (q @ k.transpose(-2, -1) / math.sqrt(head_dim)).softmax(dim=-1)
joined = (by_hand @ v).transpose(1, 2).flatten(start_dim=2)
output_by_hand = joined @ attention.out_proj.weight.T + attention.out_proj.bias

print("weights differ by", (by_hand - weights).abs().max().item())
print("output differs by", (output_by_hand - output).abs().max().item())

torch.testing.assert_close(by_hand, weights)
torch.testing.assert_close(output_by_hand, output)

# %%
# What one head owns
# ------------------
#
# Head h owns the same rows in all three blocks, and the same numbers of columns in
# ``out_proj.weight``. So one head can be computed from its own rows and nothing else.

h = 1
own = slice(h * head_dim, (h + 1) * head_dim)
one_q = query @ q_weight[own].T + q_bias[own]
one_k = key @ k_weight[own].T + k_bias[own]
one_weights = (one_q @ one_k.mT / math.sqrt(head_dim)).softmax(dim=-1)

torch.testing.assert_close(one_weights, weights[:, h])

# %%
# The output is the sum of what the heads add, each through its own columns.

head_outputs = by_hand @ v
added = torch.zeros_like(output)
for i in range(num_heads):
    own_columns = attention.out_proj.weight[:, i * head_dim : (i + 1) * head_dim]
    added += head_outputs[:, i] @ own_columns.T

torch.testing.assert_close(added + attention.out_proj.bias, output)

# %%
# Drawn: the rows and columns of one head
# ---------------------------------------

Q_COLOR, K_COLOR, V_COLOR = "#0072B2", "#E69F00", "#009E73"
CENTRED = {"ha": "center", "va": "center"}
middle = own.start + head_dim / 2


def draw_block(ax: Axes, top: int, height: int, color: str) -> None:
    """Draw some rows of a matrix that has ``embed_dim`` columns."""
    ax.add_patch(Rectangle((0, top), embed_dim, height, facecolor=color, alpha=0.3))


def mark(ax: Axes, left: int, top: int, width: int, height: int, color: str) -> None:
    """Mark what the chosen head owns."""
    ax.add_patch(Rectangle((left, top), width, height, facecolor=color, edgecolor="black"))


fig, (packed_ax, out_ax) = plt.subplots(1, 2, figsize=(6.4, 5.6), layout="constrained")
fig.suptitle(f"What head {h} owns (heads 0 to {num_heads - 1})", fontsize=13)
for i, (letter, color) in enumerate(zip("qkv", (Q_COLOR, K_COLOR, V_COLOR), strict=True)):
    top = i * embed_dim
    draw_block(packed_ax, top, embed_dim, color)
    mark(packed_ax, 0, top + own.start, embed_dim, head_dim, color)
    packed_ax.text(-1.5, top + embed_dim / 2, letter, fontsize=14, ha="right", va="center")
    rows = f"rows {top + own.start} to {top + own.stop - 1}"
    ink = "white" if letter == "q" else "black"
    packed_ax.text(embed_dim / 2, top + middle, rows, color=ink, **CENTRED)
draw_block(out_ax, 0, embed_dim, "#888888")
mark(out_ax, own.start, 0, head_dim, embed_dim, "#888888")
columns = f"columns {own.start} to {own.stop - 1}"
out_ax.text(middle, embed_dim / 2, columns, rotation=90, **CENTRED)
for ax, name in ((packed_ax, "in_proj_weight"), (out_ax, "out_proj.weight")):
    shape = tuple(attention.get_parameter(name).shape)
    ax.set_title(f"{name}\n{shape}", fontsize=11)
    ax.set(xlim=(-5, embed_dim + 1), ylim=(3 * embed_dim + 1, -1), aspect="equal")
    ax.axis("off")
plt.show()

# %%
# Drawn: what each head looks at
# ------------------------------
#
# By default the module returns only the mean over the heads, the last picture.
# Ask for ``average_attn_weights=False`` to get one map for each head.

mean = attention(query, key, value)[1]
torch.testing.assert_close(mean, weights.mean(dim=1))

maps = {f"head {i}": weights[0, i] for i in range(num_heads)} | {"mean": mean[0]}
fig, axes = plt.subplots(1, len(maps), figsize=(6.4, 2), sharey=True, layout="constrained")
fig.suptitle("Attention weights of the first sample", fontsize=13)
for ax, (name, weight_map) in zip(axes, maps.items(), strict=True):
    picture = ax.imshow(weight_map.tolist(), vmin=0, vmax=1, cmap="cividis")
    ax.set_title(name, fontsize=11)
    ax.set(xticks=range(S), yticks=range(L))
axes[0].set_ylabel("query position")
axes[2].set_xlabel("key position")
fig.colorbar(picture, ax=axes, shrink=0.9, ticks=(0, 0.5, 1))
plt.show()

# %%
# What to remember
# ----------------
#
# Split by ``chunk(3)``: q, k, v. Then head h owns rows ``h * head_dim`` up to
# ``(h + 1) * head_dim`` of each, and the same columns of ``out_proj.weight``.
# ``in_proj_bias`` splits in the same way.
