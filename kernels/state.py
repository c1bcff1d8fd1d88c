"""State: what training carries besides theta. theta and State are all that a checkpoint needs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .plan import Plan
from .records import make_records, record_type
from .training.codes import ADAM, MOMENTUM, NADAM, NESTEROV, RMSPROP, RPROP, RUNNING, SGD
from .validation import real_dtype, real_number, seed_number

# rule: the step rule's code. step: steps taken. position: rows of the epoch that are done. status: how the last call ended.
COUNTERS = record_type(("rule", np.int64), ("step", np.int64), ("position", np.int64), ("status", np.int64))
HYPERPARAMETERS = record_type(
    ("learning_rate", np.float64),
    ("momentum", np.float64),
    ("beta_1", np.float64),
    ("beta_2", np.float64),
    ("epsilon", np.float64),
    ("alpha", np.float64),
    ("l1", np.float64),
    ("weight_decay", np.float64),
    ("clip_norm", np.float64),
    ("seed", np.int64),
    ("epsilon_hat", np.bool_),
)
ADAPTIVE_RULES = {"adam": ADAM, "nadam": NADAM, "rmsprop": RMSPROP, "rprop": RPROP}


class State(NamedTuple):
    """What training carries besides theta. Made by `make_state`."""

    counters: np.recarray[Any, Any]  # (1,) COUNTERS
    hyperparameters: np.recarray[Any, Any]  # (1,) HYPERPARAMETERS
    # Like theta, or empty where the rule has none. velocity: the velocity of momentum and RMSprop, the mean of gradients of
    # Adam and Nadam, the last gradient of Rprop. mean_square: of gradients; the lengths of Rprop's steps.
    velocity: np.ndarray
    mean_square: np.ndarray


def make_state(
    plan: Plan,
    rule: str = "sgd",
    dtype: DTypeLike = "float64",
    *,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    nesterov: bool = False,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    epsilon_hat: bool = False,
    alpha: float = 0.0,
    l1: float = 0.0,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    seed: int = 0,
) -> State:
    """Fresh training state for `plan`: rule "sgd" (with momentum, Nesterov's if asked), "adam", "nadam", "rmsprop" or "rprop".

    beta_2, momentum: of rmsprop, too. epsilon_hat: of adam alone. alpha, l1, weight_decay, clip_norm: see
    `training/optimizers.py`; 0 for none. seed: of dropout, a whole number from 0 to 2^32 - 1.

    Raises TypeError or ValueError for an unknown rule, another dtype, a seed that is no such number, and what is no number.
    """
    real, seed = real_dtype(dtype), seed_number(seed)
    given = {"learning_rate": learning_rate, "momentum": momentum, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    given |= {"alpha": alpha, "l1": l1, "weight_decay": weight_decay, "clip_norm": clip_norm}
    given = {name: real_number(name, value) for name, value in given.items()}
    if not isinstance(rule, str):
        raise TypeError(f"rule is {rule!r}; it must be a name, as 'sgd'")
    if rule in ADAPTIVE_RULES:
        code, vectors = ADAPTIVE_RULES[rule], 2
    elif rule == "sgd":
        code = SGD if momentum == 0 else NESTEROV if nesterov else MOMENTUM
        vectors = 0 if code == SGD else 1
    else:
        raise ValueError(f"rule is {rule!r}; it must be 'sgd', 'adam', 'nadam', 'rmsprop' or 'rprop'")
    counters, hyperparameters = make_records(1, COUNTERS), make_records(1, HYPERPARAMETERS)
    counters[0].rule, counters[0].status = code, RUNNING
    for name, value in {**given, "epsilon_hat": epsilon_hat, "seed": seed}.items():
        hyperparameters[name] = value
    mean_square = np.zeros(plan.n_parameters if vectors > 1 else 0, real)
    if rule == "rprop":
        mean_square[:] = learning_rate  # each parameter's own step
    return State(counters, hyperparameters, np.zeros(plan.n_parameters if vectors > 0 else 0, real), mean_square)
