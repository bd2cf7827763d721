"""
Debugging a shape error
=======================

An error from inside an attention speaks of its own arguments, not of yours.
``mhadoc.watch`` adds which module it was, which argument is wrong, and the way out.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

import mhadoc

N, L, S = 2, 5, 9  # batch, words of the text, patches of the image
width, patch = 12, 8  # features of a word, and of a patch

torch.manual_seed(0)


class Reader(nn.Module):
    """Words that look at an image, and then at each other."""

    def __init__(self, kdim: int) -> None:
        super().__init__()
        self.look = nn.MultiheadAttention(width, 4, kdim=kdim, vdim=kdim, batch_first=True)
        self.think = nn.TransformerEncoderLayer(width, 4, 20, batch_first=True)

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        seen, _ = self.look(text, image, image)
        return self.think(text + seen)


text, image = torch.randn(N, L, width), torch.randn(N, S, patch)
reader = Reader(kdim=patch - 1)

# %%
# What torch says
# ---------------
#
# It is true, and it does not say which of the two attentions it is, nor which argument.

try:
    reader(text, image)
except AssertionError as error:
    said = str(error)
print(said)

assert "look" not in said
assert "kdim" not in said

# %%
# What a note adds
# ----------------
#
# The exception stays the same, so whatever catches it still works.
# The note is part of it, and a traceback prints it below the message.

try:
    with mhadoc.watch(reader):
        reader(text, image)
except AssertionError as error:
    (note,) = error.__notes__
    again = str(error)
print(note)

assert again == said
assert note.startswith("mhadoc.watch: in look, a MultiheadAttention")
assert "error: key: " in note

# %%
# The mend
# --------
#
# The module was built for one feature too few.
# Inside ``watch`` a call that succeeds is left alone.

reader = Reader(kdim=patch)
with mhadoc.watch(reader):
    output = reader(text, image)
print("output", tuple(output.shape))

assert output.shape == text.shape

# %%
# Ask before you run
# ------------------
#
# ``predict_call`` gives the shapes of what would be returned, without running anything.

built = {"embed_dim": width, "num_heads": 4, "kdim": patch, "vdim": patch, "batch_first": True}
for name, shape in mhadoc.predict_call("MultiheadAttention", built, text, image, image).items():
    print(f"{name:20}", shape)

assert mhadoc.predict_call("MultiheadAttention", built, text, image, image)[
    "attn_output_weights"
] == (N, L, S)

# %%
# Drawn: what the first reader expected
# -------------------------------------
#
# A bar for each axis that was given, and a line where the module expected it to end.

expected = {"text": (N, L, width), "image": (N, S, patch - 1)}
given = {"text": tuple(text.shape), "image": tuple(image.shape)}
axes_of = ("batch", "length", "features")
rows = [(name, axis) for name in given for axis in range(3)]

fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
fig.suptitle("Given (bars) and expected (lines)", fontsize=13)
wrong = []
for row, (name, axis) in enumerate(rows):
    fits = given[name][axis] == expected[name][axis]
    ax.barh(row, given[name][axis], color="#4477aa" if fits else "#cc3311", height=0.6)
    ax.plot([expected[name][axis]] * 2, [row - 0.45, row + 0.45], color="black", linewidth=3)
    wrong += [] if fits else [(name, axes_of[axis])]
ax.set_yticks(range(len(rows)), [f"{name}: {axes_of[axis]}" for name, axis in rows])
ax.invert_yaxis()
ax.set_xlabel("size")
plt.show()

assert wrong == [("image", "features")]

# %%
# What to remember
# ----------------
#
# The innermost module that was called wrongly is named, with the argument and the way out.
# Nothing changes for calls that succeed.
