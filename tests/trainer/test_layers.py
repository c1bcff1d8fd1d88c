"""The layers one by one, beside the oracle and the prediction that the kernels make of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from tileprop.trainer import Network
from tileprop.trainer.layers import layer_by_layer

pytestmark = pytest.mark.plain


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_are_products_and_activations(dtype, bias):
    network = Network([3, 5, 2], "tanh", "sigmoid", bias=bias, dtype=dtype, random_state=1)
    X = np.random.default_rng(2).standard_normal((7, 3)).astype(dtype)
    (Z0, A0), (Z1, A1) = layer_by_layer(network.plan, network.theta, X)
    tolerance = 8 * np.finfo(dtype).eps
    (W0, W1), (b0, b1) = network.weights, network.biases if bias else (0.0, 0.0)
    np.testing.assert_allclose(Z0, X @ W0 + b0, atol=tolerance)
    np.testing.assert_allclose(A0, np.tanh(Z0), atol=tolerance)
    np.testing.assert_allclose(Z1, A0 @ W1 + b1, atol=tolerance)
    np.testing.assert_allclose(A1, 1 / (1 + np.exp(-Z1)), atol=tolerance)
    np.testing.assert_allclose(A1, network.predict(X), atol=tolerance)
    assert {array.dtype for array in (Z0, A0, Z1, A1)} == {np.dtype(dtype)}
    for given, own in zip(network.activations(X), (A0, A1), strict=True):
        np.testing.assert_array_equal(given, own)
