"""Answers about names, shapes and safetensors files never load torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASKED = [
    "import mhadoc; mhadoc.explain('TransformerEncoderLayer', d_model=12, nhead=3)",
    "import mhadoc; mhadoc.infer({'in_proj_weight': (12, 4), 'out_proj.weight': (4, 4)})",
    "import mhadoc; s = (2, 3, 12); mhadoc.predict_call('MultiheadAttention', "
    "{'embed_dim': 12, 'num_heads': 3}, s, s, s)",
    "import mhadoc.answers.checkpoints.files, mhadoc.cli",
]


@pytest.mark.parametrize("code", ASKED)
def test_torch_is_not_loaded(code: str) -> None:
    heavy = (
        "import sys; print([name for name in ('torch', 'sphinx', 'pytest') if name in sys.modules])"
    )
    command = [sys.executable, "-c", f"{code}\n{heavy}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
