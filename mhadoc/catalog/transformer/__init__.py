"""All that is stated of torch.nn.Transformer."""

from mhadoc.catalog.transformer.rules import SPEC

__all__ = ["SPEC"]
