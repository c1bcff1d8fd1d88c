"""The epoch loop: order, batches, validation, interruption."""

import _thread
import asyncio
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from inside import hyperparameters, progress, set_progress, steps_taken, team_of
from numba.core import config
from tileprop.kernels import make_plan
from tileprop.trainer import LBFGS, SGD, Adam, InputError, Network, StopHandle
from tileprop.trainer.fit import epochs, loop
from tileprop.trainer.threads import team

jitted = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code, in processes of their own")
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


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_penalty_on_weights(weight, n_threads):
    """Written out: gradient descent on the batch's loss and alpha / 2 times the sum of squared weights over its weight."""
    fitted, written_out = small(), small()
    options = dict(epochs=3, batch_size=7, shuffle=False, sample_weight=weight, n_threads=n_threads)
    history = fitted.fit(X, T, optimizer=SGD(0.5), alpha=0.8, **options)
    for epoch in range(3):
        total = total_penalty = 0.0
        for start in range(0, len(X), 7):
            rows = slice(start, start + 7)
            share = len(X[rows]) if weight is None else weight[rows].sum()
            loss, grad = written_out.loss_and_grad(X[rows], T[rows], None if weight is None else weight[rows])
            penalty = 0.8 / 2 * sum((W**2).sum() for W in written_out.weights) / share
            for W, dW in zip(written_out.weights, written_out.unflatten(grad)[0], strict=True):
                dW += 0.8 * W / share
            written_out.theta[:] -= 0.5 * grad
            total, total_penalty = total + loss * len(X[rows]), total_penalty + penalty * len(X[rows])
        assert history.batch_loss[epoch] == pytest.approx(total / len(X), rel=1e-12)
        assert history.penalty[epoch] == pytest.approx(total_penalty / len(X), rel=1e-12)
        assert (history.loss[epoch] == pytest.approx(history.batch_loss[epoch], rel=1e-9)) == (weight is None)
    np.testing.assert_allclose(fitted.theta, written_out.theta, rtol=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(0.5), SGD(0.1, 0.9), SGD(0.1, 0.9, nesterov=True), Adam(0.01)])
def test_a_state_goes_on(optimizer):
    """Two fits of an epoch each are one of two, to the last bit."""
    options = dict(batch_size=7, shuffle=False, alpha=0.1)
    once, twice = small(), small()
    expected = once.fit(X, T, epochs=2, optimizer=optimizer, **options)
    state = optimizer.state(twice.plan, twice.dtype)
    losses = [twice.fit(X, T, epochs=1, optimizer=state, **options).loss[0] for _ in range(2)]
    assert twice.theta.tobytes() == once.theta.tobytes()
    assert losses == expected.loss
    assert steps_taken(state) == 2 * 8


def test_a_fits_penalty_is_its_own():
    """One that a state had before does not stay."""
    expected, network = small(), small()
    expected.fit(X, T, optimizer=SGD(0.5))
    state = SGD(0.5).state(network.plan, network.dtype)
    network.fit(X, T, optimizer=state, alpha=0.5)
    network.theta, network.generator = small().theta, small().generator
    history = network.fit(X, T, optimizer=state)
    assert network.theta.tobytes() == expected.theta.tobytes()
    assert history.penalty == [0]


def test_counts_are_learned_through_exp():
    rates = np.exp(0.3 + X @ [[0.5], [-0.4], [0.2]])
    network = Network([3, 1], output_activation="exp", loss="poisson", dtype="float64")
    history = network.fit(X, rates, epochs=400, batch_size=10, optimizer=SGD(0.1))
    assert history.loss[-1] < 1e-9 < history.loss[0]
    np.testing.assert_allclose(network.weights[0].ravel(), [0.5, -0.4, 0.2], rtol=1e-3)
    np.testing.assert_allclose(network.predict(X), rates, rtol=1e-3)


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
        set_progress(state, len(order))
        return 0.0

    monkeypatch.setattr(epochs, "choose_epoch", lambda *arguments: spy)
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
        (dict(callbacks=(print for _ in range(2))), r"callbacks is <generator .*; give a list: callbacks=\[EarlyStopping"),
        (dict(callbacks="print"), "callbacks is 'print'; give a list"),
        (dict(callbacks=[3]), "callbacks holds 3; each must be a function of a RunningFit"),
        (dict(optimizer="adm"), "optimizer is 'adm'; it must be one of .* did you mean 'adam'"),
        (dict(optimizer=Adam().state(make_plan([3, 5, 2]), "float64")), "a state that was made for another network"),
        (dict(optimizer=Adam().state(make_plan([3, 4, 2]), "float32")), "or for its other dtype"),
        (dict(alpha=-1), "alpha is -1; it must be at least 0"),
        (dict(alpha=float("nan")), "alpha is nan; it must be a finite number, at least 0"),
        (dict(alpha=float("inf")), "alpha is inf; it must be a finite number, at least 0"),
        (dict(clip_norm=1e-310), "clip_norm is 1e-310; it must be at least 2.22507e-308, or None"),
        (dict(frozen_layers=[True, False]), "frozen_layers holds True; it must hold numbers of layers, and .* 0 to 1"),
        (dict(frozen_layers=[0.5]), "frozen_layers holds 0.5"),
        (dict(frozen_layers=[2]), "frozen_layers holds 2"),
        (dict(sample_weight=np.full(50, 1e-310)), "sample_weight holds 1e-310, which counts as zero in float64"),
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


def test_parameters_that_are_not_finite_are_refused():
    network = small()
    network.weights[0][0, 0] = np.nan
    before = network.theta.copy()
    with pytest.raises(InputError, match="parameters are not finite"):
        network.fit(X, T)
    np.testing.assert_array_equal(network.theta, before)


class Falling:
    """A schedule whose factors become negative."""

    def factor(self, epoch, epochs, history):
        return 1.0 - epoch


def test_a_schedule_that_climbs_is_refused():
    network = small()
    with pytest.raises(InputError, match=r"the schedule.s factor for epoch 3 is -1\.0; it must be at least 0"):
        network.fit(X, T, epochs=5, schedule=Falling())


@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf])
def test_a_callback_cannot_set_a_rate_that_climbs(rate):
    def callback(running):
        running.learning_rate = rate

    with pytest.raises(InputError, match="learning_rate is"):
        small().fit(X, T, epochs=2, callbacks=[callback])


def test_no_rows():
    with pytest.raises(InputError, match="X has no rows"):
        small().fit(np.empty((0, 3)), np.empty((0, 2)))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_ctrl_c_ends_after_a_whole_step(monkeypatch, n_threads):
    """The parameters after an interrupt are those of a whole number of steps, and the call returns at once."""
    monkeypatch.setattr(team, "WORTH_A_THREAD", 0.0)
    monkeypatch.setattr(loop, "WORTH_A_CALL", 0.0)
    network = Network([20, 64, 1], dtype="float32")
    rows = RNG.normal(size=(100_000, 20)).astype("float32")
    targets = rows[:, :1].copy()
    options = dict(batch_size=32, shuffle=False)
    network.fit(rows[:64], targets[:64])
    start = network.theta.copy()
    taken = {"epochs": 0, "rows": 0}

    def choose(*chosen_for):
        kernel = original(*chosen_for)

        def observe(plan, theta, state, X, T, weight, order, work):
            kernel(plan, theta, state, X, T, weight, order, work)
            if team_of(work)[0] == 0:
                finished, taken["rows"] = divmod(progress(state).rows, len(X))
                taken["epochs"] += finished
            return 0.0

        return observe

    original = epochs.choose_epoch
    monkeypatch.setattr(epochs, "choose_epoch", choose)
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        network.fit(rows, targets, epochs=10_000, n_threads=n_threads, **options)
    time.sleep(0.05)
    interrupted = network.theta.copy()
    monkeypatch.undo()
    again = Network([20, 64, 1], dtype="float32")
    again.theta = start
    if taken["epochs"]:
        again.fit(rows, targets, epochs=taken["epochs"], **options)
    if taken["rows"]:
        again.fit(rows[: taken["rows"]], targets[: taken["rows"]], **options)
    np.testing.assert_array_equal(again.theta, interrupted)


# Why a fit ends ------------------------------------------------------------------------------------------------------------

MANY = RNG.normal(size=(30_000, 3)), RNG.uniform(size=(30_000, 2))


def test_why_a_fit_ended_is_in_its_history():
    assert small().fit(X, T, epochs=3).stopped == "epochs"
    assert small().fit(X, T, epochs=3, callbacks=[lambda running: True]).stopped == "callback"
    history = small().fit(X, T, epochs=10**9, max_seconds=0.05)
    assert history.stopped == "max_seconds"
    assert 0 < history.epochs < 10**9


def check_steps(network, history, **options):
    """The network is what the finished epochs, and the unfinished one's rows, make of it."""
    expected = small()
    for _ in range(history.epochs):
        expected.fit(*MANY, **options)
    rows = history.unfinished_rows
    assert rows % options["batch_size"] == 0
    if rows:
        expected.fit(MANY[0][:rows], MANY[1][:rows], **options)
    assert network.theta.tobytes() == expected.theta.tobytes()


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 10])
def test_a_time_that_is_up_ends_a_fit_within_an_epoch(batch_size, n_threads):
    network, options = small(), dict(batch_size=batch_size, shuffle=False, n_threads=n_threads)
    history = network.fit(*MANY, epochs=100, max_seconds=1e-9, **options)
    assert history.stopped == "max_seconds"
    assert history.epochs == 0 < history.unfinished_rows < 30_000
    assert len(history.loss) == len(history.seconds) == 0
    check_steps(network, history, **options)


@pytest.mark.parametrize("max_seconds", [0, -1.0, float("nan"), float("inf")])
def test_times_that_are_none(max_seconds):
    with pytest.raises(InputError, match=r"max_seconds is .*; it must be (a finite number, )?above 0, or None"):
        small().fit(X, T, max_seconds=max_seconds)


def test_solvers_end_when_the_time_is_up():
    pytest.importorskip("scipy")
    history = small().fit(X, T, epochs=10**6, optimizer=LBFGS(tol=0.0), max_seconds=1e-9)
    assert (history.epochs, history.stopped) == (1, "max_seconds")
    assert small().fit(X, T, epochs=2, optimizer=LBFGS()).stopped == "epochs"
    assert small().fit(X, T, epochs=9, optimizer=LBFGS(), callbacks=[lambda running: True]).stopped == "callback"


@pytest.mark.parametrize("epochs", [1, 1000])
def test_a_fit_is_stopped_by_another_thread(epochs):
    """After a step; short epochs that were made in one call are then made whole ones."""
    handle, begun = StopHandle(), threading.Event()
    options = dict(batch_size=1, shuffle=False, n_threads=1)
    rows = 30_000 if epochs == 1 else 50

    class Begun:
        losses_only = True

        def begin(self, stop):
            begun.set()

        def __call__(self, running):
            if running.history.epochs == 20:
                handle.stop()

    network, results = small(), []

    def fit():
        results.append(network.fit(MANY[0][:rows], MANY[1][:rows], epochs=10**6, callbacks=[handle, Begun()], **options))

    thread = threading.Thread(target=fit)
    thread.start()
    begun.wait(60.0)
    if epochs == 1:
        handle.stop()
    thread.join(60.0)
    assert not thread.is_alive()
    (history,) = results
    assert history.stopped in ("stop", "callback")
    if epochs == 1:
        check_steps(network, history, **options)


def test_a_handle_that_was_used_ends_a_fit_at_its_first_step():
    handle, network = StopHandle(), small()
    handle.stop()
    history = network.fit(*MANY, epochs=5, batch_size=10, callbacks=[handle], shuffle=False)
    assert (history.stopped, history.epochs, history.unfinished_rows) == ("stop", 0, 10)
    check_steps(network, history, batch_size=10, shuffle=False)


def test_a_cancelled_task_ends_its_fit():
    """As in docs/long-runs.md."""
    network, handle = small(), StopHandle()

    async def train():
        try:
            await asyncio.to_thread(network.fit, *MANY, epochs=10**6, callbacks=[handle])
        finally:
            handle.stop()

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(train(), 0.05))  # which waits for the thread


DAEMON = """
import threading
import numpy as np
from tileprop.trainer import Network
X = np.random.default_rng(0).normal(size=(400_000, 10))
network = Network([10, 300, 300, 1], "tanh", "identity")
network.fit(X[:32], X[:32, :1])
class Begun:
    def begin(self, stop):
        begun.set()
    def __call__(self, running):
        print("an epoch has ended")
begun = threading.Event()
arguments = dict(epochs=1000, callbacks=[Begun()], checkpoint=CHECKPOINT)
threading.Thread(target=network.fit, args=(X, X[:, :1]), kwargs=arguments, daemon=True).start()
begun.wait(60)
threading.Event().wait(0.1)
"""


@jitted
def test_a_fit_in_a_daemon_thread_ends_with_the_interpreter(tmp_path):
    """After a step, with a checkpoint to go on from, though its epoch takes long."""
    path = tmp_path / "fit"
    code = DAEMON.replace("CHECKPOINT", repr(str(path)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    X = np.random.default_rng(0).normal(size=(400_000, 10))
    handle = StopHandle()
    handle.stop()
    _, history = Network.resume(path, X, X[:, :1], callbacks=[handle])
    assert history.epochs == 0 < history.unfinished_rows


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


@pytest.mark.parametrize("optimizer", [SGD(0.5), SGD(0.1, 0.9), Adam(0.01)])
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.01}, {"alpha": 0.1, "n_threads": 2}])
@pytest.mark.parametrize("frozen", [[0], np.array([1, 2]), (0, 1, 2)], ids=str)
def test_frozen_layers_stay_and_the_others_learn(optimizer, options, frozen):
    network = Network([3, 5, 4, 2], dtype="float64")
    before = [(W.copy(), b.copy()) for W, b in zip(network.weights, network.biases, strict=True)]
    network.fit(X, T, epochs=2, batch_size=7, optimizer=optimizer, frozen_layers=frozen, **options)
    for layer, (W, b) in enumerate(before):
        assert np.array_equal(network.weights[layer], W) == (layer in frozen)
        assert np.array_equal(network.biases[layer], b) == (layer in frozen)


def test_the_layers_above_frozen_ones_learn_as_a_network_of_their_own():
    whole = Network([3, 5, 4, 2], dtype="float64")
    above = Network([5, 4, 2], dtype="float64")
    for mine, theirs in zip([*above.weights, *above.biases], [*whole.weights[1:], *whole.biases[1:]], strict=True):
        mine[:] = theirs
    A = whole.activations(X)[0]
    whole.fit(X, T, epochs=3, batch_size=7, shuffle=False, frozen_layers=[0])
    above.fit(A, T, epochs=3, batch_size=7, shuffle=False)
    np.testing.assert_allclose(whole.weights[1], above.weights[0], rtol=1e-12)
    np.testing.assert_allclose(whole.weights[2], above.weights[1], rtol=1e-12)


def test_layers_that_are_none():
    with pytest.raises(InputError, match=r"frozen_layers holds 2; .* this network's are 0 to 1"):
        small().fit(X, T, frozen_layers=[2])


# Dropout -------------------------------------------------------------------------------------------------------------------


def dropped_fit(dropout, n_threads=None, epochs=3, seed=1, optimizer=None):
    network = Network([3, 30, 20, 2], "gelu", "identity", "squared_error", dtype="float64", random_state=seed)
    rng = np.random.default_rng(3)
    X, T = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    history = network.fit(X, T, epochs=epochs, batch_size=10, dropout=dropout, n_threads=n_threads, optimizer=optimizer)
    return network, history


def test_dropout_follows_from_the_networks_seed_alone():
    reference = dropped_fit(0.3)[0].theta
    assert np.array_equal(dropped_fit([0.3, 0.3], n_threads=2)[0].theta, reference)
    assert not np.array_equal(dropped_fit([0.3, 0.2])[0].theta, reference)
    assert not np.array_equal(dropped_fit(0.3, seed=2)[0].theta, reference)


def test_a_fit_without_dropout_draws_nothing_for_it():
    with_zero, without = dropped_fit(0.0)[0], dropped_fit([0.0, 0.0])[0]
    assert np.array_equal(with_zero.theta, without.theta)
    assert with_zero.generator.random() == without.generator.random()


def test_a_state_that_goes_on_keeps_its_masks_seed():
    network = Network([3, 30, 2], "tanh", "identity", dtype="float64")
    state = Adam(0.01).state(network.plan, "float64")
    X, T = np.eye(3), np.ones((3, 2))
    network.fit(X, T, dropout=0.5, optimizer=state)
    seed = hyperparameters(state)["seed"]
    assert 1 <= seed < 1 << 32
    network.fit(X, T, dropout=0.5, optimizer=state)
    assert hyperparameters(state)["seed"] == seed


def test_validation_is_without_dropout():
    network = Network([3, 200, 1], "relu", "identity", dtype="float64")
    X, T = np.random.default_rng(0).normal(size=(200, 3)), np.zeros((200, 1))
    history = network.fit(X, T, optimizer=SGD(0.0), dropout=0.5, batch_size=200, validation_data=(X, T))
    assert history.val_loss[0] == pytest.approx(network.loss(X, T), rel=1e-12)
    assert history.loss[0] > history.val_loss[0]


@pytest.mark.parametrize("dropout", [1.0, -0.1, [0.1], [0.1, 0.2, 0.3], "half", [0.1, None], np.nan])
def test_rates_that_are_none_are_refused(dropout):
    with pytest.raises(InputError, match=r"dropout is .*; it must be a rate, at least 0 and below 1, or a list of 2"):
        dropped_fit(dropout)
