"""Predictions of a network as a Dask collection: nothing is computed before the collection is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from dask.base import is_dask_collection
from dask.delayed import delayed

from ..errors import InputError
from ..network import Network

# From rows to predictions (n, columns) or (n,), of one chunk or partition.
Rows = Callable[[Network, Any], np.ndarray]


def predict(network: Network, X: Any) -> Any:
    """Predict with a network on a Dask collection, lazily.

    Each chunk or partition is predicted by a task of its own, when the result is computed.

    Parameters
    ----------
    network : Network
        The network. The collection keeps a copy of it as it is now.

    X : dask.array.Array of shape (n, n_in), or dask.dataframe.DataFrame
        Inputs. The number of rows need not be known.

    Returns
    -------
    dask.array.Array of shape (n, n_out), or dask.dataframe.DataFrame
        What `Network.predict` gives for these rows, in the same chunks of rows, or in partitions with the same index.

    Raises
    ------
    InputError
        For X that is no Dask collection, and for another number of columns.

    Examples
    --------
    >>> import dask.array as da
    >>> from tileprop import Network
    >>> from tileprop.trainer.dask import predict
    >>> Y = predict(Network([3, 8, 2]), da.ones((100, 3), chunks=(30, 3)))
    >>> Y.chunks
    ((30, 30, 30, 10), (2,))
    >>> Y.compute().shape
    (100, 2)
    """
    if not isinstance(network, Network):
        raise InputError(f"network is {network!r}; it must be a Network")
    return by_rows(network, X, outputs, range(network.plan.sizes[-1]), network.dtype)


def outputs(network: Network, rows: Any) -> np.ndarray:
    """What `Network.predict` gives, also for no rows."""
    if not len(rows):
        return np.empty((0, network.plan.sizes[-1]), network.dtype)
    return network.predict(rows)


def by_rows(network: Network, X: Any, rows: Rows, columns: Any, dtype: np.dtype[Any], name: Any = None) -> Any:
    """The collection of rows(network, part) over the chunks or partitions of X.

    columns: names of the result's columns; None for one axis. name: of the series that is then made of a data frame.
    """
    is_frame = hasattr(X, "columns")
    if not is_dask_collection(X) or not hasattr(X, "map_partitions" if is_frame else "map_blocks"):
        raise InputError(f"X is of type {type(X).__name__}; give a Dask array or a Dask data frame")
    shape = (None, len(X.columns)) if is_frame else X.shape
    if len(shape) != 2 or shape[1] != network.plan.sizes[0]:
        raise InputError(f"X has {shape[1:]} columns, and the network takes {network.plan.sizes[0]}")
    there = delayed(copy.deepcopy(network), pure=False)
    if is_frame:
        meta = _as_frame(np.empty((0, 1 if columns is None else len(columns)), dtype), columns, None, name)
        return X.map_partitions(_of_frame, rows, there, columns, name, meta=meta)
    X = X.rechunk({1: -1})
    if columns is None:
        return X.map_blocks(_of_block, rows, network=there, dtype=dtype, drop_axis=1)
    return X.map_blocks(_of_block, rows, network=there, dtype=dtype, chunks=(X.chunks[0], (len(columns),)))


def _of_block(block: np.ndarray, rows: Rows, network: Network) -> np.ndarray:
    return rows(network, block)


def _of_frame(frame: Any, rows: Rows, network: Network, columns: Any, name: Any) -> Any:
    return _as_frame(rows(network, frame), columns, frame.index, name)


def _as_frame(values: np.ndarray, columns: Any, index: Any, name: Any) -> Any:
    import pandas

    if columns is None:
        return pandas.Series(values.ravel(), index=index, name=name)
    return pandas.DataFrame(values, index=index, columns=columns)
