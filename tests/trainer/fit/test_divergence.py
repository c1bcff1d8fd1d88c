"""What a fit does where training diverges."""

import pickle
import warnings

import numpy as np
import pytest
from tileprop.trainer import SGD, Adam, DivergenceError, ExponentialDecay, InputError, LevenbergMarquardt, Network, Rprop
from tileprop.trainer.fit import divergence, loop

RNG = np.random.default_rng(11)
X, T = RNG.normal(size=(50, 3)), RNG.uniform(size=(50, 2))
HELD_OUT = (X[:20], T[:20])
# Diverges after some epochs.
TOO_FAST = SGD(3.0)


def network():
    return Network([3, 4, 2], "relu", "identity", dtype="float64")


def fit(on_divergence, optimizer=TOO_FAST, epochs=40, **options):
    """The network, its history, and what was warned of."""
    model = network()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(X, T, epochs=epochs, optimizer=optimizer, on_divergence=on_divergence, **options)
    return model, history, [str(warning.message) for warning in caught]


def test_an_error_says_where():
    with pytest.raises(DivergenceError) as caught:
        network().fit(X, T, epochs=40, optimizer=TOO_FAST)
    error = caught.value
    assert f"epoch {error.epoch}, " in str(error)
    assert f"step {error.step}, " in str(error)
    assert f"layer {error.layer}:" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.epoch, again.step, again.layer) == (str(error), error.epoch, error.step, error.layer)


@pytest.mark.parametrize("worth", [0.0, 10.0])
def test_stop_ends_with_the_parameters_and_the_epochs_before(monkeypatch, worth):
    monkeypatch.setattr(loop, "WORTH_A_CALL", worth)
    expected = network()
    with pytest.raises(DivergenceError) as caught:
        expected.fit(X, T, epochs=40, optimizer=TOO_FAST)
    model, history, told = fit("stop")
    assert history.stopped == "divergence"
    assert history.epochs == caught.value.epoch - 1 > 0
    assert model.theta.tobytes() == expected.theta.tobytes()
    assert model.generator.bit_generator.state == expected.generator.bit_generator.state
    assert len(told) == 1
    assert str(caught.value).split(": ")[0] in told[0]


def test_callbacks_are_told_of_the_epochs_before():
    seen = []

    def look(running):
        seen.append(running.history.epochs)

    look.losses_only = True
    _, history, _ = fit("stop", callbacks=[look])
    assert seen == list(range(1, history.epochs + 1))


@pytest.mark.parametrize("rate", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("validation", [None, HELD_OUT])
def test_restore_ends_with_those_of_the_best_epoch(validation, rate):
    """Where only the training loss is known, with those that the epoch began with, whose loss it is."""
    seen = [network().theta]
    model, history, told = fit(
        "restore", SGD(rate), 400, validation_data=validation,
        callbacks=[lambda running: seen.append(running.network.theta.copy())],
    )  # fmt: skip
    losses = [network().loss(*HELD_OUT), *history.val_loss] if validation else history.loss
    best = int(np.nanargmin(losses)) + (not validation)
    assert history.stopped == "divergence"
    assert 0 < history.epochs < 400
    np.testing.assert_array_equal(model.theta, seen[best if validation else best - 1])
    which = f"from {'after' if validation else 'the begin of'} epoch {best}, the best one" if best else "from before the first"
    assert which in told[0]


def test_restore_ends_with_the_first_parameters_where_no_epoch_was_finished():
    model, history, told = fit("restore", SGD(1e300))
    np.testing.assert_array_equal(model.theta, network().theta)
    assert (history.epochs, history.stopped) == (0, "divergence")
    assert "from before the first epoch" in told[0]


@pytest.mark.parametrize("schedule", [None, ExponentialDecay(0.999)])
def test_retry_goes_on_from_the_best_epoch_with_a_smaller_rate(schedule):
    rates = []
    model, history, told = fit("retry", schedule=schedule, callbacks=[lambda running: rates.append(running.learning_rate)])
    assert (history.epochs, history.stopped) == (40, "epochs")
    assert 1 <= len(told) <= divergence.RETRIES
    assert all("diverged in epoch" in text and "0.5 times the learning rate" in text for text in told)
    assert np.isfinite(model.theta).all()
    expected = 3.0 * 0.5 ** len(told) * (1.0 if schedule is None else 0.999**39)
    assert rates[-1] == pytest.approx(expected)


def test_a_fit_that_does_not_diverge_is_the_same_whatever_is_asked_for():
    results = [fit(choice, Adam(0.01), 5)[0].theta.tobytes() for choice in divergence.CHOICES]
    assert len(set(results)) == 1


def test_retries_of_rprop_take_shorter_steps():
    model = Network([3, 2], "identity", "exp", "poisson", dtype="float32")
    options = dict(epochs=40, batch_size=50, optimizer=Rprop(30.0))
    with pytest.raises(DivergenceError):
        model.fit(X, T, **options)
    model = Network([3, 2], "identity", "exp", "poisson", dtype="float32")
    with pytest.warns(RuntimeWarning, match="goes back"):
        assert model.fit(X, T, on_divergence="retry", **options).stopped == "epochs"


def test_retries_end():
    model = network()
    before = model.theta.copy()
    with (
        pytest.warns(RuntimeWarning, match="goes back") as told,
        pytest.raises(DivergenceError, match="before the first"),
    ):
        model.fit(X, T, epochs=40, optimizer=SGD(1e300), on_divergence="retry")
    assert len(told) == divergence.RETRIES
    np.testing.assert_array_equal(model.theta, before)


@pytest.mark.parametrize("choice", ["stop", "restore", "retry"])
@pytest.mark.parametrize("validation", [None, HELD_OUT])
@pytest.mark.filterwarnings("ignore:training diverged")
def test_a_fit_that_is_interrupted_goes_on_to_the_same(tmp_path, choice, validation):
    def interrupt(running):
        if running.history.epochs == stop:
            raise KeyboardInterrupt

    model, history, _ = fit(choice, validation_data=validation)
    for stop in (2, history.epochs // 2, history.epochs):
        path = tmp_path / f"fit {stop}"
        with pytest.raises(KeyboardInterrupt):
            network().fit(
                X, T, epochs=40, optimizer=TOO_FAST, on_divergence=choice, validation_data=validation, callbacks=[interrupt],
                checkpoint=path,
            )  # fmt: skip
        resumed, again = Network.resume(
            path, X, T, on_divergence=choice, validation_data=validation, callbacks=[lambda running: None]
        )
        assert resumed.theta.tobytes() == model.theta.tobytes()
        assert (again.loss, again.val_loss, again.stopped) == (history.loss, history.val_loss, history.stopped)


def test_what_cannot_be_asked_for():
    with pytest.raises(InputError, match="on_divergence is 'go on'; it must be one of 'raise', 'stop', 'restore', 'retry'"):
        network().fit(X, T, on_divergence="go on")
    with pytest.raises(InputError, match="on_divergence is 'stop'; LevenbergMarquardt"):
        network().fit(X, T, on_divergence="stop", optimizer=LevenbergMarquardt())
