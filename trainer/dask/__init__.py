"""Training on a Dask cluster, by the public interface of `dask.distributed` (extra `dask`)."""

from ..extras import require

require("distributed", "tileprop.trainer.dask")

from .warm import WarmKernels  # noqa: E402

__all__ = ["WarmKernels"]
