"""
Walk a Transformer down to its first attention
==============================================

The first attention of a ``Transformer()`` keeps the projections of q, k and v in one tensor,
``in_proj_weight``, and so that tensor has three times as many rows as columns.
It is one of the twelve tensors of the first encoder layer.
"""

import warnings

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

# A default Transformer warns that batch_first=True would be faster. That is not the subject here.
warnings.filterwarnings("ignore", message="enable_nested_tensor")

torch.manual_seed(0)
transformer = torch.nn.Transformer()

# %%
# Four steps down
# ---------------
#
# The first attention sits in the first layer of the encoder.

for path in ("encoder", "encoder.layers", "encoder.layers.0", "encoder.layers.0.self_attn"):
    print(f"{path:27}", type(transformer.get_submodule(path)).__name__)

# %%
# Printing that attention does not show ``in_proj_weight``:
# a printed module lists its submodules, and this is a parameter.

layer = transformer.encoder.layers[0]
attention = layer.self_attn
print(attention)

assert "in_proj_weight" not in repr(attention)
assert "in_proj_weight" in attention.state_dict()

# %%
# The twelve tensors
# ------------------
#
# The state_dict lists every tensor that is saved. The first four belong to the attention.

tensors = layer.state_dict()
for name, tensor in tensors.items():
    print(f"{name:25}", tuple(tensor.shape))

assert len(tensors) == 12
assert [name.split(".")[0] for name in tensors].index("linear1") == 4

# %%
# Where the rows come from
# ------------------------
#
# ``in_proj_weight`` is three square blocks, one above the other:
# one for q, one for k, one for v. Each has ``embed_dim`` rows and columns.
# The next example proves the order.

weight = tensors["self_attn.in_proj_weight"]
embed_dim = transformer.d_model
assert weight.shape == (3 * embed_dim, embed_dim)

print(f"{weight.shape[0]} rows = 3 * {embed_dim}")
for name, block in zip("qkv", weight.chunk(3), strict=True):
    print(name, tuple(block.shape))
    assert block.shape == (embed_dim, embed_dim)

# %%
# The number of heads is not in there. Another one gives the same shapes.

for nhead in (1, 2, 16):
    other = torch.nn.TransformerEncoderLayer(embed_dim, nhead).state_dict()
    assert [t.shape for t in other.values()] == [t.shape for t in tensors.values()]

# %%
# Drawn to scale
# --------------
#
# Rows run down and columns run to the right. A tensor with one dimension is drawn as a strip.

Q_COLOR, K_COLOR, V_COLOR = "#0072B2", "#E69F00", "#009E73"


def draw_tensor(ax: Axes, name: str, left: float, top: float) -> None:
    """Draw one tensor with its upper left corner at a place, and its name and shape above."""
    shape = tuple(tensors[name].shape)
    rows, columns = (*shape, 40)[:2]
    label = f"{name}\n{shape}".replace(".", ".\n", 1)
    ax.text(left, top - 35, label, fontsize=9.5, va="bottom", linespacing=1.15)
    colors = (Q_COLOR, K_COLOR, V_COLOR) if "in_proj" in name else ("#BBBBBB",)
    height = rows / len(colors)
    for i, color in enumerate(colors):
        corner = (left, top + i * height)
        ax.add_patch(Rectangle(corner, columns, height, facecolor=color, edgecolor="white"))


fig, ax = plt.subplots(figsize=(6.4, 7.4), layout="constrained")
fig.suptitle("The twelve tensors of an encoder layer, drawn to scale", fontsize=13)
places = [(0, 0), (720, 0), (1400, 0), (2300, 0)]  # the attention
places += [(0, 2050), (720, 2050), (1400, 2050), (3550, 2050)]  # the two linear layers
places += [(1400, 3050), (1960, 3050), (2520, 3050), (3080, 3050)]  # the two norms
for name, (left, top) in zip(tensors, places, strict=True):
    draw_tensor(ax, name, left, top)
for i, letter in enumerate("qkv"):
    label = f"{letter}: rows\n{i * embed_dim} to\n{(i + 1) * embed_dim - 1}"
    ink = "white" if letter == "q" else "black"
    ax.text(embed_dim / 2, (i + 0.5) * embed_dim, label, color=ink, ha="center", va="center")
ax.set(xlim=(-20, 4050), ylim=(4120, -480), aspect="equal")
ax.axis("off")
plt.show()

# %%
# The attention is a third of the layer. Nearly all the rest is the two linear layers.

sizes = {name: tensor.numel() for name, tensor in tensors.items()}
inside = sum(size for name, size in sizes.items() if name.startswith("self_attn."))
print(f"{inside} of {sum(sizes.values())} numbers are the attention's")

assert round(sum(sizes.values()) / inside, 2) == 3
assert sizes["linear1.weight"] + sizes["linear2.weight"] > 0.66 * sum(sizes.values())

# %%
# What to remember
# ----------------
#
# ``in_proj_weight`` is q, k and v stacked, in this order, each with ``embed_dim`` rows.
# It shows in ``state_dict()`` and not in ``print(module)``.
# ``num_heads`` changes no shape.
