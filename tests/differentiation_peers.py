"""The same derivatives by PyTorch's `torch.func` and by JAX: both have the same words for it. In float64."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from differentiation import LEAK, PARAMETERS, THROUGH, Case, apart, cases
from hypothesis import given, settings

NAMES = ["torch", "jax"]


class Peer:
    """A library, made by its name; a test that asks for one that is not installed is skipped."""

    def __init__(self, name: str) -> None:
        library = pytest.importorskip(name)
        if name == "torch":
            self.xp, self.func, self.array, self.nn = library, library.func, library.tensor, library.nn.functional
            self.log_softmax = lambda z: library.log_softmax(z, dim=-1)
            self.compiled = lambda f: f
            self.wide: Any = contextlib.nullcontext
        else:
            import jax.numpy

            self.xp, self.func, self.array, self.nn = jax.numpy, library, jax.numpy.asarray, library.nn
            self.log_softmax = library.nn.log_softmax
            self.compiled = library.jit
            self.wide = lambda: library.enable_x64(True)

    def activate(self, name: str, z: Any) -> Any:
        xp = self.xp
        if name == "gelu":
            return self.nn.gelu(z) if xp.__name__ == "torch" else self.nn.gelu(z, approximate=False)
        return {
            "identity": lambda: z,
            "sigmoid": lambda: 1 / (1 + xp.exp(-z)),
            "tanh": lambda: xp.tanh(z),
            "relu": lambda: self.nn.relu(z),
            "softmax": lambda: xp.exp(self.log_softmax(z)),
            "exp": lambda: xp.exp(z),
            "leaky_relu": lambda: self.nn.leaky_relu(z, LEAK),
            "elu": lambda: self.nn.elu(z),
            "silu": lambda: self.nn.silu(z),
            "softplus": lambda: xp.log1p(xp.exp(z)),
        }[name]()

    def end(self, case: Case, theta: Any, x: Any) -> Any:
        """The last pre-activations of one row."""
        a = x
        for number, (part, (n_in, n_out)) in enumerate(zip(case.layers, pairwise(case.sizes), strict=True)):
            values = theta[part]
            z = a @ values[: n_in * n_out].reshape(n_in, n_out)
            z = z + values[n_in * n_out :] if case.bias else z
            a = self.activate(case.activations[number], z) if number + 1 < len(case.layers) else z
        return a

    def output(self, case: Case, theta: Any, x: Any) -> Any:
        return self.activate(case.activations[-1], self.end(case, theta, x))

    def loss(self, case: Case, z: Any, t: Any, weight: Any) -> Any:
        """Of one row, from its last pre-activations, times its weight."""
        xp, name, y = self.xp, case.loss, self.activate(case.activations[-1], z)
        count = y.shape[0]
        parameter = PARAMETERS.get(name, 0.0)
        if name in ("mse", "squared_error"):
            value = xp.mean((y - t) ** 2) / (1 if name == "mse" else 2)
        elif name == "sum_squared_error":
            value = xp.sum((y - t) ** 2) / 2
        elif name == "mae":
            value = xp.mean(xp.abs(y - t))
        elif name == "huber":
            d = xp.abs(y - t)
            value = xp.mean(xp.where(d <= parameter, d * d / 2, parameter * (d - parameter / 2)))
        elif name == "quantile":
            columns, value = count // len(parameter), 0.0
            for k, q in enumerate(parameter):
                d = t - y[k * columns : (k + 1) * columns]
                value = value + xp.sum(xp.where(d > 0, q * d, (q - 1) * d)) / count
        elif name == "gaussian_nll":
            m, s = y[: count // 2], y[count // 2 :]
            value = xp.sum(s + (t - m) ** 2 * xp.exp(-s)) / 2
        elif name == "log_loss":
            value = -xp.sum(t * self.log_softmax(z))
        elif name == "label_log_loss":
            value = -xp.sum(self.log_softmax(z) * t)
        elif name == "binary_log_loss":
            value = xp.sum(xp.log1p(xp.exp(-z)) + (1 - t) * z)
        else:
            value = xp.sum(t * (xp.log(t) - z) - t + y)
        return value * weight

    def given(self, case: Case) -> list[Any]:
        """theta, X, T and each row's weight; class indices as one-hot rows."""
        theta, X, T = case.exact
        if case.loss == "label_log_loss":
            T = np.eye(case.sizes[-1])[T[:, 0].astype(int)]
        return [self.array(a) for a in (theta, X, T, case.row_weights)]

    # Quantities, named as those of `Case` -----------------------------------------------------------------------------------

    def input_jacobian(self, case: Case) -> np.ndarray:
        return self._of_rows(case, self.func.jacrev(lambda theta, x, t, w: self.output(case, theta, x), 1))

    def parameter_jacobian(self, case: Case) -> np.ndarray:
        return self._of_rows(case, self.func.jacrev(lambda theta, x, t, w: self.output(case, theta, x), 0))

    def sample_gradients(self, case: Case) -> np.ndarray:
        return self._of_rows(case, self.func.grad(self._row_loss(case), 0))

    def input_gradient(self, case: Case) -> np.ndarray:
        return self._of_rows(case, self.func.grad(self._row_loss(case), 1)) / case.row_weights.sum()

    def target_gradient(self, case: Case) -> np.ndarray:
        return self._of_rows(case, self.func.grad(self._row_loss(case), 2)) / case.row_weights.sum()

    def gradient(self, case: Case) -> np.ndarray:
        return self.sample_gradients(case).sum(axis=0) / case.row_weights.sum()

    def hessian_vector(self, case: Case, v: np.ndarray) -> np.ndarray:
        with self.wide():
            theta, *rows = self.given(case)
            vmapped = self.func.vmap(self._row_loss(case), (None, 0, 0, 0))
            slope = self.func.grad(lambda theta: vmapped(theta, *rows).sum())
            found = self.compiled(lambda v: self.func.jvp(slope, (theta,), (v,))[1])(self.array(v.astype(np.float64)))
            return np.asarray(found) / case.row_weights.sum()

    def gauss_newton_vector(self, case: Case, v: np.ndarray) -> np.ndarray:
        func = self.func

        def of_row(theta: Any, v: Any, x: Any, t: Any, w: Any) -> Any:
            def end(theta: Any) -> Any:
                z = self.end(case, theta, x)
                return z if case.loss in THROUGH else self.activate(case.activations[-1], z)

            def loss(end: Any) -> Any:
                return self.loss(plain, end, t, w)

            z, moved = func.jvp(end, (theta,), (v,))
            bent = func.jvp(func.grad(loss), (z,), (moved,))[1]
            return func.vjp(end, theta)[1](bent)[0]

        # From the outputs, where the loss does not go through the activation: then there is none left to take.
        plain = case if case.loss in THROUGH else replace(case, activations=[*case.activations[:-1], "identity"])
        with self.wide():
            theta, *rows = self.given(case)
            vmapped = self.compiled(func.vmap(of_row, (None, None, 0, 0, 0)))
            found = vmapped(theta, self.array(v.astype(np.float64)), *rows)
            return np.asarray(found).sum(axis=0) / case.row_weights.sum()

    def _row_loss(self, case: Case) -> Any:
        return lambda theta, x, t, w: self.loss(case, self.end(case, theta, x), t, w)

    def _of_rows(self, case: Case, quantity: Any) -> np.ndarray:
        with self.wide():
            return np.asarray(self.compiled(self.func.vmap(quantity, (None, 0, 0, 0)))(*self.given(case)))


def check_against_peer(
    name: str, ours: Callable[[Case, int], np.ndarray], theirs: Callable[[Peer, Case], np.ndarray], **drawn_of: Any
) -> None:
    """Over drawn networks, of what `cases` is told; ours is given a batch size, too."""
    library = Peer(name)

    @settings(max_examples=15 if name == "torch" else 4)
    @given(cases(**drawn_of))
    def agree(drawn):
        case, batch = drawn
        assert apart(ours(case, batch), theirs(library, case)) <= 1e-10

    agree()
