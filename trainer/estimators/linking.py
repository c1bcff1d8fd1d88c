"""One memory for an estimator's parameters: `coefs_` and `intercepts_` are views of `network_.theta`."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..network import Network
from ..scikit_learn_names import network_arguments


class LinkedNetwork:
    """A part of both estimators."""

    # Of the last fit, or made of what `coefs_` and `intercepts_` were then set to.
    _network: Network | None = None

    @property
    def network_(self) -> Network:
        """The trained network. `coefs_` and `intercepts_` are views of its parameters."""
        if "coefs_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no network_ before it is fitted")
        return self._linked()

    def _linked(self: Any, *, anew: bool = False) -> Network:
        """`network_`, made where there is none, and again where `coefs_` or `intercepts_` are no longer views of it."""
        given = [*self.coefs_, *self.intercepts_]
        network: Network | None = self._network
        if network is not None and not anew:
            own = [*network.weights, *network.biases]
            if len(own) == len(given) and all(map(operator.is_, own, given)):
                return network
        dtype = self.coefs_[0].dtype
        nothing_drawn = np.zeros(sum(np.size(one) for one in given), dtype)
        network = Network(**network_arguments(self), dtype=dtype, initial=nothing_drawn)
        for view, values in zip([*network.weights, *network.biases], given, strict=True):
            view[:] = values
        self._network, self.coefs_, self.intercepts_ = network, list(network.weights), list(network.biases)
        return network

    def __setstate__(self: Any, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        network = self._network
        if network is None or "coefs_" not in vars(self):
            return
        given, own = [*self.coefs_, *self.intercepts_], [*network.weights, *network.biases]
        same = len(own) == len(given) and all(map(np.array_equal, own, given))
        # Not written to where that is not needed: joblib may have mapped it from a file, read-only.
        if not same:
            self._linked()
            return
        self.coefs_, self.intercepts_ = list(network.weights), list(network.biases)
