"""Proof that a refactoring changed no bit: one SHA-256 for each of some 250 drawn trainings, predictions and derivatives.

    python tests/bits/record.py --out before.json                        # before the change
    python tests/bits/record.py --compare before.json                    # after it: names each setting that differs
    python tests/bits/record.py --simd avx512 avx2 sse2 --out all.json   # at several vector widths, one process for each
    NUMBA_DISABLE_JIT=1 python tests/bits/record.py --small --out plain.json

The hashes are those of one kind of processor and of one version of Numba, so they are made anew and never committed.
Only public functions are called, so that the script runs unchanged on the code before and after.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tileprop import kernels
from tileprop.kernels.derivatives import normal_equations
from tileprop.trainer import (
    LBFGS,
    SGD,
    Adam,
    Cosine,
    DivergenceError,
    EarlyStopping,
    LevenbergMarquardt,
    Nadam,
    Network,
    RMSprop,
    Rprop,
)

ELEMENTWISE = ["identity", "sigmoid", "tanh", "relu", "exp", "leaky_relu", "elu", "silu", "gelu", "softplus"]
HIDDEN = [name for name in ELEMENTWISE if name != "exp"]
# Each loss with the output activations that it goes with.
LOSSES = {
    "mse": ["sigmoid", "tanh", "identity", "softplus", "softmax"],
    "squared_error": ["identity", "sigmoid", "gelu"],
    "sum_squared_error": ["identity", "relu"],
    "log_loss": ["softmax", "sigmoid"],
    "poisson": ["exp"],
    "mae": ["identity"],
    "huber": ["identity", "tanh"],
    "quantile": ["identity"],
    "gaussian_nll": ["identity"],
}
Setting = dict[str, Any]


class Digest:
    """A SHA-256 over arrays and numbers, in the order in which they are added."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def add(self, *values: Any) -> None:
        for value in values:
            array = np.ascontiguousarray(value)
            self._sha.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())

    def text(self) -> str:
        return self._sha.hexdigest()


# Settings -------------------------------------------------------------------------------------------------------------------


def pick(rng: np.random.Generator, options: Any) -> Any:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def drawn_network(rng: np.random.Generator, most_width: int, most_layers: int = 4) -> Setting:
    """Sizes, activations and a loss that go together."""
    n_layers = int(rng.integers(1, most_layers + 1))
    loss = pick(rng, list(LOSSES))
    output = pick(rng, LOSSES[loss])
    n_out = int(rng.integers(2 if output == "softmax" else 1, min(most_width, 20) + 1))
    network: Setting = {"loss": loss, "output_activation": output, "bias": bool(rng.random() < 0.85)}
    if loss == "gaussian_nll":
        n_out = 2 * max(1, n_out // 2)
    if loss == "quantile" and rng.random() < 0.5:
        network["quantile"], n_out = [0.1, 0.5, 0.8], 3 * max(1, n_out // 3)
    if loss == "huber":
        network["delta"] = 0.3
    if loss == "log_loss" and output == "softmax" and rng.random() < 0.5:
        network["n_targets"] = 1
    hidden = [int(n) for n in np.exp(rng.uniform(0, np.log(most_width), n_layers - 1)).astype(int)]
    network["sizes"] = [int(rng.integers(1, most_width + 1)), *hidden, n_out]
    network["activation"] = [pick(rng, HIDDEN) for _ in hidden]
    return network


def drawn_training(rng: np.random.Generator, network: Setting) -> Setting:
    """A step rule and what may be added to it."""
    rules: list[Setting] = [
        {"rule": "sgd"},
        {"rule": "sgd", "momentum": 0.9},
        {"rule": "sgd", "momentum": 0.8, "nesterov": True},
        {"rule": "adam"},
        {"rule": "adam", "epsilon_hat": True},
        {"rule": "nadam"},
        {"rule": "rmsprop", "momentum": 0.5},
        {"rule": "rprop"},
    ]
    rule = {"learning_rate": 0.02, **pick(rng, rules)}
    if rng.random() < 0.3:
        rule["alpha"] = 0.01
    if rng.random() < 0.2:
        rule["l1"] = 0.005
    if rng.random() < 0.2:
        rule["weight_decay"] = 0.1
    if rng.random() < 0.3:
        rule["clip_norm"] = 0.05
    hidden = len(network["sizes"]) - 2
    training: Setting = {"rule": rule, "weighted": bool(rng.random() < 0.3), "ordered": bool(rng.random() < 0.5)}
    training["frozen"] = [i for i in range(hidden + 1) if rng.random() < 0.3] if rng.random() < 0.25 else []
    training["dropout"] = [float(pick(rng, [0.0, 0.2, 0.5])) for _ in range(hidden)] if rng.random() < 0.3 else []
    return training


def settings() -> Iterator[Setting]:
    """All settings, each with a name; the same ones whenever they are drawn."""
    rng = np.random.default_rng(20261129)
    for i in range(90):
        small = i < 30
        network = drawn_network(rng, 7 if small else pick(rng, [9, 33, 70, 130]))
        rows, batch = (9, int(rng.integers(1, 8))) if small else (int(rng.integers(40, 400)), int(rng.integers(1, 260)))
        training = drawn_training(rng, network)
        yield {"kind": "epoch", "name": f"epoch {i}", "small": small, "rows": rows, "batch": batch, **network, **training}
    for i in range(14):
        network = drawn_network(rng, 40)
        training = drawn_training(rng, network)
        yield {
            "kind": "epoch",
            "name": f"grouped {i}",
            "rows": 5300,
            "batch": int(rng.integers(2000, 4200)),
            **network,
            **training,
        }
    for name, sizes, rows, batch in (
        ("wide", [300, 700, 400], 4300, 4000),
        ("deep", [64] * 6, 100, 16),
        ("long", [5, 3], 9000, 9000),
    ):
        base: Setting = {"activation": "tanh", "output_activation": "identity", "loss": "mse", "bias": True}
        rest = {"rule": {"rule": "adam"}, "weighted": False, "ordered": False, "frozen": [], "dropout": []}
        yield {"kind": "epoch", "name": name, "sizes": sizes, "rows": rows, "batch": batch, **base, **rest}
    for i in range(36):
        layers = pick(rng, [1, 2, 2])
        hidden, outputs = pick(rng, [(1, 1), (2, 1), (2, 2), (5, 1), (8, 1), (1, 2)])
        sizes = [int(rng.integers(1, 9)), 1] if layers == 1 else [int(rng.integers(1, 3)), hidden, outputs]
        names = ["identity", "sigmoid", "tanh", "relu"]
        yield {
            "kind": "epoch", "name": f"tiny {i}", "small": i < 12, "rows": 23, "batch": 1, "sizes": sizes,
            "activation": [pick(rng, names)] if layers == 2 else [], "output_activation": pick(rng, names),
            "loss": pick(rng, ["mse", "squared_error"]), "bias": bool(rng.random() < 0.7),
            "rule": {"rule": "sgd", "learning_rate": 0.1}, "weighted": False, "ordered": bool(rng.random() < 0.5),
            "frozen": [], "dropout": [],
        }  # fmt: skip
    for i in range(70):
        small = i < 20
        network = drawn_network(rng, 6 if small else pick(rng, [9, 35, 70]))
        rows = 1 if i % 5 == 0 else int(rng.integers(2, 8)) if small else int(rng.integers(2, 300))
        batch = int(rng.integers(1, 9)) if small else int(rng.integers(1, 140))
        yield {
            "kind": "derivatives", "name": f"derivatives {i}", "small": small, "rows": rows, "batch": batch,
            "weighted": bool(rng.random() < 0.4), **network,
        }  # fmt: skip
    for i in range(24):
        network = drawn_network(rng, 30)
        yield {"kind": "fit", "name": f"fit {i}", "optimizer": i % 8, "rows": int(rng.integers(60, 500)), **network}
    for i, loss in enumerate(["mse", "squared_error", "sum_squared_error"] * 2):
        network = {
            "sizes": [3, 6, 1 + i % 3],
            "activation": "tanh",
            "output_activation": "identity",
            "loss": loss,
            "bias": i != 4,
        }
        yield {"kind": "solver", "name": f"levenberg-marquardt {i}", "solver": "lm", "rows": 150 + 100 * i, **network}
    for i in range(4):
        network = drawn_network(rng, 12)
        yield {"kind": "solver", "name": f"l-bfgs {i}", "solver": "lbfgs", "rows": 200, **network}
    for name in [*ELEMENTWISE, "softmax"]:
        yield {"kind": "activation", "name": f"array {name}", "small": True, "function": name}
    for name in LOSSES:
        yield {"kind": "loss", "name": f"array {name}", "small": True, "function": name}
    yield {"kind": "layer", "name": "array dense", "small": True}
    for name in ("registered activation", "registered loss"):
        yield {"kind": "registered", "name": name}


# Data -----------------------------------------------------------------------------------------------------------------------


def plan_of(setting: Setting) -> kernels.Plan:
    names = ("sizes", "activation", "output_activation", "loss", "bias", "n_targets", "quantile", "delta")
    return kernels.make_plan(**{name: setting[name] for name in names if name in setting})


def data_for(setting: Setting, plan: kernels.Plan, real: Any, seed: int) -> tuple[np.ndarray, ...]:
    """theta, X, T and sample weights."""
    rng = np.random.default_rng(seed)
    n, n_out = setting["rows"], plan.sizes[-1]
    theta = rng.normal(0, 0.4, plan.n_parameters)
    X = rng.normal(0, 1, (n, plan.sizes[0]))
    T = rng.normal(0, 1, (n, plan.n_targets))
    if setting["loss"] == "log_loss":
        T = rng.integers(0, n_out, (n, 1)) if plan.n_targets == 1 and n_out > 1 else rng.random((n, plan.n_targets))
    elif setting["loss"] == "poisson":
        T = rng.integers(0, 4, (n, plan.n_targets))
    weight = rng.uniform(0.2, 2.0, n if setting.get("weighted") else 0)
    return tuple(np.ascontiguousarray(array, real) for array in (theta, X, T, weight))


# What is done with a setting ------------------------------------------------------------------------------------------------


def run_epochs(setting: Setting, real: Any, digest: Digest) -> None:
    """Epochs whole, in two calls, by one thread and by two, and a single step: theta, the state's vectors, the losses."""
    plan = plan_of(setting)
    theta, X, T, weight = data_for(setting, plan, real, 1)
    rng = np.random.default_rng(2)
    n = setting["rows"]
    for threads in (1, 2):
        work = kernels.make_workspace(plan, setting["batch"], real, threads).frozen(setting["frozen"])
        work = work.dropping(setting["dropout"]) if setting["dropout"] else work
        state = kernels.make_state(plan, dtype=real, seed=7, **setting["rule"])
        ours = theta.copy()
        for epoch in range(2):
            order = rng.permutation(n) if setting["ordered"] and epoch == 0 else np.empty(0, np.int64)
            call = lambda member, order=order, state=state, ours=ours: kernels.train_epoch(  # noqa: E731
                plan, ours, state, X, T, weight, order, member
            )
            digest.add(together(call, work, threads))
        digest.add(ours, state[2], state[3])
    rows = min(n, setting["batch"])
    part = (X[:rows], T[:rows], weight[:rows] if weight.size else weight)
    work, state = kernels.make_workspace(plan, rows, real), kernels.make_state(plan, dtype=real, **setting["rule"])
    digest.add(kernels.train_step(plan, theta, state, *part, work), theta)


def together(call: Callable[[Any], float], work: Any, threads: int) -> float:
    """One call of all threads, each with its member of the workspace."""
    if threads == 1:
        return call(work)
    work.control[:] = 0
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        return call(work.member(0, 1))  # plain Python threads would wait for one another for seconds
    others = [threading.Thread(target=call, args=(work.member(i, threads),)) for i in range(1, threads)]
    for thread in others:
        thread.start()
    result = call(work.member(0, threads))
    for thread in others:
        thread.join()
    return result


def run_derivatives(setting: Setting, real: Any, digest: Digest) -> None:
    """All derivative kernels, and predictions."""
    plan = plan_of(setting)
    theta, X, T, weight = data_for(setting, plan, real, 3)
    rng = np.random.default_rng(4)
    n, n_out = len(X), plan.sizes[-1]
    work = kernels.make_workspace(plan, setting["batch"], real, curvature=True)
    plain = kernels.make_workspace(plan, setting["batch"], real)
    Y, dX, dT, v = np.empty((n, n_out), real), np.empty_like(X), np.empty_like(T), rng.normal(0, 1, theta.size).astype(real)
    grad, none, no_rows = np.empty_like(theta), np.empty(0, real), np.empty((0, 0), real)
    kernels.predict(plan, theta, X, Y, plain)
    digest.add(Y, kernels.loss_and_grad(plan, theta, X, T, weight, grad, plain), grad)
    digest.add(kernels.loss_and_grad(plan, theta, X, T, weight, none, plain))
    one = np.empty(n_out, real)
    kernels.predict_one(plan, theta, X[0].copy(), one, plain)
    digest.add(one)
    few = X[: min(n, setting["batch"])].copy()
    kernels.load_parameters(plan, theta, work)
    digest.add(kernels.forward_loaded(plan, few, work).copy(), kernels.forward(plan, theta, few, work).copy())
    dY = rng.normal(0, 1, (len(few), n_out)).astype(real)
    few_dX = np.empty_like(few)
    kernels.backward(plan, few, dY, grad, few_dX, work)
    digest.add(grad, few_dX)
    dY = rng.normal(0, 1, (n, n_out)).astype(real)
    kernels.vjp(plan, theta, X, dY, grad, dX, work)
    digest.add(grad, dX)
    kernels.vjp(plan, theta, X, dY, grad, no_rows, work)
    digest.add(grad, kernels.loss_and_grad(plan, theta, X, T, weight, grad, work), grad)
    digest.add(kernels.input_gradient(plan, theta, X, T, weight, dX, work), dX)
    if setting["loss"] != "log_loss" or plan.n_targets == n_out:
        digest.add(kernels.target_gradient(plan, theta, X, T, weight, dT, work), dT)
    J, K = np.empty((n, n_out, plan.sizes[0]), real), np.empty((n, n_out, theta.size), real)
    kernels.input_jacobian(plan, theta, X, Y, J, work)
    kernels.parameter_jacobian(plan, theta, X, Y, K, work)
    G = np.empty((n, theta.size), real)
    digest.add(J, K, kernels.sample_gradients(plan, theta, X, T, weight, G, work), G)
    for kernel in (kernels.hessian_vector, kernels.gauss_newton_vector):
        digest.add(kernel(plan, theta, X, T, weight, v, grad, work), grad)
    if real == np.float64 and setting["loss"] == "mse" and plan.n_targets == n_out and n <= setting["batch"]:
        N = normal_equations.make_normal_equations(theta.size)
        kernels.forward(plan, theta, X, work)
        normal_equations.add_normal_equations(plan, X, T, weight, 0.3, N, work)
        digest.add(N[: theta.size + 1, : theta.size + 1])


OPTIMIZERS: list[Callable[[], Any]] = [
    lambda: SGD(0.05), lambda: SGD(0.05, momentum=0.9), lambda: SGD(0.05, momentum=0.9, nesterov=True), Adam, Nadam,
    RMSprop, Rprop, lambda: Adam(0.01),
]  # fmt: skip


def network_of(setting: Setting, real: Any) -> Network:
    names = ("sizes", "activation", "output_activation", "loss", "bias", "quantile", "delta")
    return Network(**{name: setting[name] for name in names if name in setting}, dtype=real, random_state=5)


def run_fit(setting: Setting, real: Any, digest: Digest) -> None:
    """`Network.fit` with what it offers besides: the parameters, the history, predictions."""
    number = setting["optimizer"]
    plan = plan_of(setting)
    _, X, T, _ = data_for(setting, plan, real, 6)
    T = T[:, 0] if plan.n_targets == 1 else T
    network = network_of(setting, real)
    more: Setting = {}
    if number % 2:
        more["schedule"] = Cosine()
    if number % 3 == 0:
        more["validation_data"] = (X[:20], T[:20])
        more["callbacks"] = [EarlyStopping(n_iter_no_change=2)]
    if setting["loss"] == "log_loss" and number % 4 == 0 and setting["output_activation"] == "softmax":
        more["label_smoothing"] = 0.1
    hidden = len(setting["sizes"]) - 2
    fit = functools.partial(
        network.fit, X, T, epochs=6, batch_size=17 + 10 * number, optimizer=OPTIMIZERS[number](), alpha=0.001 * number,
        dropout=0.2 if number == 5 and hidden else 0.0, n_threads=1 + number % 2, progress=False, **more,
    )  # fmt: skip
    try:
        digest.add(fit().loss)
    except DivergenceError:
        digest.add(True)
    digest.add(network.theta, network.predict(X), network.loss(X, T))


def run_solver(setting: Setting, real: Any, digest: Digest) -> None:
    if real == np.float32 and setting["solver"] == "lm":
        return
    plan = plan_of(setting)
    _, X, T, _ = data_for(setting, plan, real, 8)
    T = T[:, 0] if plan.n_targets == 1 else T
    network = network_of(setting, real)
    solver = LevenbergMarquardt() if setting["solver"] == "lm" else LBFGS()
    history = network.fit(X, T, epochs=5, optimizer=solver, progress=False, alpha=0.01)
    digest.add(network.theta, history.loss)


def run_activation(setting: Setting, real: Any, digest: Digest) -> None:
    rng = np.random.default_rng(9)
    forward, backward = getattr(kernels, setting["function"]), getattr(kernels, f"{setting['function']}_backward")
    for shape in ((7,), (5, 13), (2, 3, 4)):
        x, dy = (rng.normal(0, 4, shape).astype(real) for _ in range(2))
        source = x if setting["function"] in ("silu", "gelu") else forward(x)
        digest.add(forward(x), backward(source, dy), forward(x.T.copy().T))


def run_loss(setting: Setting, real: Any, digest: Digest) -> None:
    rng = np.random.default_rng(10)
    name = setting["function"]
    Y, T = rng.random((9, 4)).astype(real), rng.random((9, 4)).astype(real)
    extra = {"huber": [np.array([0.2], real)], "quantile": [np.array([0.3], real)]}.get(name, [])
    T = T[:, :2].copy() if name == "gaussian_nll" else T
    digest.add(getattr(kernels, name)(Y, T, *extra), getattr(kernels, f"{name}_backward")(Y, T, *extra))
    if name == "log_loss":
        digest.add(kernels.binary_log_loss(Y, T), kernels.binary_log_loss_backward(Y, T))


def run_layer(setting: Setting, real: Any, digest: Digest) -> None:
    rng = np.random.default_rng(11)
    for rows, n_in, n_out in ((1, 1, 1), (5, 7, 3), (9, 40, 33)):
        X, W, b, D = (rng.normal(0, 1, shape).astype(real) for shape in ((rows, n_in), (n_in, n_out), (n_out,), (rows, n_out)))
        Z, dX, dW, db = np.empty_like(D), np.empty_like(X), np.zeros_like(W), np.zeros_like(b)
        kernels.dense_forward(Z, X, W, b)
        kernels.dense_backward(dW, db, D, X)
        kernels.dense_backward_input(dX, D, W)
        digest.add(Z, dX, dW, db)


def run_registered(setting: Setting, real: Any, digest: Digest) -> None:
    """A user's own activation and loss."""
    import numba

    value, slope, bend = (
        numba.njit(f) for f in (lambda x: x * x * x, lambda x: 3 * x * x, lambda x: 6 * x)
    )  # fmt: skip
    kernels.register_activation("recorded_cube", value, slope, bend)

    def fourth(y, t):  # type: ignore[no-untyped-def]
        total = 0.0
        for j in range(y.size):
            total += (y[j] - t[j]) ** 4
        return total

    def fourth_gradient(y, t, dy):  # type: ignore[no-untyped-def]
        for j in range(y.size):
            dy[j] = 4 * (y[j] - t[j]) ** 3

    def fourth_bend(y, t, u):  # type: ignore[no-untyped-def]
        for j in range(y.size):
            u[j] *= 12 * (y[j] - t[j]) ** 2

    def fourth_targets(y, t, dt):  # type: ignore[no-untyped-def]
        for j in range(y.size):
            dt[j] = -4 * (y[j] - t[j]) ** 3

    kernels.register_loss("recorded_fourth", *(numba.njit(f) for f in (fourth, fourth_gradient, fourth_bend, fourth_targets)))
    own = setting["name"] == "registered activation"
    network: Setting = {
        "sizes": [4, 9, 3], "activation": "recorded_cube" if own else "tanh", "output_activation": "identity", "bias": True,
        "loss": "mse" if own else "recorded_fourth", "rows": 40, "batch": 13,
    }  # fmt: skip
    run_derivatives(network, real, digest)
    training = {"rule": {"rule": "adam"}, "weighted": True, "ordered": True, "frozen": [], "dropout": []}
    run_epochs({**network, **training}, real, digest)


RUNS = {
    "epoch": run_epochs, "derivatives": run_derivatives, "fit": run_fit, "solver": run_solver, "activation": run_activation,
    "loss": run_loss, "layer": run_layer, "registered": run_registered,
}  # fmt: skip


def hashes(small: bool, only: str) -> dict[str, str]:
    """The name of each setting that has `only` in it, in float32 and in float64, with its hash."""
    found = {}
    for setting in settings():
        for real in (np.float32, np.float64):
            if (small and not setting.get("small")) or only not in setting["name"]:
                continue
            digest = Digest()
            RUNS[setting["kind"]](setting, real, digest)
            found[f"{setting['name']}, {np.dtype(real).name}"] = digest.text()
    return found


def at_level(simd: str, small: bool, only: str) -> dict[str, str]:
    """The hashes at one vector width, made in a process of its own."""
    command = [sys.executable, __file__, "--print", "--only", only, *(["--small"] if small else [])]
    run = subprocess.run(command, env={**os.environ, "TILEPROP_SIMD": simd}, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    found: dict[str, str] = json.loads(run.stdout)
    return {f"{simd}, {name}": value for name, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the hashes to this file")
    parser.add_argument("--compare", type=Path, help="compare with the hashes in this file; exit status 1 where any differs")
    parser.add_argument("--simd", nargs="*", default=[], help="vector widths, as TILEPROP_SIMD names them")
    parser.add_argument("--small", action="store_true", help="only the settings that take no time with the jit off")
    parser.add_argument("--only", default="", help="only settings with this text in their name, such as derivatives")
    parser.add_argument("--print", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    np.seterr(all="ignore")
    if given.simd:
        found = {name: value for simd in given.simd for name, value in at_level(simd, given.small, given.only).items()}
    else:
        found = hashes(given.small, given.only)
    if given.print:
        print(json.dumps(found))
        return 0
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(found)} hashes")
    if not given.compare:
        return 0
    before = json.loads(given.compare.read_text())
    known = {name: before.get(name) for name in found}
    differ = [name for name, value in found.items() if known[name] != value]
    for name in differ:
        print(f"differs: {name}" if known[name] else f"not recorded before: {name}")
    print(f"{len(found) - len(differ)} of {len(found)} are the same as in {given.compare}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
