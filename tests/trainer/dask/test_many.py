"""Many fits on a cluster end at the bits of the local calls, also where workers are lost."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
import tileprop
from distributed import Client, LocalCluster
from tileprop.trainer import SGD, Adam, EarlyStopping, InputError, Network
from tileprop.trainer.dask import cross_val_fit, fit_many, groups, sweep

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
T = np.sin(X[:, :1]) + 0.1 * RANDOM.normal(size=(60, 1))
WEIGHT = RANDOM.uniform(0.5, 2.0, 60)
LABELS = np.where(X[:, 0] > X[:, 1], "right", "left")


def networks(count=9, **given):
    """Of different shapes and dtypes."""
    sizes = [[3, 1], [3, 5, 1], [3, 8, 4, 1]]
    return [
        Network(sizes[i % 3], "tanh", "identity", dtype=("float32", "float64")[i % 2], random_state=i, **given)
        for i in range(count)
    ]


def kept(history):
    return history.loss, history.val_loss, history.stopped, history.restored_epoch, history.n_samples


def check_alike(client, made, **given):
    """Networks, histories and states as those of the local call. made: a function that makes the networks and states."""
    (here, states), (there, others) = made(), made()
    optimizers = {"optimizers": states} if states else {}
    histories = tileprop.fit_many(here, X, T, **optimizers, **given)
    on_cluster = fit_many(there, X, T, client=client, **({"optimizers": others} if others else {}), **given)
    assert list(map(kept, histories)) == list(map(kept, on_cluster))
    for one, other in zip(here, there, strict=True):
        assert one.theta.tobytes() == other.theta.tobytes()
        assert one.generator.bit_generator.state == other.generator.bit_generator.state
    for one, other in zip(states, others, strict=True):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
    return there


def test_whatever_is_mixed(client):
    given = {
        "epochs": 6,
        "batch_size": 16,
        "optimizers": [Adam(0.03), SGD(0.1), SGD(0.05, momentum=0.9)] * 3,
        "settings": [{}, {"alpha": 0.1}, {"dropout": 0.3}] * 3,
        "row_subsets": [None, np.arange(40), np.arange(0, 60, 2)] * 3,
        "sample_weight": WEIGHT,
        "validation_split": 0.2,
        "early_stopping": EarlyStopping(2),
    }
    check_alike(client, lambda: (networks(), []), **given)
    check_alike(client, lambda: (networks(), []), seeds=range(9), **given)


def test_optimizers_and_generators_go_on(client):
    def made():
        fresh = networks(4)
        return fresh, [Adam(0.01).state(network.plan, network.dtype) for network in fresh]

    check_alike(client, made, epochs=3, validation_data=(X, T))
    held, generator = networks(1), np.random.default_rng(7)
    held[0].generator = generator
    before = generator.bit_generator.state
    fit_many(held, X, T, client=client)
    assert held[0].generator is generator
    assert generator.bit_generator.state != before


def test_the_smallest_networks_are_trained_side_by_side_as_here(client):
    check_alike(
        client, lambda: ([Network([3, 2, 1], "sigmoid", random_state=i) for i in range(20)], []), epochs=5, batch_size=1
    )


def test_names_of_classes_are_taken_over(client):
    (network,) = [Network([3, 4, 2], "tanh", "softmax", "log_loss", random_state=0)]
    fit_many([network], X, LABELS, client=client, epochs=2)
    assert list(network.classes) == ["left", "right"]


def fails(running):
    raise OSError("no room")


def test_what_goes_wrong_is_told_as_here(client):
    settings = [{}, {"optimizer": SGD(1e30)}, {"callbacks": [fails]}, {}]
    told = []
    for call, more in ((tileprop.fit_many, {}), (fit_many, {"client": client})):
        made = networks(4)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            histories = call(made, X, T, epochs=3, settings=settings, **more)
        messages = sorted(str(one.message) for one in caught if one.category is RuntimeWarning)
        told.append((messages, [history.stopped for history in histories], [network.theta.tobytes() for network in made]))
    assert told[0] == told[1]
    assert "network 1: training diverged" in told[0][0][0]
    assert "network 2: its fit has failed with OSError: no room" in told[0][0][1]


def test_nothing_is_changed_by_arguments_that_do_not_fit(client):
    made = networks(3)
    before = [network.theta.copy() for network in made]
    for given, says in (
        ({"optimizers": [Adam()]}, "optimizers has 1 entries and there are 3 networks"),
        ({"settings": [{}, {"dropout": 2.0}, {}]}, "network 1: dropout"),
        ({"checkpoint": "here"}, "checkpoint is given, but on a Dask cluster"),
        ({"max_seconds": 1.0}, "max_seconds is given, but on a Dask cluster"),
        ({"n_threads": 0}, "n_threads"),
    ):
        with pytest.raises(ValueError, match=says):
            fit_many(made, X, T, client=client, **given)
    assert all(np.array_equal(one.theta, theta) for one, theta in zip(made, before, strict=True))


def test_ctrl_c_leaves_the_other_networks_as_they_were(client, monkeypatch):
    made = networks(8)
    before = [network.theta.copy() for network in made]
    results = groups._results

    def interrupted(*given):
        yield next(results(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(groups, "_results", interrupted)
    with pytest.warns(RuntimeWarning, match=r"Ctrl-C has ended fit_many: [1-7] of 8 fits were done; .* are as they were"):
        histories = fit_many(made, X, T, client=client)
    cut = [history.stopped == "stop" for history in histories]
    assert [np.array_equal(one.theta, theta) for one, theta in zip(made, before, strict=True)] == cut
    assert 0 < sum(cut) < 8  # how many are in the group that was done depends on the workers at this moment


def test_sweeps_are_those_of_one_machine(client):
    settings = {"hidden": [(4,), (8, 4)], "learning_rate": [0.03, 0.003, 1e30]}
    given = {"seeds": 2, "epochs": 8, "validation_split": 0.2, "halving": 2, "activation": "tanh"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        here, there = tileprop.sweep(X, T, settings, **given), sweep(X, T, settings, client=client, **given)
    assert (here.table, here.best) == (there.table, there.best)
    assert here.network.theta.tobytes() == there.network.theta.tobytes()
    with pytest.raises(InputError, match="give validation_data or validation_split"):
        sweep(X, T, settings, client=client)


def test_cross_validations_are_those_of_one_machine(client):
    network = Network([3, 5, 2], "tanh", "softmax", "log_loss", random_state=0)
    given = {"cv": 4, "epochs": 5, "optimizers": "adam", "sample_weight": WEIGHT}
    here = tileprop.cross_val_fit(network, X, LABELS, **given)
    there = cross_val_fit(network, X, LABELS, client=client, **given)
    assert here.predictions.tobytes() == there.predictions.tobytes()
    assert here.loss.tobytes() == there.loss.tobytes()


def test_groups_take_about_as_long_and_the_longest_come_first():
    class Known:
        def expected(self, numbers):
            return sum(seconds[number] for number in numbers)

    seconds = [1.0, 8.0, 1.0] * 4
    found = groups.groups_of(Known(), networks(12), 5)
    assert sorted(number for group in found for number in group) == list(range(12))
    spent = [Known().expected(group) for group in found]
    assert spent == sorted(spent, reverse=True)
    assert max(spent) == 8.0
    assert 5 <= len(found) < 10


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_kills_change_no_bit():
    """Worker processes are killed while they train; the nannies start others."""
    here, there = networks(40), networks(40)
    given = {"epochs": 1500, "batch_size": 8, "validation_split": 0.2}
    tileprop.fit_many(here, X, T, **given)
    with (
        LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):

        def killing() -> None:
            for nanny in itertools.cycle(cluster.workers.values()):
                if ended.wait(3.0):  # a worker takes a second or two to start
                    return
                if nanny.pid is not None:
                    os.kill(nanny.pid, signal.SIGKILL)
                    killed.append(nanny.pid)

        killed: list[int] = []
        ended = threading.Event()
        killer = threading.Thread(target=killing)
        killer.start()
        histories = fit_many(there, X, T, client=client, **given)
        ended.set()
        killer.join()
    assert len(killed) > 2
    assert all(history.epochs == 1500 for history in histories)
    assert [one.theta.tobytes() for one in here] == [one.theta.tobytes() for one in there]
