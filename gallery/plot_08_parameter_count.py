"""
How many parameters a Transformer has, and where they sit
=========================================================

A default ``Transformer()`` has 44,140,544 parameters, more than half of them in the feed-forward
parts. The count is a formula in four arguments.
"""

import warnings
from collections import Counter

import matplotlib.pyplot as plt
import torch

# A Transformer warns that batch_first=True would be faster. That is not the subject here.
warnings.filterwarnings("ignore", message="enable_nested_tensor")

torch.manual_seed(0)
transformer = torch.nn.Transformer(device="meta")  # shapes without memory for numbers
total = sum(parameter.numel() for parameter in transformer.parameters())
print(f"{total:,}")

assert total == 44_140_544

# %%
# One attention, one feed-forward part, one norm
# ----------------------------------------------
#
# An attention has four square matrices: q, k, v and the output projection.
# A feed-forward part has two matrices, as wide as the model and as ``dim_feedforward``.


def attention(d: int, bias: int) -> int:
    """Return the parameters of one attention."""
    return 4 * d * (d + bias)


def feed_forward(d: int, f: int, bias: int) -> int:
    """Return the parameters of the two linear layers."""
    return 2 * d * f + (f + d) * bias


def norm(d: int, bias: int) -> int:
    """Return the parameters of one LayerNorm."""
    return d * (1 + bias)


d, f = transformer.d_model, transformer.encoder.layers[0].linear1.out_features
layer = transformer.encoder.layers[0]
pieces = {layer.self_attn: attention(d, 1), layer.norm1: norm(d, 1)}
for module, count in pieces.items():
    assert sum(p.numel() for p in module.parameters()) == count
linears = [*layer.linear1.parameters(), *layer.linear2.parameters()]
assert sum(p.numel() for p in linears) == feed_forward(d, f, 1)

# %%
# The whole formula
# -----------------
#
# An encoder layer has one attention and two norms, a decoder layer two attentions and three norms.
# Each of the two stacks ends in one more norm.


def count(d: int, f: int, encoders: int, decoders: int, bias: int) -> int:
    """Return the parameters of a Transformer."""
    encoder_layer = attention(d, bias) + feed_forward(d, f, bias) + 2 * norm(d, bias)
    decoder_layer = 2 * attention(d, bias) + feed_forward(d, f, bias) + 3 * norm(d, bias)
    return encoders * encoder_layer + decoders * decoder_layer + 2 * norm(d, bias)


assert count(d, f, 6, 6, 1) == total
for d_model, width, encoders, decoders, bias in ((8, 5, 1, 3, 0), (12, 48, 2, 1, 1)):
    other = torch.nn.Transformer(
        d_model, 4, encoders, decoders, width, bias=bool(bias), device="meta"
    )
    counted = sum(parameter.numel() for parameter in other.parameters())
    print(f"{counted:6,} = count{(d_model, width, encoders, decoders, bias)}")
    assert counted == count(d_model, width, encoders, decoders, bias)

# %%
# The number of heads is not in it: heads share the rows of the same matrices.

for nhead in (1, 2, 16):
    other = torch.nn.Transformer(nhead=nhead, device="meta")
    assert sum(parameter.numel() for parameter in other.parameters()) == total

# %%
# Where they sit
# --------------

KINDS = {"attn": "attention", "linear": "feed-forward", "norm": "norms"}
COLORS = {"attention": "#0072B2", "feed-forward": "#009E73", "norms": "#D55E00"}

sizes: Counter[tuple[str, str]] = Counter()
for name, parameter in transformer.named_parameters():
    stack = name.split(".")[0]
    kind = next(text for word, text in KINDS.items() if word in name)
    sizes[stack, kind] += parameter.numel()

for (stack, kind), size in sizes.items():
    print(f"{stack}: {kind:13} {size:12,}  {size / total:5.1%}")

assert sum(sizes.values()) == total
assert sizes["encoder", "feed-forward"] == sizes["decoder", "feed-forward"]
assert sizes["decoder", "attention"] == 2 * sizes["encoder", "attention"]
assert sizes["encoder", "feed-forward"] + sizes["decoder", "feed-forward"] > total / 2

# %%
# Drawn: shares, and growth with the width
# ----------------------------------------
#
# On the right ``dim_feedforward`` is four times ``d_model``, as in the default.
# Twice the width is four times the parameters.

fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
fig.suptitle("Where the parameters of a Transformer sit", fontsize=13)
for place, stack in enumerate(("encoder", "decoder")):
    bottom = 0.0
    for kind, color in COLORS.items():
        height = sizes[stack, kind] / 1e6
        left.bar(place, height, bottom=bottom, color=color, label=kind if place == 0 else None)
        bottom += height
left.set_xticks((0, 1), ("encoder", "decoder"), fontsize=10)
left.set(ylabel="million parameters", ylim=(0, 36))
left.legend(loc="upper left", fontsize=10, frameon=False)

widths = [128, 256, 512, 1024]
totals = [count(width, 4 * width, 6, 6, 1) / 1e6 for width in widths]
right.loglog(widths, totals, marker="o", color="#0072B2", base=2)
right.set_xticks(widths, [str(width) for width in widths])
right.set_yticks([4, 16, 64, 256], ["4", "16", "64", "256"])
right.set(xlabel="d_model", ylabel="million parameters")
assert 3.9 < totals[-1] / totals[-2] < 4.1
plt.show()

# %%
# What to remember
# ----------------
#
# Four squares for an attention, eight for a feed-forward part of the default width.
# A decoder layer has two attentions. Norms and biases hardly count, and heads do not count at all.
