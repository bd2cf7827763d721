"""
kdim and vdim: packed or separate
=================================

The three projections stay packed in ``in_proj_weight`` as long as ``kdim`` and ``vdim``
both equal ``embed_dim``. As soon as one of them differs, there are three separate weights,
``q_proj_weight``, ``k_proj_weight`` and ``v_proj_weight``, and ``in_proj_weight`` is gone.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

# %%
# Which keys exist when
# ---------------------
#
# The layout depends on the values alone.
# To pass ``embed_dim`` explicitly is the same as to pass nothing,
# and to give only one of the two is enough to make all three separate.

embed_dim, num_heads = 12, 3
kdim, vdim = 20, 8

choices = {
    "nothing given": {},
    "both given, equal to embed_dim": {"kdim": embed_dim, "vdim": embed_dim},
    "only kdim": {"kdim": kdim},
    "only vdim": {"vdim": vdim},
    "both given": {"kdim": kdim, "vdim": vdim},
    "both given, equal to each other": {"kdim": kdim, "vdim": kdim},
}

torch.manual_seed(0)
modules = {}
for name, given in choices.items():
    module = torch.nn.MultiheadAttention(embed_dim, num_heads, **given)
    modules[name] = module
    print(f"{name}: {given}")
    for parameter_name, parameter in module.state_dict().items():
        if parameter_name.endswith("proj_weight"):
            print(f"    {parameter_name}", tuple(parameter.shape))

for module in modules.values():
    packed = "in_proj_weight" in module.state_dict()
    assert packed == (module.kdim == embed_dim and module.vdim == embed_dim)
    assert packed == ("q_proj_weight" not in module.state_dict())

# %%
# Every block has ``embed_dim`` rows. ``kdim`` and ``vdim`` are columns.

assert modules["nothing given"].in_proj_weight.shape == (3 * embed_dim, embed_dim)
assert modules["both given"].q_proj_weight.shape == (embed_dim, embed_dim)
assert modules["both given"].k_proj_weight.shape == (embed_dim, kdim)
assert modules["both given"].v_proj_weight.shape == (embed_dim, vdim)

# %%
# All else is the same in both layouts. Above all, there is still one ``in_proj_bias``.

for name in ("nothing given", "both given"):
    tensors = modules[name].state_dict().items()
    rest = {key: tuple(t.shape) for key, t in tensors if not key.endswith("proj_weight")}
    print(rest)
    assert rest["in_proj_bias"] == (3 * embed_dim,)

# %%
# What goes in and what comes out
# -------------------------------
#
# ``kdim`` is the number of features of the key, and ``vdim`` that of the value.
# The query always has ``embed_dim`` features, and so has the output.

N, L, S = 2, 5, 7
attention = modules["both given"]
query = torch.randn(L, N, embed_dim)
key = torch.randn(S, N, kdim)
value = torch.randn(S, N, vdim)

output, weights = attention(query, key, value)
print("output ", tuple(output.shape))
print("weights", tuple(weights.shape))

assert output.shape == query.shape

# %%
# A query with another number of features is an error.

try:
    attention(torch.randn(L, N, kdim), key, value)
except AssertionError as error:
    message = str(error)
print(message)

assert message == f"was expecting embedding dimension of {embed_dim}, but got {kdim}"

# %%
# Drawn to scale
# --------------
#
# Each block has one row for every feature that comes out of it,
# and one column for every feature that goes in.

Q_COLOR, K_COLOR, V_COLOR = "#0072B2", "#E69F00", "#009E73"
PACKED = ("in_proj_weight", "in_proj_weight", "in_proj_weight")
SEPARATE = ("q_proj_weight", "k_proj_weight", "v_proj_weight")


def draw_layout(ax: Axes, module: torch.nn.MultiheadAttention) -> None:
    """Draw the blocks of q, k and v from top to bottom, as wide as their weights."""
    names, gap = (SEPARATE, 6) if module.in_proj_weight is None else (PACKED, 0)
    for i, (name, color) in enumerate(zip(names, (Q_COLOR, K_COLOR, V_COLOR), strict=True)):
        shape = tuple(module.get_parameter(name).shape)
        top = i * (embed_dim + gap)
        ax.add_patch(Rectangle((0, top), shape[1], embed_dim, facecolor=color))
        ink = "white" if color == Q_COLOR else "black"
        ax.text(1, top + embed_dim / 2, "qkv"[i], color=ink, fontsize=14, va="center")
        if names is SEPARATE or i == 0:
            ax.text(0, top - 0.5, f"{name}\n{shape}", va="bottom")
    ax.set(xlim=(-0.5, 21), ylim=(3 * embed_dim + 13, -6), aspect="equal")
    ax.axis("off")


drawn = ("nothing given", "only kdim", "both given")
fig, axes = plt.subplots(1, len(drawn), figsize=(6.4, 5.2), layout="constrained")
fig.suptitle(f"Packed or separate, with embed_dim={embed_dim}", fontsize=13)
for ax, name in zip(axes, drawn, strict=True):
    arguments = ", ".join(f"{key}={size}" for key, size in choices[name].items())
    ax.set_title(arguments or name, fontsize=11, loc="left")
    draw_layout(ax, modules[name])
plt.show()

# %%
# What to remember
# ----------------
#
# Packed if ``kdim == vdim == embed_dim``, given or by default. Otherwise all three are separate.
# The query and the output always have ``embed_dim`` features.
# ``in_proj_bias`` is one tensor in both layouts.
