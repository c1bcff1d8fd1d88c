"""Initial weights. Biases start at zero.

glorot   uniform within sqrt(6 / (n_in + n_out)): keeps the variance in all layers but relu's (Glorot and Bengio, 2010)
he       normal with variance 2 / n_in: the same for relu (He et al., 2015)
auto     he for layers with relu and what is like it, glorot for all others

A parameter vector that is there already may stand in their place.
"""

from __future__ import annotations

import numpy as np

from ..kernels import Plan
from .arrays import as_real
from .errors import InputError

SCHEMES = ("auto", "glorot", "he")
RECTIFIERS = ("relu", "leaky_relu", "elu", "silu", "gelu")


def glorot(generator: np.random.Generator, n_in: int, n_out: int) -> np.ndarray:
    """Weights (n_in, n_out), float64."""
    limit = np.sqrt(6.0 / (n_in + n_out))
    return generator.uniform(-limit, limit, size=(n_in, n_out))


def he(generator: np.random.Generator, n_in: int, n_out: int) -> np.ndarray:
    """Weights (n_in, n_out), float64."""
    return generator.normal(0.0, np.sqrt(2.0 / n_in), size=(n_in, n_out))


def initial_theta(plan: Plan, scheme: str | np.ndarray, generator: np.random.Generator, dtype: np.dtype) -> np.ndarray:
    """A theta for `plan`: new, drawn in float64 so that both dtypes start from the same numbers, or what `scheme` is."""
    if isinstance(scheme, np.ndarray):
        theta = as_real("initial", scheme, dtype)
        if theta.shape != (plan.n_parameters,):
            raise InputError(f"initial has shape {theta.shape}; a parameter vector of this network is ({plan.n_parameters},)")
        return np.require(theta, requirements="W")
    if scheme not in SCHEMES:
        raise InputError(f"initial is {scheme!r}; it must be one of {', '.join(SCHEMES)}")
    theta = np.zeros(plan.n_parameters, dtype)
    weights, _ = plan.unflatten(theta)
    for W, activation in zip(weights, plan.activations, strict=True):
        draw = he if scheme == "he" or (scheme == "auto" and activation in RECTIFIERS) else glorot
        W[:] = draw(generator, *W.shape)
    return theta
