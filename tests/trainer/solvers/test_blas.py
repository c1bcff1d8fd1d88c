"""One thread while a solver works, and as many as before afterwards."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits
from tileprop.trainer import LBFGS, LevenbergMarquardt, Network
from tileprop.trainer.solvers.blas import cholesky_in_place, one_thread

pytestmark = pytest.mark.plain

X = np.linspace(-1, 1, 9)[:, None]


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_one_thread():
    import scipy.linalg.lapack  # noqa: F401 - its BLAS is one of those

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        assert set(before) == {2}
        with one_thread():
            assert set(threads()) == {1}
        assert threads() == before


@pytest.mark.parametrize("size", [1, 5, 300])
def test_choleskys_factor_has_the_bits_of_scipys(size):
    from scipy.linalg.lapack import dpotrf

    A = np.random.default_rng(0).normal(size=(size, size))
    A = A @ A.T + np.eye(size)
    with one_thread():
        expected, failed = dpotrf(A.T, lower=1, clean=0)
        assert failed == cholesky_in_place(A) == 0
    assert expected.T.tobytes() == A.tobytes()
    assert cholesky_in_place(-np.eye(size)) == 1


@pytest.mark.parametrize("optimizer", [LevenbergMarquardt(), LBFGS()], ids=["LevenbergMarquardt", "LBFGS"])
def test_solvers_work_on_one(optimizer):
    import scipy.linalg.lapack  # noqa: F401 - its BLAS is one of those

    network = Network([1, 2, 1], "tanh", "identity", dtype="float64")
    with threadpool_limits(2, user_api="blas"):
        seen, before = [], threads()
        with pytest.raises(ZeroDivisionError):
            network.fit(X, X**2, optimizer=optimizer, callbacks=[lambda running: seen.extend(threads()) or 1 / 0])
        assert set(before) == {2}
        assert set(seen) == {1}
        assert threads() == before
