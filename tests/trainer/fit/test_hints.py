"""Warnings of fits that cannot succeed or have not: given where they are true, silent elsewhere, and without a trace."""

import tracemalloc
import warnings

import numpy as np
import pytest
from tileprop.trainer import SGD, Adam, EarlyStopping, Network, StopHandle, TrainingWarning
from tileprop.trainer.fit.hints import LEAST_EPOCHS, RANGES, _standardised, constant_loss

RNG = np.random.default_rng(8)
X = RNG.normal(size=(200, 4))
Y = X @ [[0.5], [-1.0], [0.25], [1.0]]


@pytest.fixture(autouse=True)
def _each_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        yield


def regression(**options):
    return Network([4, 8, 1], **{"activation": "tanh", "output_activation": "identity", **options})


def test_targets_out_of_reach():
    network = Network([4, 8, 1])
    with pytest.warns(
        TrainingWarning, match=r"targets range from 1 to 800, and outputs of 'sigmoid' lie between 0 and 1"
    ) as told:
        network.fit(X, np.linspace(1, 800, 200), epochs=30)
    assert "output_activation='identity'" in str(told[0].message)
    assert len(told) == 1
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("activation", "targets"),
    [
        ("sigmoid", (-0.1, 0.5)), ("tanh", (-1.5, 0)), ("relu", (-2, 5)), ("softplus", (-1, 1)), ("exp", (-1, 1)),
        ("elu", (-1.1, 0)), ("silu", (-0.3, 9)), ("gelu", (-0.2, 1)), ("softmax", (0, 1.1)),
    ],
)  # fmt: skip
def test_what_each_activation_reaches(activation, targets):
    with pytest.warns(TrainingWarning, match=f"outputs of '{activation}'"):
        Network([4, 2], output_activation=activation).fit(X, np.resize(targets, (200, 2)))
    inside = np.clip(np.resize(targets, (200, 2)), *RANGES[activation])
    Network([4, 2], output_activation=activation).fit(X, inside)


@pytest.mark.parametrize("activation", RANGES)
def test_ranges_are_those_of_the_activations(activation):
    z = np.linspace(-30, 30, 4001)[:, None] * [1.0, -1.0]
    network = Network([2, 2], output_activation=activation, dtype="float64", bias=False)
    network.weights[0][:] = np.eye(2)
    outputs, (low, high) = network.predict(z), RANGES[activation]
    assert low <= outputs.min() < low + 0.001
    assert outputs.max() <= high
    assert outputs.max() > (0.999 if high == 1 else 29)


def test_no_warning_for_rounding_and_for_losses_that_check_their_targets():
    Network([4, 1], output_activation="tanh").fit(X, np.resize([-1.0001, 1.0001], (200, 1)))
    Network([4, 3], output_activation="softmax", loss="log_loss").fit(X, RNG.integers(0, 3, 200))
    Network([4, 1], output_activation="exp", loss="poisson").fit(X, RNG.integers(0, 30, 200))
    Network([4, 1], output_activation="leaky_relu").fit(X, Y)


@pytest.fixture
def unscaled():
    """Columns and targets in the thousands, for which Adam's steps are far too short."""
    rows = RNG.uniform(0, 5000, (500, 4))
    return rows, rows.sum(axis=1)


def test_a_fit_that_learns_nothing(unscaled):
    network = regression()
    with pytest.warns(TrainingWarning, match=r"after 40 epochs the training loss is .*; standardise X and the targets") as told:
        history = network.fit(*unscaled, epochs=40, optimizer=Adam())
    assert len(told) == 1
    assert told[0].filename == __file__
    assert history.loss[-1] > unscaled[1].var()
    standardised = [(values - values.mean(axis=0)) / values.std(axis=0) for values in unscaled]
    regression().fit(*standardised, epochs=40, optimizer=Adam())


def test_columns_that_are_standardised_are_not_blamed():
    with pytest.warns(TrainingWarning, match="; try a smaller or larger learning rate"):
        regression().fit(X, RNG.permutation(Y), epochs=100, optimizer=SGD(1e-7))


def test_silent_where_it_is_too_early_to_say(unscaled):
    few, short = regression(), regression()
    few.fit(*unscaled, epochs=LEAST_EPOCHS - 1, optimizer=Adam())
    short.fit(unscaled[0][:32], unscaled[1][:32], epochs=2 * LEAST_EPOCHS, optimizer=Adam())  # as many steps
    stopped = StopHandle()
    regression().fit(
        *unscaled, epochs=10**6, optimizer=Adam(), callbacks=[stopped, lambda run: run.history.epochs == 60 and stopped.stop()]
    )


def test_silent_for_fits_that_go_on(unscaled, tmp_path):
    pytest.importorskip("safetensors")
    network, path = regression(), tmp_path / "fit.checkpoint"
    state = Adam().state(network.plan, network.dtype)
    network.fit(*unscaled, epochs=40, optimizer=state)
    with pytest.warns(TrainingWarning):
        regression().fit(*unscaled, epochs=40, optimizer=Adam(), checkpoint=path)
    Network.resume(path, *unscaled)


def test_silent_while_the_loss_falls():
    """The targets' mean is far away, and the fit is on its way there."""
    network = regression()
    history = network.fit(X, Y + 1000, epochs=30, optimizer=Adam(0.1))
    assert history.loss[-1] > Y.var()


def test_silent_where_only_dropout_makes_the_loss_high():
    T = (Y > 0).astype(float)
    network = Network([4, 64, 1], activation="relu", output_activation="identity")
    network.fit(X, T, epochs=200, optimizer=Adam(0.01), dropout=0.9)
    assert network.loss(X, T) < T.var()


def test_the_loss_of_what_is_kept_counts():
    """The last epochs were bad; early stopping has put the best one back."""

    def spoil(running):
        if running.history.epochs > 80:
            running.network.theta = 3 * np.cos(np.arange(running.network.plan.n_parameters))

    network = regression()
    history = network.fit(X, Y, epochs=160, optimizer=SGD(0.001), validation_data=(X, Y), callbacks=[EarlyStopping(100), spoil])
    assert history.loss[-1] > Y.var()
    assert history.kept_epoch < history.epochs


def test_hints_change_nothing(unscaled):
    from tileprop.trainer.fit.fitting import fit
    from tileprop.trainer.fit.options import FitOptions

    told, silent = regression(), regression()
    with pytest.warns(TrainingWarning):
        history = told.fit(*unscaled, epochs=40, optimizer=Adam())
    again = fit(silent, *unscaled, None, None, FitOptions(epochs=40, optimizer=Adam()))
    assert told.theta.tobytes() == silent.theta.tobytes()
    assert history.loss == again.loss


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("mse", "identity"), ("squared_error", "identity"), ("sum_squared_error", "identity"), ("mae", "identity"),
        ("log_loss", "softmax"), ("log_loss", "sigmoid"),
    ],
)  # fmt: skip
def test_the_loss_of_the_best_constant(loss, output, weighted):
    """No constant is better, and one is as good: a network without inputs is trained to it."""
    network = Network([1, 3], output_activation=output, loss=loss, dtype="float64")
    T = RNG.dirichlet([1, 2, 3], 5000) if loss == "log_loss" else RNG.normal(2, 3, (5000, 3))
    weight = RNG.uniform(0.1, 2, 5000) if weighted else np.empty(0)
    found = constant_loss(network, T, weight)
    if loss == "mae" and weighted:
        assert found is None
        return
    share = np.average(T, axis=0, weights=weight if weighted else None)
    best = share
    if loss == "log_loss":
        best = np.log(share) if output == "softmax" else np.log(share / (1 - share))
    network.weights[0][:], network.biases[0][:] = 0.0, np.median(T, axis=0) if loss == "mae" else best
    rows = np.zeros((5000, 1)), T, weight if weighted else None
    assert network.loss(*rows) == pytest.approx(found, rel=1e-9)
    network.biases[0][:] += 0.1 * RNG.normal(size=3)
    assert network.loss(*rows) > found


def test_the_loss_of_the_best_constant_for_class_labels():
    network = Network([1, 3], output_activation="softmax", loss="log_loss", dtype="float64")
    labels = RNG.choice(3, 400, p=[0.7, 0.3, 0.0])
    shares = np.bincount(labels) / 400
    expected = -(shares * np.log(shares)).sum()
    assert constant_loss(network, labels.astype(float)[:, None], np.empty(0)) == pytest.approx(expected)


def test_no_formula():
    assert constant_loss(Network([1, 1], loss="huber"), Y, np.empty(0)) is None


def test_whether_many_rows_are_standardised_is_seen_in_little_memory():
    X = np.ones((200_000, 20), np.float32)
    X[::2] = -1.0
    tracemalloc.start()
    assert _standardised(X)
    assert not _standardised(X + np.float32(100.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * X.nbytes  # X + 100, and little else
