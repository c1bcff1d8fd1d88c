"""Where joblib is told to work: on this machine, or on a Dask cluster, by `joblib.parallel_config("dask")`."""

from __future__ import annotations

from joblib.parallel import BACKENDS, get_active_backend


def on_dask() -> bool:
    """Whether joblib's tasks go to a Dask cluster now."""
    of_dask = BACKENDS.get("dask")  # there once it has been asked for
    return of_dask is not None and isinstance(get_active_backend()[0], of_dask)
