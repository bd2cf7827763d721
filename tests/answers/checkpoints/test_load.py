"""diagnose_load: the verdict of load_state_dict(strict=True), and problems word for word."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc.errors import StateDictError

State = dict[str, torch.Tensor]


def built(width: int = 12, **changes: Any) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(width, 3, **changes)


def saved(width: int = 12, **changes: Any) -> State:
    return built(width, **changes).state_dict()


def encoder(layers: int = 2, width: int = 12, hidden: int = 16) -> nn.Module:
    layer = nn.TransformerEncoderLayer(width, 3, hidden)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "bias": st.booleans(),
        "add_bias_kv": st.booleans(),
        "kdim": st.sampled_from([None, 12, 5]),
        "vdim": st.sampled_from([None, 12, 5]),
    },
)


@st.composite
def modules(draw: Any) -> nn.Module:
    attention = built(draw(st.sampled_from([12, 12, 12, 6])), **draw(CHANGES))
    wrap = draw(st.sampled_from(["alone", "sequential", "model", "encoder"]))
    if wrap == "encoder":
        return encoder(draw(st.integers(1, 3)), draw(st.sampled_from([12, 6])))
    if wrap == "alone":
        return attention
    if wrap == "sequential":
        return nn.Sequential(attention)
    return nn.ModuleDict({"attn": attention, "norm": nn.LayerNorm(draw(st.sampled_from([12, 6])))})


@st.composite
def edited(draw: Any, state: State) -> dict[str, Any]:
    """Draw a state_dict with one entry changed, or with its keys moved."""
    key = draw(st.sampled_from(sorted(state)))
    tensor = state[key]
    edit = draw(st.sampled_from(["drop", "rename", "turn", "widen", "prefix", "number", "add"]))
    others = {k: v for k, v in state.items() if k != key}
    if edit == "drop":
        return others
    if edit == "prefix":
        return {f"module.{k}": v for k, v in state.items()}
    if edit == "add":
        return {**state, "more": tensor}
    changed = {
        "rename": {f"{key}s": tensor},
        "turn": {key: tensor.movedim(0, -1)},
        "widen": {key: torch.zeros(*tensor.shape[:-1], tensor.shape[-1] + 1)},
        "number": {key: draw(st.sampled_from([3, "text", None]))},
    }
    return others | changed[edit]


def loads(module: nn.Module, state: dict[str, Any]) -> bool:
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError:
        return False
    return True


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_agrees_with_torch(data: st.DataObject) -> None:
    module = data.draw(modules())
    other = data.draw(st.one_of(st.just(module), modules()))
    state: dict[str, Any] = {key: tensor.clone() for key, tensor in other.state_dict().items()}
    if data.draw(st.booleans()):
        state = data.draw(edited(state))
    problems = mhadoc.diagnose_load(module, state)
    assert (problems == []) == loads(module, state), ([*state], problems)


def told(module: nn.Module, state: Any) -> list[str]:
    return [str(problem) for problem in mhadoc.diagnose_load(module, state)]


def error(text: str, hint: str) -> str:
    return f"error: {text}.\n  way out: {hint}"


BUILT: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (
        {"kdim": 5},
        {},
        "kdim: the module was built with kdim=5, but the file was saved with kdim = embed_dim = 12:"
        " it has in_proj_weight in place of q_proj_weight, k_proj_weight, v_proj_weight "
        "[MultiheadAttention.kdim]",
        "leave kdim out, or load a file that was saved with kdim=5",
    ),
    (
        {},
        {"vdim": 5},
        "vdim: the module was built with vdim=12, but the file was saved with vdim=5: it has "
        "q_proj_weight, k_proj_weight, v_proj_weight in place of in_proj_weight "
        "[MultiheadAttention.vdim]",
        "build the module with vdim=5, or load a file that was saved with vdim=12",
    ),
    (
        {},
        {"bias": False},
        "bias: the module was built with bias=True, but the file was saved with bias=False: it has "
        "no in_proj_bias, out_proj.bias [MultiheadAttention.bias]",
        "build the module with bias=False, or load a file that was saved with bias=True",
    ),
    (
        {},
        {"add_bias_kv": True},
        "add_bias_kv: the module was built with add_bias_kv=False, but the file was saved with "
        "add_bias_kv=True: it has bias_k, bias_v [MultiheadAttention.add_bias_kv]",
        "build the module with add_bias_kv=True, or load a file that was saved with "
        "add_bias_kv=False",
    ),
    (
        {},
        {"width": 24},
        "embed_dim: the module was built with embed_dim=12, but the file was saved with "
        "embed_dim=24 [MultiheadAttention.embed_dim]",
        "build the module with embed_dim=24, or load a file that was saved with embed_dim=12",
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "text", "hint"), BUILT)
def test_another_argument(ours: Any, theirs: Any, text: str, hint: str) -> None:
    assert told(built(**ours), saved(**theirs)) == [error(text, hint)]
    assert told(built(**ours), saved(**ours)) == []


def test_several_arguments_at_once() -> None:
    problems = mhadoc.diagnose_load(built(add_bias_kv=True), saved(24, bias=False, kdim=5))
    assert [p.argument for p in problems] == ["embed_dim", "bias", "add_bias_kv", "kdim"]
    assert {p.severity for p in problems} == {"error"}


def moved(state: State, prefix: str) -> State:
    return {prefix + key: tensor for key, tensor in state.items()}


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.module = built()


MOVED = [
    (
        built(),
        moved(saved(), "module."),
        "state_dict: the module's keys do not start with 'module.', but the file's do "
        "[state_dict.prefix]",
        "load {key.removeprefix('module.'): tensor for key, tensor in state_dict.items()}",
    ),
    (
        Wrapped(),
        saved(),
        "state_dict: the module's keys start with 'module.', but the file's do not "
        "[state_dict.prefix]",
        "load it into module.get_submodule('module')",
    ),
    (
        built(),
        encoder().state_dict(),
        "state_dict: the module's keys do not start with 'layers.0.self_attn.', but some of the "
        "file's do [state_dict.prefix]",
        "load {key.removeprefix('layers.0.self_attn.'): tensor for key, tensor in "
        "state_dict.items() if key.startswith('layers.0.self_attn.')}",
    ),
]


@pytest.mark.parametrize(("module", "state", "text", "hint"), MOVED)
def test_another_prefix(module: nn.Module, state: State, text: str, hint: str) -> None:
    assert told(module, state) == [error(text, hint)]


@pytest.mark.parametrize("state", [moved(saved(), "module."), encoder().state_dict()])
def test_the_hint_for_a_prefix_loads(state: State) -> None:
    module = built()
    (problem,) = mhadoc.diagnose_load(module, state)
    module.load_state_dict(eval(problem.hint.removeprefix("load "), {"state_dict": state}))


def test_another_prefix_and_another_argument() -> None:
    problems = mhadoc.diagnose_load(built(), moved(saved(bias=False), "module."))
    assert [p.rule for p in problems] == ["state_dict.prefix", "MultiheadAttention.bias"]


def plain(layers: int) -> nn.Module:
    return nn.ModuleDict({"blocks": nn.ModuleList(nn.Linear(2, 3) for _ in range(layers))})


def test_fewer_layers_of_any_kind() -> None:
    assert told(plain(4), plain(2).state_dict()) == [
        error(
            "blocks: the module has 4 layers in blocks, but the file has 2 [state_dict.layers]",
            "build the module with 2 layers, or load a file of 4",
        )
    ]


ENCODERS = [
    (
        encoder(layers=4),
        "num_layers: the module was built with num_layers=2, but the file was saved with "
        "num_layers=4: it has layers.2.self_attn.in_proj_weight, layers.2.self_attn.in_proj_bias, "
        "layers.2.self_attn.out_proj.weight and 21 more [TransformerEncoder.num_layers]",
        "build the module with num_layers=4, or load a file that was saved with num_layers=2",
    ),
    (
        encoder(hidden=32),
        "dim_feedforward: the module was built with dim_feedforward=16, but the file was saved "
        "with dim_feedforward=32 [TransformerEncoder.dim_feedforward]",
        "build the module with dim_feedforward=32, or load a file that was saved with "
        "dim_feedforward=16",
    ),
    (
        encoder(width=24),
        "d_model: the module was built with d_model=12, but the file was saved with d_model=24 "
        "[TransformerEncoder.d_model]",
        "build the module with d_model=24, or load a file that was saved with d_model=12",
    ),
    (
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(12, 3, 16), 2, nn.LayerNorm(12), enable_nested_tensor=False
        ),
        "norm: the module was built with norm=None, but the file was saved with "
        "norm=LayerNorm(...): it has norm.weight, norm.bias [TransformerEncoder.norm]",
        "build the module with norm=LayerNorm(...), or load a file that was saved with norm=None",
    ),
]


@pytest.mark.parametrize(("saved_from", "text", "hint"), ENCODERS)
def test_depth_and_width_of_an_encoder(saved_from: nn.Module, text: str, hint: str) -> None:
    assert told(encoder(), saved_from.state_dict()) == [error(text, hint)]


def test_a_width_that_no_argument_names_is_told_once() -> None:
    ours = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3))
    theirs = nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 5))
    assert told(ours, theirs.state_dict()) == [
        error(
            "0.weight and 3 more: must have 3 there, but it has 5 [state_dict.shapes]",
            "build the module with the sizes of the file, or load another file",
        )
    ]


SIZES = "build the module with the sizes of the file, or load another file"


@pytest.mark.parametrize(
    ("ours", "theirs", "text", "hint"),
    [
        ((2, 3), (3, 2), "must be (2, 3), but it is (3, 2), the same transposed", "pass its .T"),
        ((2, 3, 5), (5, 3, 2), "must be (2, 3, 5), but it is (5, 3, 2)", SIZES),
        ((2, 3), (2, 5), "must have 3 there, but it has 5", SIZES),
        ((3, 3), (5, 5), "must have 3 there, but it has 5", SIZES),
        ((2, 3), (5, 7), "must be (2, 3), but it is (5, 7)", SIZES),
        ((2, 3), (6,), "must be (2, 3), but it is (6,)", SIZES),
        ((6,), (6, 1), "must be (6,), but it is (6, 1)", SIZES),
    ],
)
def test_a_shape_that_differs(
    ours: tuple[int, ...], theirs: tuple[int, ...], text: str, hint: str
) -> None:
    module = nn.Module()
    module.weight = nn.Parameter(torch.zeros(ours))
    assert told(module, {"weight": torch.zeros(theirs)}) == [
        error(f"weight: {text} [state_dict.shapes]", hint)
    ]


def test_entries_that_nothing_explains() -> None:
    state = saved()
    del state["in_proj_bias"]
    state["more"] = torch.zeros(3)
    assert told(built(), state) == [
        error(
            "in_proj_bias: must be there, but the file has no such key [state_dict.keys]",
            "look for it under another name, or build the module without it",
        ),
        error(
            "more: must not be there, but the module has no such key [state_dict.keys]",
            "remove it, or build the module with it",
        ),
    ]


@pytest.mark.parametrize(("count", "problems"), [(1, 1), (8, 8), (9, 1)])
@pytest.mark.parametrize("more", [True, False])
def test_many_entries_are_told_at_once(count: int, problems: int, more: bool) -> None:
    module, state = nn.Module(), {f"more{n}": torch.zeros(3) for n in range(count)}
    if not more:
        for key in state:
            module.register_parameter(key, nn.Parameter(torch.zeros(3)))
    found = mhadoc.diagnose_load(module, state if more else {"other": torch.zeros(3)})
    expected = "must not be there" if more else "must be there"
    arguments = [problem.argument for problem in found if problem.expected == expected]
    one = [f"{count} keys (more0, more1, more2, ...)"]
    assert arguments == (list(state) if problems > 1 or count == 1 else one)
    assert len(arguments) == problems


def test_a_checkpoint_with_the_state_dict_inside() -> None:
    assert told(built(), {"model": saved(), "epoch": 3}) == [
        error(
            "model: must be a tensor, but it is of type OrderedDict [state_dict]",
            "pass what is under 'model'",
        ),
        error("epoch: must be a tensor, but it is of type int [state_dict]", "remove 'epoch'"),
    ]


def test_whole_numbers_load_but_mean_something_else() -> None:
    state = saved()
    state["in_proj_weight"] = state["in_proj_weight"].to(torch.int8)
    assert told(built(), state) == [
        "warning: in_proj_weight: must hold floats, but it holds int8, which is loaded as it is, "
        "without a scale [state_dict.dtypes].\n"
        "  way out: convert a quantised file to floats first"
    ]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_floats_are_no_problem(dtype: torch.dtype) -> None:
    assert told(built(), {key: tensor.to(dtype) for key, tensor in saved().items()}) == []


def test_one_number_loads_into_no_axes() -> None:
    module = nn.Module()
    module.scale = nn.Parameter(torch.zeros(()))
    assert told(module, {"scale": torch.ones(1)}) == []
    assert loads(module, {"scale": torch.ones(1)})


PREFIX = "state_dict.prefix"


@pytest.mark.parametrize(
    ("ours", "theirs", "rules"),
    [
        (["weight", "a.weight"], ["weight"], ["state_dict.keys"]),
        (["weight"], ["weight", "a.weight"], ["state_dict.keys"]),
        (["weight"], ["a.weight"], ["state_dict.prefix"]),
        (["a.weight"], ["weight"], ["state_dict.prefix"]),
        (["q", "k", "v", "o"], ["a.q", "a.k", "x", "y"], ["state_dict.keys"] * 8),  # half of them
        (["a.q", "a.k", "x", "y"], ["q", "k", "v", "o"], ["state_dict.keys"] * 8),
        (
            ["q", "k", "v", "o", "e"],
            ["a.q", "a.k", "a.v", "x", "y"],
            [PREFIX, *["state_dict.keys"] * 2],
        ),  # most
        (
            ["a.q", "a.k", "a.v", "x", "y"],
            ["q", "k", "v", "o", "e"],
            [PREFIX, *["state_dict.keys"] * 4],
        ),
    ],
)
def test_keys_that_fit_as_they_stand_are_not_moved(
    ours: list[str], theirs: list[str], rules: list[str]
) -> None:
    module = nn.Module()
    module.a = nn.Module()
    for key in ours:
        place, _, name = key.rpartition(".")
        module.get_submodule(place).register_parameter(name, nn.Parameter(torch.zeros(3)))
    found = mhadoc.diagnose_load(module, {key: torch.zeros(3) for key in theirs})
    assert [problem.rule for problem in found] == rules


def foreign(*names: str) -> State:
    """Return attentions in other libraries' layouts, by what they call q, k and v."""
    shapes = {"qkv": (36, 12), "proj": (12, 12), "c_attn": (36, 12), "c_proj": (12, 12)}
    outs = {"qkv": "proj", "c_attn": "c_proj"}
    return {
        f"f{place}.{key}.weight": torch.zeros(shapes[key])
        for place, name in enumerate(names)
        for key in (name, outs[name])
    }


@pytest.mark.parametrize(
    ("names", "there", "places"),
    [
        (["qkv", "qkv"], {}, ["f0. and 1 more"]),
        (["qkv", "c_attn"], {}, []),
        (["qkv"], {}, []),
        (["qkv", "qkv", "qkv"], {}, []),
        (["qkv"], moved(saved(), "a."), ["f0."]),
        ([], {}, []),
    ],
    ids=["all", "two libraries", "too few", "too many", "one of two", "none"],
)
def test_a_layout_explains_as_many_attentions_as_there_are(
    names: list[str], there: State, places: list[str]
) -> None:
    module = nn.ModuleDict({"a": built(), "b": built()})
    found = mhadoc.diagnose_load(module, {**there, **foreign(*names)})
    assert [problem.argument for problem in found if problem.rule == "layouts"] == places
    assert len(found) == 1 if places else found


def one(change: Any) -> dict[str, Any]:
    state: dict[str, Any] = dict(saved())
    return state | {"in_proj_weight": change(state["in_proj_weight"])}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("change", "observed", "hint"),
    [
        (lambda t: t.to("meta"), "meta device", "load the file to another device"),
        (lambda t: t.numpy(), "of type ndarray", "pass torch.as_tensor of it"),
        (lambda t: t.to_sparse(), "torch.sparse_coo", "pass its .to_dense()"),
        (lambda t: t.to_sparse_csr(), "torch.sparse_csr", "pass its .to_dense()"),
        (
            lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
            "it is",
            "pass its .dequantize()",
        ),
        (lambda t: torch.empty(t.shape, dtype=torch.uint4), "uint4", "unpack the numbers first"),
        (lambda t: torch.empty(t.shape, dtype=torch.bits8), "bits8", "unpack the numbers first"),
    ],
)
def test_values_that_torch_does_not_copy(change: Any, observed: str, hint: str) -> None:
    assert not loads(built(), one(change))
    (problem,) = mhadoc.diagnose_load(built(), one(change))
    assert (problem.argument, problem.severity, problem.hint) == ("in_proj_weight", "error", hint)
    assert observed in problem.observed


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_complex_numbers_lose_a_part() -> None:
    state = one(lambda t: t.to(torch.complex64))
    assert loads(built(), state)
    (problem,) = mhadoc.diagnose_load(built(), state)
    assert (problem.severity, problem.hint) == ("warning", "pass its .real")


class Renames(nn.Linear):
    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}w")
        super()._load_from_state_dict(state_dict, prefix, *rest)


@pytest.mark.parametrize("place", ["", "0."])
def test_a_file_for_a_method_that_renames_is_no_error(place: str) -> None:
    module = Renames(2, 3) if not place else nn.Sequential(Renames(2, 3))
    state = {f"{place}w": LINEAR["weight"], f"{place}bias": LINEAR["bias"]}
    assert loads(module, state)
    (problem,) = mhadoc.diagnose_load(module, state)
    assert (problem.severity, problem.rule) == ("warning", "state_dict.methods")
    where = place.removesuffix(".") or "state_dict"
    assert str(problem) == (
        f"warning: {where}: Renames has a loading method of its own, "
        "which alone knows what it takes, but the file has not what it saves: "
        f"{place}weight, {place}w differ [state_dict.methods].\n"
        "  way out: load it to see whether it is taken"
    )


def test_a_module_on_meta_takes_nothing() -> None:
    assert told(built(device="meta"), saved(device="meta")) == []
    found = mhadoc.diagnose_load(built(device="meta"), saved())
    assert [p.severity for p in found] == ["warning"] * 4
    assert (
        mhadoc.diagnose_load(built(device="meta"), {k: t.shape for k, t in saved().items()}) == []
    )


def test_values_alike_are_told_at_once_where_they_are_many() -> None:
    meta = {key: tensor.to("meta") for key, tensor in encoder().state_dict().items()}
    (problem,) = mhadoc.diagnose_load(encoder(), meta)
    assert problem.argument == "layers.0.self_attn.in_proj_weight and 23 more"


class Gives(nn.Linear):
    def get_extra_state(self) -> Any:
        return {"seen": 1}


class Takes(Gives):
    def set_extra_state(self, state: Any) -> None:
        pass


LINEAR = dict(nn.Linear(2, 3).state_dict())


@pytest.mark.parametrize("kind", [nn.Linear, Gives, Takes])
@pytest.mark.parametrize(
    "more", [{}, {"_extra_state": {"seen": 1}}, {"_extra_state": torch.ones(2)}]
)
def test_extra_state_is_taken_where_there_is_a_method_for_it(
    kind: type[nn.Module], more: dict[str, Any]
) -> None:
    module, state = nn.Sequential(kind(2, 3)), {f"0.{k}": v for k, v in (LINEAR | more).items()}
    found = mhadoc.diagnose_load(module, state)
    assert (found == []) == loads(module, state)
    assert [problem.argument for problem in found] == ["0._extra_state"] * len(found)


@pytest.mark.filterwarnings("ignore")
def test_a_module_that_loads_on_its_own_is_not_judged() -> None:
    layer = nn.TransformerEncoderLayer(12, 4, 20)
    quantised = torch.ao.quantization.quantize_dynamic(layer, {nn.Linear})
    assert told(quantised, quantised.state_dict()) == []
    state = quantised.state_dict()
    del state["linear1.scale"], state["norm1.bias"]
    own, key = mhadoc.diagnose_load(quantised, state)
    assert (own.argument, own.severity, own.rule) == ("linear1", "warning", "state_dict.methods")
    assert "linear1.scale differ" in own.observed
    assert (key.argument, key.severity) == ("norm1.bias", "error")


def without_counter(module: nn.Module) -> State:
    return {k: t for k, t in module.state_dict().items() if "num_batches" not in k}


def test_a_plain_dict_may_lack_the_count_of_batches() -> None:
    module = nn.Sequential(nn.BatchNorm1d(3))
    assert loads(module, without_counter(module))
    assert told(module, without_counter(module)) == []
    ordered = module.state_dict()
    del ordered["0.num_batches_tracked"]
    assert not loads(module, ordered)
    assert [problem.argument for problem in mhadoc.diagnose_load(module, ordered)] == [
        "0.num_batches_tracked"
    ]
    moved = {f"module.{key}": tensor for key, tensor in module.state_dict().items()}
    assert [problem.rule for problem in mhadoc.diagnose_load(module, moved)] == [PREFIX]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (nn.LazyLinear(4), nn.Linear(3, 4)),
        (nn.LazyLinear(4), nn.Linear(3, 4, bias=False)),
        (nn.LazyLinear(4), nn.LazyLinear(4)),
        (nn.Linear(3, 4), nn.LazyLinear(4)),
        (nn.LazyLinear(4), nn.Linear(3, 4, device="meta")),
    ],
)
def test_a_lazy_module_takes_any_size(ours: nn.Module, theirs: nn.Module) -> None:
    state = theirs.state_dict()
    found = mhadoc.diagnose_load(ours, state)
    assert (found == []) == loads(ours, state)


@pytest.mark.parametrize("state", [None, [1], list(saved().items()), built(), {**saved(), 3: 1}])
def test_what_is_no_state_dict_is_one_error(state: Any) -> None:
    for ask in (lambda: mhadoc.diagnose_load(built(), state), lambda: mhadoc.infer(state)):
        with pytest.raises(StateDictError, match="state_dict"):
            ask()


def test_the_hint_for_a_module_in_place_of_its_state() -> None:
    with pytest.raises(StateDictError, match="not MultiheadAttention; call its state_dict"):
        mhadoc.infer(built())


@pytest.mark.parametrize("module", [None, nn.MultiheadAttention, "MultiheadAttention"])
def test_what_is_no_module_is_one_error(module: Any) -> None:
    with pytest.raises(StateDictError, match="must be one that is built"):
        mhadoc.diagnose_load(module, saved())
