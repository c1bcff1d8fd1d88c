"""Names of functions made by functions, and names that carry what they were registered with into other processes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from tileprop.kernels.registry import RegisteredName, check_new_name, named

pytestmark = pytest.mark.plain

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


@pytest.mark.parametrize("name", ["", "two words", "3d", "a-b", "mae", 3, None])
def test_names_that_cannot_be_registered(name):
    with pytest.raises(ValueError, match=r"name is .*; it must be an identifier, and not that of a built-in loss"):
        check_new_name(name, "loss", ["mse", "mae"])
    check_new_name("own", "loss", ["mse", "mae"])


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
