"""What makes a kernel a kernel: its options, one specialisation whatever may be written to, plain functions without the jit."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
from numba.core import config
from tileprop import kernels
from tileprop.kernels.compiler import jit

private_only = pytest.mark.skipif(jit.STOCK, reason="about the private way of compiling")
compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")


@compiled_only
def test_kernels_release_the_lock_and_divide_as_numpy_does():
    for kernel in (kernels.sigmoid, kernels.mse, kernels.train_epoch):
        assert kernel.targetoptions["nogil"]
        assert kernel.targetoptions["error_model"] == "numpy"


@compiled_only
def test_writable_and_read_only_arrays_share_one_specialisation():
    Z, X, W, b = np.empty((2, 2)), np.ones((2, 3)), np.ones((3, 2)), np.zeros(2)
    kernels.dense_forward(Z, X, W, b)
    before = len(kernels.dense_forward.overloads)
    X.flags.writeable = W.flags.writeable = False
    kernels.dense_forward(Z, X, W, b)
    assert len(kernels.dense_forward.overloads) == before


@private_only
def test_calls_from_python_with_writable_arrays_go_straight_to_the_machine_code(monkeypatch):
    """After the first one; with any of them writable."""
    Z, X, W, b = np.empty((2, 2)), np.ones((2, 3)), np.ones((3, 2)), np.zeros(2)
    arrays = X, W, b
    calls = []
    for writable in itertools.product([True, False], repeat=3):
        given = [array.view() for array in arrays]
        for array, flag in zip(given, writable, strict=True):
            array.flags.writeable = flag
        calls.append(given)
        kernels.dense_forward(Z, *given)
    asked = []
    dispatcher = type(kernels.dense_forward)
    compile_before = dispatcher.compile
    monkeypatch.setattr(dispatcher, "compile", lambda self, sig: asked.append(sig) or compile_before(self, sig))
    for given in calls:
        Z[:] = 0
        kernels.dense_forward(Z, *given)
        assert (Z == 3).all()
        kernels.dense_forward(Z, X=given[0], W=given[1], b=given[2])
    assert not asked


@compiled_only
def test_the_callers_array_stays_writable():
    X = np.ones((2, 3))
    kernels.dense_forward(np.empty((2, 2)), X, np.ones((3, 2)), np.zeros(2))
    assert X.flags.writeable


@pytest.mark.plain
@pytest.mark.skipif(not config.DISABLE_JIT, reason="about plain Python")
def test_without_the_jit_kernels_are_plain_functions():
    assert all(inspect.isfunction(getattr(kernels, name)) for name in kernels.__all__ if name[0].islower())
    assert not hasattr(kernels.train_epoch, "overloads")


@pytest.mark.plain
def test_every_public_name_exists_and_says_what_it_does():
    for name in kernels.__all__:
        assert (getattr(kernels, name).__doc__ or "").strip(), name
    assert kernels.__all__ == sorted(kernels.__all__)
