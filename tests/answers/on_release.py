"""Whether every answer is right on the torch that is installed; the matrix asks it of each release.

It needs what a user needs, and no pytest: ``python -m tests.answers.on_release``. Each wrong answer
is a line, and then the status is 1.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

import mhadoc
from mhadoc.catalog.ledgers import releases
from mhadoc.language.releases import OLDEST, order
from tests.answers.call.agreement import REFUSED, alike, verdicts
from tests.answers.call.draws import Drawn, drawn

__all__ = ["CHECKS", "main"]

#: How many calls are drawn of each class.
CALLS = {
    "MultiheadAttention": 1500,
    "TransformerEncoderLayer": 800,
    "TransformerDecoderLayer": 600,
    "TransformerEncoder": 500,
    "TransformerDecoder": 400,
    "Transformer": 400,
    "Linear": 300,
    "LayerNorm": 300,
    "Dropout": 300,
}

#: How many are drawn of those that may come to a fused kernel.
FUSED = 1000

#: The fused kernel of each class that has one.
KERNELS = {
    "MultiheadAttention": "_native_multi_head_attention",
    "TransformerEncoderLayer": "_transformer_encoder_layer_fwd",
}

#: From this release on every draw is compared: the CPU takes short floats and checks what is empty.
ALL_KINDS = "2.4"
SHORT = (torch.float16, torch.bfloat16)

#: Constructors' arguments: most are legal, on some releases alone.
BUILT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("MultiheadAttention", {"embed_dim": 12, "num_heads": 3}),
    ("MultiheadAttention", {"embed_dim": 12, "num_heads": 2, "kdim": 5, "vdim": 7}),
    ("MultiheadAttention", {"embed_dim": 12, "num_heads": 4, "bias": False, "add_bias_kv": True}),
    ("MultiheadAttention", {"embed_dim": 12, "num_heads": 5}),
    ("MultiheadAttention", {"embed_dim": 12, "num_heads": 0}),
    ("MultiheadAttention", {"embed_dim": 12, "num_heads": 3, "hidden_size": 5}),
    ("Linear", {"in_features": 5, "out_features": 7, "bias": False}),
    ("LayerNorm", {"normalized_shape": (5, 7)}),
    ("LayerNorm", {"normalized_shape": 5, "bias": False}),
    ("Dropout", {"p": 1.5}),
    ("TransformerEncoderLayer", {"d_model": 6, "nhead": 2, "dim_feedforward": 11}),
    ("TransformerEncoderLayer", {"d_model": 6, "nhead": 2, "bias": False}),
    ("TransformerEncoderLayer", {"d_model": 6, "nhead": 4}),
    ("TransformerDecoderLayer", {"d_model": 6, "nhead": 3, "dim_feedforward": 5}),
    ("TransformerDecoderLayer", {"d_model": 6, "nhead": 3, "activation": "tanh"}),
    ("Transformer", {"d_model": 6, "nhead": 2, "num_decoder_layers": 2, "dim_feedforward": 11}),
    ("Transformer", {"d_model": 6, "nhead": 2, "num_encoder_layers": 1, "bias": False}),
)

#: Calls by shapes: a class, the arguments that it is built with, and forward's.
SHAPES: tuple[tuple[str, dict[str, Any], dict[str, tuple[int, ...]]], ...] = (
    (
        "MultiheadAttention",
        {"embed_dim": 12, "num_heads": 3, "kdim": 5, "vdim": 7},
        {"query": (3, 2, 12), "key": (4, 2, 5), "value": (4, 2, 7)},
    ),
    ("TransformerEncoderLayer", {"d_model": 6, "nhead": 2}, {"src": (5, 6)}),
    (
        "TransformerDecoderLayer",
        {"d_model": 6, "nhead": 2},
        {"tgt": (3, 2, 6), "memory": (5, 2, 6)},
    ),
    ("Transformer", {"d_model": 6, "nhead": 2}, {"src": (5, 2, 6), "tgt": (3, 2, 6)}),
    ("LayerNorm", {"normalized_shape": (3, 5)}, {"input": (2, 3, 5)}),
)


def predictions() -> Iterator[str]:
    """Compare predict with the parameters of real modules, and its refusals with torch's."""
    for name, arguments in BUILT:
        yield from differ(
            f"predict {name} {arguments}", real(name, arguments), stated(name, arguments)
        )


def real(name: str, arguments: Mapping[str, Any]) -> list[Any] | str:
    """Return the entries of a real module in their order; what torch raises where it refuses."""
    try:
        state = getattr(nn, name)(**arguments).state_dict()
    except (*REFUSED, ZeroDivisionError) as raised:
        return f"{type(raised).__name__}: {raised}"
    return [(key, tuple(tensor.shape)) for key, tensor in state.items()]


def stated(name: str, arguments: Mapping[str, Any]) -> list[Any] | str:
    """Return the same as it is predicted."""
    try:
        return list(mhadoc.predict(name, **arguments).items())
    except mhadoc.RuleError as refusal:
        return refusal.torch_error


def differ(what: str, expected: object, found: object) -> Iterator[str]:
    """Iterate over the one line that says that an answer is not what it should be, if it is not."""
    if expected != found:
        yield f"{what}: torch has {expected}, and the answer is {found}"


def legal() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Iterate over the modules that this release builds: class, arguments and module."""
    for name, arguments in BUILT:
        try:
            yield name, arguments, getattr(nn, name)(**arguments)
        except (*REFUSED, ZeroDivisionError):
            continue


def explanations() -> Iterator[str]:
    """Compare explain with the parameters of real modules, by name and built."""
    for name, arguments, module in legal():
        shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
        counts = sum(tensor.numel() for tensor in module.parameters())
        asked = {"by its name": mhadoc.explain(name, **arguments)}
        if not mhadoc.spec(name).children:
            asked["built"] = mhadoc.explain(module)
        for how, answer in asked.items():
            found = {row.name: row.shape for row in answer.rows if "{i}" not in row.name}
            shown = {key: shapes.get(key) for key in found}
            yield from differ(f"explain {name} {how}", shown, found)
            yield from differ(
                f"explain {name} {how}, in all", counts, sum(row.count for row in answer.rows)
            )
            str(answer)


def inferences() -> Iterator[str]:
    """Compare what infer reads in a state_dict with the arguments of its module."""
    for name, arguments, module in legal():
        if not module.state_dict():
            continue
        found = mhadoc.infer(module.state_dict())
        yield from differ(f"infer {name} {arguments}", (name, []), (found.target, found.problems))
        read = {n: tuple(v) if isinstance(v, list) else v for n, v in found.arguments.items()}
        for argument, value in arguments.items():
            possible = found.undetermined.get(argument, (read.get(argument),))
            given = (value,) if argument == "normalized_shape" and value == 5 else value
            if isinstance(possible, tuple) and given not in possible:
                yield f"infer {name}: {argument} is {value}, and the answer is {possible}"


def loadings() -> Iterator[str]:
    """Compare diagnose_load with load_state_dict, for each module and the entries of each other."""
    modules = [
        module
        for name, _, module in legal()
        if mhadoc.spec(name).children or name == "MultiheadAttention"
    ]
    for module, other in itertools.product(modules, repeat=2):
        problems = mhadoc.diagnose_load(module, other.state_dict())
        try:
            module.load_state_dict(other.state_dict())
            loads = True
        except RuntimeError:
            loads = False
        said = all(problem.severity != "error" for problem in problems)
        yield from differ(f"diagnose_load of a {type(other).__name__} into {module}", loads, said)


def shapes() -> Iterator[str]:
    """Compare predict_call with what real modules return."""
    for name, arguments, inputs in SHAPES:
        given = {key: torch.zeros(shape) for key, shape in inputs.items()}
        returned = getattr(nn, name)(**arguments)(**given)
        tensors = returned if isinstance(returned, tuple) else (returned,)
        found = mhadoc.predict_call(name, arguments, **inputs)
        yield from differ(
            f"predict_call {name}", [tuple(t.shape) for t in tensors], [*found.values()]
        )


def calls() -> Iterator[str]:
    """Compare diagnose with drawn calls, legal and not: the outcome, and what is returned."""
    for name, count in CALLS.items():
        for call in filter(stated_of, drawn(name, count, 11)):
            found, answer = verdicts(call)
            if not alike(call, found, answer):
                yield f"diagnose {written(call)}: torch has {found}, and the answer is {answer}"


def stated_of(call: Drawn) -> bool:
    """Tell whether a call is one of which the rules speak on this release.

    They do not say for which kinds of float an older CPU's kernels were written, nor which of them
    let pass what is empty.
    """
    given = [tensor for tensor in call.inputs.values() if isinstance(tensor, torch.Tensor)]
    tensors = [*given, *call.module.parameters()]
    full = all(tensor.numel() for tensor in tensors)
    return order(torch.__version__) >= order(ALL_KINDS) or (
        full and all(tensor.dtype not in SHORT for tensor in tensors)
    )


def written(call: Drawn) -> str:
    """Return a call as text, tensors by dtype and shape."""
    inputs = {
        name: f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else value
        for name, value in call.inputs.items()
    }
    mode = "training" if call.module.training else "eval"
    return f"{' '.join(str(call.module).split())} ({mode}, grad {call.grad}) with {inputs}"


def notes() -> Iterator[str]:
    """Look for the diagnosis among the notes of what is raised inside a model."""
    for name in ("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer"):
        for call in drawn(name, 100, 13):
            model = nn.ModuleDict({"inner": call.module})
            try:
                with mhadoc.watch(model):
                    call.module(**call.inputs)
            except REFUSED as raised:
                notes_ = getattr(raised, "__notes__", ())
                if stated_of(call) and not any("mhadoc.watch: in inner" in n for n in notes_):
                    yield f"watch: no note on {raised!r} of {written(call)}"


def paths() -> Iterator[str]:
    """Compare why_not_fast_path with the kernel that drawn calls come to."""
    for name, kernel in KERNELS.items():
        for call in drawn(name, FUSED, 17):
            call.module.eval()
            with torch.no_grad(), patch.object(torch, kernel, wraps=getattr(torch, kernel)) as run:
                if not accepted(call) or not next(iter(call.inputs.values())).numel():
                    continue
                reasons = mhadoc.why_not_fast_path(call.module, **call.inputs)
            yield from differ(f"why_not_fast_path {written(call)}", bool(run.called), not reasons)


def accepted(call: Drawn) -> bool:
    """Make a call, and tell whether torch takes it."""
    try:
        call.module(**call.inputs)
    except REFUSED:
        return False
    return True


def other_releases() -> Iterator[str]:
    """Ask for the oldest and the newest release from here, of every answer that can be asked."""
    asked = [call for name, count in CALLS.items() for call in drawn(name, count // 50, 19)]
    for release in (OLDEST, releases()[-1]):
        for call in asked:
            mhadoc.diagnose(call.module, **call.inputs, torch_version=release)
        state = nn.Transformer(6, 2, 1, 1, 5).state_dict()
        found = mhadoc.infer(state, torch_version=release)
        yield from differ(f"infer for torch {release}", "Transformer", found.target)
        shapes_ = mhadoc.predict("Transformer", 6, 2, 1, 1, 5, torch_version=release)
        yield from differ(f"predict for torch {release}", [*state], [*shapes_])


def command_line() -> Iterator[str]:
    """Compare what the commands print with the answers in Python."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "saved.pt")
        module = nn.MultiheadAttention(12, 3, kdim=5)
        torch.save(module.state_dict(), file)
        predicted = {
            key: list(shape)
            for key, shape in mhadoc.predict("MultiheadAttention", 12, 3, kdim=5).items()
        }
        yield from printed(
            predicted, "predict", "MultiheadAttention", "12", "3", "kdim=5", "--json"
        )
        inferred = mhadoc.infer(module.state_dict()).to_json()
        yield from printed(inferred, "infer", file, "--json")
        loaded = ("diagnose-load", file, "MultiheadAttention", "12", "3")
        yield from printed([], *loaded, "kdim=5", "--json")
        yield from printed("exit status 1", *loaded)
        yield from printed("exit status 1", "predict", "MultiheadAttention", "12", "5")
        explained = mhadoc.explain("LayerNorm", 5).to_json()
        yield from printed(explained, "explain", "LayerNorm", "5", "--json")


def printed(expected: object, *command: str) -> Iterator[str]:
    """Iterate over the one line that says what a command does not do as expected."""
    done = subprocess.run(
        [sys.executable, "-m", "mhadoc", *command], check=False, capture_output=True, text=True
    )
    failed = f"exit status {done.returncode}" if done.returncode == 1 and done.stderr else ""
    found = failed or (json.loads(done.stdout) if "--json" in command else "exit status 1")
    yield from differ(f"mhadoc {' '.join(command)} ({done.stderr[-300:]})", expected, found)


CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    predictions,
    explanations,
    inferences,
    loadings,
    shapes,
    calls,
    notes,
    paths,
    other_releases,
    command_line,
)


def main() -> int:
    """Ask everything, print what is wrong, and return the exit status."""
    warnings.simplefilter("ignore")
    wrong = 0
    for check in CHECKS:
        found = list(check())
        wrong += len(found)
        for line in found[:5]:
            print(f"{check.__name__}: {line}")
    print(f"answers on torch {torch.__version__}: {wrong or 'none'} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
