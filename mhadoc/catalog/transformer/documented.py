"""What the docstrings of the Transformer classes show, and what they only point to."""

from __future__ import annotations

from functools import partial

from mhadoc.catalog.examples import outcome
from mhadoc.catalog.transformer.rules import FORWARD, INIT
from mhadoc.language import Claim, Mismatch, Seen, same

_CLASSES = (
    *("Transformer", "TransformerEncoder", "TransformerEncoderLayer"),
    *("TransformerDecoder", "TransformerDecoderLayer"),
)
_UNDEFINED = "NameError: name 'transformer_model' is not defined"


def _examples(seen: Seen, expected: str = "no error") -> Mismatch | None:
    from torch import nn

    found = {name: outcome(getattr(nn, name).__doc__ or "") for name in _CLASSES}
    return same(dict.fromkeys(_CLASSES, expected), found)


def _of_forward(seen: Seen, expected: str = _UNDEFINED) -> Mismatch | None:
    return same(expected, outcome(type(seen.module).forward.__doc__ or ""))


def _shapes(seen: Seen, swapped: bool = False) -> Mismatch | None:
    """Look in which docstring the shapes stand: the class's, or forward's."""
    cls = type(seen.module)
    found = tuple("Shape:" in (each.__doc__ or "") for each in (cls, cls.forward))
    return same((swapped, not swapped), found)


#: One that does without the meta device, which could not be chosen for all that is made.
_IN_MEMORY = """
        >>> import torch
        >>> from torch import nn
        >>> encoder_layer = nn.TransformerEncoderLayer(d_model=512, nhead=8, batch_first=True)
        >>> src = torch.rand(32, 10, 512)
        >>> out = encoder_layer(src)
        >>> out.shape
        torch.Size([32, 10, 512])
        """

CLAIMS = (
    Claim(
        id="doc.family.examples",
        sentence="The examples in the docstrings of the five Transformer classes run as they "
        "stand.",
        doctest="""
        >>> import warnings
        >>> import torch
        >>> from torch import nn
        >>> warnings.simplefilter("ignore")  # a hint about batch_first
        >>> with torch.device("meta"):
        ...     transformer_model = nn.Transformer(nhead=16, num_encoder_layers=12)
        ...     out = transformer_model(torch.rand((10, 32, 512)), torch.rand((20, 32, 512)))
        >>> out.shape
        torch.Size([20, 32, 512])
        """,
        check=_examples,
        before={"2.0": {"doctest": _IN_MEMORY}},
        axes=(),
        twins={"there are none": partial(_examples, expected="no example")},
        source=INIT,
    ),
    Claim(
        id="doc.family.forward_example",
        sentence="The example in the docstring of `Transformer.forward` is marked as skipped and "
        "does not run: it defines none of its five names.",
        doctest="""
        >>> import inspect
        >>> from torch import nn
        >>> "# xdoctest: +SKIP" in inspect.getdoc(nn.Transformer.forward)
        True
        """,
        check=_of_forward,
        axes=(),
        twins={"it runs": partial(_of_forward, expected="no error")},
        source=FORWARD,
    ),
    Claim(
        id="doc.family.shapes",
        sentence="The shapes stand in the docstring of `Transformer.forward`; that of the class, "
        "to which the other classes point for them, gives none.",
        doctest="""
        >>> from torch import nn
        >>> "Shape:" in nn.Transformer.__doc__, "Shape:" in nn.Transformer.forward.__doc__
        (False, True)
        """,
        check=_shapes,
        axes=(),
        twins={"the class's gives them": partial(_shapes, swapped=True)},
        source=FORWARD,
    ),
)
