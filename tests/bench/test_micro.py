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


def test_every_public_kernel_is_there():
    covered = {*PAIRED, *(f"{name}_backward" for name in PAIRED)}
    covered |= {name.removeprefix("test_") for name in vars(micro) if name.startswith("test_")}
    made_in_python = {name for name in kernels.__all__ if name.startswith(("make_", "register_")) or name[0].isupper()}
    assert set(kernels.__all__) - made_in_python - BESIDE_PEERS <= covered


@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.full), "float64"])
def test_each_agrees_with_numpy(dtype, tmp_path):
    """As `pytest bench/micro.py` does where benchmarks are disabled: each once, without a clock."""
    command = [sys.executable, "-m", "pytest", str(MICRO), "--import-mode=importlib", "-q", "-p", "no:cacheprovider"]
    command += ["--override-ini=addopts=", f"--rootdir={tmp_path}", "--benchmark-disable", "-k", dtype]
    done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("wrong", [np.array([1.0, 2.0001]), np.array([1.0, np.nan]), np.array([1.0])])
def test_agree_refuses(wrong):
    with pytest.raises(AssertionError):
        agree(wrong, np.array([1.0, 2.0]), "float32")
