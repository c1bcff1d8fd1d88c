"""Public entries that arrays are given to, each with arguments that fit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from tileprop.trainer import LBFGS, SGD, Adam, LevenbergMarquardt, MLPClassifier, MLPRegressor, Network

ROWS = 7
# By a number: layers, activations, output, loss, dtype.
KINDS = [
    ([3, 4, 2], "tanh", "identity", "mse", "float32"),
    ([3, 4, 2], "tanh", "identity", "mse", "float64"),
    ([3, 5, 3], "relu", "softmax", "log_loss", "float32"),
    ([2, 1], "sigmoid", "exp", "poisson", "float64"),
    ([3, 4, 1], "gelu", "sigmoid", "log_loss", "float32"),
]


def network(kind: int) -> Network:
    sizes, activation, output, loss, dtype = KINDS[kind]
    return Network(sizes, activation, output, loss, dtype=dtype, random_state=kind)


def data(kind: int) -> dict[str, np.ndarray]:
    """Clean arguments by their names."""
    sizes, _, output, loss, _ = KINDS[kind]
    net, rng = network(kind), np.random.default_rng(kind)
    T = rng.uniform(0.0, 1.0, (ROWS, sizes[-1]))
    if output == "softmax":
        T = np.eye(sizes[-1])[rng.integers(sizes[-1], size=ROWS)]
    return {
        "X": rng.normal(size=(ROWS, sizes[0])),
        "T": T if loss != "mse" else T - 0.5,
        "sample_weight": rng.uniform(0.5, 2.0, ROWS),
        "v": rng.normal(size=net.theta.size),
        "dY": rng.normal(size=(ROWS, sizes[-1])),
        "theta": rng.normal(size=net.theta.size),
        "labels": rng.integers(sizes[-1], size=ROWS),
    }


class Entry(NamedTuple):
    """arguments: names of those that are arrays, in the order of the call. call(kind, **arguments): arrays and numbers."""

    arguments: tuple[str, ...]
    call: Callable[..., list[Any]]
    # Whether an error must name the argument: scikit-learn's own do not always.
    named: bool = True
    kinds: tuple[int, ...] = tuple(range(len(KINDS)))


def _flat(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list)):
        return [part for item in result for part in _flat(item)]
    return [result]


def _method(name: str, *arguments: str, kinds: tuple[int, ...] = tuple(range(len(KINDS)))) -> Entry:
    def call(kind: int, **given: Any) -> list[Any]:
        net = network(kind)
        before = net.theta.tobytes()
        try:
            return _flat(getattr(net, name)(**given))
        finally:
            assert net.theta.tobytes() == before

    return Entry(arguments, call, kinds=kinds)


def _fit(kind: int, *, with_labels: bool = False, validates: bool = False, options: dict[str, Any], **given: Any) -> list[Any]:
    net = network(kind)
    before = net.theta.tobytes()
    if validates:
        clean = data(kind)
        given = {"X": clean["X"], "T": clean["T"], "validation_data": (given["X"], given["T"], given["sample_weight"])}
    if with_labels:
        given["T"] = given.pop("labels")
    try:
        history = net.fit(**given, epochs=2, progress=False, **options)
    except (ValueError, TypeError):
        assert net.theta.tobytes() == before
        raise
    finally:
        assert np.isfinite(net.theta).all()
    return [net.theta, *history.loss, *history.val_loss]


def _fits(*arguments: str, kinds: tuple[int, ...] = tuple(range(len(KINDS))), **fixed: Any) -> Entry:
    return Entry(arguments, functools.partial(_fit, **{"options": {"batch_size": 3}, **fixed}), kinds=kinds)


def _set_theta(kind: int, theta: Any) -> list[Any]:
    net = network(kind)
    before = net.theta.tobytes()
    try:
        net.theta = theta
    except (ValueError, TypeError):
        assert net.theta.tobytes() == before
        raise
    return [net.theta]


def _initial(kind: int, initial: Any) -> list[Any]:
    sizes, activation, output, loss, dtype = KINDS[kind]
    net = Network(sizes, activation, output, loss, dtype=dtype, initial=np.asanyarray(initial))
    return [net.theta, net.predict(data(kind)["X"])]


def _estimator(kind: int, *, classifies: bool, solver: str, X: Any, y: Any, sample_weight: Any, predicted: Any) -> list[Any]:
    cls = MLPClassifier if classifies else MLPRegressor
    estimator = cls(hidden_layer_sizes=(3,), max_iter=2, random_state=0, solver=solver)
    estimator.fit(X, y, sample_weight)
    return [*estimator.coefs_, estimator.predict(predicted)]


GROUPS: dict[str, dict[str, Entry]] = {
    "predictions": {
        "predict": _method("predict", "X"),
        "activations": _method("activations", "X"),
        "loss": _method("loss", "X", "T", "sample_weight"),
        "loss_and_grad": _method("loss_and_grad", "X", "T", "sample_weight"),
        "theta": Entry(("theta",), _set_theta),
        "initial": Entry(("initial",), _initial),
    },
    "derivatives": {
        "input_gradient": _method("input_gradient", "X", "T", "sample_weight"),
        "target_gradient": _method("target_gradient", "X", "T", "sample_weight", kinds=(0, 1, 3)),
        "sample_gradients": _method("sample_gradients", "X", "T", "sample_weight"),
        "input_jacobian": _method("input_jacobian", "X"),
        "parameter_jacobian": _method("parameter_jacobian", "X"),
        "vjp": _method("vjp", "X", "dY"),
        "hessian_vector": _method("hessian_vector", "X", "T", "v", "sample_weight"),
        "gauss_newton_vector": _method("gauss_newton_vector", "X", "T", "v", "sample_weight"),
    },
    "fits": {
        "fit": _fits("X", "T", "sample_weight"),
        "fit with Adam": _fits("X", "T", "sample_weight", options={"optimizer": Adam(), "clip_norm": 1.0}),
        "fit with labels": _fits("X", "labels", with_labels=True, kinds=(2,)),
        "fit with two threads": _fits("X", "T", options={"n_threads": 2, "optimizer": SGD(0.01)}),
        "validation_data": _fits("X", "T", "sample_weight", validates=True),
    },
    "solvers": {
        "Levenberg-Marquardt": _fits("X", "T", "sample_weight", kinds=(0, 1), options={"optimizer": LevenbergMarquardt()}),
        "L-BFGS": _fits("X", "T", "sample_weight", options={"optimizer": LBFGS()}),
    },
    "estimators": {
        f"{'MLPClassifier' if classifies else 'MLPRegressor'} with {solver}": Entry(
            ("X", "y", "sample_weight", "predicted"),
            functools.partial(_estimator, classifies=classifies, solver=solver),
            named=False,
            kinds=(0,),
        )
        for classifies in (False, True)
        for solver in ("adam", "lbfgs")
    },
}


def clean_arguments(entry: Entry, kind: int) -> dict[str, np.ndarray]:
    arrays = data(kind)
    arrays |= {"initial": arrays["theta"], "predicted": arrays["X"]}
    fixed = getattr(entry.call, "keywords", {})
    arrays["y"] = arrays["labels"] if fixed.get("classifies") else arrays["T"]
    return {name: arrays[name] for name in entry.arguments}
