"""What the installed torch says of itself."""

from __future__ import annotations

import pytest
import torch

from mhadoc.errors import UnknownNameError
from mhadoc.proof.documented import docstring, version_file


def test_a_docstring_is_found_by_its_path() -> None:
    assert docstring("torch.nn.MultiheadAttention").startswith("Allows the model to jointly attend")
    assert not docstring("torch.nn.Transformer.forward").startswith(" ")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("torch.nn.Nothing", "no part of torch is called 'torch.nn.Nothing'"),
        ("nothing_at_all.x", "no part of torch is called 'nothing_at_all.x'"),
        ("no path", "no part of torch is called 'no path'"),
        ("torch.nn.functional.torch_function_passthrough.x", "no part of torch is called"),
        ("tests.toy._width", "no docstring is called 'tests.toy._width'"),
    ],
)
def test_what_is_not_there_is_told(path: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        docstring(path)


def test_the_version_file_is_torchs() -> None:
    assert version_file().name == "version.py"
    assert torch.__version__.partition("+")[0] in version_file().read_text()
