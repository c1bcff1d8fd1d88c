"""What `fit_many` refuses: each message names the argument, and the network where it is about one. Nothing is changed."""

import numpy as np
import pytest
from tileprop import SGD, EarlyStopping, LevenbergMarquardt, Network, fit_many

X = np.random.default_rng(0).normal(size=(12, 2))
T = X[:, :1]
ONE = Network([2, 1], random_state=0)
STOPPING = EarlyStopping()
GENERATOR = np.random.default_rng(0)
SAME_GENERATOR = [Network([2, 1], random_state=GENERATOR) for _ in range(2)]
STATE = SGD(0.1).state(ONE.plan, ONE.dtype)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"networks": ONE}, "networks is .*must be a list of networks"),
        ({"networks": []}, "networks is empty"),
        ({"networks": [ONE, 3]}, r"networks\[1\] is 3; it must be a Network"),
        ({"networks": [ONE, ONE]}, r"networks\[1\] is in the list twice"),
        ({"optimizers": ["sgd"]}, "optimizers has 1 entries and there are 2 networks"),
        ({"optimizers": [None, "sdg"]}, "network 1: .*'sgd'"),
        ({"optimizers": LevenbergMarquardt()}, "network 0: .*a solver"),
        ({"optimizers": STATE}, "network 1: its optimizer is the state that network 0 has"),
        ({"schedules": [None, 0.5]}, "network 1: schedule"),
        ({"row_subsets": [None]}, "row_subsets has 1 entries"),
        ({"row_subsets": [None, [0, 12]]}, "network 1: its row_subsets hold 12; X has the rows 0 to 11"),
        ({"row_subsets": [[-1], None]}, "network 0: its row_subsets hold -1"),
        ({"row_subsets": [None, []]}, "network 1: its row_subsets are .*at least one"),
        ({"validation_subsets": [None, [0.5]]}, "network 1: its validation_subsets are .*numbers of rows"),
        (
            {"row_subsets": [None, [0, 1]], "sample_weight": np.arange(12) > 1},
            "network 1: its row_subsets hold only rows whose",
        ),
        ({"seeds": [0]}, "seeds has 1 entries"),
        ({"seeds": [0, -1]}, "network 1: .*seed"),
        ({"settings": [{}, 3]}, "network 1: its settings are 3"),
        ({"settings": {"alpha": 1.0}}, "settings is .*a list with one entry for each network"),
        ({"settings": [{}, {"epochs": 0}]}, "network 1: epochs"),
        ({"early_stopping": [None, 3]}, "network 1: early_stopping is 3"),
        ({"on_divergence": "raise"}, "network 0: on_divergence is 'raise'"),
        ({"validation_split": 0.01}, "network 0: validation_split=0.01 of 12 rows"),
        ({"validation_split": 0.5, "validation_data": (X, T)}, "network 0: both validation_split and validation_data"),
        ({"networks": [Network([2, 1]), Network([3, 1])]}, "network 1: X has shape"),
        ({"resume": True}, "resume is given without checkpoint"),
        ({"checkpoint_every": 2}, "checkpoint_every is given without checkpoint"),
        ({"max_seconds": 0.0}, "max_seconds"),
        ({"n_threads": 0}, "n_threads"),
        ({"early_stopping": EarlyStopping()}, "network 0: EarlyStopping has nothing to look at"),
        (
            {"settings": [{"callbacks": [STOPPING]}] * 2, "validation_split": 0.2},
            "network 1: its callbacks hold the EarlyStopping of network 0",
        ),
        ({"networks": SAME_GENERATOR}, "network 1: its random generator is that of network 0; give seeds"),
        ({"row_subsets": [None, np.ones(11, bool)]}, "network 1: its row_subsets are a mask of 11 rows; X has 12"),
        ({"row_subsets": [[[1], [2, 3]], None]}, "network 0: its row_subsets are .*numbers of rows"),
        ({"label_smoothing": 0.1}, "network 0: label_smoothing needs the loss log_loss"),
    ],
    ids=str,
)
def test_what_is_refused(given, message):
    given = {"networks": [Network([2, 1], random_state=seed) for seed in range(2)], **given}
    networks = given.pop("networks")
    there = [network for network in networks if isinstance(network, Network)] if isinstance(networks, list) else [networks]
    before = [network.theta.tobytes() for network in there]
    with pytest.raises(ValueError, match=message):
        fit_many(networks, X, T, **given)
    assert [network.theta.tobytes() for network in there] == before


def test_an_unknown_argument_is_named_with_the_near_one():
    for given, message in (({"alpa": 1.0}, "alpha"), ({"settings": [{"droput": 0.5}]}, "network 0: .*dropout")):
        with pytest.raises(TypeError, match=message):
            fit_many([Network([2, 1])], X, T, **given)


def test_a_mask_stands_for_the_rows_that_it_holds():
    networks = [Network([2, 1], random_state=0) for _ in range(2)]
    mask = np.arange(12) % 3 == 0
    fit_many(networks, X, T, row_subsets=[mask, np.flatnonzero(mask)], seeds=[1, 1])
    assert networks[0].theta.tobytes() == networks[1].theta.tobytes()


def test_what_each_network_needs_is_checked_for_networks_of_one_size_with_other_losses():
    T = np.eye(2)[(X[:, 0] > 0).astype(int)]
    networks = [Network([2, 2], output_activation="softmax", loss="log_loss"), Network([2, 2])]
    with pytest.raises(ValueError, match="network 1: label_smoothing needs the loss log_loss"):
        fit_many(networks, X, T, label_smoothing=0.1)


def test_networks_may_share_a_generator_from_which_no_fit_draws():
    fit_many(SAME_GENERATOR, X, T, shuffle=False)
    fit_many(SAME_GENERATOR, X, T, seeds=[0, 1])


def test_optimizers_may_come_from_a_generator():
    networks = [Network([2, 1], random_state=0) for _ in range(2)]
    fit_many(networks, X, T, optimizers=(SGD(rate) for rate in (0.1, 0.0)))
    assert networks[1].theta.tobytes() == Network([2, 1], random_state=0).theta.tobytes() != networks[0].theta.tobytes()
