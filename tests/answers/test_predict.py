"""Predictions: the keys and shapes that torch gives, and a refusal exactly where torch refuses."""

import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import mhadoc
from mhadoc import language
from mhadoc.errors import RuleError, UnknownNameError
from tests.toy import LINEAR

GOOD = {"embed_dim": 8, "num_heads": 2}
SHAPES = dict[str, tuple[int, ...]]


def built(*args, **kwargs) -> SHAPES:
    """Return what torch stores for these arguments."""
    if len(args) < 10:
        kwargs = {"device": "meta", **kwargs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = nn.MultiheadAttention(*args, **kwargs)
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def refused(*args, **kwargs) -> str:
    """Return what torch raises for these arguments, or an empty text where it raises nothing."""
    try:
        built(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever torch raises is what is compared
        return language.said(error)
    return ""


def predicted(*args, **kwargs) -> SHAPES:
    return mhadoc.predict("MultiheadAttention", *args, **kwargs)


def said(*args, **kwargs) -> str:
    """Return what mhadoc says that torch raises, or an empty text where it predicts shapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, on infinity
        try:
            predicted(*args, **kwargs)
        except RuleError as error:
            return error.torch_error
    return ""


@st.composite
def legal(draw):
    """Draw arguments that torch takes: sizes up to 40, all flags, kdim and vdim in all ways."""
    heads = draw(st.integers(1, 8))
    width = heads * draw(st.integers(1, 40 // heads))
    features = st.none() | st.just(width) | st.integers(0, 40)
    flags = ("bias", "add_bias_kv", "add_zero_attn", "batch_first")
    arguments = {"embed_dim": width, "num_heads": heads}
    optional = {
        "dropout": draw(st.floats(0, 1)),
        **{flag: draw(st.booleans()) for flag in flags},
        "kdim": draw(features),
        "vdim": draw(features),
        "dtype": draw(st.sampled_from([None, torch.float64, torch.bfloat16, torch.complex64])),
    }
    kept = draw(st.sets(st.sampled_from(sorted(optional))))
    return arguments | {name: optional[name] for name in optional if name in kept}


class TestLegal:
    @settings(max_examples=300)
    @given(legal())
    def test_keys_and_shapes_are_torchs_in_torchs_order(self, arguments):
        shapes = predicted(**arguments)
        assert list(shapes.items()) == list(built(**arguments).items())
        assert all(type(size) is int for shape in shapes.values() for size in shape)

    @given(legal(), st.data())
    def test_arguments_can_be_given_by_position(self, arguments, data):
        order = [argument.name for argument in mhadoc.spec("MultiheadAttention").arguments]
        bound = mhadoc.spec("MultiheadAttention").bind(**arguments)
        count = data.draw(st.integers(0, 9))
        args = [bound[name] for name in order[:count]]
        kwargs = {name: bound[name] for name in order[count:] if name != "device"}
        assert predicted(*args, **kwargs) == built(*args, **kwargs) == predicted(**arguments)

    @pytest.mark.parametrize(
        "target",
        [
            "MultiheadAttention",
            "nn.MultiheadAttention",
            "torch.nn.MultiheadAttention",
            nn.MultiheadAttention,
            nn.MultiheadAttention(4, 2),
            type("Mine", (nn.MultiheadAttention,), {}),
            mhadoc.spec("MultiheadAttention"),
        ],
        ids=["name", "nn", "torch.nn", "class", "module", "subclass", "spec"],
    )
    def test_a_target_is_a_name_a_class_a_module_or_a_spec(self, target):
        assert mhadoc.predict(target, **GOOD) == built(**GOOD)

    def test_a_spec_from_outside_is_a_target_as_well(self):
        assert mhadoc.predict(LINEAR, 3, 4, bias=False) == {"weight": (4, 3)}

    @pytest.mark.parametrize("target", ["MultiHeadAttention", "nn.GRU", nn.GRU, nn.ReLU(), 3])
    def test_an_unknown_target_gets_the_closest_name(self, target):
        with pytest.raises(UnknownNameError, match=r"no spec is called '.*'; closest: "):
            mhadoc.predict(target, 8, 2)


#: Values that torch takes although nobody means them, or takes for something else.
ODD = [
    {"num_heads": True},
    {"num_heads": 2.0},
    {"num_heads": 0.5},
    {"num_heads": np.float32(2)},
    {"num_heads": np.True_},
    {"num_heads": torch.tensor(4)},
    {"kdim": True},
    {"kdim": False},
    {"kdim": 8.0, "vdim": 8.0},
    {"kdim": 8 + 0j},
    {"kdim": 0, "vdim": 0},
    {"kdim": np.int64(3), "vdim": torch.tensor(5)},
    {"kdim": torch.tensor([8])},
    {"embed_dim": np.int32(8)},
    {"embed_dim": torch.tensor(8)},
    {"embed_dim": torch.tensor([8])},
    {"embed_dim": np.array(8), "kdim": 3},
    {"dropout": "a lot"},
    {"dropout": np.array([1, 2])},
    {"bias": None},
    {"bias": "False"},
    {"bias": []},
    {"bias": float("nan")},
    {"add_bias_kv": np.array([0])},
    {"add_zero_attn": torch.ones(2)},
    {"batch_first": np.array([1, 2])},
    {"dtype": float},
    {"dtype": complex},
    {"device": None},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_what_torch_takes_is_predicted(odd):
    assert predicted(**{**GOOD, **odd}) == built(**{**GOOD, **odd})


STRANGE = [
    *(True, False, None, "8", b"8", "", [], [8], (8,), {}, 8j, 8 + 0j, object, ...),
    *(8.0, 2.0, 0.0, -2.0, 2.5, 0.25, float("inf"), -float("inf")),
    *(np.int64(8), np.int64(-2), np.uint8(4), np.float64(2), np.float32(2.5)),
    *(torch.tensor(8), torch.tensor(-2), torch.tensor(8.0), torch.tensor(2.5)),
    *(np.array(8), np.array([8]), torch.Size([8]), Fraction(8), Fraction(5, 2)),
    *(Decimal(8), Decimal("2.5"), range(3), torch.device("meta")),
    *(torch.float32, torch.int64, torch.bool, torch.complex64, torch.qint8, float, int, str),
]
NAMES = [a.name for a in mhadoc.spec("MultiheadAttention").arguments if a.name != "device"]
LAYOUTS = [{}, {"kdim": 3}, {"vdim": 5, "add_bias_kv": True}, {"embed_dim": 1, "num_heads": 1}]
names = st.sampled_from(NAMES)
#: What stays what it is next to other odd values. A float cannot be divided by a Decimal, nor an
#: array by a tensor; numpy compares itself with what a sequence holds; and True is a width until
#: out_proj is made.
ALONE = (Decimal, Fraction, bool, list, tuple, range, np.ndarray)
mixable = st.integers(-3, 12) | st.sampled_from([v for v in STRANGE if not isinstance(v, ALONE)])


class TestOdd:
    @pytest.mark.parametrize("layout", LAYOUTS, ids=str)
    @pytest.mark.parametrize("name", NAMES)
    def test_one_odd_value_is_taken_or_refused_as_by_torch(self, name, layout):
        for value in [*range(-3, 12), *STRANGE]:
            arguments = {**GOOD, **layout, name: value}
            assert said(**arguments) == refused(**arguments), value
            if not said(**arguments):
                assert predicted(**arguments) == built(**arguments), value

    @settings(max_examples=600)
    @given(st.dictionaries(names, mixable, min_size=2, max_size=5))
    def test_of_several_odd_values_the_first_that_torch_sees_is_named(self, odd):
        arguments = {**GOOD, **odd}
        assert said(**arguments) == refused(**arguments)

    @given(
        st.lists(st.integers(1, 9), max_size=14),
        st.dictionaries(
            names | st.sampled_from(["heads", "kdims", "d_model"]), st.just(8), max_size=3
        ),
    )
    def test_wrong_keywords_and_counts_are_refused_in_pythons_words(self, args, kwargs):
        assume(len(args) < 10 or len(args) > 11)
        assert said(*args, **kwargs) == refused(*args, **kwargs)


#: Where what mhadoc says differs from what torch does, and why that is as it should be.
EXCEPTIONS = [
    ({"embed_dim": 2**40}, "shapes", "torch cannot address so many numbers; the shapes are right"),
    ({"kdim": 2**70}, "shapes", "a size of more than 64 bits does not fit into torch's integers"),
    ({"device": "cuda:99"}, "shapes", "which devices there are depends on the machine"),
    ({"embed_dim": float("nan")}, "text", "NaN is not above zero, though not below it either"),
    ({"num_heads": float("nan")}, "text", "NaN is not above zero, though not below it either"),
    (
        {"embed_dim": np.True_, "num_heads": 1},
        "text",
        "three times numpy's True is an int to torch",
    ),
    ({"embed_dim": np.array(2.5), "num_heads": 2.5}, "text", "three times it is a numpy.float64"),
    ({"embed_dim": 8.0, "num_heads": Decimal(2)}, "text", "Python divides no float by a Decimal"),
    ({"embed_dim": np.array([8, 9])}, "text", "numpy words the truth of several numbers itself"),
    ({"bias": np.array([8, 9])}, "text", "numpy words the truth of several numbers itself"),
    ({"num_heads": torch.ones(2)}, "text", "torch compares it, and then asks for one truth"),
    ({"kdim": torch.ones(2)}, "text", "torch compares it, and then asks for one truth"),
    ({"kdim": torch.tensor(True)}, "text", "torch asks for help with this message itself"),
    ({"embed_dim": 3, "num_heads": 0.3}, "refused", "a rounding error makes 0.3 divide 3"),
    ({"dtype": torch.float8_e5m2}, "refused", "on the meta device no number is drawn"),
]


class TestExceptions:
    @pytest.mark.parametrize(("odd", "kind", "why"), EXCEPTIONS, ids=lambda value: str(value)[:40])
    def test_is_one_still(self, odd, kind, why):
        arguments = {**GOOD, **odd}
        found, really = said(**arguments), refused(**arguments)
        kinds = {"shapes": (False, True), "text": (True, True), "refused": (True, False)}
        assert (bool(found), bool(really)) == kinds[kind], why
        assert found != really

    def test_a_dtype_without_random_numbers_is_refused_where_numbers_are_drawn(self):
        arguments = {**GOOD, "dtype": torch.float8_e5m2}
        assert said(**arguments) == refused(**arguments, device="cpu")

    def test_a_narrow_numpy_integer_overflows_in_torch(self):
        wide = {"embed_dim": np.uint8(100), "num_heads": 2}
        with pytest.warns(RuntimeWarning, match="overflow encountered in scalar multiply"):
            module = nn.MultiheadAttention(**wide, device="meta")
        assert tuple(module.in_proj_weight.shape) == (300 % 256, 100)
        assert predicted(**wide)["in_proj_weight"] == (300, 100)


class TestRefusal:
    @pytest.mark.parametrize(
        ("odd", "rule", "values"),
        [
            ({"embed_dim": "8"}, "embed_dim.number", {"embed_dim": "8"}),
            ({"embed_dim": 8.0}, "embed_dim.int", {"embed_dim": 8.0}),
            ({"embed_dim": 0}, "embed_dim.positive", {"embed_dim": 0, "num_heads": 2}),
            ({"num_heads": 0}, "num_heads.positive", {"embed_dim": 8, "num_heads": 0}),
            ({"num_heads": 3}, "num_heads.divides", {"embed_dim": 8, "num_heads": 3}),
            ({"kdim": 3.0}, "kdim.int", {"kdim": 3.0}),
            ({"vdim": -1}, "vdim.negative", {"vdim": -1}),
            ({"dtype": "float32"}, "dtype.dtype", {"dtype": "float32"}),
            ({"dtype": torch.int64}, "dtype.learnable", {"dtype": torch.int64}),
            ({"device": 1.5}, "device.device", {"device": 1.5}),
            ({"heads": 2}, "arguments", {"heads": 2}),
        ],
    )
    def test_names_the_rule_the_values_and_the_way_out(self, odd, rule, values):
        with pytest.raises(
            RuleError, match=rf"^MultiheadAttention\.{rule}: .*\n  way out: "
        ) as error:
            predicted(**{**GOOD, **odd})
        assert error.value.rule == f"MultiheadAttention.{rule}"
        assert error.value.values == values
        assert error.value.hint

    @pytest.mark.parametrize("name", [r.id for r in mhadoc.spec("MultiheadAttention").requirements])
    def test_every_requirement_can_be_broken(self, name):
        worst = [
            {"embed_dim": "8"}, {"embed_dim": 0}, {"embed_dim": 8.0}, {"num_heads": []},
            {"num_heads": -1}, {"num_heads": 3}, {"dtype": 1}, {"device": []},
            {"dtype": torch.bool}, {"kdim": ""}, {"kdim": -3}, {"vdim": ""}, {"vdim": -3},
            {"bias": torch.ones(2)}, {"add_bias_kv": torch.ones(2)}, {"dtype": torch.float8_e4m3fn},
        ]  # fmt: skip
        broken = set()
        for odd in worst:
            with pytest.raises(RuleError, match=r"^MultiheadAttention\.") as error:
                predicted(**{**GOOD, **odd})
            broken.add(error.value.rule)
        assert f"MultiheadAttention.{name}" in broken
