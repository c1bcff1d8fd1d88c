"""No garbage is collected during a compilation, and everything is as before afterwards."""

import contextlib
import gc
import threading

import pytest
from tileprop.kernels.compiler import compiling as compilation
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


def is_in(objects, sought):
    return any(each is sought for each in objects)


def test_what_a_program_has_frozen_stays_so(monkeypatch):
    monkeypatch.setattr(compilation, "_others_froze", False)
    frozen = [[]]
    gc.freeze()
    try:
        for _ in range(2):
            with compiling():
                pass
            assert not is_in(gc.get_objects(), frozen)
    finally:
        gc.unfreeze()
    assert is_in(gc.get_objects(), frozen)


def test_what_it_makes_is_old_afterwards(monkeypatch):
    """The next collection of young objects does not look at it."""
    monkeypatch.setattr(compilation, "_others_froze", False)
    with compiling():
        made = [[]]
    assert is_in(gc.get_objects(generation=2), made)


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
