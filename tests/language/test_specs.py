"""Specs: finding statements, binding arguments, and the state they lead to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mhadoc import MhadocError, RuleError, UnknownNameError, spec
from mhadoc.language import Argument, Child, Claim, ModuleSpec, Requirement, Rule, Shape, said
from mhadoc.language.releases import newer
from tests.toy import LINEAR, columns, rows

MHA = spec("MultiheadAttention")
SPECS = pytest.mark.parametrize("found", [MHA, LINEAR], ids=lambda spec: spec.name)


def refusal(found, *args, **kwargs):
    with pytest.raises(RuleError, match=rf"^{found.name}\.") as caught:
        found.values(found.bind(*args, **kwargs))
    return caught.value


class TestStatements:
    @SPECS
    def test_each_is_found_by_its_id(self, found: ModuleSpec):
        assert [found.rule(rule.id) for rule in found.rules] == list(found.rules)
        assert [found.claim(claim.id) for claim in found.claims] == list(found.claims)
        assert list(found) == list(found.rules)

    @SPECS
    def test_each_has_an_address_and_a_sentence(self, found: ModuleSpec):
        addresses = [found.address(statement) for statement in found.statements]
        assert len(set(addresses)) == len(addresses)
        assert all(found.sentence(address) for address in addresses)

    @SPECS
    @pytest.mark.parametrize(
        ("kind", "prefixed"), [(Rule, True), (Requirement, True), (Claim, False)]
    )
    def test_addresses_start_with_the_module_but_for_claims(self, found, kind, prefixed):
        of_kind = [s for s in found.statements if isinstance(s, kind)]
        assert of_kind
        starts = {found.address(s).startswith(f"{found.name}.") for s in of_kind}
        assert starts == {prefixed}

    @pytest.mark.parametrize(
        ("name", "ids"),
        [
            ("in_proj_weight", ["in_proj_weight"]),
            ("query", ["query.sequence_first", "query.batch_first", "query.unbatched"]),
            ("query.unbatched", ["query.unbatched"]),
            ("kdim", ["kdim", "kdim.attribute"]),
        ],
    )
    def test_rules_of_one_name_are_found_together(self, name, ids):
        assert [rule.id for rule in MHA.named(name)] == ids

    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (MHA.rule, "^no rule is called 'in_proj_wieght'; closest: in_proj_weight"),
            (MHA.named, "^no rule of MultiheadAttention is called 'in_proj_wieght'; closest: in_p"),
            (MHA.claim, "^no claim is called 'in_proj_wieght'; closest: "),
            (MHA.table, "^no table is called 'in_proj_wieght'; closest: "),
        ],
    )
    def test_an_unknown_name_gets_the_closest(self, ask, message):
        with pytest.raises(UnknownNameError, match=message):
            ask("in_proj_wieght")

    @pytest.mark.parametrize("field", ["parameters", "arguments", "claims", "requirements"])
    def test_two_statements_cannot_share_an_address(self, field):
        there = getattr(LINEAR, field)
        with pytest.raises(MhadocError, match=r"^two statements have the address [Ll]inear\."):
            replace(LINEAR, **{field: (*there, there[0])})


def python(arguments, positional, keywords):
    """Let Python bind: return the arguments by name, or what Python says against it."""
    given = ", ".join(
        ["self", *(a.name if a.required else f"{a.name}={a.default!r}" for a in arguments)]
    )
    namespace = {}
    exec(f"class Toy:\n    def __init__({given}):\n        self.bound = locals()", namespace)
    try:
        bound = namespace["Toy"](*positional, **keywords).bound
    except TypeError as error:
        return None, said(error)
    return {name: value for name, value in bound.items() if name != "self"}, None


def arguments(required, optional):
    names = [f"arg{place}" for place in range(required + optional)]
    return tuple(
        Argument(name=name, required=place < required, default=place, why="w", source="s")
        for place, name in enumerate(names)
    )


class TestBind:
    @given(
        st.integers(0, 4),
        st.integers(0, 3),
        st.integers(0, 8),
        st.lists(st.sampled_from([f"arg{n}" for n in range(7)] + ["other"]), unique=True),
    )
    def test_binds_and_refuses_as_python_does(self, required, optional, count, named):
        own = arguments(required, optional)
        toy = replace(LINEAR, name="Toy", arguments=own, requirements=())
        positional, keywords = range(100, 100 + count), {name: name.upper() for name in named}
        expected, problem = python(own, positional, keywords)
        if problem:
            with pytest.raises(RuleError, match=r"^Toy\.arguments: ") as caught:
                toy.bind(*positional, **keywords)
            assert caught.value.torch_error == problem
        else:
            assert list(toy.bind(*positional, **keywords).items()) == list(expected.items())

    @pytest.mark.parametrize(
        ("args", "kwargs", "message"),
        [
            ((), {}, "in_features and out_features must be given, but got nothing"),
            ((3,), {}, "out_features must be given, but got in_features=3"),
            ((), {"heads": 2}, "there is no argument 'heads', but got heads=2"),
            ((3, 4), {"in_features": 5}, "in_features is given twice, but got in_features=5"),
            ((1, 2, 3, 4, 5, 6), {}, "too many positional arguments, but got count=6"),
        ],
    )
    def test_says_what_is_wrong_and_which_arguments_there_are(self, args, kwargs, message):
        error = refusal(LINEAR, *args, **kwargs)
        assert str(error).startswith(f"Linear.arguments: {message}.\n")
        assert error.hint == "the arguments are in_features, out_features, bias, device, dtype"


class TestValues:
    def test_the_first_broken_requirement_is_named(self):
        error = refusal(MHA, -10, "two")
        assert error.rule == "MultiheadAttention.embed_dim.positive"
        assert error.values == {"embed_dim": -10, "num_heads": "two"}

    @pytest.mark.parametrize(
        ("width", "heads", "hint"),
        [
            (10, 3, "choose num_heads from 1, 2, 5, 10, or an embed_dim that is a multiple of num"),
            (7, 2, "choose num_heads from 1, 7, or"),
            (1, 2, "choose num_heads from 1, or"),
            (2**40, 3, "choose num_heads from a divisor of embed_dim, or"),
            (10.0, 3, "choose num_heads from a divisor of embed_dim, or"),
            (1 << 20, 3, f"choose num_heads from {', '.join(str(1 << n) for n in range(21))}, or"),
            ((1 << 20) + 2, 4, "choose num_heads from a divisor of embed_dim, or"),
        ],
    )
    def test_the_way_out_lists_what_would_do(self, width, heads, hint):
        assert refusal(MHA, width, heads).hint.startswith(hint)

    def test_the_way_out_speaks_of_the_layers_width(self):
        error = refusal(spec("TransformerEncoderLayer"), 10, 3)
        assert error.hint.startswith("choose nhead from 1, 2, 5, 10, or a d_model that is a")

    @pytest.mark.parametrize(
        ("kdim", "expected"), [(None, 10), (10, 10), (11, 11), (True, 1), (10.0, 10)]
    )
    def test_none_becomes_what_it_stands_for(self, kdim, expected):
        assert MHA.values(MHA.bind(10, 2, kdim=kdim))["kdim"] == expected

    @pytest.mark.parametrize("argument", ["bias", "add_bias_kv", "batch_first"])
    @pytest.mark.parametrize(("value", "truth"), [("no", True), (None, False), (0, False)])
    def test_a_flag_becomes_its_truth(self, argument, value, truth):
        assert MHA.values(MHA.bind(10, 2, **{argument: value}))[argument] is truth


class TestQuickly:
    """Plain values are compared all at once, and others one by one."""

    @pytest.mark.parametrize(
        ("arguments", "one_by_one"),
        [
            ((10, 2), False),
            ((10, 2, 0.5, False), False),
            ((10, True), True),
            ((10, 2, 0.0, 1), True),
        ],
    )
    def test_plain_values_are_compared_all_at_once(self, arguments, one_by_one, monkeypatch):
        asked = []
        monkeypatch.setattr(Requirement, "met", lambda self, values: asked.append(self) or True)
        MHA.values(MHA.bind(*arguments))
        assert bool(asked) is one_by_one


class TestSurroundings:
    """What surrounds a call is read once, of a module that is built."""

    @pytest.mark.parametrize(("module", "read"), [(object(), 1), (None, 0)])
    def test_are_read_once(self, module, read):
        seen = []
        found = replace(LINEAR, surroundings=lambda *around: seen.append(around) or {"grad": 1})
        call = found.called(module, {}, {"input": None})
        assert found.around(call) == found.around(call) == ({"grad": 1} if read else {})
        assert found.symbols_of(call) is found.symbols_of(call)
        assert seen == [(module, None)] * read

    def test_may_be_nothing(self):
        assert LINEAR.around(LINEAR.called(object(), {}, {"input": None})) == {}


class TestRelease:
    """A call is of one release, and the newest where none is named."""

    @pytest.mark.parametrize(("release", "turned"), [("2.0", 0), ("2.1", 1), ("", 1)])
    def test_decides_what_a_condition_asks_of_it(self, release, turned):
        turn = newer("2.1")
        dated = (*LINEAR.claims, replace(LINEAR.claims[0], id="linear.late", since="2.1"))
        found = replace(LINEAR, claims=dated).at(release)
        symbols = found.symbols_of(found.called(None, {"bias": 5}, {"input": None}))
        assert (symbols[turn.name], symbols["bias"]) == (turned, 5)


class TestState:
    @given(st.integers(0, 9), st.integers(0, 9), st.booleans())
    def test_gives_the_shapes_of_the_parameters_that_exist(self, rows, columns, bias):
        found = LINEAR.state(LINEAR.values(LINEAR.bind(rows, columns, bias)))
        assert found == {"weight": (columns, rows)} | ({"bias": (columns,)} if bias else {})

    @pytest.mark.parametrize(
        ("own", "keys"),
        [
            (None, ["weight", "bias", "map.weight", "map.bias"]),
            (LINEAR.bound(3, 5), ["weight", "bias", "map.weight", "map.bias"]),
            (LINEAR.bound(3, 5, False), ["weight", "bias", "map.weight"]),
        ],
    )
    def test_gives_those_of_a_module_that_is_given(self, own, keys):
        sets = {"in_features": rows, "out_features": rows}
        child = Child(name="map", why="", source="", spec=LINEAR, sets=sets, given="own")
        both = (*LINEAR.parameters, *child.parameters)
        found = replace(LINEAR, parameters=both, children=(child,))
        state = found.state({"in_features": 7, "out_features": 2, "bias": 1, "own": own})
        assert list(state) == keys
        assert (state["weight"], state["map.weight"]) == ((2, 7), (5, 3) if own else (7, 7))

    @pytest.mark.parametrize(
        ("shape", "sizes", "numbers"),
        [
            (Shape(), {}, ()),
            (Shape(3), {}, (3,)),
            (Shape(columns), {"out_features": 4}, (4,)),
            (Shape(columns, rows), {"out_features": 4, "in_features": 5}, (4, 5)),
        ],
    )
    def test_a_spec_may_speak_of_few_symbols(self, shape, sizes, numbers):
        weight = replace(LINEAR.parameters[0], shape=shape)
        assert replace(LINEAR, parameters=(weight,)).state(sizes) == {"weight": numbers}
