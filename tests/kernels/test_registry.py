"""Entries by name and by code, a user's among them; and names that carry their formulas into other processes."""

from __future__ import annotations

import copy
import json
import pickle
import zlib
from dataclasses import dataclass
from typing import Any

import pytest
from tileprop.kernels.registry import FIRST_USER_CODE, RegisteredName, Registry, named, user_code

pytestmark = pytest.mark.plain


@dataclass(frozen=True)
class Shape:
    name: str
    code: int


SQUARE, CIRCLE, LARGE_CIRCLE = Shape("square", 3), Shape("circle", 1), Shape("circle", 2)


@pytest.fixture
def shapes() -> Registry[Shape]:
    return Registry("shape", [SQUARE, CIRCLE, LARGE_CIRCLE])


def test_entries_by_name_and_by_code(shapes):
    assert list(shapes) == ["square", "circle"]
    assert shapes.entries() == [SQUARE, CIRCLE, LARGE_CIRCLE]
    assert "circle" in shapes
    assert "line" not in shapes
    assert shapes["circle"] is CIRCLE
    assert shapes.named("circle") == [CIRCLE, LARGE_CIRCLE]
    assert shapes.named("line") == []
    assert [shapes.with_code(code) for code in (1, 2, 3)] == [CIRCLE, LARGE_CIRCLE, SQUARE]
    with pytest.raises(KeyError, match="there is no shape 'line'"):
        shapes["line"]
    with pytest.raises(
        ValueError, match="there is no shape with the code 77; call register_shape with its name and formulas first"
    ):
        shapes.with_code(77)


def test_what_a_user_registers(shapes):
    shapes.register("own", ("first",), Shape)
    assert list(shapes) == ["square", "circle", "own"]
    assert shapes["own"] == Shape("own", user_code("own"))
    assert shapes.with_code(user_code("own")) is shapes["own"]
    assert [shapes.is_builtin(name) for name in shapes] == [True, True, False]
    assert not shapes.is_builtin("line")


def test_codes_of_users_follow_from_names():
    assert user_code("own") == FIRST_USER_CODE + zlib.crc32(b"own") != user_code("other")


def test_other_formulas_make_another_entry_and_the_same_ones_do_not(shapes):
    shapes.register("own", ("first",), Shape)
    first = shapes["own"]
    shapes.register("own", ("first",), Shape)
    assert shapes["own"] is first
    shapes.register("own", ("second",), Shape)
    assert shapes["own"] is not first
    assert shapes["own"] == first


def test_a_code_that_another_name_has(shapes, monkeypatch):
    monkeypatch.setattr(zlib, "crc32", lambda data: 7)
    shapes.register("first", (), Shape)
    with pytest.raises(ValueError, match="name is 'second', which has the same code as 'first'; choose another name"):
        shapes.register("second", (), Shape)


@pytest.mark.parametrize("name", ["", "two words", "3d", "a-b", "circle", 3, None])
def test_names_that_cannot_be_registered(shapes, name):
    for refuse in (lambda: shapes.check_new_name(name), lambda: shapes.register(name, (), Shape)):
        with pytest.raises(ValueError, match=r"name is .*; it must be an identifier that no built-in shape has"):
            refuse()
    shapes.check_new_name("own")
    assert len(shapes.entries()) == 3


def test_what_is_taken_out(shapes):
    shapes.register("own", (), Shape)
    shapes.forget("own")
    assert "own" not in shapes
    with pytest.raises(KeyError, match="there is no shape 'own'"):
        shapes.forget("own")
    with pytest.raises(ValueError, match="shape 'circle' is built in; it cannot be removed"):
        shapes.forget("circle")


# Names -----------------------------------------------------------------------------------------------------------------------

calls: list[tuple[Any, ...]] = []


def register(name: str, *formulas: Any) -> str:
    calls.append((name, *formulas))
    return RegisteredName(name, register, formulas)


def test_functions_get_a_name_and_a_docstring():
    def made():
        """Of no use."""

    assert named(made, "other", "What it does.") is made
    assert (made.__name__, made.__qualname__, made.__doc__) == ("other", "other", "What it does.")
    assert named(made, "third").__doc__ is None


def test_a_registered_name_is_a_string():
    name = RegisteredName("own", register, (len, max))
    assert name == "own"
    assert {name: 1} == {"own": 1}
    assert repr(name) == "'own'"
    assert json.dumps([name]) == '["own"]'
    assert copy.copy(name) is copy.deepcopy(name) is name


def test_it_is_registered_where_it_is_unpickled():
    calls.clear()
    name = RegisteredName("own", register, (len, max))
    arrived = pickle.loads(pickle.dumps({"loss": name}))["loss"]
    assert calls == [("own", len, max)]
    assert isinstance(arrived, RegisteredName)
    assert arrived == name
