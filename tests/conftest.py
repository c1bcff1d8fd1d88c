"""Settings shared by all tests.

Hypothesis draws the same examples in every run, so that a gate is never red by chance; the volumes marked `full` draw
afresh. `-m "full or not full"` runs everything, with more examples of each. No deadline: an example that meets a new layout
waits for a compilation.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

# Each worker has a processor: a second thread of NumPy's linear algebra would only wait for it. Before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# As plain Python a kernel runs some hundred times slower, and its arithmetic is the same: fewer examples do.
_PLAIN = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")

settings.register_profile(
    "tileprop",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    max_examples=40 if _PLAIN else 20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.register_profile("everything", settings.get_profile("tileprop"), max_examples=200)
settings.load_profile("tileprop")


def pytest_configure(config: pytest.Config) -> None:
    # What is imported and collected stays. To search it for garbage again and again takes a quarter of the time of collecting.
    gc.disable()
    if config.option.markexpr.replace(" ", "") in ("fullornotfull", "notfullorfull"):
        settings.load_profile("everything")


@pytest.hookimpl(trylast=True)  # after Hypothesis's own, until which it would warn
def pytest_sessionstart() -> None:
    # Before its first property Hypothesis searches all that there is for garbage; later that takes a second.
    given(st.none())(lambda _: None)()


def pytest_collection_finish() -> None:
    # To the oldest generation, where collections seldom look. (Frozen objects would be thawed by the first test that does so.)
    gc.freeze()
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(100_000, 20, 100)


def pytest_sessionfinish() -> None:
    gc.freeze()  # pytest collects five times at its end, which takes a worker some seconds


@pytest.fixture(scope="session", autouse=True)
def _kernels_compiled_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a run of the whole suite by several workers: otherwise each of them would compile what several of its tests call."""
    if request.session.testscollected > 2000 and "PYTEST_XDIST_WORKER" in os.environ and not _PLAIN:
        from tileprop.kernels.compiler.cache import cache_folder
        from warming import compile_once

        if cache_folder() is not None:
            compile_once(tmp_path_factory.getbasetemp().parent / "compiled")


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
