"""Two formulas of one number become kernels for arrays and row kernels for workspaces."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from choosing import by_turns
from hypothesis import given
from hypothesis import strategies as st
from numba import from_dtype, njit, types
from numba.core import config
from tileprop.kernels.activations import activation_registry, formulas
from tileprop.kernels.activations.entry import ScalarFormulas, elementwise
from tileprop.kernels.compiler.jit import STOCK, kernel, leaf
from tileprop.kernels.llvm import call_activation
from tileprop.kernels.llvm.row_kernels import address_of

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]


# f(x) = x^2 + 1: not 0 at 0, so that it shows where it was taken.
@leaf
def square(x):
    return x * x + type(x)(1.0)


@leaf
def twice(x):
    return x + x


@leaf
def two(x):
    return type(x)(2.0)


# The same from the output, for x >= 0.
@leaf
def slope_of_output(y):
    return type(y)(2.0) * type(y)(np.sqrt(y - type(y)(1.0)))


OF_INPUT = ScalarFormulas("square", 1 << 40, square, twice, two, from_input=True, text="Of x.", backward_text="Of dx.")
OWN = elementwise(replace(OF_INPUT, from_user=True))
OWN_OF_OUTPUT = elementwise(ScalarFormulas("square_of_output", 1 << 41, square, slope_of_output, None, from_user=True))
TRUSTED = elementwise(replace(OF_INPUT, name="trusted_square"))
TRUSTED.row_kernel.kept = False  # the cache's stamp does not cover this file


@njit
def run(address, S, x, y, d, tangents, rows, stride, width, backward):
    call_activation(address, S, x, y, d, tangents, rows, stride, width, backward)


def workspace(dtype: str, size: int) -> np.ndarray:
    return np.random.default_rng(size).uniform(1, 2, size).astype(dtype)


# Kernels ---------------------------------------------------------------------------------------------------------------------


def test_the_entry_holds_what_it_was_given():
    assert (OWN.name, OWN.code, OWN.from_input) == ("square", 1 << 40, True)
    assert (OWN.forward.__name__, OWN.backward.__name__) == ("square", "square_backward")
    assert (OWN.forward.__doc__, OWN.backward.__doc__) == ("Of x.", "Of dx.")
    assert not OWN_OF_OUTPUT.from_input
    assert OWN_OF_OUTPUT.tangent_kernel is None


def test_kernels_take_the_formulas_element_by_element():
    x = np.linspace(0, 3, 8).reshape(2, 4)
    np.testing.assert_array_equal(OWN.forward(x), x * x + 1)
    np.testing.assert_array_equal(OWN.backward(x, np.full(x.shape, 3.0)), 6 * x)
    np.testing.assert_allclose(OWN_OF_OUTPUT.backward(x * x + 1, np.full(x.shape, 3.0)), 6 * x, rtol=1e-14)
    assert OWN.forward(2) == 5


def test_results_go_where_they_are_asked_for():
    x = np.linspace(0, 3, 8)
    out = np.empty(8)
    assert OWN.forward(x, out) is out
    assert OWN.forward(x, x) is x
    np.testing.assert_array_equal(x, out)


# Row kernels -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("apart", [False, True])
@given(rows=st.integers(0, 5), width=st.integers(1, 9), spare=st.integers(0, 4), start=st.integers(0, 3))
def test_a_row_kernel_forward(dtype, apart, rows, width, spare, start):
    """Rows of y from x, apart or in its place, zeros in the padding, and nothing else."""
    stride = width + spare
    count = rows * stride
    S = workspace(dtype, start + 2 * count + 5)
    expected = S.copy()
    y = start + count if apart else start
    block = S[start : start + count].reshape(rows, stride)
    results_there = block * block + 1
    results_there[:, width:] = 0
    expected[y : y + count] = results_there.ravel()
    run(address_of(OWN.row_kernel, S.dtype, "activation"), S, start, y, 0, 0, rows, stride, width, False)
    np.testing.assert_array_max_ulp(S, expected, maxulp=2)


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=st.integers(0, 5), width=st.integers(1, 9), spare=st.integers(0, 4), start=st.integers(0, 3))
def test_a_row_kernel_backward(dtype, rows, width, spare, start):
    """dL/da times the slope at the input or at the output; zeros in the padding, whatever stood there."""
    stride = width + spare
    count = rows * stride
    y = start + count
    for entry, source in ((OWN, start), (OWN_OF_OUTPUT, y)):  # where the output tells the slope, x is where y is
        S = workspace(dtype, start + 3 * count + 5)
        S[start + 2 * count :][:count].reshape(rows, stride)[:, width:] = np.inf
        at = S[source : source + count].reshape(rows, stride)
        slope = 2 * at if entry is OWN else 2 * np.sqrt(at - 1)
        expected = S.copy()
        d = start + 2 * count
        deltas = expected[d : d + count].reshape(rows, stride)
        deltas *= slope
        deltas[:, width:] = 0
        run(address_of(entry.row_kernel, S.dtype, "activation"), S, source, y, d, 0, rows, stride, width, True)
        np.testing.assert_allclose(S, expected, rtol=4 * np.finfo(dtype).eps)


def test_our_own_formulas_are_trusted_with_the_padding():
    S = workspace("float64", 24)
    expected = S**2 + 1
    run(address_of(TRUSTED.row_kernel, S.dtype, "activation"), S, 0, 0, 0, 0, 3, 8, 5, False)
    np.testing.assert_array_max_ulp(S, expected, maxulp=2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backward", [False, True])
def test_a_tangent_kernel(dtype, backward):
    """The directional derivative of what the row kernel makes, by differences of it."""
    rows, stride, width, tangents = 3, 8, 5, 80
    S = workspace("float64", 160)
    for place in (0, 24, 48):  # x, y, d: their padding holds zeros
        for part in (S[place : place + 24], S[tangents + place :][:24]):
            part.reshape(rows, stride)[:, width:] = 0
    real = np.dtype(dtype)
    row_kernel = address_of(OWN.row_kernel, np.dtype("float64"), "activation")

    def moved(step: float) -> np.ndarray:
        S_moved = S[:tangents] + step * S[tangents:]
        run(row_kernel, S_moved, 0, 24, 48, 0, rows, stride, width, backward)
        return S_moved[48:72] if backward else S_moved[24:48]

    wanted = (moved(1e-5) - moved(-1e-5)) / 2e-5
    given = S.astype(real)
    run(address_of(OWN.tangent_kernel, real, "activation"), given, 0, 24, 48, tangents, rows, stride, width, backward)
    at = tangents + (48 if backward else 24)
    np.testing.assert_allclose(given[at : at + 24], wanted, rtol=1e-6 if dtype == "float32" else 1e-8, atol=1e-9)
    np.testing.assert_array_equal(np.delete(given, range(at, at + 24)), np.delete(S.astype(real), range(at, at + 24)))


# What the machine code is like -----------------------------------------------------------------------------------------------


OF_FORMULAS = [name for name in activation_registry if name not in ("identity", "softmax")]


@pytest.mark.skipif(bool(config.DISABLE_JIT) or STOCK, reason="about code that the private way of compiling shows")
@pytest.mark.parametrize(("name", "dtype"), by_turns(OF_FORMULAS, DTYPES))
def test_loops_over_the_formulas_vectorise(name, dtype):
    """Whole vectors are multiplied, divided or compared, and no number goes through a call of its own."""
    ending = "scalar" if name != "exp" else "slope"
    for formula in {f"{name}_{ending}", f"{name}_slope"}:
        text = code_of_loop(getattr(formulas, formula), dtype)
        assert re.search(r"= (f\w+|fcmp|select|and|shl)\b[^\n]*<\d+ x (float|double|i1|i32|i64)>", text), formula
        assert "call i32" not in text, formula


def code_of_loop(formula: Any, dtype: str) -> str:
    """The optimised LLVM code of a loop over a formula, as the row kernel has one."""

    def loop(y):
        for i in range(y.size):
            y[i] *= formula(y[i])

    dispatcher = kernel(loop, cached=False)
    dispatcher.compile((types.Array(from_dtype(np.dtype(dtype)), 1, "C"),))
    (result,) = dispatcher.overloads.values()
    own = re.split(r"\ndefine ", result.library.get_llvm_str())
    return next(part for part in own if result.fndesc.llvm_func_name in part.split("{")[0])
