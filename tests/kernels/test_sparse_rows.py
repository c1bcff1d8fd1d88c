"""Sparse rows go through a network as the same rows do when they are dense."""

import numpy as np
import pytest
from choosing import by_default
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tileprop.kernels import loss_and_grad, make_plan, make_state, make_workspace, predict, train_epoch
from tileprop.kernels.derivatives.loss_and_grad import sparse_loss_and_grad
from tileprop.kernels.predict import predict_sparse
from tileprop.kernels.sparse_rows import make_sparse_rows
from tileprop.kernels.training.epoch import train_sparse_epoch

pytestmark = pytest.mark.plain

CLOSE = {"float32": {"rtol": 2e-4, "atol": 2e-5}, "float64": {"rtol": 1e-9, "atol": 1e-11}}


def drawn(sizes, n, dtype, density=0.3, seed=0):
    """A plan, theta, sparse X with an empty row, T and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, sizes[0])) * (rng.random((n, sizes[0])) < density)
    X[0] = 0.0
    plan = make_plan(sizes, "tanh", "identity", "squared_error")
    theta = rng.normal(size=plan.n_parameters) / np.sqrt(max(sizes[:-1]))
    T, weight = rng.normal(size=(n, sizes[-1])), rng.uniform(0.5, 2.0, n)
    theta, T, weight = (array.astype(dtype) for array in (theta, T, weight))
    return plan, theta, sparse.csr_array(X.astype(dtype)), T, weight


def rows_of(X):
    return make_sparse_rows(X.data, X.indices, X.indptr)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=4),
    n=st.integers(1, 90),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    dtype=st.sampled_from(["float32", "float64"]),
    batch=st.integers(1, 100),
)
@settings(max_examples=40, deadline=None)
def test_outputs_loss_and_gradient(sizes, n, density, dtype, batch):
    plan, theta, X, T, weight = drawn(sizes, n, dtype, density)
    work, dense_work = make_workspace(plan, batch, dtype, sparse=True), make_workspace(plan, batch, dtype)
    Y, expected = np.empty_like(T), np.empty_like(T)
    predict_sparse(plan, theta, rows_of(X), Y, work)
    predict(plan, theta, X.toarray(), expected, dense_work)
    np.testing.assert_allclose(Y, expected, **CLOSE[dtype])
    for weights in (weight, weight[:0]):
        grad, expected = np.empty_like(theta), np.empty_like(theta)
        loss = sparse_loss_and_grad(plan, theta, rows_of(X), T, weights, grad, work)
        assert loss == pytest.approx(loss_and_grad(plan, theta, X.toarray(), T, weights, expected, dense_work), rel=1e-4)
        np.testing.assert_allclose(grad, expected, **CLOSE[dtype])
        assert sparse_loss_and_grad(plan, theta, rows_of(X), T, weights, grad[:0], work) == loss


@pytest.mark.parametrize("dtype", by_default(["float32", "float64"], ["float64"]))
@pytest.mark.parametrize(
    ("sizes", "n", "batch", "state", "frozen", "rates"),
    [
        ([20, 7, 2], 50, 8, {}, (), [0.0]),
        ([20, 30, 5, 1], 50, 8, {"momentum": 0.9, "clip_norm": 0.3}, (), [0.0, 0.3]),
        ([20, 30, 5, 1], 50, 50, {"rule": "adam", "alpha": 0.1, "l1": 0.01, "weight_decay": 0.1}, (), [0.5, 0.0]),
        (
            [2000, 30, 5, 1],
            40,
            16,
            {"momentum": 0.9, "alpha": 0.1, "l1": 0.01},
            (),
            [0.5, 0.0],
        ),  # its gradient is made in pieces
        ([2000, 20, 1], 40, 16, {"rule": "adam"}, (0,), [0.0]),
        ([6, 4, 1], 2600, 2500, {"momentum": 0.5, "alpha": 0.1}, (1,), [0.0]),  # in groups of chunks
    ],
)
def test_training(sizes, n, batch, state, frozen, rates, dtype):
    plan, theta, X, T, weight = drawn(sizes, n, dtype, 0.1)
    order = np.random.default_rng(1).permutation(n)
    for rows, weights in ((order, weight), (order[:0], weight[:0])):
        results = []
        for train, given_X in ((train_epoch, X.toarray()), (train_sparse_epoch, rows_of(X))):
            work = make_workspace(plan, batch, dtype, sparse=train is train_sparse_epoch).frozen(frozen).dropping(rates)
            here, steps = theta.copy(), make_state(plan, dtype=dtype, learning_rate=0.01, seed=5, **state)
            losses = [train(plan, here, steps, given_X, T, weights, rows, work) for _ in range(2)]
            results.append((here, losses))
        (expected, expected_losses), (found, losses) = results
        # Rules that divide by the gradient's size make more of its rounding.
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3 if dtype == "float32" else 1e-10)
        np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
        assert not np.array_equal(found, theta)
        for layer in frozen:
            np.testing.assert_array_equal(plan.unflatten(found)[0][layer], plan.unflatten(theta)[0][layer])


def test_entries_in_any_order_and_twice():
    plan, theta, X, T, weight = drawn([12, 4, 1], 20, "float64")
    shuffled = np.concatenate([np.random.default_rng(i).permutation(np.arange(*X.indptr[i : i + 2])) for i in range(20)])
    doubled = np.repeat(shuffled, 2)
    rows = make_sparse_rows(X.data[doubled] / 2, X.indices[doubled].astype(np.int64), 2 * X.indptr)
    work, grad, expected = make_workspace(plan, 8, sparse=True), np.empty_like(theta), np.empty_like(theta)
    sparse_loss_and_grad(plan, theta, rows, T, weight, grad, work)
    sparse_loss_and_grad(plan, theta, rows_of(X), T, weight, expected, work)
    np.testing.assert_allclose(grad, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: {"columns": X.indices + 1}, "names a column that the network does not have"),
        (lambda X: {"columns": X.indices - 12}, "names a column that the network does not have"),
        (lambda X: {"starts": X.indptr[::-1]}, "starts must rise"),
        (lambda X: {"starts": X.indptr + 1}, "starts must rise"),
        (lambda X: {"starts": X.indptr - 1}, "starts must rise"),
        (lambda X: {"starts": X.indptr[:-1]}, "as many rows"),
        (lambda X: {"starts": X.indptr[:1]}, "as many rows|has no rows"),
    ],
)
def test_places_out_of_bounds_are_refused_before_anything_is_written(change, message):
    plan, theta, X, T, weight = drawn([12, 4, 1], 20, "float64", 1.0)
    given = {"values": X.data, "columns": X.indices, "starts": X.indptr} | change(X)
    rows, before, work = make_sparse_rows(**given), theta.copy(), make_workspace(plan, 8, sparse=True)
    Y = np.full_like(T, np.nan)
    with pytest.raises(ValueError, match=message):
        predict_sparse(plan, theta, rows, Y, work)
    with pytest.raises(ValueError, match=message):
        sparse_loss_and_grad(plan, theta, rows, T, weight, np.empty_like(theta), work)
    with pytest.raises(ValueError, match=message):
        train_sparse_epoch(plan, theta, make_state(plan), rows, T, weight, np.zeros(0, np.int64), work)
    assert np.isnan(Y).all()
    np.testing.assert_array_equal(theta, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"T": np.zeros((20, 2))}, "T has the wrong number of columns"),
        ({"T": np.zeros((19, 1))}, "T needs as many rows as X"),
        ({"weight": np.ones(19)}, "weight needs one entry for each row"),
        ({"Y": np.zeros((20, 2))}, "Y has the wrong number of columns"),
    ],
)
def test_what_does_not_fit_the_rows_is_refused(change, message):
    plan, theta, X, T, weight = drawn([12, 4, 1], 20, "float64", 1.0)
    given = {"T": T, "weight": weight} | change
    rows, grad, work = rows_of(X), np.empty_like(theta), make_workspace(plan, 8, sparse=True)
    kernel, arguments = (predict_sparse, (given["Y"],)) if "Y" in given else (sparse_loss_and_grad, (*given.values(), grad))
    with pytest.raises(ValueError, match=message):
        kernel(plan, theta, rows, *arguments, work)


def test_a_workspace_without_room_for_dense_rows():
    plan, theta, X, T, weight = drawn([1000, 4, 1], 20, "float64")
    small, large = make_workspace(plan, 60, sparse=True), make_workspace(plan, 60)
    assert small.numbers.size <= large.numbers.size - 60 * 1000
    with pytest.raises(ValueError, match="work was made for sparse rows"):
        train_epoch(plan, theta, make_state(plan), X.toarray(), T, weight, np.arange(20), small)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": np.ones(2, np.int64)}, "values has dtype int64"),
        ({"columns": np.ones(2)}, "columns has dtype float64"),
        ({"columns": np.ones(3, int)}, r"values has shape \(2,\) and columns \(3,\)"),
        ({"starts": np.zeros(0, int)}, r"starts has shape \(0,\)"),
        ({"columns": np.array([0, 2**31])}, "columns holds 2147483648"),
    ],
)
def test_arrays_that_are_no_sparse_rows(arguments, message):
    given = {"values": np.ones(2), "columns": np.zeros(2, int), "starts": np.array([0, 2])}
    with pytest.raises(ValueError, match=message):
        make_sparse_rows(**(given | arguments))
