"""What can go wrong that a user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """An argument, a file or a column does not fit; the message says what was given and what would be right."""


class ModelFormatError(InputError):
    """A file does not hold a model that this version can read."""


class DivergenceError(ArithmeticError):
    """Training met a loss, or parameters, that are not finite. The network holds its last finite parameters.

    epoch, step, layer: where, as the message tells it, from 1; None where a solver raises it.
    """

    def __init__(self, message: str, *, epoch: int | None = None, step: int | None = None, layer: int | None = None) -> None:
        super().__init__(message)
        self.epoch, self.step, self.layer = epoch, step, layer


class TrainingWarning(UserWarning):
    """A fit whose network cannot reach its targets, or has learned nothing; the message says what to change."""


class MissingExtraError(ImportError):
    """A feature needs a package that is not installed; the message says what to install."""
