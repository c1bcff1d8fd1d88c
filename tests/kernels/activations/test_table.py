"""The table of activations, in networks; a user's own beside the built-in one with the same formulas."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import oracle
import pytest
from choosing import by_turns
from inside import activations_of, deltas_of
from numba import njit
from numba.core import config
from tileprop import kernels
from tileprop.kernels.activations import activation_registry, register_activation
from tileprop.kernels.registry import FIRST_USER_CODE
from tileprop.trainer import Adam, MLPRegressor, ModelFormatError, Network

pytestmark = pytest.mark.plain

PLAIN = bool(config.DISABLE_JIT)
NAMES = ["identity", "sigmoid", "tanh", "relu", "exp", "leaky_relu", "elu", "silu", "gelu", "softplus", "softmax"]


@njit
def own_tanh(x):
    return type(x)(math.tanh(x))


@njit
def own_tanh_slope(x):
    y = math.tanh(x)
    return type(x)(1.0 - y * y)


# Not 0 at 0, and infinite soon: in the padding of rows it would do harm.
@njit
def own_sigmoid(x):
    return type(x)(1.0 / (1.0 + math.exp(-x)))


@njit
def own_sigmoid_slope(x):
    y = 1.0 / (1.0 + math.exp(-x))
    return type(x)(y * (1.0 - y))


@njit
def own_relu(x):
    return x if x > 0 else type(x)(0.0)


@njit
def own_relu_slope(x):
    return type(x)(1.0) if x > 0 else type(x)(0.0)


OWN = {
    "tanh": (own_tanh, own_tanh_slope),
    "sigmoid": (own_sigmoid, own_sigmoid_slope),
    "relu": (own_relu, own_relu_slope),
}


@pytest.fixture(scope="module")
def own() -> Iterator[None]:
    """OWN under names of their own; their row kernels are compiled once."""
    for name, functions in OWN.items():
        register_activation(f"own_{name}", *functions)
    yield
    for name in OWN:
        activation_registry.forget(f"own_{name}")


def problem(sizes: list[int], rows: int, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([*sizes, rows])
    return rng.normal(size=(rows, sizes[0])).astype(dtype), rng.uniform(0.1, 0.9, (rows, sizes[-1])).astype(dtype)


# What is in it ---------------------------------------------------------------------------------------------------------------


def test_each_has_a_code_of_its_own():
    """Codes are kept in no file, but in pickled networks: they stay."""
    codes = dict(identity=0, sigmoid=1, tanh=2, relu=3, softmax=4, exp=5, leaky_relu=6, elu=7, silu=8, gelu=9, softplus=10)
    assert {name: activation_registry[name].code for name in activation_registry} == codes
    assert sorted(codes) == sorted(NAMES)
    for name in activation_registry:
        entry = activation_registry[name]
        assert entry.name == name
        assert activation_registry.with_code(entry.code) is entry


def test_the_package_exports_both_halves_of_each():
    for entry in activation_registry.entries():
        name = entry.name
        assert getattr(kernels, name) is entry.forward
        assert getattr(kernels, f"{name}_backward") is entry.backward
        assert {name, f"{name}_backward"} <= set(kernels.__all__)
        assert entry.forward.__doc__
        assert "dx" in entry.backward.__doc__


def test_a_code_that_nobody_registered():
    with pytest.raises(ValueError, match="no activation with the code 77; call register_activation with its name"):
        activation_registry.with_code(77)


@pytest.mark.parametrize("hidden", NAMES)
def test_gradients_in_networks_are_finite_differences(hidden):
    """Each as a hidden layer and as the output, in rows whose padding must not matter."""
    network = Network([3, 5, 9, 2], [hidden, "tanh"], hidden, bias=True, dtype="float64", random_state=1)
    X, T = problem([3, 5, 9, 2], 4)
    theta = network.theta.copy()

    def loss(values: np.ndarray) -> float:
        network.theta = values
        return network.loss(X, T)

    wanted = oracle.finite_differences(loss, theta, 1e-4)
    network.theta = theta
    np.testing.assert_allclose(network.loss_and_grad(X, T)[1], wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("hidden", ["leaky_relu", "elu", "silu", "gelu", "softplus"])
def test_gradients_in_networks_are_those_of_pytorch(hidden):
    torch = pytest.importorskip("torch")
    options = {"leaky_relu": {"negative_slope": 0.01}, "softplus": {"threshold": 40}}.get(hidden, {})
    network = Network([3, 6, 6, 2], hidden, "identity", dtype="float64", random_state=2)
    X, T = problem([3, 6, 6, 2], 5)
    parameters = [
        torch.tensor(array, requires_grad=True) for pair in zip(network.weights, network.biases, strict=True) for array in pair
    ]
    a = torch.tensor(X)
    for layer in range(3):
        z = a @ parameters[2 * layer] + parameters[2 * layer + 1]
        a = getattr(torch.nn.functional, hidden)(z, **options) if layer < 2 else z
    theirs = torch.nn.functional.mse_loss(a, torch.tensor(T))
    theirs.backward()
    loss, grad = network.loss_and_grad(X, T)
    assert loss == pytest.approx(theirs.item(), rel=1e-12)
    np.testing.assert_allclose(grad, np.concatenate([p.grad.numpy().ravel() for p in parameters]), rtol=1e-9, atol=1e-13)


# A user's own ----------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(("name", "dtype"), by_turns(list(OWN), ["float32", "float64"]))
@pytest.mark.parametrize("sizes", [[2, 2, 1], [3, 5, 9, 2], [4, 33, 7, 3]])
def test_it_trains_as_the_built_in_one(name, dtype, sizes):
    """To rounding: of the widths some fill vectors, and some leave padding."""
    if PLAIN and len(sizes) > 3:
        sizes = sizes[:3]
    X, T = problem(sizes, 12 if PLAIN else 70, dtype)
    names = (name, f"own_{name}")
    networks = [Network(sizes, n, n, dtype=dtype, random_state=3, initial="glorot") for n in names]
    histories = [
        network.fit(X, T, epochs=2 if PLAIN else 5, batch_size=8, optimizer=Adam(learning_rate=0.01)) for network in networks
    ]
    tolerance = 2e-4 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(networks[1].theta, networks[0].theta, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(histories[1].loss, histories[0].loss, rtol=tolerance)
    np.testing.assert_allclose(networks[1].predict(X), networks[0].predict(X), rtol=tolerance, atol=tolerance)
    for ours, builtin in zip(networks[1].activations(X), networks[0].activations(X), strict=True):
        np.testing.assert_allclose(ours, builtin, rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("batch_size", [1, 3, 500])
def test_batches_of_any_length(batch_size):
    """One row goes another way than many, and long batches are cut into chunks."""
    X, T = problem([3, 5, 2], 6 if PLAIN else 1000)
    networks = [Network([3, 5, 2], name, "identity", dtype="float64") for name in ("sigmoid", "own_sigmoid")]
    for network in networks:
        network.fit(X, T, epochs=1, batch_size=batch_size, n_threads=2)
    np.testing.assert_allclose(networks[1].theta, networks[0].theta, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("own")
def test_the_padding_of_rows_is_left_zero():
    plan = kernels.make_plan([2, 5, 3], activation="own_sigmoid", output_activation="own_sigmoid")
    work = kernels.make_workspace(plan, 4)
    theta = np.random.default_rng(0).normal(size=plan.n_parameters)
    X, T = problem([2, 5, 3], 4)
    kernels.loss_and_grad(plan, theta, X, T, np.empty(0), np.empty_like(theta), work)
    for layer, width in ((0, 5), (1, 3)):
        for rows in (activations_of(work, layer, 4), deltas_of(work, layer, 4)):
            assert rows.shape[1] > width
            assert rows[:, :width].all()
            assert not rows[:, width:].any()


@pytest.mark.usefixtures("own")
def test_its_kernels_take_arrays():
    x = np.linspace(-2, 2, 9).reshape(3, 3)
    entry = activation_registry["own_tanh"]
    assert entry.from_input
    np.testing.assert_allclose(entry.forward(x), np.tanh(x), rtol=1e-15)
    np.testing.assert_allclose(entry.backward(x, 2 * np.ones((3, 3))), 2 - 2 * np.tanh(x) ** 2, rtol=1e-13, atol=1e-15)


@pytest.mark.usefixtures("own")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_in_an_estimator():
    X, T = problem([3, 4, 1], 30)
    fits = [
        MLPRegressor(hidden_layer_sizes=(4,), activation=name, max_iter=3, random_state=0, dtype="float64", tol=0).fit(
            X, T[:, 0]
        )
        for name in ("tanh", "own_tanh")
    ]
    np.testing.assert_allclose(fits[1].predict(X), fits[0].predict(X), rtol=1e-8)


def test_another_one_under_the_same_name(registries):
    """Workspaces made from then on have the new one."""
    register_activation("own", *OWN["tanh"])
    plan = kernels.make_plan([2, 3, 1], activation="own", output_activation="identity")
    theta, X = np.random.default_rng(1).normal(size=plan.n_parameters), np.array([[0.5, -1.0]])
    before = kernels.make_workspace(plan, 1)
    first = kernels.forward(plan, theta, X, before).copy()
    code = activation_registry["own"].code
    register_activation("own", *OWN["relu"])
    assert activation_registry["own"].code == code
    assert np.array_equal(kernels.forward(plan, theta, X, before), first)
    W, b = plan.unflatten(theta)
    np.testing.assert_allclose(first, np.tanh(X @ W[0] + b[0]) @ W[1] + b[1], rtol=1e-13)
    again = kernels.forward(plan, theta, X, kernels.make_workspace(plan, 1))
    np.testing.assert_allclose(again, np.maximum(X @ W[0] + b[0], 0) @ W[1] + b[1], rtol=1e-13)


def test_codes_follow_from_names(registries):
    register_activation("own", *OWN["tanh"])
    assert activation_registry["own"].code == FIRST_USER_CODE + zlib.crc32(b"own")
    assert activation_registry.with_code(activation_registry["own"].code) is activation_registry["own"]
    assert kernels.make_plan([1, 1], output_activation="own").activations == ["own"]


@pytest.mark.parametrize("name", ["", "two words", "3d", "a-b", *NAMES])
def test_bad_names(registries, name):
    with pytest.raises(ValueError, match="it must be an identifier that no built-in activation has"):
        register_activation(name, *OWN["tanh"])


def test_names_with_one_code(registries):
    with mock.patch.object(zlib, "crc32", return_value=7):
        register_activation("first", *OWN["tanh"])
        with pytest.raises(ValueError, match="name is 'second', which has the same code as 'first'; choose another name"):
            register_activation("second", *OWN["tanh"])


@pytest.mark.parametrize("place", ["value", "slope"])
@pytest.mark.parametrize("bad", [None, 3, *([] if PLAIN else [math.tanh, lambda x: x])])
def test_what_is_not_compiled(registries, place, bad):
    functions = {"value": own_tanh, "slope": own_tanh_slope, place: bad}
    with pytest.raises(TypeError, match=rf"{place} is .*; it must be a function compiled with numba's @njit"):
        register_activation("own", **functions)
    assert "own" not in activation_registry


# In other processes ----------------------------------------------------------------------------------------------------------

READ = """
import pickle, sys
import numpy as np
from test_table import OWN
from tileprop.kernels import register_activation
from tileprop.trainer import Network

def read():
    for name in ("network.pickle", "network.safetensors"):
        try:
            network = pickle.load(open(name, "rb")) if name.endswith("pickle") else Network.load(name)
        except ValueError as error:
            print(f"{type(error).__name__}: {error}")
        else:
            print(network.predict(np.array([[0.5, -1.0]])).tolist())

read()
register_activation("own_tanh", *OWN["tanh"])
read()
"""


@pytest.mark.usefixtures("own")
def test_networks_on_disk(tmp_path):
    """They say which activation is missing where it is not registered, and load where it is."""
    network = Network([2, 3, 1], "own_tanh", "identity", dtype="float64")
    (tmp_path / "network.pickle").write_bytes(pickle.dumps(network))
    network.save(tmp_path / "network.safetensors")
    path = [str(Path(__file__).parent), str(Path(oracle.__file__).parent)]
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path += {path!r}; {READ}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = run.stdout.splitlines()
    assert lines[0] == "ValueError: the network has an activation 'own_tanh'; register_activation it before unpickling"
    assert lines[1].startswith(f"{ModelFormatError.__name__}: network.safetensors does not describe a network")
    assert "activation is 'own_tanh'; it must be one of identity, " in lines[1]
    assert lines[1].endswith("or a registered one")
    assert lines[2:] == [str(network.predict(np.array([[0.5, -1.0]])).tolist())] * 2
