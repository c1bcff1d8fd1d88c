"""TrainedModel: a network or an ensemble, so that raw rows go in, and class names or original units come out."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np

from ..arrays import as_inputs
from ..data.array_files import feature_names
from ..data.array_recipe import ArrayRecipe
from ..data.targets import CLASSIFICATION, MULTILABEL, REGRESSION, TASKS
from ..errors import InputError, ModelFormatError
from ..files import check_can_save, load_network, save_network
from ..network import Network
from ..scaling import Scaling
from ..tables.reading import as_table
from ..tables.recipe import Recipe
from .model_parts import MEMBERS, RECIPE, errors_of, names_of, others_of, recipe_of, scaling_of

# Errors that are kept for intervals: beyond this, evenly spaced ones of the sorted ones.
MOST_ERRORS = 1999


@dataclass(frozen=True)
class TrainedModel:
    """network takes rows prepared by `recipe`; `target_scaling`, of regression alone, leads from its outputs to targets.

    recipe: of a table, or of an array. class_names: one for each output; for several labels two for each, of 0 and of 1; empty
    for regression. target_names: one for each column of targets. errors: of regression, target minus prediction on rows that
    were not trained on, sorted, (n_targets, n), for `interval`. others: of an ensemble, the networks besides `network`, of the
    same plan. An ensemble's outputs are the means of its members' outputs.
    """

    network: Network
    recipe: Recipe | ArrayRecipe
    task: str
    target_names: tuple[str, ...] = ("target",)
    class_names: tuple[str, ...] = ()
    target_scaling: Scaling | None = None
    errors: np.ndarray | None = None
    others: tuple[Network, ...] = ()

    @property
    def members(self) -> tuple[Network, ...]:
        """The networks of the ensemble; a single one where it is none."""
        return (self.network, *self.others)

    @property
    def takes_table(self) -> bool:
        """Whether rows are a table with named columns, and no array."""
        return isinstance(self.recipe, Recipe)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The inputs of the network."""
        return self.recipe.feature_names

    @property
    def target_name(self) -> str:
        """The names of the targets, joined by commas."""
        return ",".join(self.target_names)

    def predict(self, rows: Any) -> np.ndarray:
        """For raw rows: class names (n); labels by name (n, n_labels); or targets (n) or (n, n_targets) in their own unit.

        rows: of a table, a pandas, polars or pyarrow frame with the columns of training, in any order; else X (n, n_columns).
        """
        return self.decoded(self.outputs(rows))

    def decoded(self, Y: np.ndarray) -> np.ndarray:
        """What `predict` gives for outputs Y (n, n_out) of the network."""
        if self.task == CLASSIFICATION:
            names: np.ndarray = np.array(self.class_names)[Y.argmax(axis=1)]
            return names
        if self.task == MULTILABEL:
            pairs = np.array(self.class_names).reshape(-1, 2)
            return np.stack([pair[(Y[:, i] >= 0.5).astype(int)] for i, pair in enumerate(pairs)], axis=1)
        assert self.target_scaling is not None
        values = self.target_scaling.undo(Y)
        return values[:, 0] if values.shape[1] == 1 else values

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Probabilities (n, n_classes), each row of sum 1; or (n, n_labels), each of its own.

        Outputs of a network that was not trained on log_loss are divided by their sum. Raises InputError for regression.
        """
        return self.probabilities(self.outputs(rows))

    def probabilities(self, Y: np.ndarray) -> np.ndarray:
        """What `predict_proba` gives for outputs Y (n, n_out) of the network."""
        if self.task == REGRESSION:
            raise InputError("predict_proba needs a classification, but this model was trained for regression")
        Y = Y.astype(np.float64)
        if self.task == CLASSIFICATION:
            Y /= np.maximum(Y.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return Y

    def interval(self, share: float, target: int = 0) -> tuple[float, float]:
        """What to add to a prediction of a target for an interval that holds `share` of new targets: (below, above).

        By split conformal prediction (Lei et al. 2018): quantiles of the errors on rows like the new ones, with the level
        raised for their number. The width is the same for all rows. Raises InputError where the errors are too few.
        """
        if self.errors is None:
            raise InputError(
                "an interval needs errors on validation rows, but this model has none; train it with validation rows"
            )
        errors = self.errors[target]
        outside = (1.0 - share) / 2 * (len(errors) + 1)
        if outside < 1.0:
            raise InputError(
                f"an interval of {share:g} needs errors on at least {math.ceil(2 / (1 - share)) - 1} validation "
                f"rows; there are {len(errors)}. Use more validation rows, or a smaller share"
            )
        at = math.floor(outside) - 1
        return float(errors[at]), float(errors[len(errors) - 1 - at])

    def with_errors(self, Y: np.ndarray, y: np.ndarray) -> TrainedModel:
        """This model with its errors for outputs Y (n, n_out) and targets y of rows that were not trained on."""
        errors = np.sort((y - self.decoded(Y)).reshape(len(y), -1).T, axis=1)
        if errors.shape[1] > MOST_ERRORS:
            errors = errors[:, np.linspace(0, errors.shape[1] - 1, MOST_ERRORS).round().astype(int)]
        return replace(self, errors=np.ascontiguousarray(errors, np.float64))

    def outputs(self, rows: Any) -> np.ndarray:
        """The outputs (n, n_out) for raw rows. Raises InputError where they are not finite."""
        return self.checked_outputs(self.members_outputs(self.prepare(rows)).mean(axis=0))

    def members_outputs(self, X: np.ndarray) -> np.ndarray:
        """The outputs (n_members, n, n_out) of each member for prepared rows; for an ensemble's classes their probabilities."""
        Y = np.stack([member.predict(X) for member in self.members])
        if self.others and self.task == CLASSIFICATION and self.network.plan.activations[-1] != "softmax":
            Y /= np.maximum(Y.sum(axis=2, keepdims=True), np.finfo(Y.dtype).tiny)
        return Y

    def spread(self, members: np.ndarray) -> np.ndarray:
        """Standard deviation over the members, (n, n_targets), for their outputs (n_members, n, n_out).

        It is that of the targets in their own unit, of each label's probability, or of the probability of the predicted class.
        """
        Y = members.std(axis=0, dtype=np.float64)
        if self.task == CLASSIFICATION:
            return np.take_along_axis(Y, members.mean(axis=0).argmax(axis=1)[:, None], axis=1)
        return Y if self.target_scaling is None else Y * self.target_scaling.scale

    def checked_outputs(self, Y: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Outputs Y (n, n_out) themselves. rows: their numbers, for errors. Raises InputError where they are not finite."""
        lost = np.flatnonzero(~np.isfinite(Y).all(axis=1))
        if lost.size:
            number = lost[0] if rows is None else rows[lost[0]]
            raise InputError(
                f"the network's output for row {number + 1} is infinite or NaN, as the row is too far from the training rows"
            )
        return Y

    def prepare(self, samples: Any, rows: np.ndarray | None = None) -> np.ndarray:
        """What the network takes for raw samples: X (n, n_features), of its dtype. rows: numbers of those to take.

        An array for a model of a table has the columns of numbers that the model uses, in their order. Raises InputError for
        samples that do not fit.
        """
        if not isinstance(self.recipe, Recipe):
            return self.recipe.prepare(samples, self.network.dtype, rows)
        if isinstance(samples, np.ndarray):
            names = self.recipe.column_names
            samples = dict(zip(names, as_inputs(samples, len(names), np.dtype(np.float64)).T, strict=True))
        return self.recipe.prepare(as_table(samples), self.network.dtype, rows)

    # Files -----------------------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write a safetensors file, which `Network.load` can read too (needs the extra `files`)."""
        save_network(path, self.network, *self._parts())

    def check_can_save(self) -> None:
        """Raise InputError where `save` would refuse the model."""
        check_can_save(self.network, *self._parts())

    def _parts(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and notes that are saved with the network."""
        arrays = {}
        notes: dict[str, Any] = {
            "task": self.task,
            "target_names": list(self.target_names),
            "class_names": list(self.class_names),
        }
        if isinstance(self.recipe, Recipe):
            # Not among the notes, which are short: a table may have thousands of columns.
            arrays[RECIPE] = np.frombuffer(self.recipe.to_json().encode("utf-8", "surrogatepass"), np.uint8)
        else:
            arrays |= {"scaling.mean": self.recipe.scaling.mean, "scaling.scale": self.recipe.scaling.scale}
            if list(self.recipe.names) != feature_names(len(self.recipe.names)):
                notes["feature_names"] = list(self.recipe.names)
        if self.target_scaling is not None:
            arrays |= {"target_scaling.mean": self.target_scaling.mean, "target_scaling.scale": self.target_scaling.scale}
        if self.errors is not None:
            arrays["errors"] = self.errors
        if self.others:
            arrays[MEMBERS] = np.stack([member.theta for member in self.others])
        return arrays, notes

    @classmethod
    def load(cls, path: str | PathLike[str]) -> TrainedModel:
        """Read a file that `save` wrote. Raises ModelFormatError where it is no such thing, or is not consistent."""
        return cls.from_parts(path, *load_network(Network, path))

    @classmethod
    def from_parts(
        cls, path: str | PathLike[str], network: Network, arrays: dict[str, np.ndarray], notes: dict[str, Any]
    ) -> TrainedModel:
        """A model from what `load_network` gives. `path` names it in errors."""
        if not isinstance(notes, dict) or "task" not in notes:
            raise ModelFormatError(f"{path} has a network without the scaling and names of a model; Network.load reads it")
        task, n_in, n_out = notes["task"], network.plan.sizes[0], network.plan.sizes[-1]
        if task not in TASKS:
            raise ModelFormatError(f"{path}: task is {reprlib.repr(task)}; it must be one of {', '.join(TASKS)}")
        recipe = recipe_of(path, arrays, notes, n_in)
        targets = names_of(path, notes, "target_names", 1 if task == CLASSIFICATION else n_out)
        n_classes = {CLASSIFICATION: n_out, MULTILABEL: 2 * n_out, REGRESSION: 0}[task]
        classes = names_of(path, notes, "class_names", n_classes, different=task == CLASSIFICATION)
        target_scaling = scaling_of(path, arrays, "target_scaling", n_out) if task == REGRESSION else None
        errors, others = errors_of(path, arrays, len(targets)), others_of(path, arrays, network)
        return cls(network, recipe, task, targets, classes, target_scaling, errors, others)
