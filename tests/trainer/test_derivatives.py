"""Network's derivatives: those of the kernels, for arrays as users have them; errors; memory."""

import pickle
import threading

import numpy as np
import pytest
from differentiation import Case, apart, direction, make_case
from numba.core import config
from tileprop.trainer import InputError, Network, derivatives

RNG = np.random.default_rng(3)
QUANTITIES = ["input_gradient", "target_gradient", "sample_gradients", "hessian_vector", "gauss_newton_vector"]


def network_of(case: Case) -> Network:
    arguments = case.plan.arguments
    network = Network(**arguments, dtype=case.dtype)
    network.theta = case.theta
    return network


def found(network: Network, name: str, case: Case, v: np.ndarray) -> np.ndarray:
    weight = case.weight if case.weight.size else None
    if name.endswith("jacobian"):
        return getattr(network, name)(case.X)
    targets = case.T[:, 0].astype(int) if case.loss == "label_log_loss" else case.T
    direction = (v,) if name.endswith("vector") else ()
    return getattr(network, name)(case.X, targets, *direction, sample_weight=weight)


def expected(name: str, case: Case, v: np.ndarray) -> np.ndarray:
    return getattr(case, name)(*((v,) if name.endswith("vector") else ()))


@pytest.mark.plain
@pytest.mark.parametrize("loss", ["mse", "log_loss", "label_log_loss", "gaussian_nll"])
@pytest.mark.parametrize("name", ["input_jacobian", "parameter_jacobian", *QUANTITIES])
def test_each_is_the_oracles(name, loss):
    for weighted in [False, True]:
        if (name, loss) == ("target_gradient", "label_log_loss"):
            return
        case = make_case([3, 4, 2], ["tanh", "sigmoid"], loss, rows=7, weighted=weighted)
        network, v = network_of(case), direction(case)
        for _ in range(2):  # the second time with a workspace that was kept
            assert apart(found(network, name, case, v), expected(name, case, v)) <= 1e-10


@pytest.mark.plain
def test_vjp():
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=7)
    dY = RNG.normal(size=(7, 2))
    grad, dX = network_of(case).vjp(case.X.tolist(), dY.astype("float32").astype("float64").tolist())
    dY = dY.astype("float32").astype("float64")
    assert apart(grad, np.einsum("ro,rop->p", dY, case.parameter_jacobian())) <= 1e-10
    assert apart(dX, np.einsum("ro,roi->ri", dY, case.input_jacobian())) <= 1e-10


@pytest.mark.plain
@pytest.mark.parametrize("own", ["float32", "float64"])
def test_at_other_parameters_in_their_dtype(own):
    case = make_case([3, 4, 2], ["tanh", "sigmoid"], "mse", rows=7)
    network, dY = Network(**case.plan.arguments, dtype=own, random_state=0), RNG.normal(size=(7, 2))
    before = network.theta.copy()
    network.predict(case.X)
    grad, dX = case.empty(case.theta.size), case.empty(*case.X.shape)
    for dtype, tolerance in (("float64", 1e-10), ("float32", 1e-5), ("float64", 1e-10)):
        theta, X, seeds, dX, grad = (a.astype(dtype) for a in (case.theta, case.X, dY, dX, grad))
        assert apart(derivatives.outputs_at(network, theta, X), case.outputs(*case.exact[:2])) <= tolerance
        derivatives.pull_back_at(network, theta, X, seeds, grad, dX)
        assert grad.dtype == dX.dtype == dtype
        assert apart(grad, np.einsum("ro,rop->p", dY, case.parameter_jacobian())) <= tolerance
        assert apart(dX, np.einsum("ro,roi->ri", dY, case.input_jacobian())) <= tolerance
    assert np.array_equal(network.theta, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_rows(dtype):
    """More than a block; row by row the same as by themselves."""
    network = Network([3, 5, 2], "tanh", "identity", dtype=dtype)
    n = 2 * derivatives.ROWS + 3
    X, T, dY = (RNG.normal(size=(n, columns)) for columns in (3, 2, 2))
    few = slice(derivatives.ROWS - 2, derivatives.ROWS + 2)
    np.testing.assert_allclose(network.input_jacobian(X)[few], network.input_jacobian(X[few]), rtol=1e-4)
    np.testing.assert_allclose(network.parameter_jacobian(X)[few], network.parameter_jacobian(X[few]), rtol=1e-4, atol=1e-6)
    G = network.sample_gradients(X, T)
    np.testing.assert_allclose(G[few], network.sample_gradients(X[few], T[few]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(G.mean(axis=0), network.loss_and_grad(X, T)[1], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(network.input_gradient(X, T)[few] * n / 4, network.input_gradient(X[few], T[few]), rtol=1e-3)
    grad, dX = network.vjp(X, dY)
    np.testing.assert_allclose(dX, np.einsum("ro,roi->ri", dY, network.input_jacobian(X)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(grad, np.einsum("ro,rop->p", dY, network.parameter_jacobian(X)), rtol=1e-3, atol=1e-4)
    assert grad.dtype == dX.dtype == np.dtype(dtype)


@pytest.mark.plain
def test_one_output_may_be_one_dimensional():
    network = Network([3, 4, 1], dtype="float64")
    X, y = RNG.normal(size=(5, 3)), RNG.random(5)
    np.testing.assert_array_equal(network.input_gradient(X, y), network.input_gradient(X, y[:, None]))
    assert network.target_gradient(X, y).shape == (5, 1)
    for one, other in zip(network.vjp(X, y), network.vjp(X, y[:, None]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.plain
def test_no_rows():
    network = Network([3, 4, 2])
    X = np.empty((0, 3))
    assert network.input_jacobian(X).shape == (0, 2, 3)
    assert network.parameter_jacobian(X).shape == (0, 2, 26)
    grad, dX = network.vjp(X, np.empty((0, 2)))
    assert not grad.any()
    assert dX.shape == (0, 3)
    for name in QUANTITIES:
        v = (np.zeros(26),) if name.endswith("vector") else ()
        with pytest.raises(InputError, match="X has no rows"):
            getattr(network, name)(X, np.empty((0, 2)), *v)


@pytest.mark.plain
def test_what_does_not_fit_is_named():
    network = Network([3, 4, 2])
    X, T = np.ones((5, 3)), np.ones((5, 2))
    for message, call in {
        r"X has shape \(5, 2\)": lambda: network.input_jacobian(X[:, :2]),
        r"X contains nan": lambda: network.parameter_jacobian(X * np.nan),
        r"T has 4 rows": lambda: network.input_gradient(X, T[:4]),
        r"T has shape": lambda: network.sample_gradients(X, T[:, :1]),
        r"sample_weight has shape": lambda: network.target_gradient(X, T, np.ones(4)),
        r"v has shape \(3,\); it must be \(26,\)": lambda: network.hessian_vector(X, T, np.ones(3)),
        r"v contains inf": lambda: network.gauss_newton_vector(X, T, np.full(26, np.inf)),
        r"dY has shape \(5, 3\); it must be \(5, 2\)": lambda: network.vjp(X, X),
        r"dY has shape \(5,\)": lambda: network.vjp(X, X[:, 0]),
    }.items():
        with pytest.raises(InputError, match=message):
            call()
    classes = Network([3, 4], output_activation="softmax", loss="log_loss")
    with pytest.raises(InputError, match=r"class labels, which have no derivative; give \(5, 4\)"):
        classes.target_gradient(X, np.arange(5) % 4)


@pytest.mark.plain
def test_parameters_may_change_between_calls():
    network = Network([3, 4, 2], "tanh", "identity", dtype="float64")
    X = RNG.normal(size=(5, 3))
    before = network.input_jacobian(X)
    network.weights[1][:] *= 2
    np.testing.assert_allclose(network.input_jacobian(X), 2 * before, rtol=1e-12)


@pytest.mark.plain
def test_workspaces_are_kept_but_not_copied(monkeypatch):
    network = Network([3, 4, 2])
    made = []

    def counted(*arguments, **options):
        made.append(options)
        return derivatives.kernels.make_workspace(*arguments, **options)

    monkeypatch.setattr(derivatives, "make_workspace", counted)
    for _ in range(3):
        network.input_jacobian(np.ones((2, 3)))
        network.hessian_vector(np.ones((2, 3)), np.ones((2, 2)), network.theta)
    assert len(made) == 2
    pickle.loads(pickle.dumps(network)).input_jacobian(np.ones((2, 3)))
    assert len(made) == 3
    monkeypatch.setattr(derivatives, "KEPT_BYTES", 0)
    large = Network([3, 4, 2])
    for _ in range(2):
        large.input_jacobian(np.ones((2, 3)))
    assert len(made) == 5


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="threads take turns in plain Python")
def test_threads_have_workspaces_of_their_own():
    network = Network([3, 16, 2], dtype="float64")
    inputs = [RNG.normal(size=(200, 3)) for _ in range(8)]
    expected = [network.input_jacobian(X) for X in inputs]
    wrong = []

    def work(number):
        for _ in range(20):
            if not np.array_equal(network.input_jacobian(inputs[number]), expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="takes too long as plain Python")
def test_memory_beyond_the_result_does_not_grow_with_the_rows():
    import tracemalloc

    network = Network([8, 16, 3])
    peaks = []
    for n in (1_000, 50_000):
        X, T = np.ones((n, 8), np.float32), np.ones((n, 3), np.float32)
        for call in (
            lambda X=X: network.input_jacobian(X),
            lambda X=X, T=T: network.input_gradient(X, T),
            lambda X=X, T=T: network.hessian_vector(X, T, network.theta),
        ):
            tracemalloc.start()
            result = call()
            peaks.append(tracemalloc.get_traced_memory()[1] - result.nbytes)
            tracemalloc.stop()
    # The outputs, which the kernel of the Jacobian gives as well, are part of it.
    assert max(peaks) < 2**21 + 50_000 * 3 * 4
