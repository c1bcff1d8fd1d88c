"""Scaling beside scikit-learn's StandardScaler, and at the edges of float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tileprop.trainer import InputError
from tileprop.trainer.scaling import Scaling, smoothly_clipped

preprocessing = pytest.importorskip("sklearn.preprocessing")
pytestmark = pytest.mark.plain


@given(
    arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=st.integers(-1000, 1000).map(lambda i: i / 8))
)
def test_as_scikit_learn(X):
    scaler = preprocessing.StandardScaler().fit(X)
    scaling = Scaling.fit(X)
    np.testing.assert_allclose(scaling.mean, scaler.mean_, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(scaling.scale, scaler.scale_, rtol=1e-12)
    np.testing.assert_allclose(scaling.apply(X), scaler.transform(X), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scaling.undo(scaling.apply(X)), X, rtol=1e-12, atol=1e-10)


def test_mean_and_deviation():
    X = np.random.default_rng(0).normal(5, 3, (1000, 2)).astype(np.float32)
    Z = Scaling.fit(X).apply(X)
    assert Z.dtype == np.float64
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0), 1, rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 0.0, 1e300, -7.0])
def test_constant_columns(value):
    X = np.full((49, 1), value)  # the mean of 49 times 0.1 is rounded, and not 0.1
    scaling = Scaling.fit(X)
    assert scaling.scale.tolist() == [1.0]
    assert np.array_equal(scaling.apply(X), np.zeros((49, 1)))
    assert np.array_equal(scaling.undo(np.zeros((2, 1))), np.full((2, 1), value))


def test_spreads_too_small_to_be_squared():
    scaling = Scaling.fit(np.array([[1e-200], [2e-200]]))
    assert scaling.scale.tolist() == [1.0]


def test_too_large():
    X = np.array([[1.0, 1e300], [2.0, -1e300]])
    with pytest.raises(InputError, match="column 'mass' holds numbers too large"):
        Scaling.fit(X, ("a", "mass"))
    with pytest.raises(InputError, match="column 1 holds"):
        Scaling.fit(X)
    assert np.isinf(Scaling(np.zeros(1), np.array([1e-300])).apply(np.array([[1e300]]))).all()


def test_how_numbers_lie_in_memory_changes_nothing():
    X = np.random.default_rng(0).normal(size=(1001, 7)) + 5
    one, other = Scaling.fit(X), Scaling.fit(np.asfortranarray(X))
    assert one.mean.tobytes() == other.mean.tobytes()
    assert one.scale.tobytes() == other.scale.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_smoothly_clipped(dtype):
    z = np.array([-np.finfo(dtype).max, -np.inf, -3, -0.01, 0, 0.01, 3, 1e30, np.inf], dtype)
    half = 3 / np.sqrt(2)
    np.testing.assert_allclose(smoothly_clipped(z), [-3, -3, -half, -0.01, 0, 0.01, half, 3, 3], rtol=1e-5)
