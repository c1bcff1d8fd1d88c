"""Optional packages: the message says what to install, and nothing is imported before it is needed."""

import subprocess
import sys

import pytest
from tileprop.trainer import MissingExtraError
from tileprop.trainer.extras import available, require

pytestmark = pytest.mark.plain


def test_require(monkeypatch):
    assert require("safetensors.numpy", "saving").save_file
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading tables needs pyarrow: pip install 'tileprop\[tables\]'"):
        require("pyarrow", "reading tables")


def test_available():
    assert available("numpy")
    assert not available("no_such_package")


def test_importing_the_trainer_imports_no_extra():
    code = (
        "import sys, tileprop.trainer\n"
        "extras = {'sklearn', 'matplotlib', 'rich', 'safetensors', 'pyarrow', 'pandas', 'polars', 'pytest', 'torch', 'jax'}\n"
        "extras |= {'IPython', 'mlflow', 'shtab', 'tensorboardX', 'dask', 'distributed'}\n"
        "extras |= {'onnx', 'onnxruntime', 'skl2onnx', 'threadpoolctl', 'scipy.linalg', 'scipy.optimize'}\n"
        "print(sorted(extras & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
