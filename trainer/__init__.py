"""Training on top of the kernels: networks, datasets, the epoch loop, files, the command line. NumPy and Numba alone.

What needs another package imports it when first used, and says what to install where it is missing.
"""

from .errors import DivergenceError, InputError, MissingExtraError, ModelFormatError
from .explanation.explain import explain
from .history import History
from .network import Network
from .optimizers import SGD, Adam

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
