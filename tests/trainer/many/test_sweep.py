"""`sweep`: the same networks as single fits, ranked by the median over seeds, and refused arguments."""

from __future__ import annotations

import math
import sys
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform
from tileprop.trainer import Adam, EarlyStopping, History, InputError, Network, sweep
from tileprop.trainer.many.standings import interrupted

X = np.random.default_rng(0).normal(size=(120, 2))
T = X[:, 0] * X[:, 1]
HELD = (X[100:], T[100:])
sweep_module = sys.modules[sweep.__module__]
RATES = [0.03, 0.01, 0.003, 0.001]


def single(rate: float, seed: int, epochs: int) -> float:
    """The validation loss of one of the sweep's networks, trained alone."""
    network = Network([2, 6, 1], "tanh", "identity", "squared_error", random_state=seed)
    generator = np.random.default_rng(seed)
    network.generator = generator
    return network.fit(X[:100], T[:100], epochs=epochs, optimizer=Adam(rate), validation_data=HELD).val_loss[-1]


def swept(**options):
    options = {"seeds": 3, "epochs": 9, "validation_data": HELD, "hidden": (6,), "activation": "tanh", **options}
    return sweep(X[:100], T[:100], {"learning_rate": RATES}, **options)


def test_losses_are_those_of_single_fits_and_the_table_is_sorted_by_their_medians():
    result = swept(refit=False)
    for row in result.table:
        assert row["val_losses"] == [single(row["learning_rate"], seed, 9) for seed in range(3)]
        assert row["val_loss"] == np.median(row["val_losses"])
    losses = [row["val_loss"] for row in result.table]
    assert losses == sorted(losses)
    assert result.best == {"learning_rate": result.table[0]["learning_rate"]}
    assert result.network is None


def test_halving_trains_the_better_half_on_to_the_bits_of_whole_fits():
    result = swept(halving=2, epochs=8, dropout=0.2)
    whole = swept(epochs=8, dropout=0.2, refit=False)
    assert [row["epochs"] for row in result.table] == [8, 4, 2, 2]
    losses = {row["learning_rate"]: row["val_losses"] for row in whole.table}
    assert result.table[0]["val_losses"] == losses[result.table[0]["learning_rate"]]


def test_a_split_stays_the_same_over_the_rungs():
    options = {"validation_data": None, "validation_split": 0.25, "epochs": 4}
    losses = {row["learning_rate"]: row["val_losses"] for row in swept(refit=False, **options).table}
    best = swept(halving=4, refit=False, **options).table[0]
    assert best["val_losses"] == losses[best["learning_rate"]]


@pytest.mark.parametrize("when", ["before an epoch", "when all fits were done"])
def test_ctrl_c_in_a_rung_ends_the_sweep_and_leaves_losses(monkeypatch, when):
    train, calls = sweep_module.fit_many, []

    def fit_many(networks, X, *args, **given):
        calls.append(networks)
        if len(calls) == 1:
            return train(networks, X, *args, **given)
        histories = [History(len(X), stopped="stop")] * len(networks)
        if when == "when all fits were done":
            histories = train(networks, X, *args, **given)
        warnings.warn(interrupted(histories), RuntimeWarning, stacklevel=2)
        return histories

    monkeypatch.setattr(sweep_module, "fit_many", fit_many)
    with pytest.warns(RuntimeWarning, match=r"^Ctrl-C has ended fit_many"):
        result = swept(halving=2, epochs=8)
    assert len(calls) == 2
    assert all(math.isfinite(row["val_loss"]) for row in result.table)
    assert result.table[0]["val_loss"] == min(row["val_loss"] for row in result.table)
    assert result.network is None


def test_the_best_network_is_trained_on_all_rows():
    result = swept(seeds=[5])
    alone = Network([2, 6, 1], "tanh", "identity", "squared_error", random_state=5)
    alone.fit(X[:100], T[:100], epochs=9, optimizer=Adam(result.best["learning_rate"]))
    assert np.array_equal(result.network.theta, alone.theta)


def test_early_stopping_ranks_by_the_epoch_that_is_kept_and_decides_how_long_the_refit_lasts():
    result = swept(early_stopping=EarlyStopping(2, tol=0.0), epochs=40)
    assert result.history.epochs <= 40
    assert all(math.isfinite(row["val_loss"]) for row in result.table)


def test_labels_become_classes():
    labels = np.where(T > 0, "up", "down")
    result = sweep(X, labels, {"hidden": [4, (4, 4)]}, seeds=1, epochs=2, validation_split=0.2)
    assert set(result.network.predict_classes(X)) <= {"up", "down"}


def test_a_setting_that_diverges_comes_last_with_an_infinite_loss():
    with pytest.warns(RuntimeWarning, match="diverged"):
        result = sweep(
            X, T, {"learning_rate": [1e30, 0.01]}, optimizer="sgd", seeds=2, epochs=3, validation_split=0.2, refit=False
        )
    assert result.best == {"learning_rate": 0.01}
    assert result.table[1]["val_loss"] == math.inf


def test_draws_come_from_lists_and_distributions_and_repeat_with_their_seed():
    settings = {"hidden": [(3,), (4,)], "learning_rate": loguniform(1e-3, 1e-1)}
    tables = [
        sweep(X, T, settings, draws=4, seeds=1, epochs=1, validation_split=0.2, refit=False, random_state=seed).table
        for seed in (1, 1, 2)
    ]
    assert tables[0] == tables[1] != tables[2]
    assert all(1e-3 <= row["learning_rate"] <= 1e-1 and row["hidden"] in settings["hidden"] for row in tables[0])


def test_the_result_is_shown_and_made_a_frame():
    pytest.importorskip("pandas")
    result = swept(refit=False)
    assert list(result.to_frame().columns) == ["learning_rate", "val_loss", "val_losses", "epochs"]
    assert repr(result).count("\n") == len(RATES)


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({}, {}, "settings is {}"),
        ({"hidden": 3}, {}, "settings has 3 for hidden"),
        ({"hidden": [(3,)], "activation": ["tanhh"]}, {}, "setting .*tanhh"),
        ({"learning_rate": loguniform(1e-3, 1e-1)}, {}, "a distribution needs draws"),
        ({"learning_rate": [0.1]}, {"learning_rate": 0.1}, "learning_rate is in settings"),
        ({"learning_rate": [-0.1]}, {}, "learning_rate"),
        ({"dropout": [0.1, 1.5]}, {}, "setting .*dropout is 1.5"),
        ({"dropout": [0.1]}, {"validation_split": None}, "validation_split"),
        ({"dropout": [0.1]}, {"halving": 1}, "halving is 1"),
        ({"epochs": [2, 3]}, {"halving": 2}, "epochs cannot be a setting"),
        ({"dropout": [0.1]}, {"halving": 2, "early_stopping": EarlyStopping()}, "early_stopping cannot"),
        ({"dropout": [0.1]}, {"seeds": [1, 1]}, "seeds is"),
        ({"optimizer": ["lbfgs"]}, {}, "optimizer is 'lbfgs'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(settings, options, message):
    with pytest.raises(InputError, match=message):
        sweep(X, T, settings, **{"validation_split": 0.2, "epochs": 2, **options})


@pytest.mark.parametrize("numbers", [np.arange(12) * 1000, np.arange(12) - 1])
def test_whole_numbers_that_can_hardly_be_labels_need_a_loss(numbers):
    options = {"validation_split": 0.2, "epochs": 1, "seeds": 1}
    with pytest.raises(InputError, match="give loss='squared_error' where they are quantities"):
        sweep(X[:12], numbers, {"hidden": [()]}, **options)
    result = sweep(X[:12], numbers, {"hidden": [()]}, loss="squared_error", learning_rate=1e-6, **options)
    assert list(result.network.plan.sizes) == [2, 1]


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="give at least one row"):
        sweep(X[:0], T[:0], {"hidden": [()]}, validation_split=0.2)


def test_an_unknown_name_is_answered_with_the_near_one():
    with pytest.raises(TypeError, match="learning_rate"):
        sweep(X, T, {"learning_rates": [0.1]}, validation_split=0.2)
