"""Numbers as they should not be, given to everything that takes one: options of `fit`, optimizers, schedules, plans, states."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from tileprop.kernels import make_plan, make_state, make_workspace
from tileprop.trainer import (
    LBFGS,
    SGD,
    Adam,
    Cosine,
    EarlyStopping,
    ExponentialDecay,
    InverseScaling,
    LevenbergMarquardt,
    Nadam,
    Network,
    OneCycle,
    Plateau,
    RMSprop,
    Rprop,
    StepDecay,
    WarmUp,
)
from tileprop.trainer.errors import DivergenceError

X, T = np.random.default_rng(7).normal(size=(9, 2)), np.random.default_rng(8).normal(size=(9, 1))
ODD: list[Any] = [
    np.nan, np.inf, -np.inf, -1, 0, 1, 2, -0.5, 0.5, 1.5, 1e-320, 1e-39, 1e308, 1e39, 2**31, 2**40, 2**63, 2**70, 10**400,
    -(2**70),
    True, False, None, "", "a", "0.5", b"1", [], [1], [0.5], (), {}, {1}, object(), 1j, 0.5j, Fraction(1, 3),
    np.float32(0.5), np.float16(0.5), np.float64(np.nan), np.int8(1), np.uint64(2**63), np.bool_(True), np.complex64(1),
    np.array(0.5), np.array([0.5]), np.array([0.5, 0.5]), np.array([]), np.array(1), np.array("a"), np.datetime64("2020-01-01"),
    np.ma.masked, len, int, type(None), range(2), slice(1), Ellipsis, NotImplemented, np.array([None]), np.timedelta64(1),
]  # fmt: skip


class _Stop:
    losses_only = True

    def __call__(self, running: Any) -> bool:
        return running.history.epochs >= 2


def _network(**more: Any) -> Network:
    return Network([2, 3, 1], "tanh", "identity", **{"random_state": 1, **more})


def _fit(**options: Any) -> Any:
    network = _network()
    before = network.theta.tobytes()
    try:
        network.fit(X, T, **{"progress": False, "callbacks": [_Stop()], "epochs": 2, **options})
    except (ValueError, TypeError):
        assert network.theta.tobytes() == before
        raise
    finally:
        assert np.isfinite(network.theta).all()
    return network.theta


def _with(maker: Callable[..., Any], name: str, **fixed: Any) -> Callable[[Any], Any]:
    """The optimizer or solver whose argument `name` is the value given, in a fit."""
    return lambda value: _fit(optimizer=maker(**{**fixed, name: value}))


def _scheduled(maker: Callable[..., Any], name: str, **fixed: Any) -> Callable[[Any], Any]:
    return lambda value: _fit(schedule=maker(**{**fixed, name: value}), validation_data=(X, T))


def _option(name: str) -> Callable[[Any], Any]:
    return lambda value: _fit(**{name: value})


_PLAN = make_plan([2, 3, 1])


def _entries() -> dict[str, Callable[[Any], Any]]:
    options = [
        "epochs", "batch_size", "optimizer", "alpha", "l1", "weight_decay", "clip_norm", "frozen_layers", "dropout",
        "label_smoothing", "schedule", "shuffle", "sample_weight", "validation_data", "n_threads", "checkpoint_every",
    ]  # fmt: skip
    found: dict[str, Callable[[Any], Any]] = {f"fit: {name}": _option(name) for name in options}
    makers: list[tuple[Any, dict[str, Any], list[str]]] = [
        (SGD, {}, ["learning_rate", "momentum"]),
        (Adam, {}, ["learning_rate", "beta_1", "beta_2", "epsilon"]),
        (Nadam, {}, ["learning_rate", "beta_1", "beta_2", "epsilon"]),
        (RMSprop, {}, ["learning_rate", "beta", "momentum", "epsilon"]),
        (Rprop, {}, ["learning_rate"]),
        (LevenbergMarquardt, {}, ["damping", "tol", "time_limit"]),
        (LBFGS, {}, ["memory", "tol", "time_limit"]),
    ]
    for maker, fixed, names in makers:
        found |= {f"{maker.__name__}: {name}": _with(maker, name, **fixed) for name in names}
    schedules: list[tuple[Any, dict[str, Any], list[str]]] = [
        (StepDecay, {"every": 1}, ["every", "gamma"]),
        (ExponentialDecay, {}, ["gamma"]),
        (Cosine, {}, ["least"]),
        (OneCycle, {}, ["peak_at", "start", "end"]),
        (InverseScaling, {}, ["power"]),
        (Plateau, {}, ["patience", "gamma"]),
        (WarmUp, {"epochs": 1}, ["epochs", "start", "then"]),
    ]
    for maker, fixed, names in schedules:
        found |= {f"{maker.__name__}: {name}": _scheduled(maker, name, **fixed) for name in names}
    for name in ("n_iter_no_change", "tol"):
        found[f"EarlyStopping: {name}"] = lambda value, name=name: _fit(
            callbacks=[EarlyStopping(**{name: value}), _Stop()], validation_data=(X, T)
        )
    for name in ("activation", "output_activation", "loss", "dtype", "random_state", "initial", "quantile", "delta"):
        found[f"Network: {name}"] = lambda value, name=name: Network([2, 3, 1], **{name: value}).theta
    found["Network: sizes"] = lambda value: Network(value).theta
    found["Network: sizes[1]"] = lambda value: Network([2, value, 1]).theta if not _is_large(value) else _refuse("sizes[1]")
    found["predict_interval: coverage"] = lambda value: Network(
        [2, 2], output_activation="identity", loss="gaussian_nll"
    ).predict_interval(X, value)[0]
    for name in ("learning_rate", "momentum", "beta_1", "epsilon", "alpha", "l1", "weight_decay", "clip_norm", "seed"):
        found[f"make_state: {name}"] = lambda value, name=name: make_state(_PLAN, **{name: value}).velocity
    for name in ("rule", "dtype"):
        found[f"make_state: {name}"] = lambda value, name=name: make_state(_PLAN, **{name: value}).velocity
    found["make_workspace: batch_size"] = lambda value: make_workspace(_PLAN, value).numbers[:0]
    found["make_workspace: n_threads"] = lambda value: make_workspace(_PLAN, 4, n_threads=value).numbers[:0]
    found["make_plan: n_targets"] = lambda value: make_plan([2, 3, 1], n_targets=value).layers.n_in
    return found


def _is_large(value: Any) -> bool:
    """A network that fits into no memory."""
    return isinstance(value, (int, np.integer)) and value > 2**20


def _refuse(name: str) -> Any:
    raise MemoryError(name)


ENTRIES = _entries()


def attempt(name: str, value: Any) -> None:
    """Raises AssertionError unless it gives finite numbers or a clear error that names the argument."""
    if name == "fit: shuffle" and callable(value):
        return  # a function of the user's may raise what it likes
    argument = name.split(": ")[1].split("[")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = ENTRIES[name](value)
        except (DivergenceError, MemoryError):
            return
        except (ValueError, TypeError) as error:
            result = error
    if isinstance(result, Exception):
        assert argument in str(result), f"does not name {argument}: {result!r}"
        return
    assert np.isfinite(result).all(), "not finite"
