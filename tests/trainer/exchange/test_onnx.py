"""ONNX models, run by onnxruntime, give what the network gives."""

import numpy as np
import onnx
import onnxruntime
import pytest
from draws import COUNTS, FORMULAS, assert_close, drawn_networks, layer_of
from tileprop.kernels.activations import activation_registry
from tileprop.trainer import InputError, Network, export_onnx, to_onnx
from tileprop.trainer.exchange.onnx import ACTIVATIONS, ACTIVATIONS_OF_DOUBLE


def run(model, X):
    data = model if isinstance(model, str) else model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["Y"], {"X": X})[0]


@pytest.mark.parametrize("count", COUNTS)
def test_drawn_networks(count):
    for network, X in drawn_networks(count, seed=1, dtype="float32"):
        Y = run(to_onnx(network), X)
        assert Y.dtype == np.float32
        assert_close(Y, network.predict(X), 1e-5)


def test_drawn_networks_of_double():
    for network, X in drawn_networks(15, seed=2, dtype="float64"):
        Y = run(to_onnx(network), X)
        assert Y.dtype == np.float64
        # onnxruntime has erf in float32 alone.
        assert_close(Y, network.predict(X), 1e-7 if "gelu" in network.plan.activations else 1e-12)


@pytest.mark.plain
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-6), ("float64", 1e-14)])
def test_activations(name, dtype, bound):
    network, X, Y = layer_of(name, dtype)
    # Of gelu in float64, erf is computed in float32.
    assert_close(run(to_onnx(network), X), Y, 1e-7 if (name, dtype) == ("gelu", "float64") else bound)


@pytest.mark.plain
def test_every_activation_is_tested():
    assert ACTIVATIONS.keys() == ACTIVATIONS_OF_DOUBLE.keys() == FORMULAS.keys()


@pytest.mark.plain
def test_every_activation_of_the_kernels_has_a_form():
    assert ACTIVATIONS.keys() == {name for name in activation_registry if activation_registry.is_builtin(name)}


@pytest.mark.plain
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_free(dtype):
    network = Network([3, 4, 2], "tanh", dtype=dtype)
    model = to_onnx(network)
    for n in (0, 1, 1000):
        assert run(model, np.ones((n, 3), dtype)).shape == (n, 2)
    with pytest.raises(Exception, match=r"index: 1 Got: 4 Expected: 3"):
        run(model, np.ones((2, 4), dtype))


@pytest.mark.plain
def test_file(tmp_path):
    network = Network([3, 4, 2], ["relu"], "softmax", random_state=4)
    export_onnx(network, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert model.producer_name == "tileprop"
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu", "Gemm", "Softmax"]
    arrays = {array.name: onnx.numpy_helper.to_array(array) for array in model.graph.initializer}
    np.testing.assert_array_equal(arrays["weights.1"], network.weights[1])
    X = np.ones((2, 3), "f4")
    assert_close(run(str(tmp_path / "net.onnx"), X), network.predict(X), 1e-6)


@pytest.mark.plain
def test_what_has_no_form(monkeypatch):
    monkeypatch.delitem(ACTIVATIONS, "gelu")
    with pytest.raises(InputError, match="activation 'gelu' of layer 1 cannot be written in ONNX; these can: identity"):
        to_onnx(Network([1, 2, 3], "tanh", "gelu"))


@pytest.mark.plain
def test_more_than_protocol_buffers_hold(monkeypatch):
    monkeypatch.setattr("tileprop.trainer.exchange.onnx.MOST_BYTES", 35)
    with pytest.raises(InputError, match="the network has 36 bytes of parameters; an ONNX file holds at most 35"):
        to_onnx(Network([2, 3]))
