"""
batch_first, batched and unbatched
==================================

``batch_first`` changes the order of two axes and no number.
Forgotten in self-attention, it still gives an output of the right shape,
but one in which the samples of the batch attend to each other.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch.autograd.functional import jacobian

N, L, S = 3, 5, 7  # batch, target length, source length
num_heads, head_dim = 2, 4
embed_dim = num_heads * head_dim

torch.manual_seed(0)
batch_first = torch.nn.MultiheadAttention(embed_dim, num_heads, batch_first=True)
for parameter in batch_first.parameters():
    torch.nn.init.normal_(parameter, std=0.4)

default = torch.nn.MultiheadAttention(embed_dim, num_heads)
default.load_state_dict(batch_first.state_dict())

# %%
# The same numbers, transposed
# ----------------------------
#
# Both modules have the same parameters: ``batch_first`` is not in the state_dict.
# It swaps the first two axes of the three inputs and of the output.
# The weights come with the batch first in either case.

query = torch.randn(N, L, embed_dim)
memory = torch.randn(N, S, embed_dim)
output, weights = batch_first(query, memory, memory)

query_t, memory_t = query.transpose(0, 1), memory.transpose(0, 1)
output_t, weights_t = default(query_t, memory_t, memory_t)

print("             batch_first  default")
for name, one, other in (
    ("query", query, query_t),
    ("key, value", memory, memory_t),
    ("output", output, output_t),
    ("weights", weights, weights_t),
):
    print(f"{name:12}", tuple(one.shape), "  ", tuple(other.shape))

torch.testing.assert_close(output, output_t.transpose(0, 1))
torch.testing.assert_close(weights, weights_t)
assert weights.shape == (N, L, S)

# %%
# Unbatched is a batch of one
# ---------------------------
#
# Inputs without a batch axis need none in the output.
# ``batch_first`` then has no meaning, and both modules agree.

alone, alone_weights = batch_first(query[0], memory[0], memory[0])
print("output ", tuple(alone.shape))
print("weights", tuple(alone_weights.shape))

batch_of_one, _ = batch_first(query[:1], memory[:1], memory[:1])
torch.testing.assert_close(alone, batch_of_one[0])
torch.testing.assert_close(alone, output[0])
torch.testing.assert_close(alone, default(query[0], memory[0], memory[0])[0])

# %%
# The silent mistake
# ------------------
#
# Here the batch comes first, but the module was not told.
# The shapes are as they should be, and nothing is raised.

right, _ = batch_first(query, query, query)
wrong, _ = default(query, query, query)
print("right", tuple(right.shape))
print("wrong", tuple(wrong.shape))

assert right.shape == wrong.shape
assert not torch.allclose(right, wrong)

# %%
# Change the last sample only. In a batch, the first sample must not notice.

changed = query.clone()
changed[-1] += 1.0
right_shift = (batch_first(changed, changed, changed)[0] - right)[0].abs().max().item()
wrong_shift = (default(changed, changed, changed)[0] - wrong)[0].abs().max().item()
print("the first sample moves by", right_shift, "with batch_first=True")
print("the first sample moves by", wrong_shift, "without")

assert right_shift < 1e-6
assert wrong_shift > 0.1

# %%
# The weights tell it at once: their shape is another one.

print("right weights", tuple(batch_first(query, query, query)[1].shape))
print("wrong weights", tuple(default(query, query, query)[1].shape))

assert batch_first(query, query, query)[1].shape == (N, L, L)
assert default(query, query, query)[1].shape == (L, N, N)

# %%
# With another source length, the mistake is not silent. It is an error, though not a clear one.

try:
    default(query, memory, memory)
except RuntimeError as error:
    message = str(error)
print(message)

assert "is invalid for input of size" in message

# %%
# Drawn: what each output depends on
# ----------------------------------
#
# One row for each output position, one column for each input position, sample after sample.
# A square is blue where the output changes with the input. The frames are the samples.


def influence(attention: torch.nn.MultiheadAttention) -> torch.Tensor:
    """Return how strongly each output position depends on each input position."""
    slopes = jacobian(lambda x: attention(x, x, x)[0], query)
    return slopes.abs().sum(dim=(2, 5)).reshape(N * L, N * L)


cases = {"batch_first=True": batch_first, "batch_first forgotten": default}
fig, axes = plt.subplots(1, 2, figsize=(6.4, 3.9), sharey=True, layout="constrained")
fig.suptitle("Which inputs each output depends on", fontsize=13)
for ax, (name, attention) in zip(axes, cases.items(), strict=True):
    depends = influence(attention) > 0
    ax.imshow(depends.tolist(), cmap="Blues", vmin=0, vmax=1.3)
    for n in range(N):
        frame = Rectangle((n * L - 0.5, n * L - 0.5), L, L, fill=False, linewidth=2)
        ax.add_patch(frame)
    ax.set_title(name, fontsize=11)
    middles = [n * L + (L - 1) / 2 for n in range(N)]
    ax.set_xticks(middles, [f"sample {n}" for n in range(N)])
    ax.set_yticks(middles, [f"sample {n}" for n in range(N)], rotation=90, va="center")
    ax.set_xlabel("input")
axes[0].set_ylabel("output")
plt.show()

sample = torch.arange(N).repeat_interleave(L)
position = torch.arange(L).repeat(N)
assert torch.equal(influence(batch_first) > 0, sample[:, None] == sample)
assert torch.equal(influence(default) > 0, position[:, None] == position)

# %%
# What to remember
# ----------------
#
# ``batch_first`` swaps two axes of the inputs and the output, never of the weights.
# Forgotten in self-attention, it raises nothing and mixes the samples.
# Look at the shape of the weights to notice.
