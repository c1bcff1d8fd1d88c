"""Arguments are borrowed: no reference to them is counted, and none is dropped that was not counted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba.core import config
from tileprop.kernels.compiler.jit import STOCK, kernel, leaf

private_only = pytest.mark.skipif(STOCK, reason="about the private way of compiling")


class Pair(NamedTuple):
    first: np.ndarray
    second: np.ndarray


@leaf
def checked(x, y):
    if x.size != y.size:
        raise ValueError("x and y differ in length", x.size, y.size)


@leaf
def sum_of_rest(x):
    while x.size > 1:
        first = x[0]
        x = x[1:]
        x[0] += first
    return x[0]


@leaf
def chosen(x, y, which):
    z = x
    if which:
        z = y
    return z


def total(pair, y, n):
    first, second = pair.first, pair.second
    checked(first, second)
    return first[0] + second[0] + y[0]


def longer(pair, y, n):
    if n > 1:
        y = pair.second
    return y[0]


def in_a_loop(pair, y, n):
    z = y
    for i in range(n):
        first = pair.first
        z = first if i % 2 else pair.second
        again = z
        z = again[:]
    return z[0]


def read_in_a_loop(pair, y, n):
    total = y[0]
    for _ in range(n):
        again = pair
        for j in range(again.first.size):
            if again.second[j] > 3.5:
                break
            total += again.first[j]
    return total


def read_in_a_branch(pair, y, n):
    if n > 0:
        first = pair.first
        y = first[1:]
    if n > 1:
        y = first
    return y[0]


def of_another_pair(pair, y, n):
    for _ in range(n):
        pair = Pair(pair.second, y)
        first = pair.first
        y = first
    return pair.first[0]


def itself(pair, y, n):
    return y


def a_field(pair, y, n):
    second = pair.second
    return y if n < 0 else second


def a_part_of_it(pair, y, n):
    if n >= 0:
        y = y[1:]
    return y


def of_a_leaf(pair, y, n):
    return chosen(pair.first, pair.second, n > 1)


def changed_in_a_leaf(pair, y, n):
    return sum_of_rest(pair.first.copy()) + sum_of_rest(y.copy())


# What they return for the pair (1, 2), (3, 4) and y = (5, 6), and n of 0, 1 and 4.
RESULTS: dict[Callable[..., Any], list[Any]] = {
    total: [9, 9, 9],
    longer: [5, 5, 3],
    in_a_loop: [5, 3, 1],
    read_in_a_loop: [5, 6, 9],
    read_in_a_branch: [5, 2, 1],
    of_another_pair: [1, 3, 5],
    itself: [[5, 6]] * 3,
    a_field: [[3, 4]] * 3,
    a_part_of_it: [[6]] * 3,
    of_a_leaf: [[1, 2], [1, 2], [3, 4]],
    changed_in_a_leaf: [3 + 11] * 3,
}


def made_pair() -> tuple[Pair, np.ndarray]:
    return Pair(np.array([1.0, 2.0]), np.array([3.0, 4.0])), np.array([5.0, 6.0])


@pytest.mark.plain
@pytest.mark.parametrize("function", RESULTS)
def test_the_arguments_are_as_alive_afterwards_as_before(function):
    compiled = kernel(function, cached=False)
    pair, y = made_pair()
    counts = [sys.getrefcount(array) for array in (*pair, y)]
    for n, expected in zip((0, 1, 4), RESULTS[function], strict=True):
        for _ in range(3):
            assert np.array_equal(compiled(pair, y, n), expected)
    assert [sys.getrefcount(array) for array in (*pair, y)] == counts


@pytest.mark.plain
def test_what_is_returned_outlives_the_argument():
    for function in (itself, a_field, a_part_of_it, of_a_leaf):
        pair, y = made_pair()
        result = kernel(function, cached=False)(pair, y, 4)
        del pair, y
        others = [np.full(2, 7.0) for _ in range(1000)]
        assert np.array_equal(result, RESULTS[function][2])
        del others


@private_only
def test_no_reference_is_counted():
    def body(function: Any) -> str:
        compiled = kernel(function, cached=False)
        compiled(*made_pair(), 1)
        (text,) = compiled.inspect_llvm().values()
        return text.split("\ndefine", 2)[1]

    assert "@NRT_incref" not in body(total)
    assert "@NRT_incref" not in body(read_in_a_loop)
    assert "@NRT_incref" in body(itself)  # otherwise nothing is shown above


@pytest.mark.plain
@pytest.mark.skipif(STOCK and not config.DISABLE_JIT, reason="a function of Numba's that raises keeps its references for good")
def test_an_exception_leaves_them_alone():
    compiled = kernel(total, cached=False)
    pair, y = Pair(np.ones(2), np.ones(3)), np.ones(2)
    counts = [sys.getrefcount(array) for array in (*pair, y)]
    for _ in range(3):
        with pytest.raises(ValueError, match="differ in length") as caught:
            compiled(pair, y, 1)
        assert caught.value.args[1:] == (2, 3)
        del caught
    assert [sys.getrefcount(array) for array in (*pair, y)] == counts
