"""Numbers that must lie between bounds, and the messages for those that do not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.bounds import check_field_within, check_whole, check_whole_field, check_within, is_within

pytestmark = pytest.mark.plain


@dataclass
class Owner:
    rate: Any


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("most", [False, True])
def test_bounds_belong_to_the_range_or_not(above, most):
    inside = [value for value in (-0.1, 0, 0.5, 1, 1.1, math.nan) if is_within(value, 0.0, 1.0, above=above, most=most)]
    assert inside == [*([] if above else [0]), 0.5, *([1] if most else [])]


def test_infinity_is_within_where_it_is_the_most():
    assert not is_within(math.inf, 0.0)
    assert is_within(math.inf, 0.0, most=True)


@pytest.mark.parametrize(
    ("value", "arguments", "message"),
    [
        (-1, {}, "rate is -1; it must be at least 0"),
        (0.0, {"above": True}, "rate is 0.0; it must be above 0"),
        (1.0, {"high": 1.0}, "rate is 1.0; it must be at least 0 and below 1"),
        (2, {"high": 1.5, "most": True}, "rate is 2; it must be at least 0 and at most 1.5"),
        (math.nan, {}, "rate is nan; it must be a finite number, at least 0"),
        (math.inf, {"above": True}, "rate is inf; it must be a finite number, above 0"),
        (math.nan, {"high": 1.0}, "rate is nan; it must be at least 0 and below 1"),
        (-1, {"high": 1.0, "what": "a share"}, "rate is -1; it must be a share, at least 0 and below 1"),
        (0, {"above": True, "or_none": True}, "rate is 0; it must be above 0, or None"),
    ],
)
def test_the_message_says_what_would_be_right(value, arguments, message):
    with pytest.raises(InputError) as caught:
        check_within("rate", value, 0.0, **arguments)
    assert str(caught.value) == message
    with pytest.raises(InputError) as caught:
        check_field_within(Owner(value), "rate", 0.0, **arguments)
    assert str(caught.value) == f"Owner: {message}"


def test_none_is_allowed_where_it_may_be():
    check_within("rate", None, 0.0, above=True, or_none=True)


@pytest.mark.parametrize("value", [2, 5, np.int32(3)])
def test_whole_numbers(value):
    check_whole("rows", value, 2, 5)
    check_whole_field(Owner(value), "rate", 2)


@pytest.mark.parametrize("value", [1, 2.0, "2", None])
def test_what_is_no_whole_number_or_too_small(value):
    with pytest.raises(InputError, match=r"^rows is .*; it must be a whole number, at least 2 and at most 5$"):
        check_whole("rows", value, 2, 5)
    with pytest.raises(InputError, match=r"^Owner: rate is .*; it must be a whole number, at least 2$"):
        check_whole_field(Owner(value), "rate", 2)


def test_a_whole_number_that_is_too_large():
    with pytest.raises(InputError, match=r"rows is 6; it must be a whole number, at least 2 and at most 5"):
        check_whole("rows", 6, 2, 5)
