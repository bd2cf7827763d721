"""
What add_bias_kv and add_zero_attn append
=========================================

Each appends one key position behind the real ones: the weights get wider, and no mask reaches it.
``add_bias_kv`` appends a learned key and value, ``add_zero_attn`` a key and value of zeros.
"""

import math
from itertools import product

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle

N, L, S = 2, 3, 5  # batch, target length, source length
num_heads, head_dim = 4, 9
embed_dim = num_heads * head_dim

torch.manual_seed(0)
query = torch.randn(N, L, embed_dim)
memory = torch.randn(N, S, embed_dim)


def build(**extras: bool) -> torch.nn.MultiheadAttention:
    """Return an attention with random parameters, the biases among them."""
    attention = torch.nn.MultiheadAttention(embed_dim, num_heads, batch_first=True, **extras)
    torch.manual_seed(1)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return attention


# %%
# How wide the weights become
# ---------------------------
#
# With both, the learned key is at position S and the zero key at position S + 1.
# With one of them, it is at position S.

for bias, zero in product((False, True), repeat=2):
    weights = build(add_bias_kv=bias, add_zero_attn=zero)(query, memory, memory)[1]
    print(f"add_bias_kv={bias!s:5} add_zero_attn={zero!s:5} weights {tuple(weights.shape)}")
    assert weights.shape == (N, L, S + bias + zero)

# %%
# Only ``add_bias_kv`` has parameters: one key and one value, shared by all samples.

plain = build().state_dict().keys()
for extra in ("add_bias_kv", "add_zero_attn"):
    print(extra, "adds", sorted(build(**{extra: True}).state_dict().keys() - plain))

assert build(add_bias_kv=True).state_dict().keys() - plain == {"bias_k", "bias_v"}
assert build(add_zero_attn=True).state_dict().keys() == plain

for name in ("bias_k", "bias_v"):
    assert build(add_bias_kv=True).get_parameter(name).shape == (1, 1, embed_dim)

# %%
# The same by hand
# ----------------
#
# The extra positions come after the projection: ``bias_k`` and ``bias_v`` are not projected.

attention = build(add_bias_kv=True, add_zero_attn=True)
q_weight, k_weight, v_weight = attention.in_proj_weight.chunk(3)
q_bias, k_bias, v_bias = attention.in_proj_bias.chunk(3)
zero_key = torch.zeros(N, 1, embed_dim)

q = query @ q_weight.T + q_bias
k = torch.cat([memory @ k_weight.T + k_bias, attention.bias_k.expand(N, 1, -1), zero_key], dim=1)
v = torch.cat([memory @ v_weight.T + v_bias, attention.bias_v.expand(N, 1, -1), zero_key], dim=1)
q, k, v = (x.unflatten(-1, (num_heads, head_dim)).transpose(1, 2) for x in (q, k, v))

by_hand = (q @ k.mT / math.sqrt(head_dim)).softmax(dim=-1)
output_by_hand = attention.out_proj((by_hand @ v).transpose(1, 2).flatten(start_dim=2))

output, weights = attention(query, memory, memory, average_attn_weights=False)
torch.testing.assert_close(by_hand, weights)
torch.testing.assert_close(output_by_hand, output)

# %%
# Masks stay as wide as the real keys
# -----------------------------------
#
# A mask has one column for each real key, as ever. One that is as wide as the weights is an error.

try:
    attention(query, memory, memory, attn_mask=torch.zeros(L, S + 2))
except RuntimeError as error:
    message = str(error)
print(message)

assert message.endswith(f"should be ({L}, {S}).")

# %%
# So the extra positions cannot be masked. With every real key masked, they take all the weight,
# where an attention without them gives nan.

every_key = torch.ones(N, S, dtype=torch.bool)
_, left_over = attention(query, memory, memory, key_padding_mask=every_key)
_, nothing = build()(query, memory, memory, key_padding_mask=every_key)

assert (left_over[..., :S] == 0).all()
torch.testing.assert_close(left_over[..., S:].sum(dim=-1), torch.ones(N, L))
assert nothing.isnan().all()

# %%
# Drawn: the extra columns
# ------------------------
#
# Brighter is more, and a cross is exactly zero: a masked key. The frames are the extra positions.

BIAS_COLOR, ZERO_COLOR, FORBIDDEN = "#CC79A7", "#56B4E9", "#D55E00"
last_two = torch.zeros(N, S, dtype=torch.bool)
last_two[:, -2:] = True

both = {"add_bias_kv": True, "add_zero_attn": True}
panels = {
    "neither": ({}, None),
    "add_bias_kv": ({"add_bias_kv": True}, None),
    "add_zero_attn": ({"add_zero_attn": True}, None),
    "both": (both, None),
    "both, last two keys masked": (both, last_two),
    "both, every key masked": (both, every_key),
}
fig, axes = plt.subplots(3, 2, figsize=(6.4, 6), layout="constrained")
fig.suptitle("Attention weights with extra key positions", fontsize=13)
for ax, (name, (extras, mask)) in zip(axes.flat, panels.items(), strict=True):
    weights = build(**extras)(query, memory, memory, key_padding_mask=mask)[1][0].detach()
    ax.imshow(weights.tolist(), cmap="cividis", vmin=0, vmax=0.6)
    rows, columns = (weights == 0).nonzero(as_tuple=True)
    ax.scatter(columns.tolist(), rows.tolist(), marker="x", color=FORBIDDEN)
    labels = [extra.split("_")[1] for extra in extras]
    colors = [BIAS_COLOR if label == "bias" else ZERO_COLOR for label in labels]
    for i, color in enumerate(colors):
        frame = (S + i - 0.45, -0.45)
        ax.add_patch(Rectangle(frame, 0.9, L - 0.1, fill=False, edgecolor=color, linewidth=3))
    ax.set_title(name, fontsize=11)
    ax.set_xticks(range(S + len(labels)), [*range(S), *labels])
    ax.set(xlim=(-0.5, S + 1.5), yticks=range(L), ylabel="query", frame_on=False)
plt.show()

# %%
# What to remember
# ----------------
#
# The extra positions come last: first the learned one, then the zero one.
# The weights get wider, the output and the masks do not.
# They can never be masked, so no query is left with nothing.
