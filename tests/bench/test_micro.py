"""Every public kernel has a micro benchmark, and agrees with NumPy there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tileprop.bench
from tileprop import kernels
from tileprop.bench import micro
from tileprop.bench.micro import ACTIVATIONS, LOSSES, agree

MICRO = Path(tileprop.bench.__file__).with_name("micro.py")
PAIRED = [*ACTIVATIONS, *LOSSES]
# `bench/derivatives.py` times these, and what they are made of.
BESIDE_PEERS = {
    "backward",
    "gauss_newton_vector",
    "hessian_vector",
    "input_gradient",
    "input_jacobian",
    "parameter_jacobian",
    "sample_gradients",
    "target_gradient",
    "vjp",
}

# A plugin of that pytest: an activation's kernel without `out`, which is a compilation of its own, and all else as it stands.
WITHOUT_OUT = """
import functools
import numpy as np
from tileprop import kernels
from tileprop.bench.micro import ACTIVATIONS

def filling(kernel):
    @functools.wraps(kernel)
    def call(*args):
        *args, out = args
        np.copyto(out, kernel(*args))
        return out
    return call

for name in ACTIVATIONS.keys() - {with_out}:
    for name in (name, f"{{name}}_backward"):
        setattr(kernels, name, filling(getattr(kernels, name)))
"""


def test_every_public_kernel_is_there():
    covered = {*PAIRED, *(f"{name}_backward" for name in PAIRED)}
    covered |= {name.removeprefix("test_") for name in vars(micro) if name.startswith("test_")}
    made_in_python = {name for name in kernels.__all__ if name.startswith(("make_", "register_")) or name[0].isupper()}
    assert set(kernels.__all__) - made_in_python - BESIDE_PEERS <= covered


FULL = pytest.mark.full


@pytest.mark.parametrize(
    ("chosen", "with_out", "number"),
    [
        pytest.param("float32", set(ACTIVATIONS), 57, marks=FULL),
        ("float64 and (sigmoid or log_loss or dense or train)", {"sigmoid"}, 11),
        pytest.param("float64", set(ACTIVATIONS), 57, marks=FULL),
    ],
    ids=["float32", "some of float64", "float64"],
)
def test_each_agrees_with_numpy(chosen, with_out, number, tmp_path):
    """As `pytest bench/micro.py` does where benchmarks are disabled: each once, without a clock."""
    (tmp_path / "without_out.py").write_text(WITHOUT_OUT.format(with_out=with_out))
    command = [sys.executable, "-m", "pytest", str(MICRO), "--import-mode=importlib", "-q", "-p", "no:cacheprovider"]
    command += ["--override-ini=addopts=", f"--rootdir={tmp_path}", "--benchmark-disable", "-p", "without_out", "-k", chosen]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{number} passed" in done.stdout


@pytest.mark.parametrize("wrong", [np.array([1.0, 2.0001]), np.array([1.0, np.nan]), np.array([1.0])])
def test_agree_refuses(wrong):
    with pytest.raises(AssertionError):
        agree(wrong, np.array([1.0, 2.0]), "float32")
