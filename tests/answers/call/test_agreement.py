"""Tens of thousands of calls that are drawn: mhadoc and torch say the same of every one."""

from __future__ import annotations

import pytest

from tests.answers.call.agreement import alike, verdicts
from tests.answers.call.draws import drawn

COUNTS = {
    "MultiheadAttention": 12000,
    "TransformerEncoderLayer": 4500,
    "TransformerDecoderLayer": 3500,
    "TransformerEncoder": 3000,
    "TransformerDecoder": 2000,
    "Transformer": 2000,
    "Linear": 2000,
    "LayerNorm": 2000,
    "Dropout": 2000,
}
#: How much of the calls torch takes, at least and at most.
SHARES = {"Dropout": (0.2, 0.95), "Transformer": (0.15, 0.8)}


def test_there_are_enough() -> None:
    assert sum(COUNTS.values()) >= 20000


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COUNTS)
def test_agrees_with_torch(name: str) -> None:
    legal = 0
    for call in drawn(name, COUNTS[name], 7):
        found, stated = verdicts(call)
        assert alike(call, found, stated), (call.module, call.inputs)
        legal += found is not None
    least, most = SHARES.get(name, (0.2, 0.8))
    assert least < legal / COUNTS[name] < most
