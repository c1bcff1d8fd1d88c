"""Settings shared by all tests.

Hypothesis draws the same examples in every run, so that a gate is never red by chance; the volumes marked `full` draw
afresh. No deadline: an example that meets a new layout waits for a compilation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# As plain Python a kernel runs some hundred times slower, and its arithmetic is the same: fewer examples do.
_PLAIN = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")

settings.register_profile(
    "tileprop",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    max_examples=40 if _PLAIN else 60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tileprop")


@pytest.fixture
def registries() -> Iterator[None]:
    """The activations and losses that a test registers are forgotten after it."""
    from tileprop.kernels.activations import activation_registry
    from tileprop.kernels.losses import loss_registry

    before = [(registry, set(registry)) for registry in (activation_registry, loss_registry)]
    yield
    for registry, names in before:
        for name in set(registry) - names:
            registry.forget(name)
