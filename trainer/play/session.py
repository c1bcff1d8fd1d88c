"""One network under training: what the page chose, the rows, the optimizer's state, and what is drawn of it."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from ..bounds import check_whole
from ..explanation.documents import document
from ..explanation.explain import explain, explain_document
from ..explanation.page import Explanation
from ..fit.fitting import fit
from ..fit.optimizers import Optimizer
from ..fit.options import FitOptions
from ..network import Network
from ..runs.settings import OPTIMIZERS
from .choices import MOST_EPOCHS, Choices, Hidden
from .frames import Frame
from .plane import Plane
from .samples import Library, Samples

# Seconds over which the speed is measured.
WHILE = 0.5


class Session:
    """A network with its data. choices: as they are in force; a document has its own network, rate and batch size."""

    def __init__(self, choices: Choices, library: Library) -> None:
        samples = library.samples(choices.data, choices.seed)
        self.samples, self.network = samples, _network(choices, samples)
        self.choices = _of_document(choices, self.network) if samples.document else choices
        self._state = self.optimizer().state(self.network.plan, self.network.dtype)
        self.plane = Plane.through(samples.X, samples.input_names)
        self._grid = np.ascontiguousarray(self.plane.grid, self.network.dtype)
        X = samples.X.astype(self.network.dtype)
        self._training = X[samples.training], samples.T[samples.training]
        self._held_out = X[samples.held_out], samples.T[samples.held_out]
        self.epoch, self._epoch_seconds = 0, 0.0
        # Rows a second are taken over a while without a pause: since a time, at an epoch.
        self._rows_per_second = math.nan
        self._since: tuple[float, int] | None = None

    def optimizer(self) -> Optimizer:
        """The one that was chosen."""
        kind, _ = OPTIMIZERS[self.choices.optimizer]
        return kind(learning_rate=self.choices.learning_rate)

    def adjust(self, choices: Choices) -> None:
        """Another learning rate, batch size and pace, for the epochs to come."""
        self._state.hyperparameters[0].learning_rate = choices.learning_rate
        self.choices = choices

    def train(self, epochs: int) -> None:
        """Raises DivergenceError where numbers are no longer finite; the network then holds the last finite parameters."""
        options = FitOptions(
            epochs=epochs, batch_size=self.choices.batch_size, optimizer=self._state, progress=False, n_threads=1
        )
        since = self._since = self._since or (time.perf_counter(), self.epoch)
        history = fit(self.network, *self._training, None, None, options)
        self.epoch += history.epochs
        # The first epoch of a call is slower than the others.
        self._epoch_seconds = min(history.seconds)
        now = time.perf_counter()
        if now - since[0] > WHILE:
            self._rows_per_second = (self.epoch - since[1]) * history.n_samples / (now - since[0])
            self._since = now, self.epoch

    def rest(self) -> None:
        """Training pauses."""
        self._since = None

    def train_for(self, seconds: float) -> None:
        """The epochs of a picture, or where these are not chosen, so many as take about this time, at least one."""
        epochs = self.choices.epochs_a_picture
        if not epochs:
            epochs = int(min(max(seconds / self._epoch_seconds, 1), MOST_EPOCHS)) if self._epoch_seconds else 1
        self.train(epochs)

    def frame(self) -> Frame:
        """The network as it is now. Losses and accuracy are taken with its present weights."""
        *hidden, outputs = self.network.activations(self._grid)
        X, T = self._held_out
        held_out, accuracy = math.nan, math.nan
        if len(X):
            held_out = self.network.loss(X, T)
            if self.samples.class_names:
                Y = self.network.predict(X)
                predicted = Y.argmax(axis=1) if T.ndim == 1 else Y >= 0.5
                accuracy = float(np.mean(predicted == T))
        loss = self.network.loss(*self._training)
        return Frame(self.epoch, loss, held_out, accuracy, self._rows_per_second, self.network.theta, outputs, hidden)

    def explanation(self, row: int) -> Explanation:
        """One row through the network as it is now; a document that is untouched is explained as it stands."""
        samples = self.samples
        check_whole("row", row, 0, len(samples.X) - 1)
        if samples.document and not self.epoch:
            return explain_document(samples.document)
        return explain(self.network, samples.X[row], samples.T[row], self.choices.learning_rate)

    def description(self) -> dict[str, Any]:
        """What the page must know to draw frames."""
        samples, plane, plan = self.samples, self.plane, self.network.plan
        is_number = not samples.class_names
        trained = np.zeros(len(samples.X), bool)
        trained[samples.training] = True
        return {
            "kind": "described",
            "name": samples.name,
            "sizes": list(plan.sizes),
            "bias": plan.bias,
            "choices": self.choices.as_json(),
            "fixed": bool(samples.document),
            "inputs": list(samples.input_names),
            "classes": list(samples.class_names),
            "target": samples.target_name,
            "range": _range(samples, plan.activations[-1]) if is_number else [0.0, 1.0],
            "axes": list(plane.axes),
            "low": plane.low.tolist(),
            "high": plane.high.tolist(),
            "shape": list(plane.shape),
            "points": np.round(plane.positions, 5).tolist(),
            "targets": np.round(samples.T.reshape(len(samples.T)).astype(float), 5).tolist(),
            "trained": trained.tolist(),
            "notes": list(samples.notes),
        }


def _network(choices: Choices, samples: Samples) -> Network:
    if samples.document:
        return document(samples.document).network()
    output, loss = "identity", "squared_error"
    if samples.class_names:
        output, loss = "softmax" if len(samples.class_names) > 2 else "sigmoid", "log_loss"
    widths = [layer.units for layer in choices.hidden]
    return Network(
        [samples.X.shape[1], *widths, samples.n_outputs],
        [layer.activation for layer in choices.hidden] or "identity",
        output,
        loss,
        random_state=choices.seed,
    )


def _of_document(choices: Choices, network: Network) -> Choices:
    """A document's own network and pace."""
    plan, number = network.plan, choices.data.split()[-1]
    hidden = tuple(Hidden(width, name) for width, name in zip(plan.sizes[1:-1], plan.activations[:-1], strict=True))
    return replace(choices, hidden=hidden, optimizer="sgd", learning_rate=document(int(number)).learning_rate, batch_size=1)


def _range(samples: Samples, output: str) -> list[float]:
    """The ends of the scale of colours for numbers."""
    if output == "sigmoid":
        return [0.0, 1.0]
    T = samples.T[samples.training]
    return [float(T.min()), float(T.max())]
