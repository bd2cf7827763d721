"""
Read a Transformer's checkpoint by its keys
===========================================

Keys and shapes tell the width, the number of layers, the feed-forward width and whether there are
biases. They do not tell ``nhead``, ``batch_first``, ``norm_first``, ``dropout`` or the activation.
"""

import io
import warnings
from collections import Counter

import matplotlib.pyplot as plt
import torch

# A Transformer warns that batch_first=True would be faster. That is not the subject here.
warnings.filterwarnings("ignore", message="enable_nested_tensor")

torch.manual_seed(0)
saved = torch.nn.Transformer(
    d_model=24, nhead=4, num_encoder_layers=3, num_decoder_layers=2, dim_feedforward=55
)
file = io.BytesIO()
torch.save(saved.state_dict(), file)

# %%
# What is in the file
# -------------------
#
# A dictionary from keys to tensors. A key is a path: the names of the modules, then the parameter.

file.seek(0)
checkpoint = torch.load(file, weights_only=True)
print(len(checkpoint), "keys, among them")
for name, tensor in list(checkpoint.items())[:4]:
    print(f"{name:40}", tuple(tensor.shape))

assert list(checkpoint) == list(saved.state_dict())

# %%
# Which parts there are
# ---------------------
#
# The first words of a key say where in the model it sits.
# ``self_attn`` is in every layer; ``multihead_attn``, over the memory, is in decoder layers only.


def part_of(name: str) -> str:
    """Return the path of a key without its last part and without a layer's parts."""
    words = name.split(".")
    return ".".join(words[:3] if words[1] == "layers" else words[:2])


parts = Counter(map(part_of, checkpoint))
for part, count in parts.items():
    print(f"{part:18} {count:2} keys")

assert parts["encoder.layers.0"] == 12
assert parts["decoder.layers.0"] == 18
assert parts["encoder.norm"] == parts["decoder.norm"] == 2

# %%
# From shapes to arguments
# ------------------------
#
# The numbers of the layers count them. ``in_proj_weight`` is as wide as the model, and three times
# as high: it holds q, k and v. ``linear1.weight`` has a row for each feature inside.


def layers_of(stack: str) -> int:
    """Return how many layers of a stack are in the checkpoint."""
    return len({name.split(".")[2] for name in checkpoint if name.startswith(f"{stack}.layers.")})


rows, d_model = checkpoint["encoder.layers.0.self_attn.in_proj_weight"].shape
assert rows == 3 * d_model

arguments = {
    "d_model": d_model,
    "num_encoder_layers": layers_of("encoder"),
    "num_decoder_layers": layers_of("decoder"),
    "dim_feedforward": checkpoint["encoder.layers.0.linear1.weight"].shape[0],
    "bias": "encoder.layers.0.linear1.bias" in checkpoint,
}
print(arguments)
assert list(arguments.values()) == [24, 3, 2, 55, True]

# %%
# What no key tells
# -----------------
#
# Every ``nhead`` that divides ``d_model`` fits, and loads without an error.
# Only the right one gives the same numbers.

src, tgt = torch.randn(7, 2, d_model), torch.randn(6, 2, d_model)
expected = saved.eval()(src, tgt)


def loaded(nhead: int, **others: bool) -> torch.nn.Transformer:
    """Return a Transformer with the numbers of the checkpoint."""
    model = torch.nn.Transformer(nhead=nhead, **arguments, **others)
    model.load_state_dict(checkpoint)
    return model.eval()


for nhead in (n for n in range(1, d_model + 1) if d_model % n == 0):
    same = torch.allclose(loaded(nhead)(src, tgt), expected, atol=1e-5)
    print(f"nhead={nhead:2} loads; the same output: {same}")
    assert same == (nhead == 4)

# %%
# The same holds for ``norm_first``: it loads, and the numbers differ.

assert not torch.allclose(loaded(4, norm_first=True)(src, tgt), expected, atol=1e-3)

# %%
# Drawn: the keys of each part
# ----------------------------

COLORS = {
    "self_attn": "#0072B2",
    "multihead_attn": "#E69F00",
    "linear1": "#009E73",
    "linear2": "#009E73",
    "norm": "#999999",
}


def kind_of(name: str) -> str:
    """Return which module of a layer a key belongs to; all norms are one kind."""
    words = [word for word in name.split(".") if word.rstrip("123") in ("norm", "linear")]
    words += [word for word in name.split(".") if word.endswith("attn")]
    return "norm" if words[0].startswith("norm") else words[0]


fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
fig.suptitle("How many keys each part of the checkpoint has", fontsize=13)
for row, part in enumerate(parts):
    kinds = Counter(kind_of(name) for name in checkpoint if part_of(name) == part)
    left = 0
    for kind, count in kinds.items():
        ax.barh(row, count, left=left, color=COLORS[kind], edgecolor="white")
        left += count
    assert left == parts[part]
for kind in ("self_attn", "multihead_attn", "linear1", "norm"):
    label = "linear1, linear2" if kind == "linear1" else kind
    ax.barh(0, 0, color=COLORS[kind], label=label)
ax.set_yticks(range(len(parts)), list(parts), fontsize=10)
ax.set(xlabel="keys", xlim=(0, 28))
ax.invert_yaxis()
ax.legend(loc="lower right", fontsize=10, frameon=False)
plt.show()

# %%
# What to remember
# ----------------
#
# Count the layer numbers, and read the widths off ``in_proj_weight`` and ``linear1.weight``.
# ``nhead``, ``norm_first``, ``batch_first``, ``dropout`` and the activation leave no trace:
# write them down beside the file.
