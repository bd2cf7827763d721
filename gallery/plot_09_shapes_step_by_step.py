"""
Encoder, decoder and cross-attention, shape by shape
====================================================

Every step keeps the shape of what came in; only the feed-forward part is wider inside.
The memory is as long as the source, and the output is as long as the target.
"""

import matplotlib.pyplot as plt
import torch

N, S, T = 2, 7, 5  # batch, source length, target length
d_model, nhead, dim_feedforward = 12, 3, 20

torch.manual_seed(0)
transformer = torch.nn.Transformer(
    d_model, nhead, 1, 1, dim_feedforward, dropout=0.0, batch_first=True
)
src, tgt = torch.randn(N, S, d_model), torch.randn(N, T, d_model)
shapes: dict[str, tuple[int, ...]] = {"src": tuple(src.shape), "tgt": tuple(tgt.shape)}

# %%
# The encoder: one layer, step by step
# ------------------------------------
#
# Attention of the source over itself, added and normed; then the feed-forward part, the same way.

layer = transformer.encoder.layers[0]
attended, weights = layer.self_attn(src, src, src)
shapes["encoder weights"] = tuple(weights.shape)
x = layer.norm1(src + attended)
inner = torch.relu(layer.linear1(x))
shapes["encoder inside"] = tuple(inner.shape)
x = layer.norm2(x + layer.linear2(inner))
memory = transformer.encoder.norm(x)
shapes["memory"] = tuple(memory.shape)
for name, shape in shapes.items():
    print(f"{name:16} {shape}")

torch.testing.assert_close(memory, transformer.encoder(src))
assert shapes["memory"] == shapes["src"]
assert shapes["encoder weights"] == (N, S, S)
assert shapes["encoder inside"] == (N, S, dim_feedforward)

# %%
# The decoder: first over itself
# ------------------------------
#
# ``self_attn`` sees the target alone. A causal mask hides from each position what comes later.

layer = transformer.decoder.layers[0]
later = torch.ones(T, T, dtype=torch.bool).triu(diagonal=1)
attended, own_weights = layer.self_attn(tgt, tgt, tgt, attn_mask=later)
x = layer.norm1(tgt + attended)
print("decoder weights ", tuple(own_weights.shape))

assert own_weights.shape == (N, T, T)
assert (own_weights[:, later] == 0).all()
assert x.shape == tgt.shape

# %%
# Then over the memory: cross-attention
# -------------------------------------
#
# ``multihead_attn`` takes its query from the target, its key and value from the memory.
# So there is a row of weights for each target position, and a column for each source position.

attended, cross_weights = layer.multihead_attn(query=x, key=memory, value=memory)
x = layer.norm2(x + attended)
print("cross weights   ", tuple(cross_weights.shape))

assert cross_weights.shape == (N, T, S)
torch.testing.assert_close(cross_weights.sum(dim=-1), torch.ones(N, T))
assert attended.shape == tgt.shape

# %%
# The end, and the proof
# ----------------------
#
# The steps together are what the whole module does.

inner = torch.relu(layer.linear1(x))
x = layer.norm3(x + layer.linear2(inner))
output = transformer.decoder.norm(x)
print("output          ", tuple(output.shape))

torch.testing.assert_close(output, transformer(src, tgt, tgt_mask=later))
assert output.shape == tgt.shape

# %%
# A longer source makes a longer memory and wider cross-attention weights, and no other output.

longer = transformer(torch.randn(N, 3 * S, d_model), tgt)
assert longer.shape == tgt.shape

# %%
# Drawn: the three attentions
# ---------------------------
#
# Rows are queries and columns are keys, drawn to scale. A cross is a weight of exactly zero.

FORBIDDEN = "#D55E00"
panels = {
    "encoder\nself_attn": (weights, "source", "source"),
    "decoder\nself_attn": (own_weights, "target", "target"),
    "decoder\nmultihead_attn": (cross_weights, "target", "source"),
}
fig, axes = plt.subplots(1, 3, figsize=(6.4, 3.2), layout="constrained")
fig.suptitle("Who looks at whom", fontsize=13)
for ax, (name, (found, rows, columns)) in zip(axes, panels.items(), strict=True):
    shown = found[0].detach()
    ax.imshow(shown.tolist(), cmap="cividis", vmin=0, vmax=0.6)
    zero_rows, zero_columns = (shown == 0).nonzero(as_tuple=True)
    ax.scatter(zero_columns.tolist(), zero_rows.tolist(), marker="x", color=FORBIDDEN)
    ax.set_title(name, fontsize=11)
    ax.set(xticks=range(0, shown.shape[1], 2), yticks=range(0, shown.shape[0], 2))
    ax.set(xlim=(-0.5, S - 0.5), ylim=(S - 0.5, -0.5))
    ax.set(xlabel=f"key: {columns}", ylabel=f"query: {rows}", frame_on=False)
plt.show()

# %%
# What to remember
# ----------------
#
# Self-attention is square. Cross-attention has a row for each target and a column for each source
# position. The width never changes between modules; only ``linear1`` leaves it for a moment.
