"""state_dicts go in and out bit for bit; what is no row of linear layers is refused."""

from itertools import pairwise

import numpy as np
import pytest
from draws import COUNTS, drawn_networks
from tileprop.trainer import InputError, Network, from_state_dict, to_state_dict
from tileprop.trainer.exchange import pytorch

W, B = np.arange(6, dtype="f4").reshape(3, 2), np.arange(3, dtype="f4")


def arrays(network, names=None):
    """What `to_state_dict` gives, as arrays, which need no PyTorch."""
    names = names or [str(2 * i) for i in range(len(network.weights))]
    state = {}
    for name, weights, biases in zip(names, network.weights, network.biases, strict=True):
        state[f"{name}.weight"] = weights.T
        if biases.size:
            state[f"{name}.bias"] = biases
    return state


def imported(state, network, **more):
    names = network.plan.activations
    return from_state_dict(state, names[:-1], names[-1], network.plan.loss, **more)


@pytest.mark.parametrize("count", COUNTS)
def test_arrays_of_drawn_networks(count):
    for network, _ in drawn_networks(count, seed=5):
        again = imported(arrays(network), network)
        assert repr(again) == repr(network)
        assert again.theta.tobytes() == network.theta.tobytes()


@pytest.mark.parametrize("count", COUNTS)
def test_drawn_networks(count):
    torch = pytest.importorskip("torch")
    for network, X in drawn_networks(count, seed=6):
        sizes, modules = network.plan.sizes, []
        for n_in, n_out in pairwise(sizes):
            modules += [torch.nn.Linear(n_in, n_out, bias=network.plan.bias), torch.nn.Identity()]
        model = torch.nn.Sequential(*modules).to(getattr(torch, network.dtype.name))
        assert model.load_state_dict(to_state_dict(network)).missing_keys == []
        again = imported(model.state_dict(), network)
        assert repr(again) == repr(network)
        assert again.theta.tobytes() == network.theta.tobytes()
        np.testing.assert_array_equal(again.predict(X), network.predict(X))


@pytest.mark.parametrize(
    ("activation", "module"), [("tanh", "Tanh"), ("relu", "ReLU"), ("sigmoid", "Sigmoid"), ("identity", "Identity")]
)
def test_a_model_that_was_trained_there(activation, module):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    act = getattr(torch.nn, module)()
    model = torch.nn.Sequential(torch.nn.Linear(4, 9), act, torch.nn.Linear(9, 3), torch.nn.Softmax(dim=1))
    network = from_state_dict(model.state_dict(), activation, "softmax", "log_loss")
    X = torch.randn(20, 4)
    np.testing.assert_allclose(network.predict(X.numpy()), model(X).detach().numpy(), rtol=1e-5, atol=1e-7)
    again = from_state_dict(dict(model.named_parameters()), activation, "softmax", "log_loss")
    assert again.theta.tobytes() == network.theta.tobytes()


def test_tensors_of_their_own():
    torch = pytest.importorskip("torch")
    network = Network([2, 3, 1])
    state = to_state_dict(network, ["hidden", "out"])
    assert list(state) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert all(isinstance(tensor, torch.Tensor) and tensor.is_contiguous() for tensor in state.values())
    state["hidden.bias"][:] = 7
    assert not (network.biases[0] == 7).any()
    assert list(to_state_dict(Network([2, 3]), [""])) == ["weight", "bias"]
    with pytest.raises(InputError, match="names has 1 entries, but the network has 2 layers"):
        to_state_dict(network, ["hidden"])


def test_half_precision():
    torch = pytest.importorskip("torch")
    for half in (torch.float16, torch.bfloat16):
        with pytest.raises(InputError, match=r"float32"):
            from_state_dict({"weight": torch.ones(2, 2, dtype=half)}, [], "identity")


@pytest.mark.plain
def test_import_needs_no_pytorch(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    network = from_state_dict({"fc.weight": W, "fc.bias": B}, [], "identity")
    np.testing.assert_array_equal(network.predict([[1, 10]]), [[10, 33, 56]])
    with pytest.raises(ImportError, match=r"to_state_dict needs torch: pip install 'tileprop\[torch\]'"):
        pytorch.to_state_dict(network)


@pytest.mark.plain
@pytest.mark.parametrize(
    "names", [["0", "2", "10"], ["layers.0.fc", "layers.2.fc", "layers.10.fc"], ["fc1", "fc2", "fc10"], ["b", "c.1", "a"]]
)
def test_order_of_layers(names):
    """By number where there is one, as from files that are sorted by name; or else as given."""
    network = Network([4, 4, 4, 4], ["tanh", "relu"], random_state=3)
    state = arrays(network, names)
    again = imported(dict(sorted(state.items())) if names[0] != "b" else state, network)
    assert again.theta.tobytes() == network.theta.tobytes()
    again = imported(dict(sorted(state.items())), network, names=names)
    assert again.theta.tobytes() == network.theta.tobytes()


@pytest.mark.plain
def test_biases_that_are_missing_are_zero():
    network = from_state_dict({"0.weight": W, "1.weight": W.T, "1.bias": B[:2]}, "tanh", "identity")
    assert network.plan.bias
    assert network.biases[0].tolist() == [0, 0, 0]
    assert not from_state_dict({"0.weight": W, "1.weight": W.T}, "tanh", "identity").plan.bias


@pytest.mark.plain
@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "state_dict is empty"),
        (
            {"0.weight": W, "1.running_mean": B},
            "'1.running_mean'; only the weight and bias of linear layers can be taken",
        ),
        ({"0.bias": B}, "has '0.bias', but no '0.weight'"),
        ({"0.weight": B}, r"'0.weight' has shape \(3,\); it must be \(any, any\)"),
        ({"0.weight": W[None]}, r"'0.weight' has shape \(1, 3, 2\)"),
        ({"0.weight": W, "0.bias": B[:2]}, r"'0.bias' has shape \(2,\); it must be \(3\)"),
        ({"0.weight": W, "2.weight": W}, r"'2.weight' has shape \(3, 2\); it must be \(any, 3\)"),
        ({"0.weight": W.astype(int)}, r"'0.weight' \(int64\) does not hold finite numbers of float32 or float64"),
        (
            {"0.weight": W / np.float32(np.inf) * np.float32(np.nan)},
            "'0.weight' .float32. does not hold finite numbers of float32 or float64",
        ),
        ({"0.weight": W, "0.bias": B.astype("f8")}, "holds float32, float64; all must be float32, or all float64"),
        ({"0.weight": W.astype("f2")}, "holds float16"),
        ({"0.weight": [[1.0], [1.0, 2.0]]}, "'0.weight' is not an array of float32 or float64"),
    ],
)
def test_what_does_not_fit(state, message):
    with pytest.raises(InputError, match=message):
        from_state_dict(state, "tanh", "identity")


@pytest.mark.plain
def test_losses_with_parameters():
    network = from_state_dict({"0.weight": W, "0.bias": B}, [], "identity", "quantile", quantile=[0.1, 0.5, 0.9])
    assert network.plan.loss_parameter == {"quantile": [0.1, 0.5, 0.9]}
    assert from_state_dict({"0.weight": W}, [], "identity", "huber", delta=0.5).plan.loss_parameter == {"delta": 0.5}


@pytest.mark.plain
def test_arguments_that_do_not_fit():
    with pytest.raises(InputError, match=r"names is \['1'\], but the layers of the state_dict are \['0'\]"):
        from_state_dict({"0.weight": W}, "tanh", "identity", names=["1"])
    with pytest.raises(ValueError, match="activation has 2 names, but there are 0 hidden layers"):
        from_state_dict({"0.weight": W}, ["tanh", "tanh"], "identity")
