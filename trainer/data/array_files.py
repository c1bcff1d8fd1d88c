"""NumPy's own files: one .npz with X and y (or T), or two .npy files. Nothing is ever unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from ..arrays import all_finite
from ..errors import InputError
from ..suggestions import did_you_mean, existing_file, listed

SUFFIXES = (".npz", ".npy")


def read_arrays(path: Path, target: str | None) -> tuple[np.ndarray, np.ndarray, str]:
    """X (n, n_features), the targets (n) or (n, n_targets), and the targets' name.

    target: of an .npz, the name of an array, y or T where not given; of an .npy, the path of the targets' file.
    Raises InputError, naming file and array, for what cannot be features and targets.
    """
    if path.suffix.lower() == ".npz":
        arrays = _load_npz(path)
        name = _target_array(arrays, target, path)
        X, values = _features(arrays, path), arrays[name]
    else:
        if target is None:
            raise InputError(f"{path} holds only the features; name the file with the targets, for example --target y.npy")
        X, values, name = _features(_load(path), path), _load_npy(Path(target)), Path(target).stem
    if values.ndim not in (1, 2) or values.size == 0 or values.dtype.kind not in "biufUS":
        raise InputError(
            f"{path}: the targets {name!r} have shape {values.shape} and dtype {values.dtype}; give (n,) or (n, k)"
        )
    if len(values) != len(X):
        raise InputError(f"{path}: X has {len(X)} rows and the targets {name!r} have {len(values)}; give one for each row")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind == "f":
        names = [name] if values.ndim == 1 else [f"{name}{i}" for i in range(values.shape[1])]
        check_finite(values.reshape(len(values), -1), names, str(path))
    return X, values, name


def read_features(path: Path) -> np.ndarray:
    """X (n, n_features), float32 or float64, from an .npy file or from the array X of an .npz file."""
    return _features(_load(path), path)


def _features(loaded: np.ndarray | dict[str, np.ndarray], path: Path) -> np.ndarray:
    if isinstance(loaded, dict) and "X" not in loaded:
        raise InputError(f"{path} has no array 'X'; it holds {listed(loaded)}")
    X = loaded["X"] if isinstance(loaded, dict) else loaded
    if X.dtype.kind not in "biuf":
        raise InputError(f"{path}: X has dtype {X.dtype}; features must be numbers")
    if X.ndim != 2 or X.size == 0:
        hint = f"; X.reshape({len(X)}, -1) makes one row of each sample" if X.ndim > 2 else ""
        raise InputError(f"{path}: X has shape {X.shape}; it must be (n, n_features){hint}")
    X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
    check_finite(X, feature_names(X.shape[1]), str(path))
    return X


def check_finite(X: np.ndarray, names: Sequence[str], where: str) -> None:
    """Raise InputError, naming the first such column of X (n, n_columns), where entries are missing or infinite."""
    if all_finite(X):
        return
    broken = ~np.isfinite(X)
    columns = np.flatnonzero(broken.any(axis=0))
    others = f" (and {columns.size - 1} more columns)" if columns.size > 1 else ""
    rows = broken[:, columns[0]]
    raise InputError(
        f"{where}: column {names[columns[0]]!r}{others} contains NaN or infinity in {rows.sum()} of {len(X)} rows, first in "
        f"row {rows.argmax() + 1}; fill them or remove these rows"
    )


def feature_names(n_features: int) -> list[str]:
    """Names for columns that have none: x0, x1, ..."""
    return [f"x{i}" for i in range(n_features)]


def _target_array(arrays: dict[str, np.ndarray], target: str | None, path: Path) -> str:
    if target is not None:
        if target not in arrays:
            raise InputError(f"{path} has no array {target!r}{did_you_mean(target, arrays) or ';'} it holds {listed(arrays)}")
        return target
    found = [name for name in ("y", "T") if name in arrays]
    if len(found) != 1:
        problem = "arrays 'y' and 'T'" if found else f"neither array 'y' nor 'T', but {listed(arrays)}"
        raise InputError(f"{path} has {problem}; name the targets with --target NAME")
    return found[0]


def _load_npz(path: Path) -> dict[str, np.ndarray]:
    loaded = _load(path)
    if isinstance(loaded, np.ndarray):
        raise InputError(f"{path} is a single array, not an .npz file; np.savez makes one")
    return loaded


def _load_npy(path: Path) -> np.ndarray:
    loaded = _load(path)
    if not isinstance(loaded, np.ndarray):
        raise InputError(f"{path} has several arrays; an .npy file with one array was expected")
    return loaded


def _load(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """The array of an .npy file, or the arrays of an .npz file by name."""
    try:
        loaded: np.ndarray | NpzFile = np.load(existing_file(path), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except InputError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        # NumPy takes what it does not recognise for a pickle, which is never opened here.
        reason = "Python objects, or another format" if "pickle" in str(error) else str(error).splitlines()[0]
        raise InputError(f"{path} does not hold NumPy arrays of numbers or text: {reason}") from error
