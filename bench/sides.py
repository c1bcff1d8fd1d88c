"""The sides of the race: ourselves and the peers. A peer that is not installed is named as missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from .conventions import as_given, as_sklearn
from .problems import Problem


@dataclass(frozen=True)
class Side:
    """One process in the race.

    name: on the command line. label: in tables. peer: the library; of sides of one peer the faster counts. module: holds
    `build(task)`. distribution: what pip installs. convention: what the side trains in place of a problem.
    """

    name: str
    label: str
    peer: str
    module: str
    distribution: str
    convention: Callable[[Problem], Problem] = as_given

    @property
    def version(self) -> str | None:
        """Of the installed distribution; None where there is none."""
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None


def _module(name: str) -> str:
    return f"{__package__}.{name}"


OURS = Side("tileprop", "tileprop", "tileprop", _module("side_tileprop"), "tileprop")

PEERS = {
    side.name: side
    for side in (
        Side("numpy", "NumPy", "NumPy", _module("side_numpy"), "numpy"),
        Side("sklearn", "scikit-learn", "scikit-learn", _module("side_sklearn"), "scikit-learn", as_sklearn),
        Side("torch", "PyTorch", "PyTorch", _module("side_torch"), "torch"),
        Side("torch-compile", "PyTorch compiled", "PyTorch", _module("side_torch_compile"), "torch"),
        Side("jax", "JAX", "JAX", _module("side_jax"), "jax"),
    )
}
DEFAULT_PEERS = ("numpy", "sklearn", "torch", "jax")
