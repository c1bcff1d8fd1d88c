"""Plan and State: layout of theta, names and numbers, memory."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inside import hyperparameters, mean_square, progress, rule_of, velocity
from numba.core import config
from tileprop.kernels import loss_and_grad, make_plan, make_state, make_workspace, predict

pytestmark = pytest.mark.plain

ALL_SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=9)


@given(ALL_SIZES, st.booleans())
def test_theta_holds_weights_and_biases_in_layer_order(sizes, bias):
    made = make_plan(sizes, bias=bias)
    pairs = list(pairwise(sizes))
    assert made.sizes == sizes
    assert made.n_layers == len(pairs)
    assert made.bias == bias
    assert made.n_parameters == sum(n_in * n_out + (n_out if bias else 0) for n_in, n_out in pairs)
    vector = np.arange(float(made.n_parameters))
    weights, biases = made.unflatten(vector)
    assert [W.shape for W in weights] == pairs
    assert [b.shape for b in biases] == [(n_out if bias else 0,) for _, n_out in pairs]
    ordered = [part.ravel() for pair in zip(weights, biases, strict=True) for part in pair]
    assert np.array_equal(np.concatenate(ordered), vector)
    assert all(np.shares_memory(W, vector) for W in weights)


def test_names_come_back():
    made = make_plan([2, 3, 4, 5], activation=["tanh", "relu"], output_activation="softmax", loss="log_loss")
    assert made.activations == ["tanh", "relu", "softmax"]
    assert made.loss == "log_loss"
    assert make_plan([2, 1]).activations == ["sigmoid"]
    assert make_plan([2, 3, 1], activation="identity").activations == ["identity", "sigmoid"]
    for loss in ("mse", "squared_error", "sum_squared_error"):
        assert make_plan([2, 1], loss=loss).loss == loss
    rates = make_plan([2, 3, 1], "relu", "exp", "poisson")
    assert rates.activations == ["relu", "exp"]
    assert rates.loss == "poisson"
    assert make_plan([2, 3, 1], activation="exp").activations == ["exp", "sigmoid"]


def test_numbers_of_target_columns():
    assert make_plan([2, 3]).n_targets == 3
    assert make_plan([2, 3], output_activation="exp", loss="poisson").n_targets == 3
    assert make_plan([2, 3], output_activation="softmax", loss="log_loss").n_targets == 3
    assert make_plan([2, 3], output_activation="softmax", loss="log_loss", n_targets=1).n_targets == 1
    assert make_plan([2, 3], output_activation="softmax", loss="log_loss", n_targets=1).loss == "log_loss"
    assert make_plan([2, 1], output_activation="softmax", loss="log_loss", n_targets=1).n_targets == 1


def test_plans_are_data_of_one_type():
    """The same arrays, dtypes and dimensions, whatever the network: that is what keeps compilations to one."""
    shapes = set()
    for made in (make_plan([2, 1]), make_plan([3] * 9, loss="squared_error", bias=False)):
        shapes.add(tuple((array.dtype, array.ndim) for array in made))
    assert len(shapes) == 1


def test_a_key_tells_plans_apart_and_no_copies():
    made = [make_plan([2, 3, 1]), make_plan([2, 3, 1], bias=False), make_plan([2, 3, 1], loss="mae"), make_plan([2, 3, 3, 1])]
    made += [make_plan([2, 3], loss="quantile", quantile=[0.1, 0.2, third]) for third in (0.5, 0.6)]
    assert len({plan.key for plan in made}) == len(made)
    for plan in made:
        copied = plan._replace(header=plan.header.copy(), layers=plan.layers.copy())
        for records in (copied.header, copied.layers):
            spoil_gaps(records)
        assert copied.key == plan.key


def spoil_gaps(records):
    """What lies between fields is anything at all in a copy that NumPy makes."""
    named = np.zeros(records.dtype.itemsize, bool)
    for kind, offset in records.dtype.fields.values():
        named[offset : offset + kind.itemsize] = True
    records.view(np.uint8).reshape(-1, named.size)[:, ~named] = 255


def test_unflatten_refuses_other_lengths():
    with pytest.raises(ValueError, match=r"vector has shape \(8,\); this plan has 9 parameters"):
        make_plan([2, 2, 1]).unflatten(np.zeros(8))
    with pytest.raises(ValueError, match="in one dimension"):
        make_plan([2, 2, 1]).unflatten(np.zeros((9, 1)))


def test_states_hold_what_their_rule_needs():
    made = make_plan([2, 3, 1])
    lengths = {}
    for name, options in (
        ("sgd", {}),
        ("momentum", {"momentum": 0.9}),
        ("nesterov", {"momentum": 0.9, "nesterov": True}),
        ("adam", {"rule": "adam"}),
        ("nadam", {"rule": "nadam"}),
    ):
        state = make_state(made, dtype="float32", **options)
        lengths[name] = (velocity(state).size, mean_square(state).size)
        assert velocity(state).dtype == mean_square(state).dtype == np.float32
        assert hyperparameters(state)["learning_rate"] == 0.1  # whatever the dtype of theta
        assert not velocity(state).any()
        assert not mean_square(state).any()
        assert progress(state) == (0, 0, "running")
    n = made.n_parameters
    assert lengths == {"sgd": (0, 0), "momentum": (n, 0), "nesterov": (n, 0), "adam": (n, n), "nadam": (n, n)}
    options = ({}, {"momentum": 0.9}, {"rule": "adam"}, {"rule": "nadam"})
    assert len({rule_of(make_state(made, **o)) for o in options}) == 4


def test_a_penalty_is_a_number_among_the_states():
    made = make_plan([2, 3, 1])
    with_it, without = make_state(made, "adam", alpha=0.25), make_state(made, "adam")
    assert hyperparameters(without)["alpha"] == 0
    assert hyperparameters(with_it) == hyperparameters(without) | {"alpha": 0.25}


def test_states_do_not_share_memory():
    made = make_plan([2, 3, 1])
    assert not np.shares_memory(velocity(make_state(made, "adam")), velocity(make_state(made, "adam")))
    adam = make_state(made, "adam")
    assert not np.shares_memory(velocity(adam), mean_square(adam))


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.layers.n_in.__setitem__(0, 1000),
        lambda plan: plan.layers.n_out.__setitem__(1, 7),
        lambda plan: plan.layers.n_out.__setitem__(0, -4),
        lambda plan: plan.layers.theta_weights.__setitem__(1, 10**9),
        lambda plan: plan.layers.theta_biases.__setitem__(0, -1),
        lambda plan: plan.layers.activation.__setitem__(0, 12345),
        lambda plan: plan.header.n_layers.__setitem__(0, 3),
        lambda plan: plan.header.n_parameters.__setitem__(0, 1),
        lambda plan: plan.header.n_targets.__setitem__(0, 0),
        lambda plan: plan.header.n_loss_parameters.__setitem__(0, 5),
        lambda plan: plan.header.loss.__setitem__(0, 12345),
        lambda plan: plan.header.biased.__setitem__(0, False),
    ],
)
def test_a_plan_that_was_changed_by_hand_is_refused(change):
    plan = make_plan([3, 4, 2], "tanh", "identity")
    work, theta, X, Y = make_workspace(plan, 5), np.zeros(plan.n_parameters), np.zeros((5, 3)), np.zeros((5, 2))
    change(plan)
    with pytest.raises(ValueError, match=r"contradict each other|there is no|no .* with"):
        make_workspace(plan, 5)
    # One that was made before holds copies, and no other sizes are looked at.
    with contextlib.suppress(ValueError):
        predict(plan, theta, X, Y, work)
        loss_and_grad(plan, theta, X, Y, np.zeros(0), theta.copy(), work)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="plain Python meets the end of the array, an IndexError, before the check")
def test_a_workspace_whose_numbers_were_cut_is_refused():
    plan = make_plan([3, 4, 2], "tanh", "identity")
    work = make_workspace(plan, 5)
    with pytest.raises(ValueError, match=r"work\.numbers has been shortened"):
        predict(
            plan, np.zeros(plan.n_parameters), np.zeros((5, 3)), np.zeros((5, 2)), work._replace(numbers=work.numbers[:100])
        )
