"""A network's summary."""

import pytest
from tileprop.trainer import Network

pytestmark = pytest.mark.plain


def test_summary():
    network = Network([4, 1000, 3], ["relu"], "softmax", "log_loss", dtype="float64")
    network.classes = ["a", "b", "c"]
    summary = network.summary()
    assert repr(summary).splitlines() == [
        "layer  inputs  outputs  activation  parameters",
        "----------------------------------------------",
        "    0       4     1000  relu             5,000",
        "    1    1000        3  softmax          3,003",
        "loss log_loss, 8,003 parameters of float64 (62.5 KiB)",
        "classes 'a', 'b', 'c'",
    ]
    assert sum(layer.n_parameters for layer in summary.layers) == summary.n_parameters == network.theta.size
    assert summary.n_bytes == network.theta.nbytes


def test_without_biases():
    network = Network([4, 3, 2], bias=False)
    assert [layer.n_parameters for layer in network.summary().layers] == [12, 6]
    assert "classes" not in str(network.summary())
