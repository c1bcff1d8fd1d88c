"""Types of calls are looked up once in a compilation, by our compilers alone."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from tileprop.kernels.compiler.jit import STOCK, kernel, leaf

pytestmark = pytest.mark.skipif(STOCK, reason="about the private way of compiling")


def formula(x, n):
    total = 0.0
    for i in range(n):
        total += x * i - (x + i) / 3 if x > i else -x
    return total, n // 2, n % 3 == 1


def looked_up(monkeypatch: pytest.MonkeyPatch, call) -> list[tuple[object, object]]:
    from numba.core.types.functions import BaseFunction

    asked: list[tuple[object, object]] = []
    before = BaseFunction.get_call_type
    monkeypatch.setattr(
        BaseFunction, "get_call_type", lambda f, context, args, kws: asked.append((f, args)) or before(f, context, args, kws)
    )
    call()
    return asked


def repeats(asked: list[tuple[object, object]]) -> int:
    return len(asked) - len(set(asked))


def test_a_call_is_looked_up_once(monkeypatch):
    """But for a few that come when the types are known."""
    inner = leaf(formula)
    asked = looked_up(monkeypatch, lambda: kernel(lambda x, n: inner(x, n), cached=False)(2.5, 7))
    assert asked
    assert repeats(asked) < repeats(looked_up(monkeypatch, lambda: njit(formula)(2.5, 7))) / 3


def test_a_users_own_functions_are_compiled_as_ever(monkeypatch):
    """The same look-ups come again and again, before a kernel is compiled and after it."""
    for _ in range(2):
        asked = looked_up(monkeypatch, lambda: njit(formula)(2.5, 7))
        assert repeats(asked) > 5
        kernel(formula, cached=False)(2.5, 7)


def test_the_same_results():
    compiled = kernel(formula, cached=False)
    for x in (2.5, np.float32(2.5), 2):
        assert compiled(x, 7) == pytest.approx(formula(x, 7))
