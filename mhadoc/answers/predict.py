"""From constructor arguments to the state_dict's keys and shapes, without torch."""

from __future__ import annotations

from mhadoc.answers.undescribed import refuse_own
from mhadoc.catalog import module_spec

__all__ = ["predict"]


def predict(
    target: object, *args: object, torch_version: str | None = None, **arguments: object
) -> dict[str, tuple[int, ...]]:
    """Return the state_dict's keys and shapes, in torch's order, for constructor arguments.

    ``target`` is a name (no torch is imported for it), a class of torch, or a spec; the other
    arguments are those of the constructor. Each shape is a tuple of ints. The answer is for a
    ``torch_version``: by default the one installed, or the newest known where there is none.

    Raises RuleError, with the rule, the values and the way out, where torch raises; and
    UnknownNameError for a target that has no spec, or a constructor of its own; a function, which
    has no state_dict, is a FunctionError; and ReleaseError for a version of torch that is not
    known.

    >>> import mhadoc
    >>> mhadoc.predict("MultiheadAttention", embed_dim=512, num_heads=8)["in_proj_weight"]
    (1536, 512)
    >>> list(mhadoc.predict("MultiheadAttention", 512, 8, kdim=300, bias=False))
    ['q_proj_weight', 'k_proj_weight', 'v_proj_weight', 'out_proj.weight']
    """
    found = module_spec(target, torch_version)
    refuse_own(found, target, "__init__")
    return found.state(found.values(found.bind(*args, **arguments)))
