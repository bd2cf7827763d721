"""
Loading a checkpoint that does not fit
======================================

A list of missing and unexpected keys is the symptom.
``mhadoc.diagnose_load`` gives the arguments that explain it, before anything is loaded.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

import mhadoc

embed_dim, num_heads, kdim = 12, 3, 8

torch.manual_seed(0)
trained = nn.MultiheadAttention(embed_dim, num_heads)
file = {f"module.{key}": tensor for key, tensor in trained.state_dict().items()}

# %%
# What torch says
# ---------------
#
# Every key is missing, and every key is unexpected.

module = nn.MultiheadAttention(embed_dim, num_heads, kdim=kdim)
try:
    module.load_state_dict(file)
except RuntimeError as error:
    said = str(error)
print(said[:160], "...")

assert all(key in said for key in module.state_dict())
assert all(key in said for key in file)

# %%
# What explains it
# ----------------
#
# Two things are wrong, and each comes with its mend.
# The file was saved from a wrapped module, and the module here has a ``kdim`` of its own.

problems = mhadoc.diagnose_load(module, file)
for problem in problems:
    print(problem)

assert [problem.argument for problem in problems] == ["state_dict", "kdim"]

# %%
# Ask the file
# ------------
#
# ``infer`` reads the arguments off the keys and shapes.
# No file can tell the number of heads: the list holds every possible one.

found = mhadoc.infer(file)
print(found)

assert found.arguments["kdim"] == embed_dim
assert num_heads in found.undetermined["num_heads"]

# %%
# The mend
# --------
#
# Build what the file was saved from, and take the prefix away.

stored = {key.removeprefix("module."): tensor for key, tensor in file.items()}
mended = nn.MultiheadAttention(num_heads=num_heads, **found.arguments)
assert mhadoc.diagnose_load(mended, stored) == []
mended.load_state_dict(stored)

x = torch.randn(5, 2, embed_dim)
torch.testing.assert_close(mended(x, x, x)[0], trained(x, x, x)[0])

# %%
# It loads, and is wrong
# ----------------------
#
# Another number of heads has the same keys and the same shapes.
# Nothing is raised, and the numbers differ: look for it where the model was made.

others = nn.MultiheadAttention(num_heads=2 * num_heads, **found.arguments)
others.load_state_dict(stored)
difference = (others(x, x, x)[0] - trained(x, x, x)[0]).abs().max().item()
print("with twice as many heads the output differs by", round(difference, 3))

assert difference > 1e-3

# %%
# Drawn: what is on both sides
# ----------------------------
#
# Elements of each entry, in the file to the left and in the module to the right.
# Blue entries are on both sides with one shape.

ours = module.state_dict()
keys = list(dict.fromkeys([*stored, *ours]))
both = [key for key in keys if key in stored and key in ours]

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
fig.suptitle("The file without its prefix, and the module", fontsize=13)
for row, key in enumerate(keys):
    color = "#4477aa" if key in both else "#cc3311"
    ax.barh(row, -stored[key].numel() if key in stored else 0, color=color, height=0.6)
    ax.barh(row, ours[key].numel() if key in ours else 0, color=color, height=0.6)
ax.axvline(0, color="black", linewidth=1)
ax.set_yticks(range(len(keys)), keys)
ax.invert_yaxis()
ax.set_xticks([-400, -200, 0, 200], ["400", "200", "0", "200"])
ax.set_xlabel("elements in the file | in the module")
plt.show()

assert both == ["in_proj_bias", "out_proj.weight", "out_proj.bias"]

# %%
# What to remember
# ----------------
#
# Ask ``diagnose_load`` for the arguments that explain a list of keys.
# A file that loads without a word may still have been saved with another ``num_heads``.
