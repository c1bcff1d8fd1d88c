"""A network as a JAX function: jit, grad, vmap, larger programs, dtypes, errors."""

import numpy as np
import pytest
from tileprop.trainer import MissingExtraError, Network

jax = pytest.importorskip("jax")
jnp = jax.numpy
RNG = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def network(dtype="float64"):
    return Network([3, 5, 2], "tanh", "softplus", dtype=dtype)


def theirs(net, theta, X):
    at, A = 0, X
    for n_in, n_out, f in ((3, 5, jnp.tanh), (5, 2, lambda z: jnp.log1p(jnp.exp(z)))):
        W, b = theta[at : at + n_in * n_out].reshape(n_in, n_out), theta[at + n_in * n_out : at + (n_in + 1) * n_out]
        at, A = at + (n_in + 1) * n_out, f(A @ W + b)
    return A


@pytest.mark.parametrize("rows", [1, 4, 300])
@pytest.mark.parametrize("compiled", [True, False])
def test_outputs_and_gradients(compiled, rows):
    """In a larger program, beside the same network in JAX."""
    net = network()
    function, X = net.as_jax(), jnp.asarray(RNG.normal(size=(rows, 3)))

    def program(f, theta, X):
        return jnp.sum(jnp.sin(f(theta, 2 * X)) ** 2)

    found = jax.value_and_grad(lambda theta, X: program(function, theta, X), (0, 1))
    found = (jax.jit(found) if compiled else found)(jnp.asarray(net.theta), X)
    expected = jax.value_and_grad(lambda theta, X: program(lambda *a: theirs(net, *a), theta, X), (0, 1))
    for mine, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected(jnp.asarray(net.theta), X)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)


def test_vmap_and_jacobians():
    net = network()
    function, theta = net.as_jax(), jnp.asarray(net.theta)
    X = jnp.asarray(RNG.normal(size=(4, 2, 3)))
    Y = jax.vmap(function, (None, 0))(theta, X)
    np.testing.assert_allclose(Y.reshape(8, 2), net.predict(X.reshape(8, 3)), rtol=1e-13)
    thetas = jnp.stack([theta, 2 * theta])
    np.testing.assert_allclose(jax.vmap(function, (0, None))(thetas, X[0])[1], theirs(net, 2 * theta, X[0]), rtol=1e-12)
    J = jax.jit(jax.vmap(jax.jacrev(lambda x: function(theta, x[None])[0])))(X[:, 0])
    np.testing.assert_allclose(J, net.input_jacobian(X[:, 0]), rtol=1e-12)


@pytest.mark.parametrize("given", ["float32", "float64", "int32"])
@pytest.mark.parametrize("own", ["float32", "float64"])
def test_dtypes(own, given):
    """Computed in theta's; each derivative has the dtype of what it is to."""
    net = network(own)
    theta, X = jnp.asarray(net.theta), jnp.asarray(RNG.normal(size=(4, 3)) * 3, given)
    assert net.as_jax()(theta, X).dtype == own
    if given != "int32":
        dtheta, dX = jax.grad(lambda theta, X: net.as_jax()(theta, X).sum(), (0, 1))(theta, X)
        assert dtheta.dtype == own
        assert dX.dtype == given


def test_numpy_arrays_and_without_64_bits():
    net = network()
    with jax.enable_x64(False):
        Y = net.as_jax()(net.theta, np.ones((2, 3)))
    assert Y.dtype == "float32"
    np.testing.assert_allclose(Y, net.predict(np.ones((2, 3))), rtol=1e-5)


def test_training():
    net = network()
    function, X, T = net.as_jax(), jnp.asarray(RNG.normal(size=(64, 3))), jnp.asarray(RNG.random((64, 2)))
    slope = jax.jit(jax.grad(lambda theta: jnp.mean((function(theta, X) - T) ** 2)))
    theta, before = jnp.asarray(net.theta), net.loss(X, T)
    for _ in range(50):
        theta = theta - 0.5 * slope(theta)
    net.theta = theta
    assert net.loss(X, T) < 0.5 * before


def test_errors():
    net = network()
    function, theta = net.as_jax(), jnp.asarray(net.theta)
    with pytest.raises(ValueError, match=r"X has shape \(4, 2\); the network takes \(n, 3\)"):
        jax.jit(function)(theta, jnp.ones((4, 2)))
    with pytest.raises(ValueError, match=r"theta is float64\[31\]; it must be float32 or float64, and \(32,\)"):
        function(theta[1:], jnp.ones((4, 3)))
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda X: function(theta, X), (jnp.ones((4, 3)),), (jnp.ones((4, 3)),))


def test_without_jax(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingExtraError, match=r"as_jax needs jax: pip install 'tileprop\[jax\]'"):
        network().as_jax()
