"""What can go wrong that a user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """An argument, a file or a column does not fit.

    The message names it, what was given, and what would be right.

    Examples
    --------
    >>> from tileprop.trainer import InputError, Network
    >>> try:
    ...     Network([2, 3, 1]).predict([[1.0, 2.0, 3.0]])
    ... except InputError as error:
    ...     print(error)
    X has shape (1, 3); the network takes (n, 2)
    """


class ModelFormatError(InputError):
    """A file does not hold a model that this version can read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tileprop.trainer import ModelFormatError, Network
    >>> file = Path(tempfile.mkdtemp(), "empty.safetensors")
    >>> file.touch()
    >>> try:
    ...     Network.load(file)
    ... except ModelFormatError:
    ...     print("not a model")
    not a model
    """


class DivergenceError(ArithmeticError):
    """The loss or the parameters became infinite or NaN. The network holds its last finite parameters.

    Parameters
    ----------
    message : str
        Epoch, step and layer in words.
    epoch : int, optional
        Epoch in which it happened, counted from 1; None from a solver.
    step : int, optional
        Step of the epoch, counted from 1.
    layer : int, optional
        Layer whose parameters were no longer finite, counted from 1.

    Examples
    --------
    >>> from tileprop.trainer import SGD, DivergenceError, Network
    >>> net = Network([1, 8, 1], activation="identity", output_activation="identity", random_state=0)
    >>> try:
    ...     net.fit([[1e6], [-1e6]], [[1e6], [1e6]], epochs=50, optimizer=SGD(10.0))
    ... except DivergenceError as error:
    ...     print(error.epoch)
    2
    """

    def __init__(self, message: str, *, epoch: int | None = None, step: int | None = None, layer: int | None = None) -> None:
        super().__init__(message)
        self.epoch, self.step, self.layer = epoch, step, layer


class ClusterError(RuntimeError):
    """A Dask cluster could not do its work; the message says why, and what to change.

    The network holds its parameters of the last whole round, epoch or fit.

    Examples
    --------
    >>> from tileprop.trainer import ClusterError
    >>> issubclass(ClusterError, RuntimeError)
    True
    """


class TrainingWarning(UserWarning):
    """A network cannot reach its targets, or has learned nothing; the message says what to change.

    Examples
    --------
    >>> import warnings
    >>> from tileprop.trainer import Network, TrainingWarning
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     history = Network([1, 4, 1], output_activation="sigmoid").fit([[0.0], [1.0]], [[5.0], [800.0]], epochs=1)
    >>> [warning.category.__name__ for warning in caught]
    ['TrainingWarning']
    """


class MissingExtraError(ImportError):
    """A feature needs a package that is not installed; the message says what to install.

    Examples
    --------
    >>> from tileprop.trainer import MissingExtraError
    >>> issubclass(MissingExtraError, ImportError)
    True
    """
