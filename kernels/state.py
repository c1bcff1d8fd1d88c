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
    """What training carries besides the parameters, made by `make_state`.

    theta and a State are all that a checkpoint needs.

    Parameters
    ----------
    counters : recarray of shape (1,)
        `rule` (a code), `step` (steps taken), `position` (rows done of the epoch), and `status` of the last call: 0 done, 1
        stopped, 2 a loss was not finite.
    hyperparameters : recarray of shape (1,)
        `learning_rate`, `momentum`, `beta_1`, `beta_2`, `epsilon`, `alpha`, `l1`, `weight_decay`, `clip_norm`, `seed`; may be
        changed between calls.
    velocity : ndarray of shape (n_parameters,) or (0,)
        Velocity of momentum and RMSprop, mean gradient of Adam and Nadam, last gradient of Rprop.
    mean_square : ndarray of shape (n_parameters,) or (0,)
        Mean of squared gradients; of Rprop the step lengths.

    Examples
    --------
    >>> from tileprop.kernels import make_plan, make_state
    >>> state = make_state(make_plan([2, 3, 1]), "adam", learning_rate=0.01)
    >>> state.hyperparameters[0].learning_rate = 0.005
    >>> int(state.counters[0].step)
    0
    """

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
    """Make fresh training state for a plan: a step rule, its hyperparameters and its moments.

    Parameters
    ----------
    plan : Plan
        Network that is trained.
    rule : {"sgd", "adam", "nadam", "rmsprop", "rprop"}, default="sgd"
        Step rule.
    dtype : {"float32", "float64"}, default="float64"
        Type of the parameters.
    learning_rate : float, default=0.1
        Step size; of "rprop" the first length of each parameter's own step.
    momentum : float, default=0.0
        Momentum of "sgd" and "rmsprop".
    nesterov : bool, default=False
        Whether the momentum of "sgd" is Nesterov's.
    beta_1 : float, default=0.9
        Decay of the mean gradient of "adam" and "nadam", per step.
    beta_2 : float, default=0.999
        Decay of the mean of squared gradients of "adam", "nadam" and "rmsprop", per step.
    epsilon : float, default=1e-8
        Added to the divisor of "adam", "nadam" and "rmsprop".
    epsilon_hat : bool, default=False
        Whether "adam" adds epsilon before the bias correction, as scikit-learn does.
    alpha : float, default=0.0
        L2 penalty: alpha / 2 times the sum of squared weights, divided by the batch's sum of sample weights.
    l1 : float, default=0.0
        L1 penalty: l1 times the sum of the weights' magnitudes, divided likewise.
    weight_decay : float, default=0.0
        Decoupled weight decay: each step shrinks the weights by learning_rate times weight_decay of themselves.
    clip_norm : float, default=0.0
        Longest gradient of all parameters; longer ones are shortened. 0 for no bound.
    seed : int, default=0
        Seed of dropout, from 0 to 2^32 - 1.

    Returns
    -------
    State
        State with zero steps taken.

    Raises
    ------
    ValueError
        If the rule is not known, or a number is out of range or NaN.
    TypeError
        If an argument is of another type.

    Notes
    -----
    Penalties and weight decay are on weights, not on biases. Sources: Adam, Kingma and Ba (2015); Nadam, Dozat (2016); Rprop,
    Riedmiller and Braun (1993); decoupled weight decay, Loshchilov and Hutter (2019); clipping, Pascanu et al. (2013).

    Examples
    --------
    >>> from tileprop.kernels import make_plan, make_state
    >>> state = make_state(make_plan([2, 3, 1]), "sgd", learning_rate=0.05, momentum=0.9)
    >>> state.velocity.shape
    (13,)
    """
    real, seed = real_dtype(dtype), seed_number(seed)
    given = {"learning_rate": learning_rate, "momentum": momentum, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
    given |= {"alpha": alpha, "l1": l1, "weight_decay": weight_decay, "clip_norm": clip_norm}
    given = {name: real_number(name, value) for name, value in given.items()}
    if not isinstance(rule, str):
        raise TypeError(f"rule is {rule!r}; it must be a name, such as 'sgd'")
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
