"""scikit-learn's solver="lbfgs" with the compiled gradient: how it is interrupted, and how it goes on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...kernels.interrupts import HeldSignals
from ..errors import InputError
from ..fit.checkpoints import Checkpoints
from ..fit.fingerprints import Data
from ..fit.history import History
from ..fit.options import FitOptions
from ..fit.resuming import Resumed
from ..network import Network
from ..solvers.answers import Answers, OtherWay
from ..threads.team import SecondInterrupt
from .bookkeeping import arguments_of
from .inputs import as_rows

NOT_FOR_LBFGS = ("optimizer", "l1", "weight_decay", "clip_norm", "frozen_layers", "dropout", "schedule")


class Evaluations:
    """What one fit evaluates: the lowest loss so far, with its parameters, and where there is a checkpoint, all answers.

    count: how often a loss was lower than all before: each iteration ends at such a one.
    """

    def __init__(self, estimator: Any, network: Network, data: Data, resumed: Resumed | None) -> None:
        self.parameters, self.loss, self.count = network.theta, np.inf, 0
        self._estimator, self._dtype = estimator, network.dtype
        packed = np.concatenate([array.ravel() for array in (*network.weights, *network.biases)]).astype(np.float64)
        self._answers = Answers(packed, estimator.checkpoint is not None)
        self._checkpoints: Checkpoints | None = None
        self._arguments = arguments_of(estimator)
        if resumed is not None:
            kept = resumed.kept()
            if kept.get("solver") != "lbfgs":
                raise InputError(f"{resumed.path} is not a checkpoint of an estimator with solver='lbfgs'")
            resumed.check(self._options(network), data)
            for name, value in self._arguments.items():
                if kept["arguments"].get(name) != value:
                    raise InputError(f"{name} is {value}; the fit in {resumed.path} has {kept['arguments'].get(name)}")
            self._answers = Answers.put_back(kept, True)
        if estimator.checkpoint is not None:
            self._checkpoints = Checkpoints(self._options(network), network, History(0), data)
            self._remember()

    @property
    def start(self) -> np.ndarray:
        """Packed as scikit-learn does."""
        return self._answers.start

    def again(self, packed: np.ndarray) -> tuple[float, np.ndarray] | None:
        """The answer to these parameters, where it is one that comes again."""
        told = self._answers.again(packed)
        if told is None:
            return None
        self._see(packed, told[0])
        return told[0], told[1].astype(self._dtype)

    def add(self, packed: np.ndarray, loss: float, gradient: np.ndarray) -> None:
        """A new answer. Where no more can be kept, a fit that goes on computes them again."""
        self._see(packed, loss)
        if self._checkpoints and not self._answers.full:
            self._answers.add(packed, float(loss), gradient.astype(np.float64))
            self._remember()
            self._checkpoints.write_if_due()

    def end(self) -> None:
        """A last checkpoint."""
        if self._checkpoints:
            self._checkpoints.write()

    def _see(self, packed: np.ndarray, loss: float) -> None:
        if loss < self.loss:
            self.count += int(np.isfinite(self.loss))
            self.parameters, self.loss = packed.copy(), loss

    def _options(self, network: Network) -> FitOptions:
        given = self._estimator
        return FitOptions(checkpoint=given.checkpoint, epochs=given.max_iter, alpha=given.alpha).checked_for(network)

    def _remember(self) -> None:
        assert self._checkpoints is not None
        kept = {"solver": "lbfgs", "arguments": self._arguments}
        self._checkpoints.remember({**self._answers.kept(), **kept})


class ByLBFGS:
    """A part of both estimators."""

    # Of the fit under way.
    _evaluations: Evaluations | None = None

    def _loss_grad_lbfgs(
        self: Any, packed_coef_inter: np.ndarray, X: Any, y: np.ndarray, sample_weight: np.ndarray | None, *scratch: Any
    ) -> tuple[float, np.ndarray]:
        self._unpack(packed_coef_inter)
        evaluations = self._evaluations
        told = evaluations.again(packed_coef_inter) if evaluations is not None else None
        if told is not None:
            return told
        coefs, intercepts = self.coefs_, self.intercepts_
        network = self._linked() if self._network is None else self._network
        for view, values in zip([*network.weights, *network.biases], [*coefs, *intercepts], strict=True):
            view[:] = values
        loss, grad = network.loss_and_grad(X, self._targets(y), sample_weight)
        total = len(X) if sample_weight is None else sample_weight.sum()
        weights, biases = network.unflatten(grad)
        squares = 0.0
        for W, dW in zip(coefs, weights, strict=True):
            dW += self.alpha / total * W
            squares += float(np.vdot(W, W))
        gradient = np.concatenate([array.ravel() for array in (*weights, *biases)])
        value = self._total_loss(loss, 0.5 * self.alpha * squares / total)
        if evaluations is not None:
            evaluations.add(packed_coef_inter, value, gradient)
        return value, gradient

    def _fit_lbfgs(self: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None, *rest: Any) -> None:
        for name in NOT_FOR_LBFGS:
            if getattr(self, name):
                raise ValueError(f"{name} needs solver='sgd' or 'adam'; solver='lbfgs' does not know it")
        if self._validation is not None:
            raise ValueError("X_val needs solver='sgd' or 'adam'; solver='lbfgs' does not look at a validation set")
        sample_weight = self._with_class_weight(sample_weight, y)
        network, rows = self._linked(anew=True), as_rows(X)
        data: Data = {"X": rows, "T": self._targets(y), "sample_weight": sample_weight}
        evaluations = self._evaluations = Evaluations(self, network, data, self._resumed)
        at = 0
        for view in (*self.coefs_, *self.intercepts_):
            view.flat = evaluations.start[at : at + view.size]
            at += view.size
        try:
            # Not scikit-learn's sizes, which in a warm start have one output for each target whatever the loss.
            super()._fit_lbfgs(rows, y, sample_weight, *rest[:-1], network.plan.sizes)  # type: ignore[misc]
        except SecondInterrupt:
            raise
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
            if np.isfinite(evaluations.loss):
                self._unpack(evaluations.parameters)
            self.n_iter_, self.loss_ = evaluations.count, evaluations.loss
        except OtherWay as error:
            raise InputError(
                f"L-BFGS goes another way here than the fit in {self.checkpoint} has gone: with another SciPy, or on another "
                "processor. Fit anew"
            ) from error
        finally:
            with HeldSignals():
                evaluations.end()
            del self._evaluations
        self._linked(anew=True)
