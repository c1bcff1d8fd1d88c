"""Training on a Dask cluster, by the public interface of `dask.distributed` (extra `dask`)."""

from typing import TYPE_CHECKING, Any

from ..extras import require

require("distributed", "tileprop.trainer.dask")

from .exact import fit_exact  # noqa: E402
from .many import cross_val_fit, fit_many, sweep  # noqa: E402
from .predictions import predict  # noqa: E402
from .rounds import fit_rounds  # noqa: E402
from .warm import WarmKernels  # noqa: E402

if TYPE_CHECKING:
    from .classifier import DaskMLPClassifier
    from .regressor import DaskMLPRegressor

__all__ = [
    "DaskMLPClassifier",
    "DaskMLPRegressor",
    "WarmKernels",
    "cross_val_fit",
    "fit_exact",
    "fit_many",
    "fit_rounds",
    "predict",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """The estimators, loaded when first used: they need scikit-learn."""
    if name == "DaskMLPClassifier":
        require("sklearn", name)
        from .classifier import DaskMLPClassifier

        return DaskMLPClassifier
    if name == "DaskMLPRegressor":
        require("sklearn", name)
        from .regressor import DaskMLPRegressor

        return DaskMLPRegressor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
