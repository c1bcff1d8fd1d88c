"""The epoch loop: order, batches, validation, interruption."""

import _thread
import threading
import time

import numpy as np
import pytest
from tileprop.trainer import SGD, Adam, InputError, Network, calls, loop, threads

RNG = np.random.default_rng(11)
X, T = RNG.normal(size=(50, 3)), RNG.uniform(size=(50, 2))
WEIGHT = RNG.uniform(0.5, 2, 50)


def small(**arguments):
    return Network([3, 4, 2], dtype="float64", **arguments)


def numpy_epochs(network, epochs, batch_size, rate, weight=None):
    """Gradient descent on the network's own gradients, batch by batch: the loop written out. Returns the epochs' losses."""
    losses = []
    for _ in range(epochs):
        order = network.generator.permutation(len(X))
        total = total_weight = 0.0
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            share = len(rows) if weight is None else weight[rows].sum()
            loss, grad = network.loss_and_grad(X[rows], T[rows], None if weight is None else weight[rows])
            network.theta[:] -= rate * grad
            total, total_weight = total + loss * share, total_weight + share
        losses.append(total / total_weight)
    return losses


@pytest.mark.parametrize("batch_size", [1, 7, 50, 80])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_fit_is_gradient_descent_batch_by_batch(batch_size, weight):
    fitted, written_out = small(), small()
    history = fitted.fit(X, T, epochs=3, batch_size=batch_size, optimizer=SGD(0.5), sample_weight=weight)
    losses = numpy_epochs(written_out, 3, batch_size, 0.5, weight)
    np.testing.assert_allclose(fitted.theta, written_out.theta, rtol=1e-12)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-12)


def test_same_seed_same_bits_and_data_in_order():
    first, second = small(random_state=3), small(random_state=3)
    first.fit(X, T, epochs=4)
    second.fit(X, T, epochs=4)
    assert first.theta.tobytes() == second.theta.tobytes()
    second.fit(X, T, epochs=1, shuffle=False, batch_size=10)
    third = small(random_state=3)
    third.theta = first.theta
    third.fit(X, T, epochs=1, shuffle=False, batch_size=10)
    assert second.theta.tobytes() == third.theta.tobytes()


def test_shuffling_draws_a_new_order_each_epoch(monkeypatch):
    orders = []

    def spy(plan, theta, state, X, T, weight, order, work):
        orders.append(order.copy())
        return 0.0

    monkeypatch.setattr(calls, "train_epoch", spy)
    small().fit(X, T, epochs=3)
    orders = np.concatenate(orders).reshape(3, 50)
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({order.tobytes() for order in orders}) == 3


@pytest.mark.parametrize("optimizer", [SGD(0.5), SGD(0.1, 0.9), SGD(0.1, 0.9, nesterov=True), Adam(0.01)])
def test_every_optimizer_learns(optimizer):
    network = small()
    history = network.fit(X, T, epochs=30, batch_size=10, optimizer=optimizer)
    assert history.loss[-1] < 0.9 * history.loss[0]


def test_inputs_of_every_kind_give_the_same_network():
    expected = small()
    expected.fit(X, T, epochs=2)
    read_only = X.copy()
    read_only.flags.writeable = False
    for inputs in (X.tolist(), np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], read_only):
        before = np.array(inputs)
        network = small()
        network.fit(inputs, T, epochs=2)
        assert network.theta.tobytes() == expected.theta.tobytes()
        np.testing.assert_array_equal(np.array(inputs), before)


def test_memory_mapped_data(tmp_path):
    np.save(tmp_path / "X.npy", X)
    expected, mapped = small(), small()
    expected.fit(X, T, epochs=2)
    mapped.fit(np.load(tmp_path / "X.npy", mmap_mode="r"), T, epochs=2)
    assert mapped.theta.tobytes() == expected.theta.tobytes()


def test_validation_loss_is_taken_after_each_epoch():
    network = small()
    history = network.fit(X, T, epochs=3, validation_data=(X[:9], T[:9], WEIGHT[:9]))
    assert len(history.val_loss) == history.epochs == len(history.seconds) == 3
    assert history.val_loss[-1] == network.loss(X[:9], T[:9], WEIGHT[:9])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(epochs=0), "epochs is 0"),
        (dict(batch_size=0), "batch_size is 0"),
        (dict(batch_size=1.5), "batch_size is 1.5; it must be a whole number"),
        (dict(optimizer="adam"), "optimizer is 'adam'; it must be SGD"),
        (dict(validation_data=X), r"validation_data must be \(X, T\)"),
        (dict(validation_data=(X[:, :2], T)), r"validation_data's X has shape \(50, 2\)"),
        (dict(sample_weight=WEIGHT[:-1]), r"sample_weight has shape \(49,\)"),
    ],
)
def test_bad_arguments_change_nothing(arguments, message):
    network = small()
    before, generator = network.theta.copy(), network.generator.bit_generator.state
    with pytest.raises((InputError, ValueError, TypeError), match=message):
        network.fit(X, T, **arguments)
    np.testing.assert_array_equal(network.theta, before)
    assert network.generator.bit_generator.state == generator


def test_no_rows():
    with pytest.raises(InputError, match="X has no rows"):
        small().fit(np.empty((0, 3)), np.empty((0, 2)))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_ends_after_a_whole_step(monkeypatch, n_threads):
    """The parameters after an interrupt are those of a whole number of steps, and the call returns at once."""
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 0.0)
    monkeypatch.setattr(loop, "WORTH_A_CALL", 0.0)
    network = Network([20, 64, 1], dtype="float32")
    rows = RNG.normal(size=(400_000, 20)).astype("float32")
    targets = rows[:, :1].copy()
    network.fit(rows[:64], targets[:64])
    start = network.theta.copy()
    taken = {}

    def observe(plan, theta, state, *rest):
        try:
            return original(plan, theta, state, *rest)
        finally:
            taken["rows"] = int(state.codes[2])

    original = calls.train_epoch
    monkeypatch.setattr(calls, "train_epoch", observe)
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        network.fit(rows, targets, epochs=1000, batch_size=32, shuffle=False, n_threads=n_threads)
    time.sleep(0.05)
    interrupted = network.theta.copy()
    again = Network([20, 64, 1], dtype="float32")
    again.theta = start
    monkeypatch.setattr(calls, "train_epoch", original)
    full_epochs = 0
    while not np.array_equal(again.theta, interrupted) and full_epochs < 50:
        before = again.theta.copy()
        again.fit(rows[: taken["rows"]], targets[: taken["rows"]], batch_size=32, shuffle=False)
        if np.array_equal(again.theta, interrupted):
            break
        again.theta = before
        again.fit(rows, targets, batch_size=32, shuffle=False)
        full_epochs += 1
    np.testing.assert_array_equal(again.theta, interrupted)


def test_one_step_by_hand():
    network = small()
    weights = [W.copy() for W in network.weights]
    biases = [b.copy() for b in network.biases]
    network.fit(X[:5], T[:5], batch_size=5, shuffle=False, optimizer=SGD(0.3))
    A = 1 / (1 + np.exp(-(X[:5] @ weights[0] + biases[0])))
    Y = 1 / (1 + np.exp(-(A @ weights[1] + biases[1])))
    D = 2 * (Y - T[:5]) / Y.size * Y * (1 - Y)
    np.testing.assert_allclose(network.weights[1], weights[1] - 0.3 * A.T @ D, rtol=1e-12)
    D0 = D @ weights[1].T * A * (1 - A)
    np.testing.assert_allclose(network.weights[0], weights[0] - 0.3 * X[:5].T @ D0, rtol=1e-12)
    np.testing.assert_allclose(network.biases[0], biases[0] - 0.3 * D0.sum(0), rtol=1e-12)
