"""No garbage is collected during a compilation, and everything is as before afterwards."""

import contextlib
import gc
import threading

import pytest
from tileprop.kernels.compiler.compiling import compiling


@pytest.mark.parametrize("enabled", [True, False])
def test_everything_is_as_before_afterwards(enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        with contextlib.suppress(KeyError), compiling():
            assert not gc.isenabled()
            with compiling():
                pass
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_one_thread_at_a_time():
    order = []

    def compile_too():
        with compiling():
            order.append("second")

    thread = threading.Thread(target=compile_too)
    with compiling():
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
