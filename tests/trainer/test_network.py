"""Network: parameters and views, predictions, gradients, errors."""

import copy
import pickle

import numpy as np
import pytest
from tileprop.trainer import InputError, Network, model

RNG = np.random.default_rng(7)


def reference_outputs(network, X):
    functions = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "relu": lambda z: np.maximum(z, 0),
        "identity": lambda z: z,
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True),
    }
    A, outputs = X, []
    for W, b, name in zip(network.weights, network.biases, network.plan.activations, strict=True):
        A = functions[name](A @ W + (b if b.size else 0))
        outputs.append(A)
    return outputs


@pytest.mark.plain
def test_weights_and_biases_are_views():
    network = Network([3, 4, 2], dtype="float64")
    assert [W.shape for W in network.weights] == [(3, 4), (4, 2)]
    assert [b.shape for b in network.biases] == [(4,), (2,)]
    network.theta[:] = np.arange(26.0)
    np.testing.assert_array_equal(network.weights[1], np.arange(16.0, 24.0).reshape(4, 2))
    network.biases[0][:] = -1
    np.testing.assert_array_equal(network.theta[12:16], -1)
    network.theta = np.zeros(26)
    assert not network.weights[0].any()


@pytest.mark.plain
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_copies_have_views_of_their_own(copied):
    network = Network([3, 4, 2])
    again = copied(network)
    again.theta[:] = 1
    assert (again.weights[0] == 1).all()
    assert not (network.weights[0] == 1).any()


@pytest.mark.plain
def test_without_biases():
    network = Network([3, 4, 2], bias=False)
    assert network.plan.n_parameters == 20
    assert [b.size for b in network.biases] == [0, 0]
    assert "bias=False" in repr(network)


@pytest.mark.plain
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "identity", ["relu", "softmax"]])
@pytest.mark.parametrize("bias", [True, False])
def test_predict_and_activations(activation, bias):
    network = Network([3, 5, 4, 2], activation, "softmax", bias=bias, dtype="float64")
    X = RNG.normal(size=(7, 3))
    expected = reference_outputs(network, X)
    np.testing.assert_allclose(network.predict(X), expected[-1], rtol=1e-13)
    for given, reference in zip(network.activations(X), expected, strict=True):
        np.testing.assert_allclose(given, reference, rtol=1e-12, atol=1e-15)


def test_predict_on_many_rows_and_on_none():
    network = Network([3, 5, 2], dtype="float32")
    X = RNG.normal(size=(10_001, 3)).astype("float32")
    Y = network.predict(X)
    np.testing.assert_array_equal(Y[5000:5003], network.predict(X[5000:5003]))
    np.testing.assert_array_equal(Y[5000:5001], network.predict(X[5000:5001]))
    np.testing.assert_allclose(Y, reference_outputs(network, X)[-1], rtol=1e-5)
    assert network.predict(np.empty((0, 3))).shape == (0, 2)


def test_predict_takes_bounded_memory():
    network = Network([2, 64, 1], dtype="float32")
    held = network.workspace(4096)
    assert sum(array.nbytes for array in held) < 8 << 20


def test_loss_and_grad_by_finite_differences():
    network = Network([3, 4, 2], "tanh", "softmax", "log_loss", dtype="float64")
    X, labels, weight = RNG.normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0]), RNG.uniform(0.5, 2, 6)
    loss, grad = network.loss_and_grad(X, labels, weight)
    assert network.loss(X, labels, weight) == loss
    assert network.loss(X, np.eye(2)[labels], weight) == pytest.approx(loss, rel=1e-14)
    start, step = network.theta.copy(), 1e-6
    for i in range(start.size):
        network.theta[i] = start[i] + step
        above = network.loss(X, labels, weight)
        network.theta[i] = start[i] - step
        below = network.loss(X, labels, weight)
        network.theta[i] = start[i]
        assert (above - below) / (2 * step) == pytest.approx(grad[i], rel=1e-6, abs=1e-9)
    weights, biases = network.unflatten(grad)
    assert [g.shape for g in (*weights, *biases)] == [(3, 4), (4, 2), (4,), (2,)]


@pytest.mark.plain
def test_gradient_is_a_new_vector_each_time():
    network = Network([2, 2, 1], dtype="float64")
    first = network.loss_and_grad([[1, 2]], [1])[1]
    before = first.copy()
    second = network.loss_and_grad([[3, 4]], [0])[1]
    np.testing.assert_array_equal(first, before)
    assert not np.array_equal(first, second)


@pytest.mark.plain
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sizes=[3]), "at least an input and an output width"),
        (dict(sizes=3), "must be a list of layer widths"),
        (dict(sizes=[3, 0]), r"sizes\[1\] is 0; it must be at least 1"),
        (dict(sizes=[3, 2.5]), r"sizes\[1\] is 2.5; it must be a whole number"),
        (dict(sizes=[3, 2], output_activation="swish"), "output_activation is 'swish'; it must be one of"),
        (dict(sizes=[3, 4, 2], activation=["tanh", "tanh"]), "activation has 2 names, but there are 1 hidden layers"),
        (dict(sizes=[3, 2], loss="mape"), "loss is 'mape'; it must be one of"),
        (dict(sizes=[3, 2], loss="log_loss", output_activation="tanh"), "needs output_activation 'softmax' or 'sigmoid'"),
        (dict(sizes=[3, 2], dtype="float16"), "dtype is float16; it must be float32 or float64"),
    ],
)
def test_what_makes_no_network(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Network(**arguments)


@pytest.mark.plain
def test_theta_must_fit():
    network = Network([2, 1])
    with pytest.raises(InputError, match=r"theta has shape \(2,\); this network's is \(3,\)"):
        network.theta = [1, 2]
    with pytest.raises(InputError, match="theta contains nan"):
        network.theta = [1, np.nan, 2]
    with pytest.raises(ValueError, match=r"vector has shape \(2,\)"):
        network.unflatten(np.zeros(2))


def test_predictions_of_many_rows_are_those_of_few(monkeypatch):
    """They are made some rows at a time, so that Ctrl-C ends them and another dtype is not converted whole."""
    monkeypatch.setattr(model, "WORK_AT_A_TIME", 0)
    monkeypatch.setattr(model, "PREDICT_ROWS", 128)
    network = Network([5, 30, 3], "tanh", "softmax", "log_loss", random_state=0)
    X = np.random.default_rng(0).normal(size=(1000, 5))
    calls, outputs = [], Network.outputs
    monkeypatch.setattr(Network, "outputs", lambda self, rows: calls.append(len(rows)) or outputs(self, rows))
    Y = network.predict(X)
    assert calls == [128] * 7 + [104]
    assert np.array_equal(Y, outputs(network, X.astype(np.float32)))
    X[500, 2] = np.nan
    with pytest.raises(InputError, match=r"X contains nan at \[500, 2\]"):
        network.predict(X)
