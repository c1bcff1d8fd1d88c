"""Shorter compilation: the same code, and everything as before afterwards."""

import contextlib
import gc
import threading

import numpy as np
import pytest
from numba import njit
from numba.core.types.functions import BaseFunction
from tileprop.kernels import compiling, sigmoid
from tileprop.kernels.compiler.compiling import compiling as shortened

ORIGINAL = compiling._look_up


def formula(x, n):
    total = 0.0
    for i in range(n):
        total += x * i - (x + i) / 3 if x > i else -x
    return total, n // 2, n % 3 == 1


def test_the_same_results():
    with shortened():
        compiled = njit(formula)
        results = [compiled(2.5, 7), compiled(np.float32(2.5), 7), compiled(2, 7)]
    for result, x in zip(results, (2.5, np.float32(2.5), 2), strict=True):
        assert result == pytest.approx(formula(x, 7))


def test_a_call_is_looked_up_once(monkeypatch):
    looked_up = []
    monkeypatch.setattr(compiling, "_look_up", lambda f, c, args, kws: looked_up.append((f, args)) or ORIGINAL(f, c, args, kws))
    with shortened():
        njit(formula)(2.5, 7)
    assert looked_up
    assert len(set(looked_up)) == len(looked_up)


@pytest.mark.parametrize("enabled", [True, False])
def test_everything_is_as_before_afterwards(enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        with contextlib.suppress(KeyError), shortened():
            assert not gc.isenabled()
            with shortened():
                assert BaseFunction.get_call_type is not ORIGINAL
            assert BaseFunction.get_call_type is not ORIGINAL
            raise KeyError
        assert gc.isenabled() == enabled
    finally:
        gc.enable()
    assert BaseFunction.get_call_type is ORIGINAL


def test_other_threads_are_left_alone():
    """Their look-ups go to Numba's, and one that ends does not end another's."""
    begun, end = threading.Event(), threading.Event()

    def hold():
        with shortened():
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(10)
    assert njit(formula)(2.5, 7) == pytest.approx(formula(2.5, 7))
    with shortened():
        pass
    assert BaseFunction.get_call_type is not ORIGINAL
    end.set()
    thread.join()
    assert BaseFunction.get_call_type is ORIGINAL
    assert sigmoid(0.0) == 0.5
