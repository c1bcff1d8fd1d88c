"""Optimizers check their hyperparameters and hand them to the kernels' State."""

import numpy as np
import pytest
from choosing import by_turns
from inside import hyperparameters, mean_square, rule_of, velocity
from tileprop.kernels import make_plan
from tileprop.kernels.training import codes as rules
from tileprop.trainer import SGD, Adam, InputError, Nadam, Network, RMSprop, Rprop

PLAN = make_plan([2, 3, 1])
RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(60, 4)), RNG.normal(size=(60, 2))


@pytest.mark.plain
@pytest.mark.parametrize(
    ("optimizer", "rule", "vectors"),
    [
        (SGD(), rules.SGD, (0, 0)),
        (SGD(momentum=0.9), rules.MOMENTUM, (13, 0)),
        (SGD(momentum=1.0), rules.MOMENTUM, (13, 0)),
        (SGD(momentum=0.9, nesterov=True), rules.NESTEROV, (13, 0)),
        (Adam(), rules.ADAM, (13, 13)),
        (Nadam(), rules.NADAM, (13, 13)),
        (RMSprop(), rules.RMSPROP, (13, 13)),
        (Rprop(), rules.RPROP, (13, 13)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_state(optimizer, rule, vectors, dtype):
    state = optimizer.state(PLAN, dtype)
    assert rule_of(state) == rule
    assert (velocity(state).size, mean_square(state).size) == vectors
    assert velocity(state).dtype == mean_square(state).dtype == np.dtype(dtype)
    assert hyperparameters(state)["learning_rate"] == optimizer.learning_rate


@pytest.mark.plain
def test_adam_scalars():
    state = Adam(learning_rate=0.5, beta_1=0.8, beta_2=0.7, epsilon=1e-4, epsilon_hat=True).state(PLAN, "float64")
    given = {"learning_rate": 0.5, "beta_1": 0.8, "beta_2": 0.7, "epsilon": 1e-4, "epsilon_hat": 1}
    assert hyperparameters(state) == dict.fromkeys(hyperparameters(state), 0) | given


@pytest.mark.plain
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(learning_rate=-1), "SGD: learning_rate is -1; it must be at least 0"),
        (lambda: SGD(learning_rate=float("nan")), "learning_rate is nan"),
        (lambda: SGD(learning_rate=float("inf")), "learning_rate is inf"),
        (lambda: SGD(momentum=1.1), "momentum is 1.1; it must be at least 0 and at most 1"),
        (lambda: Adam(beta_2=1.5), "Adam: beta_2 is 1.5"),
        (lambda: Adam(epsilon=0), "epsilon is 0; it must be above 0"),
        (lambda: Nadam(beta_1=1), "Nadam: beta_1 is 1; it must be at least 0 and below 1"),
        (lambda: RMSprop(beta=1), "RMSprop: beta is 1; it must be at least 0 and below 1"),
        (lambda: Rprop(learning_rate=-1), "Rprop: learning_rate is -1"),
    ],
)
def test_values_that_cannot_work(make, message):
    with pytest.raises(InputError, match=message):
        make()


def small(sizes=(4, 7, 2)):
    return Network(sizes, "tanh", "identity", "mse", dtype="float64", random_state=1)


def written_out(network, step, batch_size, epochs=5, l1=0.0, alpha=0.0, weight_decay=0.0, rate=0.0, clip_norm=None):
    """Epochs in plain NumPy: step(theta, g, memory) -> theta; memory is a dict of its own."""
    memory = {"t": 0}
    weights = np.zeros(network.theta.size, bool)
    for W in network.unflatten(weights)[0]:
        W[:] = True
    for _ in range(epochs):
        for start in range(0, len(X), batch_size):
            rows = slice(start, start + batch_size)
            n = len(X[rows])
            g = network.loss_and_grad(X[rows], T[rows])[1]
            g += weights * (alpha * network.theta + l1 * np.sign(network.theta)) / n
            length = np.linalg.norm(g)
            if clip_norm and length > clip_norm:
                g *= clip_norm / length
            memory["t"] += 1
            network.theta[:] = step(network.theta * (1 - rate * weight_decay * weights), g, memory)
    return network.theta


def sgd(theta, g, memory):
    return theta - 0.1 * g


def adam(theta, g, memory):
    m = memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    v = memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g**2
    t = memory["t"]
    return theta - 0.01 * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def nadam(theta, g, memory):
    t = memory["t"]
    mu, following = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * i)) for i in (t, t + 1))
    product = memory["product"] = memory.get("product", 1) * mu
    m = memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    v = memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g**2
    ahead = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
    return theta - 0.01 * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def rmsprop(theta, g, memory):
    v = memory["v"] = 0.9 * memory.get("v", 0) + 0.1 * g**2
    u = memory["u"] = 0.8 * memory.get("u", 0) + g / (np.sqrt(v) + 1e-6)
    return theta - 0.01 * u


def rprop(theta, g, memory):
    turn = g * memory.get("g", np.zeros_like(g))
    length = memory.get("length", np.full_like(g, 0.01)) * np.select([turn > 0, turn < 0], [1.2, 0.5], 1.0)
    memory["length"] = length = np.clip(length, 1e-6, 50.0)
    memory["g"] = g = np.where(turn < 0, 0.0, g)
    return theta - np.sign(g) * length


CASES = {
    "nadam": (Nadam(0.01), nadam, {}),
    "nadam, all": (Nadam(0.01), nadam, {"weight_decay": 0.2, "clip_norm": 0.1, "l1": 0.1, "alpha": 0.2}),
    "rmsprop": (RMSprop(0.01, 0.9, 0.8, 1e-6), rmsprop, {}),
    "rprop": (Rprop(0.01), rprop, {}),
    "sgd, l1": (SGD(0.1), sgd, {"l1": 0.3}),
    "sgd, weight decay": (SGD(0.1), sgd, {"weight_decay": 0.2}),
    "sgd, clipped": (SGD(0.1), sgd, {"clip_norm": 0.05}),
    "adam, weight decay": (Adam(0.01), adam, {"weight_decay": 0.2}),
    "adam, all": (Adam(0.01), adam, {"weight_decay": 0.2, "clip_norm": 0.1, "l1": 0.1, "alpha": 0.2}),
}


# The second network has too many parameters to be taken at once.
@pytest.mark.parametrize("sizes", [(4, 7, 2), (4, 200, 190, 2)])
@pytest.mark.parametrize(("case", "n_threads"), by_turns(list(CASES), [1, 3]))
def test_steps_are_those_written_out(case, n_threads, sizes):
    optimizer, step, options = CASES[case]
    trained = small(sizes)
    history = trained.fit(X, T, epochs=5, batch_size=17, optimizer=optimizer, shuffle=False, n_threads=n_threads, **options)
    rate = optimizer.learning_rate
    expected = written_out(small(sizes), step, 17, rate=rate, **options)
    np.testing.assert_allclose(trained.theta, expected, rtol=1e-9, atol=1e-11)
    assert (history.penalty[-1] > 0) == ("l1" in options)


@pytest.mark.plain
@pytest.mark.parametrize("option", ["alpha", "l1", "weight_decay", "clip_norm"])
def test_the_smallest_networks_know_penalties_too(option):
    """Without one they are trained in registers."""
    plain, other = (Network([2, 2, 1], dtype="float64") for _ in range(2))
    plain.fit(X[:, :2], T[:, :1], batch_size=1, shuffle=False)
    other.fit(X[:, :2], T[:, :1], batch_size=1, shuffle=False, **{option: 1e-9 if option != "clip_norm" else 1e9})
    np.testing.assert_allclose(other.theta, plain.theta, rtol=1e-6)
    assert (other.theta.tobytes() == plain.theta.tobytes()) == (option == "clip_norm")


@pytest.mark.parametrize("option", ["alpha", "l1", "weight_decay", "clip_norm"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_penalties_that_cannot_be(option, value):
    with pytest.raises(InputError, match=f"{option} is {value}"):
        small().fit(X, T, **{option: value})


@pytest.fixture
def torch():
    """PyTorch in float64: Nadam's product of momenta is of its default dtype."""
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)


def in_torch(torch, make, network, batch_size, epochs=5):
    """The weights that PyTorch comes to; make(weights, biases) -> its optimizer."""
    layers = [torch.nn.Linear(*W.shape) for W in network.weights]
    with torch.no_grad():
        for layer, W, b in zip(layers, network.weights, network.biases, strict=True):
            layer.weight.copy_(torch.tensor(W.T))
            layer.bias.copy_(torch.tensor(b))
    optimizer = make(torch.optim, [layer.weight for layer in layers], [layer.bias for layer in layers])
    for _ in range(epochs):
        for start in range(0, len(X), batch_size):
            x, t = torch.tensor(X[start : start + batch_size]), torch.tensor(T[start : start + batch_size])
            optimizer.zero_grad()
            ((layers[1](torch.tanh(layers[0](x))) - t) ** 2).mean().backward()
            optimizer.step()
    return [layer.weight.detach().numpy().T for layer in layers]


@pytest.mark.parametrize(
    ("optimizer", "options", "make"),
    [
        (RMSprop(0.01, 0.9), {}, lambda optim, W, b: optim.RMSprop(W + b, lr=0.01, alpha=0.9)),
        (RMSprop(0.01, 0.9, 0.8), {}, lambda optim, W, b: optim.RMSprop(W + b, lr=0.01, alpha=0.9, momentum=0.8)),
        (Rprop(0.01), {}, lambda optim, W, b: optim.Rprop(W + b, lr=0.01)),
        (Nadam(0.01), {}, lambda optim, W, b: optim.NAdam(W + b, lr=0.01)),
        (
            Adam(0.01),
            {"weight_decay": 0.1},
            lambda optim, W, b: optim.AdamW([{"params": W, "weight_decay": 0.1}, {"params": b, "weight_decay": 0}], lr=0.01),
        ),
    ],
)
def test_steps_are_pytorchs(optimizer, options, make, torch):
    trained = small()
    expected = in_torch(torch, make, small(), 20)
    trained.fit(X, T, epochs=5, batch_size=20, optimizer=optimizer, shuffle=False, **options)
    for mine, theirs in zip(trained.weights, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
