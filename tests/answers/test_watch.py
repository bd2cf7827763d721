"""watch adds the diagnosis to what a failing call raises, and leaves everything else alone."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import nn

import mhadoc

CLASSES = (nn.MultiheadAttention, nn.Linear, nn.TransformerEncoderLayer, nn.TransformerEncoder)
FORWARDS = [cls.forward for cls in CLASSES]
X = torch.zeros(2, 5, 6)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert [cls.forward for cls in CLASSES] == FORWARDS


def raised_by(call: Any, *args: Any, **kwargs: Any) -> Exception:
    try:
        call(*args, **kwargs)
    except (AssertionError, AttributeError, RuntimeError, TypeError) as raised:
        return raised
    raise ValueError("nothing is raised")


def notes(call: Any, *args: Any, **kwargs: Any) -> list[str]:
    return list(getattr(raised_by(call, *args, **kwargs), "__notes__", []))


class Model(nn.Module):
    """A model with attentions deep inside."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [nn.ModuleDict({"mix": nn.MultiheadAttention(6, 2, kdim=k)}) for k in (6, 4)]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x, _ = block["mix"](x, x, x)
        return x


def test_a_note_names_the_module_and_what_is_wrong() -> None:
    model = Model()
    with mhadoc.watch(model) as watched:
        assert watched is model
        (note,) = notes(model, X)
    first, *rest = note.splitlines()
    assert first == "mhadoc.watch: in blocks.1.mix, a MultiheadAttention"
    assert rest[0].startswith("  error: key: ")
    assert "[MultiheadAttention.key." in rest[0]
    assert rest[1].startswith("    way out: ")


def test_what_leaves_the_block_has_the_note() -> None:
    mha = nn.MultiheadAttention(6, 2)
    text = r"^was expecting embedding dimension of 6"
    with pytest.raises(AssertionError, match=text) as raised, mhadoc.watch(mha):
        mha(X[..., :5], X, X)
    (note,) = raised.value.__notes__
    assert note.startswith("mhadoc.watch: in the MultiheadAttention itself\n  error: query: ")


def test_the_innermost_and_the_outermost_call_are_told() -> None:
    model = nn.Transformer(6, 2, 1, 1, 5, batch_first=True)
    with mhadoc.watch(model):
        inner, outer = notes(model, X, X, tgt_mask=torch.zeros(7, 7))
    assert inner.startswith("mhadoc.watch: in decoder.layers.0.self_attn, a MultiheadAttention\n")
    assert "error: attn_mask: " in inner
    assert outer.startswith("mhadoc.watch: in the Transformer itself\n")
    assert "error: tgt_mask: " in outer


def test_a_call_that_succeeds_is_left_alone() -> None:
    layer = nn.TransformerEncoderLayer(6, 2, 5, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).eval()
    kernel = torch._transformer_encoder_layer_fwd
    with torch.no_grad():
        expected = encoder(X)
        with mhadoc.watch(encoder), patch.object(torch, kernel.__name__, wraps=kernel) as ran:
            assert mhadoc.why_not_fast_path(encoder, X) == []
            assert torch.equal(encoder(X), expected)
    assert ran.call_count == 2
    for module in encoder.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert "forward" not in vars(module)


def test_other_modules_get_no_note() -> None:
    with mhadoc.watch(nn.MultiheadAttention(6, 2)):
        assert notes(nn.MultiheadAttention(6, 2), X[..., :5], X, X) == []


def test_nothing_is_said_after_the_block() -> None:
    mha = nn.MultiheadAttention(6, 2)
    with pytest.raises(KeyError, match="x"), mhadoc.watch(mha):
        raise KeyError("x")
    assert notes(mha, X[..., :5], X, X) == []


def test_a_legal_call_that_fails_gets_no_note() -> None:
    mha = nn.MultiheadAttention(6, 2)

    def refuse(*_: Any) -> None:
        raise RuntimeError("no reason")

    handle = mha.out_proj.register_forward_hook(refuse)
    mha.register_forward_hook(refuse)
    with mhadoc.watch(mha):
        assert notes(mha, X, X, X) == []
    handle.remove()


def test_an_interruption_gets_no_note() -> None:
    mha = nn.MultiheadAttention(6, 2)
    interrupted = patch.object(
        nn.functional, "multi_head_attention_forward", side_effect=KeyboardInterrupt("now")
    )
    with interrupted, mhadoc.watch(mha), pytest.raises(KeyboardInterrupt, match="now") as raised:
        mha(X[..., :5], X, X)
    assert not hasattr(raised.value, "__notes__")


def test_blocks_may_be_nested() -> None:
    model = Model()
    with mhadoc.watch(model):
        with mhadoc.watch(model.blocks[1]["mix"]):
            (note,) = notes(model, X)
        assert note.startswith("mhadoc.watch: in blocks.1.mix, ")
        assert len(notes(model, X)) == 1


def test_blocks_may_overlap() -> None:
    mha = nn.MultiheadAttention(6, 2)
    first, second = mhadoc.watch(mha), mhadoc.watch(mha)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert len(notes(mha, X[..., :5], X, X)) == 1
    second.__exit__(None, None, None)
    assert notes(mha, X[..., :5], X, X) == []


def test_each_thread_may_have_its_own() -> None:
    """Threads enter and leave at other times; each gets its note as long as it watches."""
    shared, found = nn.MultiheadAttention(6, 2), []

    def work() -> None:
        for _ in range(20):
            with mhadoc.watch(shared):
                found.append(len(notes(shared, X[..., :5], X, X)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 80


class Own(nn.MultiheadAttention):
    """An attention whose forward has other arguments."""

    def forward(self, x: torch.Tensor) -> Any:  # type: ignore[override]  # the point of the test
        return super().forward(x, x, x)


def test_a_subclass_is_told_of_the_call_that_reaches_torch() -> None:
    own = Own(6, 2)
    with mhadoc.watch(own):
        assert notes(own, X, 3) == []
        (note,) = notes(own, X[..., :5])
    assert "error: query: " in note


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_that_are_made_meanwhile_are_plain_modules(again: Any) -> None:
    mha = nn.MultiheadAttention(6, 2)
    with mhadoc.watch(mha):
        other = again(mha)
    assert vars(other).keys() == vars(mha).keys()
    assert torch.equal(other(X, X, X)[0], mha(X, X, X)[0])
    assert notes(other, X[..., :5], X, X) == []


@pytest.mark.parametrize("call", [{"query": None}, {"key": [1]}, {"attn_mask": "x"}, {"no": 1}])
def test_what_is_raised_stays_what_it_is(call: dict[str, Any]) -> None:
    mha = nn.MultiheadAttention(6, 2)
    given = {"query": X, "key": X, "value": X, **call}
    bare = raised_by(mha, **given)
    with mhadoc.watch(mha):
        watched = raised_by(mha, **given)
    assert (type(watched), str(watched)) == (type(bare), str(bare))
