"""A network as a PyTorch module: gradcheck, larger programs, dtypes, training, errors."""

import numpy as np
import pytest
from tileprop.trainer import MissingExtraError, Network

torch = pytest.importorskip("torch")
from tileprop.trainer.bridges.torch_function import NetworkFunction  # noqa: E402

RNG = np.random.default_rng(2)


def network(dtype="float64", **options):
    return Network([3, 5, 2], "tanh", "softplus", dtype=dtype, **options)


@pytest.mark.parametrize("activation", ["tanh", "gelu", "softmax"])
@pytest.mark.parametrize("bias", [True, False])
def test_gradcheck(activation, bias):
    net = Network([3, 5, 4, 2], activation, "sigmoid", dtype="float64", bias=bias)
    theta = torch.tensor(net.theta, requires_grad=True)
    for rows in (1, 2, 5):
        X = torch.tensor(RNG.normal(size=(rows, 3)), requires_grad=True)
        assert torch.autograd.gradcheck(lambda theta, X, net=net: NetworkFunction.apply(theta, X, net), (theta, X))


def test_more_rows_than_a_block():
    net, module = network(), network().as_torch()
    X = torch.tensor(RNG.normal(size=(300, 3)), requires_grad=True)
    dY = RNG.normal(size=(300, 2))
    module(X).backward(torch.tensor(dY))
    grad, dX = net.vjp(X.detach().numpy(), dY)
    np.testing.assert_array_equal(module.theta.grad, grad)
    np.testing.assert_array_equal(X.grad, dX)


def test_inside_a_larger_network():
    """Between two layers of PyTorch's own, beside the same network in PyTorch."""
    net = network()
    first, last = torch.nn.Linear(4, 3, dtype=torch.float64), torch.nn.Linear(2, 1, dtype=torch.float64)
    ours = torch.nn.Sequential(first, net.as_torch(), last)
    theirs = torch.nn.Sequential(
        first,
        torch.nn.Linear(3, 5, dtype=torch.float64),
        torch.nn.Tanh(),
        torch.nn.Linear(5, 2, dtype=torch.float64),
        torch.nn.Softplus(),
        last,
    )
    with torch.no_grad():
        for layer, W, b in zip((theirs[1], theirs[3]), net.weights, net.biases, strict=True):
            layer.weight.copy_(torch.tensor(W.T))
            layer.bias.copy_(torch.tensor(b))
    X = torch.tensor(RNG.normal(size=(6, 4)))
    gradients = []
    for model in (ours, theirs):
        model.zero_grad()
        value = model(X).square().mean()
        value.backward()
        gradients.append([value, first.weight.grad.clone(), last.bias.grad.clone()])
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-14)
    weights, biases = net.unflatten(ours[1].theta.grad.numpy())
    for W, b, layer in zip(weights, biases, (theirs[1], theirs[3]), strict=True):
        np.testing.assert_allclose(W, layer.weight.grad.T, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(b, layer.bias.grad, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("given", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("own", ["float32", "float64"])
def test_dtypes(own, given):
    """Computed in theta's; each derivative has the dtype of what it is to."""
    module = network(own).as_torch()
    X = torch.tensor(RNG.normal(size=(4, 3)), dtype=given, requires_grad=True)
    Y = module(X)
    assert Y.dtype == module.theta.dtype == getattr(torch, own)
    Y.sum().backward()
    assert X.grad.dtype == given
    assert module.theta.grad.dtype == module.theta.dtype


def test_arrays_of_any_layout_and_no_rows():
    module = network().as_torch()
    X = torch.tensor(RNG.normal(size=(3, 8)))[:, ::2].T
    torch.testing.assert_close(module(X), module(X.contiguous()))
    empty = torch.empty(0, 3, dtype=torch.float64, requires_grad=True)
    module(empty).sum().backward()
    assert not module.theta.grad.any()


def test_only_what_is_asked_for():
    module = network().as_torch()
    X = torch.tensor(RNG.normal(size=(4, 3)), requires_grad=True)
    (dX,) = torch.autograd.grad(module(X).sum(), X)
    assert dX.shape == (4, 3)
    assert not module(X.detach()).detach().requires_grad
    module.theta.requires_grad_(False)
    module(X).sum().backward()
    assert module.theta.grad is None
    np.testing.assert_array_equal(X.grad, dX)


def test_training_one_trains_the_other():
    net = network("float32")
    module = net.as_torch()
    X, T = torch.tensor(RNG.normal(size=(64, 3)), dtype=torch.float32), torch.tensor(RNG.random((64, 2)), dtype=torch.float32)
    before, optimizer = net.loss(X.numpy(), T.numpy()), torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(module(X), T).backward()
        optimizer.step()
    assert net.loss(X.numpy(), T.numpy()) < 0.5 * before
    np.testing.assert_array_equal(net.predict(X.numpy()), module(X).detach())
    net.fit(X.numpy(), T.numpy())
    np.testing.assert_array_equal(net.theta, module.theta.detach())


def test_func_grad():
    net = network()
    X = torch.tensor(RNG.normal(size=(4, 3)))
    found = torch.func.grad(lambda theta: NetworkFunction.apply(theta, X, net).sum())(torch.tensor(net.theta))
    np.testing.assert_allclose(found, net.vjp(X.numpy(), np.ones((4, 2)))[0], rtol=1e-13)


def test_errors():
    module = network().as_torch()
    with pytest.raises(ValueError, match=r"X has shape \(4, 2\); the network takes \(n, 3\)"):
        module(torch.zeros(4, 2))
    X = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    (dX,) = torch.autograd.grad(module(X).square().sum(), X, create_graph=True)
    with pytest.raises(RuntimeError, match="second derivatives through PyTorch"):
        dX.sum().backward()
    with pytest.raises(ValueError, match=r"on meta; move it with \.cpu\(\)"):
        module(torch.zeros(4, 3, device="meta"))


def test_repr():
    assert "Network([3, 5, 2]" in repr(network().as_torch())


def test_without_pytorch(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"as_torch needs torch: pip install 'tileprop\[torch\]'"):
        network().as_torch()
