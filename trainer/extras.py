"""Optional packages, imported when they are first needed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from .errors import MissingExtraError

# The package that provides a module, and the extra of tileprop that installs it.
_EXTRAS = {
    "dask": ("dask", "dask"),
    "distributed": ("dask and distributed", "dask"),
    "jax": ("jax", "jax"),
    "matplotlib": ("matplotlib", "plot"),
    "mlflow": ("mlflow-skinny", "mlflow"),
    "onnx": ("onnx", "onnx"),
    "pandas": ("pandas", "frames"),
    "playwright": ("playwright", "test"),
    "pyarrow": ("pyarrow", "tables"),
    "pytest": ("pytest", "test"),
    "rich": ("rich", "progress"),
    "safetensors": ("safetensors", "files"),
    "scipy": ("scipy", "sklearn"),
    "shtab": ("shtab", "completion"),
    "skl2onnx": ("skl2onnx", "onnx"),
    "sklearn": ("scikit-learn", "sklearn"),
    "tensorboardX": ("tensorboardX", "tensorboard"),
    "threadpoolctl": ("threadpoolctl", "sklearn"),
    "starlette": ("starlette", "play"),
    "torch": ("torch", "torch"),
    "uvicorn": ("uvicorn", "play"),
    "websockets": ("websockets", "play"),
}


def require(module: str, purpose: str) -> ModuleType:
    """Import `module` for `purpose`, or say what to install."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        package, extra = _EXTRAS[root]
        raise MissingExtraError(f"{purpose} needs {package}: pip install 'tileprop[{extra}]'") from error


def available(module: str) -> bool:
    """Whether `module` is installed, without importing it."""
    return importlib.util.find_spec(module) is not None
