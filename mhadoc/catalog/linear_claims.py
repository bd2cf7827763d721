"""The claims about nn.Linear."""

from __future__ import annotations

from functools import partial

from mhadoc.language import Claim, Mismatch, Seen, close, same

_SOURCE = "torch/nn/modules/linear.py: Linear.forward"


def _formula(seen: Seen, *, transposed: bool = True, biased: bool = True) -> Mismatch | None:
    weight, bias = seen.module.weight, seen.module.bias
    if not transposed:
        weight = weight.reshape(weight.shape[1], weight.shape[0]).transpose(0, 1)
    output = seen.inputs["input"] @ weight.transpose(0, 1)
    if bias is not None and biased:
        output = output + bias
    return close(output, seen.outputs["output"])


def _same_class(seen: Seen, name: str = "Linear") -> Mismatch | None:
    from torch.nn.modules.linear import NonDynamicallyQuantizableLinear as other

    bases = [base.__name__ for base in other.__mro__[1:]]
    return same(name, bases[0]) or same(list(seen.module.state_dict()), list(_built(other, seen)))


def _built(cls: type, seen: Seen) -> dict[str, object]:
    arguments = seen.values["in_features"], seen.values["out_features"]
    found: dict[str, object] = cls(*arguments, bias=seen.module.bias is not None).state_dict()
    return found


CLAIMS = (
    Claim(
        id="linear.formula",
        sentence="The output is `input @ weight.T + bias`: each row of the weight makes one output "
        "feature.",
        doctest="""
        >>> import torch
        >>> from torch import nn
        >>> linear = nn.Linear(in_features=5, out_features=7)
        >>> x = torch.randn(2, 3, 5)
        >>> torch.allclose(linear(x), x @ linear.weight.T + linear.bias, atol=1e-6)
        True
        """,
        check=_formula,
        twins={
            "the weight is stored by columns": partial(_formula, transposed=False),
            "the bias is not added": partial(_formula, biased=False),
        },
        source=_SOURCE,
    ),
    Claim(
        id="linear.out_proj_class",
        sentence="`NonDynamicallyQuantizableLinear`, the class of an attention's `out_proj`, is a "
        "Linear with the same parameters and the same result.",
        doctest="""
        >>> from torch import nn
        >>> out_proj = nn.MultiheadAttention(embed_dim=10, num_heads=2).out_proj
        >>> type(out_proj).__name__, isinstance(out_proj, nn.Linear)
        ('NonDynamicallyQuantizableLinear', True)
        """,
        check=_same_class,
        twins={"it is a Module of its own": partial(_same_class, name="Module")},
        source="torch/nn/modules/linear.py: NonDynamicallyQuantizableLinear",
    ),
)
