"""What the makers of Plan, State and Workspace refuse: messages name the argument, what was given and what would be right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tileprop.kernels import make_plan, make_state, make_workspace
from tileprop.kernels.validation import positive_integer, real_dtype

pytestmark = pytest.mark.plain

SOFTMAX = {"output_activation": "softmax", "loss": "log_loss"}

REFUSED: list[tuple[list[Any], dict[str, Any], type[Exception], str]] = [
    ([[]], {}, ValueError, r"sizes is \[\]; it needs at least an input and an output width"),
    ([[3]], {}, ValueError, r"sizes is \[3\]; it needs at least"),
    ([[3, 0]], {}, ValueError, r"sizes\[1\] is 0; it must be at least 1"),
    ([[-2, 3]], {}, ValueError, r"sizes\[0\] is -2; it must be at least 1"),
    ([[2, 1.5]], {}, TypeError, r"sizes\[1\] is 1.5; it must be a whole number"),
    ([[2, "3"]], {}, TypeError, r"sizes\[1\] is '3'; it must be a whole number"),
    ([[2, None]], {}, TypeError, r"sizes\[1\] is None; it must be a whole number"),
    ([5], {}, TypeError, "sizes is 5; it must be a list of layer widths"),
    (["23"], {}, TypeError, "sizes is '23'; it must be a list of layer widths"),
    ([[10**7, 10**7]], {}, ValueError, "sizes make 100000010000000 parameters; at most"),
    ([[2, 3, 1]], {"activation": "sigmoide"}, ValueError, "activation is 'sigmoide'; it must be one of identity, sigmoid"),
    ([[2, 1]], {"activation": "nothing"}, ValueError, "activation is 'nothing'; it must be one of"),
    ([[2, 3, 1]], {"output_activation": "softmin"}, ValueError, "output_activation is 'softmin'; it must be one of"),
    ([[2, 3, 4, 1]], {"activation": ["tanh", "step"]}, ValueError, "activation is 'step'; it must be one of"),
    ([[2, 3, 4, 1]], {"activation": ["tanh"]}, ValueError, "activation has 1 names, but there are 2 hidden layers"),
    ([[2, 1]], {"activation": ["tanh"]}, ValueError, "activation has 1 names, but there are 0 hidden layers"),
    (
        [[2, 1]],
        {"loss": "mape"},
        ValueError,
        "loss is 'mape'; it must be one of mse, squared_error, sum_squared_error, log_loss, poisson, mae",
    ),
    ([[2, 1]], {"loss": "poisson"}, ValueError, "loss 'poisson' needs output_activation 'exp', not 'sigmoid'"),
    (
        [[2, 1]],
        {"loss": "log_loss", "output_activation": "tanh"},
        ValueError,
        "loss 'log_loss' needs output_activation 'softmax'",
    ),
    ([[2, 3]], {"n_targets": 2}, ValueError, "n_targets is 2; loss 'mse' over 3 outputs needs 3"),
    ([[2, 3]], {"n_targets": 2, **SOFTMAX}, ValueError, "n_targets is 2; loss 'log_loss' over 3 outputs needs 3"),
    ([[2, 3]], {"n_targets": 1, "loss": "log_loss"}, ValueError, "n_targets is 1; loss 'log_loss' over 3 outputs needs 3"),
    (
        [[2, 3]],
        {"n_targets": 1, "loss": "poisson", "output_activation": "exp"},
        ValueError,
        "n_targets is 1; loss 'poisson' over 3 outputs needs 3",
    ),
    ([[2, 3]], {"n_targets": 0}, ValueError, "n_targets is 0; it must be at least 1"),
    ([[2, 3]], {"n_targets": 1.0}, TypeError, "n_targets is 1.0; it must be a whole number"),
]


@pytest.mark.parametrize(("arguments", "options", "error", "message"), REFUSED)
def test_plans_that_do_not_fit_are_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        make_plan(*arguments, **options)


@pytest.mark.parametrize("sizes", [(2, 3, 1), np.array([2, 3, 1]), [np.int64(2), 3, True], range(2, 5), iter([2, 3])])
def test_sizes_may_be_anything_that_counts(sizes):
    made = make_plan(sizes)
    assert all(type(n) is int for n in made.sizes)
    assert made.sizes[:2] == [2, 3]


@pytest.mark.parametrize("activation", [("tanh", "relu"), np.array(["tanh", "relu"])])
def test_activations_may_be_any_sequence(activation):
    assert make_plan([2, 3, 4, 1], activation=activation).activations == ["tanh", "relu", "sigmoid"]


def test_rules_are_refused_by_name():
    with pytest.raises(ValueError, match="rule is 'adagrad'; it must be 'sgd', 'adam', 'nadam', 'rmsprop' or 'rprop'"):
        make_state(make_plan([2, 1]), "adagrad")


@pytest.mark.parametrize("dtype", ["float16", "int64", "complex128", "longdouble", bool])
def test_only_two_dtypes_are_taken(dtype):
    made = make_plan([2, 1])
    for make in (lambda: make_workspace(made, 4, dtype), lambda: make_state(made, dtype=dtype), lambda: real_dtype(dtype)):
        with pytest.raises(ValueError, match=r"dtype is \w+; it must be float32 or float64"):
            make()


@pytest.mark.parametrize("dtype", ["float32", np.float64, np.dtype("f4"), float])
def test_dtypes_by_any_name(dtype):
    assert make_workspace(make_plan([2, 1]), 4, dtype).numbers.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "batch_size is 0; it must be at least 1"),
        (-3, ValueError, "batch_size is -3; it must be at least 1"),
        (2.0, TypeError, "batch_size is 2.0; it must be a whole number"),
        ("8", TypeError, "batch_size is '8'; it must be a whole number"),
        (None, TypeError, "batch_size is None; it must be a whole number"),
    ],
)
def test_batch_sizes_and_threads_that_do_not_fit_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        make_workspace(make_plan([2, 1]), value)
    with pytest.raises(error, match=message.replace("batch_size", "n_threads")):
        make_workspace(make_plan([2, 1]), 4, n_threads=value)


def test_whole_numbers_of_any_kind():
    assert positive_integer("n", np.uint8(7)) == 7
    assert type(positive_integer("n", np.int64(7))) is int
