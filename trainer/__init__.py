"""Training on top of the kernels: networks, datasets, the epoch loop, files, the command line. NumPy and Numba alone.

What needs another package imports it when first used, and says what to install where it is missing.
"""

from typing import TYPE_CHECKING, Any

from .errors import DivergenceError, InputError, MissingExtraError, ModelFormatError
from .history import History
from .network import Network
from .optimizers import SGD, Adam

if TYPE_CHECKING:
    from .explanation.explain import explain

__all__ = [
    "SGD",
    "Adam",
    "DivergenceError",
    "History",
    "InputError",
    "MissingExtraError",
    "ModelFormatError",
    "Network",
    "explain",
]


def __getattr__(name: str) -> Any:
    if name == "explain":  # its pages take as long to import as the rest of the trainer
        from .explanation.explain import explain

        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
