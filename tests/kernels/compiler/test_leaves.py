"""Leaves become part of the kernels that call them, and have no machine code of their own."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import njit, typeof
from tileprop.kernels.compiler import jit
from tileprop.kernels.compiler.jit import leaf

FACTORS = np.array([2.0, 3.0])


def kernel(function: Callable[..., Any]) -> Any:
    """As in the package, but not kept on disk: the cache's stamp does not cover this file."""
    return jit.kernel(function, cached=False)


@leaf
def half(x):
    return x / 2


@leaf
def checked_half(x):
    if x < 0:
        raise ValueError("x is negative (given, least)", x, 0)
    return half(x)


@leaf
def scaled(x, which):
    return FACTORS[which] * checked_half(x)


@kernel
def first_kernel(x):
    return scaled(x, 0) + half(x)


@kernel
def second_kernel(x):
    return scaled(x, 1)


@njit
def caller(x):
    return first_kernel(x) + second_kernel(x) + half(x)


pytestmark = pytest.mark.plain


def test_leaves_of_leaves_work_in_every_kernel_that_calls_them():
    assert first_kernel(4.0) == 6
    assert second_kernel(4.0) == 6
    assert caller(4.0) == 14


def test_an_exception_keeps_its_arguments_through_leaves():
    with pytest.raises(ValueError, match="x is negative") as caught:
        second_kernel(-1.0)
    assert caught.value.args[1:] == (-1.0, 0)


@pytest.mark.skipif(jit.STOCK, reason="about the private way of compiling")
def test_a_leaf_is_kept_as_llvm_code():
    from tileprop.kernels.compiler.private.leaves import LeafLibrary

    second_kernel(1.0)
    (kept,) = (result._asdict() for result in typeof(half).dispatcher.overloads.values())
    assert isinstance(kept["library"], LeafLibrary)
    (kept,) = (result._asdict() for result in second_kernel.overloads.values())
    assert not isinstance(kept["library"], LeafLibrary)


def test_a_leaf_is_pickled_by_its_name():
    assert pickle.loads(pickle.dumps(half)) is half
