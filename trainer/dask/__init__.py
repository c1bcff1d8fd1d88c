"""Training on a Dask cluster, by the public interface of `dask.distributed` (extra `dask`)."""

from ..extras import require

require("distributed", "tileprop.trainer.dask")

from .exact import fit_exact  # noqa: E402
from .many import cross_val_fit, fit_many, sweep  # noqa: E402
from .rounds import fit_rounds  # noqa: E402
from .warm import WarmKernels  # noqa: E402

__all__ = ["WarmKernels", "cross_val_fit", "fit_exact", "fit_many", "fit_rounds", "sweep"]
