"""
Why is my encoder slow in eval mode?
====================================

In eval mode each encoder layer can run as one fused kernel, and a small thing keeps it from that.
``mhadoc.why_not_fast_path`` gives every reason, and runs nothing to find it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import mhadoc

N, S, d_model, num_layers = 4, 16, 32, 3

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(d_model, nhead=4, dim_feedforward=64, batch_first=True)
encoder = nn.TransformerEncoder(layer, num_layers).eval()
x = torch.randn(N, S, d_model)


class Counter(TorchDispatchMode):
    """Counts the operators that torch runs."""

    count = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        self.count += 1
        return operator(*args, **(kwargs or {}))


def operators(model: nn.Module, *inputs: torch.Tensor, **masks: torch.Tensor) -> int:
    """Return how many operators one call runs."""
    with Counter() as counter:
        model(*inputs, **masks)
    return counter.count


# %%
# The first reason: gradients
# ---------------------------
#
# ``eval()`` alone is not enough: the parameters still require a gradient.

for reason in mhadoc.why_not_fast_path(encoder, x):
    print(reason.argument, "-", reason.hint)

assert len(mhadoc.why_not_fast_path(encoder, x)) == num_layers

counts = {"eval() alone": operators(encoder, x)}
with torch.no_grad():
    assert mhadoc.why_not_fast_path(encoder, x) == []
    counts["and no_grad()"] = operators(encoder, x)
print(counts)

assert counts["and no_grad()"] < counts["eval() alone"] / 5

# %%
# The second: a hook
# ------------------
#
# A hook that was left behind keeps one layer off its kernel, wherever in the layer it is.


@contextmanager
def hooked(module: nn.Module) -> Iterator[None]:
    """Put a hook on a module that does nothing."""
    handle = module.register_forward_hook(lambda *_: None)
    yield
    handle.remove()


with torch.no_grad(), hooked(encoder.layers[1].linear1):
    (reason,) = mhadoc.why_not_fast_path(encoder, x)
    counts["a hook on layer 1"] = operators(encoder, x)
print(reason)

assert reason.argument == "layers.1"

# %%
# The third: how the layer was built
# ----------------------------------
#
# The order of axes, the number of heads, the bias and the activation can all keep it off.
# The result is right in any case.

odd = nn.TransformerEncoderLayer(33, nhead=3, dim_feedforward=64, batch_first=True, bias=False)
with torch.no_grad():
    for reason in mhadoc.why_not_fast_path(odd.eval(), torch.randn(N, S, 33)):
        print(reason.hint)
    hints = [reason.hint for reason in mhadoc.why_not_fast_path(odd, torch.randn(N, S, 33))]

assert hints == ["build with bias=True", "choose an even nhead"]

# %%
# Padding
# -------
#
# With padding at the end, a stack leaves the padded positions out of the work.
# With padding at the start it does the work for nothing.

at_the_end = torch.arange(S).expand(N, S) >= torch.tensor([S, 12, 8, 4])[:, None]
at_the_start = at_the_end.flip(1)
with torch.no_grad():
    left_out = mhadoc.why_not_fast_path(encoder, x, src_key_padding_mask=at_the_end)
    (reason,) = mhadoc.why_not_fast_path(encoder, x, src_key_padding_mask=at_the_start)
print(reason.hint)

assert left_out == []
assert reason.hint == "move the padding to the end"

# %%
# Drawn: operators in one call
# ----------------------------
#
# Fewer operators are less time, the more so the smaller the tensors are.

fig, ax = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
fig.suptitle(f"Operators in one call of {num_layers} layers", fontsize=13)
ax.barh(list(counts), list(counts.values()), color="#4477aa", height=0.6)
for row, count in enumerate(counts.values()):
    ax.text(count + 1, row, str(count), va="center")
ax.set_xlim(0, 1.15 * max(counts.values()))
ax.invert_yaxis()
ax.set_xlabel("operators")
plt.show()

assert counts["and no_grad()"] < counts["a hook on layer 1"] < counts["eval() alone"]

# %%
# What to remember
# ----------------
#
# Call ``eval()``, and call it under ``torch.no_grad()`` or ``torch.inference_mode()``.
# When it is still slow, ask for the reasons: torch keeps them to itself.
