"""Many networks in one call end at the bits of single fits, whatever is mixed, for any number of threads."""

import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core import config
from tileprop import SGD, Adam, EarlyStopping, Network, fit_many
from tileprop.trainer import ExponentialDecay
from tileprop.trainer.threads import number

N, N_IN = 40, 3
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(N, N_IN))
T = np.sin(X[:, :1]) + 0.1 * RANDOM.normal(size=(N, 1))
WEIGHT = RANDOM.uniform(0.5, 2.0, N)


@pytest.fixture(autouse=True)
def four_processors(monkeypatch):
    monkeypatch.setattr(number, "available_processors", lambda: 4)


@st.composite
def fits(draw):
    """What one network is given: its sizes, and its own settings."""
    rows = draw(st.permutations(range(N)))
    how = draw(st.sampled_from(["all", "subset", "fold", "split"]))
    stopping = how in ("fold", "split") and draw(st.booleans())
    hidden = draw(st.lists(st.integers(1, 9), max_size=2))
    given = {
        "optimizer": draw(st.sampled_from([SGD(0.1), SGD(0.02, momentum=0.9), Adam(0.01), Adam(0.1)])),
        "epochs": draw(st.integers(1, 9)),
        "batch_size": draw(st.sampled_from([1, 7, 16, 64])),
        "schedule": draw(st.sampled_from([None, ExponentialDecay(0.7)])),
        "dropout": draw(st.sampled_from([0.0, 0.3])) if hidden else 0.0,
        "alpha": draw(st.sampled_from([0.0, 0.1])),
        "shuffle": draw(st.booleans()),
    }
    return {
        "sizes": [N_IN, *hidden, 1],
        "activation": draw(st.sampled_from(["sigmoid", "tanh", "relu"])),
        "dtype": draw(st.sampled_from(["float32", "float64"])),
        "rows": None if how in ("all", "split") else rows[:25],
        "held": rows[25:] if how == "fold" else None,
        "split": 0.25 if how == "split" else None,
        "stopping": EarlyStopping(draw(st.integers(1, 3)), 0.01) if stopping else None,
        "seed": draw(st.integers(0, 99)),
        "settings": given,
    }


def network_of(fit):
    return Network(fit["sizes"], fit["activation"], "identity", dtype=fit["dtype"], random_state=fit["seed"])


def alone(fit, weight):
    """The network, its history and its early stopping after the fit that `Network.fit` makes."""
    network = network_of(fit)
    network.generator = np.random.default_rng(fit["seed"])
    rows = slice(None) if fit["rows"] is None else fit["rows"]
    held = None if fit["held"] is None else tuple(a[fit["held"]] for a in (X, T, weight) if a is not None)
    more = {"validation_data": held, "validation_split": fit["split"], "progress": False, "n_threads": 1}
    callbacks = [] if fit["stopping"] is None else [fit["stopping"]]
    weight = None if weight is None else weight[rows]
    return network, network.fit(X[rows], T[rows], sample_weight=weight, callbacks=callbacks, **more, **fit["settings"])


def check_alike(drawn, weighted, threads):
    weight = WEIGHT if weighted else None
    singles = [alone(fit, weight) for fit in drawn]
    networks = [network_of(fit) for fit in drawn]
    histories = fit_many(
        networks,
        X,
        T,
        sample_weight=weight,
        row_subsets=[fit["rows"] for fit in drawn],
        validation_subsets=[fit["held"] for fit in drawn],
        early_stopping=[fit["stopping"] for fit in drawn],
        seeds=[fit["seed"] for fit in drawn],
        settings=[{**fit["settings"], "validation_split": fit["split"]} for fit in drawn],
        n_threads=threads,
        progress=False,
    )
    for network, history, (single, expected) in zip(networks, histories, singles, strict=True):
        assert network.theta.tobytes() == single.theta.tobytes()
        assert (history.loss, history.val_loss) == (expected.loss, expected.val_loss)
        assert (history.stopped, history.kept_epoch) == (expected.stopped, expected.kept_epoch)
        # What it draws next is the same, too.
        assert network.generator.random() == single.generator.random()


@settings(max_examples=8)
@given(st.lists(fits(), min_size=1, max_size=6), st.booleans(), st.sampled_from([1, 2, 4]))
def test_bits_are_those_of_single_fits(drawn, weighted, threads):
    check_alike(drawn, weighted, threads)


@pytest.mark.full
@pytest.mark.parametrize("threads", [1, 2, 4])
@settings(max_examples=200, derandomize=False)
@given(st.lists(fits(), min_size=1, max_size=12), st.booleans())
def test_bits_are_those_of_single_fits_in_many_mixtures(threads, drawn, weighted):
    check_alike(drawn, weighted, threads)


def hundred(seed=0):
    return [Network([N_IN, 4, 1], "tanh", "identity", random_state=seed + i) for i in range(100)]


def singly(epochs, skip):
    """Parameters of the networks of `hundred` after single fits; initial ones for those to skip."""
    networks = hundred()
    for i, network in enumerate(networks):
        if i not in skip:
            network.fit(X, T, epochs=epochs, optimizer=SGD(0.1), progress=False)
    return [network.theta.tobytes() for network in networks]


def test_one_that_diverges_does_not_disturb_the_others():
    networks = hundred()
    optimizers = [SGD(1e30 if i == 37 else 0.1) for i in range(100)]
    with pytest.warns(RuntimeWarning, match=r"network 37"):
        histories = fit_many(networks, X, T, epochs=2, optimizers=optimizers, n_threads=2)
    assert histories[37].stopped
    assert all(np.isfinite(network.theta).all() for network in networks)
    expected = singly(2, skip={37})
    assert [network.theta.tobytes() for i, network in enumerate(networks) if i != 37] == expected[:37] + expected[38:]
    assert {history.epochs for i, history in enumerate(histories) if i != 37} == {2}


def test_a_callback_that_raises_does_not_disturb_the_others():
    def refuses(running):
        raise ValueError("no more")

    networks = hundred()
    settings = [{"callbacks": [refuses]} if i == 5 else {} for i in range(100)]
    with pytest.warns(RuntimeWarning, match=r"network 5: its fit has failed with ValueError: no more"):
        histories = fit_many(networks, X, T, epochs=2, optimizers=SGD(0.1), settings=settings, n_threads=4)
    assert histories[5].stopped == "error"
    expected = singly(2, skip={5})
    assert [network.theta.tobytes() for i, network in enumerate(networks) if i != 5] == expected[:5] + expected[6:]


def test_a_wrong_optimizer_is_found_before_anything_is_changed():
    networks = hundred()
    before = [network.theta.tobytes() for network in networks]
    with pytest.raises(ValueError, match=r"network 62: .*optimizer"):
        fit_many(networks, X, T, epochs=2, optimizers=["adam"] * 62 + ["adamm"] + ["adam"] * 37)
    assert [network.theta.tobytes() for network in networks] == before


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="hours as plain Python")
def test_a_time_limit_ends_all_fits_after_a_step():
    networks = hundred()[:6]
    histories = fit_many(networks, X, T, epochs=10**7, optimizers=SGD(0.01), max_seconds=0.3, n_threads=2, progress=False)
    assert {history.stopped for history in histories} == {"max_seconds"}
    assert all(np.isfinite(network.theta).all() for network in networks)


def test_fits_go_on_from_checkpoints_to_the_same_bits(tmp_path):
    """The first call is ended by a time limit of each fit."""
    pytest.importorskip("safetensors")

    def call(networks, **more):
        optimizers, stopping = [Adam(0.01 * (i + 1)) for i in range(4)], EarlyStopping(50)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit_many(
                networks, X, T, epochs=9, optimizers=optimizers, early_stopping=stopping, validation_split=0.2, seeds=range(4),
                settings=[{"dropout": 0.2}] * 4, n_threads=2, progress=False, **more,
            )  # fmt: skip
        return [network.theta.tobytes() for network in networks]

    expected = call(hundred()[:4])
    folder = tmp_path / "fits"
    networks = hundred()[:4]
    fit_many(
        networks, X, T, epochs=9, optimizers=[Adam(0.01 * (i + 1)) for i in range(4)], validation_split=0.2, seeds=range(4),
        early_stopping=EarlyStopping(50), settings=[{"dropout": 0.2, "max_seconds": 1e-9}] * 4, checkpoint=folder,
        checkpoint_every=1, progress=False,
    )  # fmt: skip
    assert [network.theta.tobytes() for network in networks] != expected
    assert call(hundred(seed=500)[:4], checkpoint=folder, resume=True) == expected


def test_settings_and_data_that_a_checkpoint_does_not_have_are_refused_before_any_fit(tmp_path):
    pytest.importorskip("safetensors")
    given = {"seeds": range(3), "validation_split": 0.2, "checkpoint": tmp_path / "fits", "progress": False}
    fit_many(hundred()[:3], X, T, epochs=2, **given)
    networks = hundred()[:3]
    before = [network.theta.tobytes() for network in networks]
    for other, message in (({"epochs": 3}, "epochs is 3"), ({"optimizers": Adam()}, "optimizer is Adam")):
        with pytest.raises(ValueError, match=f"network 0: {message}"):
            fit_many(networks, X, T, resume=True, **{"epochs": 2, **given, **other})
    for other, message in (((T + 1, None), "T is not what"), ((T, X[:, 0] ** 2), "sample_weight is given")):
        with pytest.raises(ValueError, match=f"network 0: {message}"):
            fit_many(networks, X, other[0], sample_weight=other[1], epochs=2, resume=True, **given)
    with pytest.raises(ValueError, match="network 1: row_subset"):
        fit_many(networks, X, T, epochs=2, resume=True, row_subsets=[None, range(9), None], **given)
    assert [network.theta.tobytes() for network in networks] == before


@pytest.mark.parametrize("seeds", [None, range(3)])
def test_fits_that_were_done_are_returned_and_the_missing_ones_made(tmp_path, seeds):
    """A file that a kill has left half-written counts as none."""
    pytest.importorskip("safetensors")
    given = {"epochs": 2, "seeds": seeds, "validation_split": 0.2, "checkpoint": tmp_path / "fits", "progress": False}
    whole = hundred()[:3]
    expected = fit_many(whole, X, T, **given)
    (tmp_path / "fits" / "00001.safetensors").rename(tmp_path / "fits" / "00001.safetensors.half")
    networks = hundred()[:3]
    histories = fit_many(networks, X, T, resume=True, **given)
    assert [network.theta.tobytes() for network in networks] == [network.theta.tobytes() for network in whole]
    assert [history.val_loss for history in histories] == [history.val_loss for history in expected]


def test_two_calls_at_once_do_not_disturb_each_other():
    results = {}

    def call(number):
        networks = hundred()[:6]
        fit_many(networks, X, T, epochs=50, optimizers=Adam(), seeds=range(6), n_threads=2, progress=False)
        results[number] = [network.theta.tobytes() for network in networks]

    threads = [threading.Thread(target=call, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    call("alone")
    assert results[0] == results[1] == results["alone"]
