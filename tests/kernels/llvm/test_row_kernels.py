"""Where a row kernel lies: compiled once for each dtype, and kept as long as the process lives."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from inside import activation_addresses, loss_address
from numba import njit
from numba.core import config
from tileprop.kernels import make_plan, make_workspace
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.llvm import call_activation
from tileprop.kernels.llvm.calls import plain_row_kernels
from tileprop.kernels.llvm.row_kernels import activation_row_kernel, address_of
from tileprop.kernels.losses import loss_registry

pytestmark = pytest.mark.plain

PLAIN = bool(config.DISABLE_JIT)
DOUBLE, SINGLE = np.dtype("float64"), np.dtype("float32")


@njit
def first_number_after(address, S):
    call_activation(address, S, 0, 0, 0, 0, 1, 1, 1, False)
    return S[0]


def writing(number: float):
    """A row kernel that is another one each time."""

    def write(S, at, backward):
        S[0] = number

    return activation_row_kernel(write, cached=False)


def test_no_row_kernel_has_the_address_0():
    assert address_of(None, DOUBLE, "activation") == 0


def test_one_row_kernel_has_one_address_for_each_dtype():
    """As plain Python too, where a dtype makes no difference to what is called."""
    row_kernel = activation_registry["tanh"].row_kernel
    double, single = address_of(row_kernel, DOUBLE, "activation"), address_of(row_kernel, SINGLE, "activation")
    assert double != single
    assert 0 not in (double, single)
    listed = len(plain_row_kernels)
    assert address_of(row_kernel, DOUBLE, "activation") == double
    assert address_of(row_kernel, np.dtype(np.float32), "activation") == single
    assert len(plain_row_kernels) == listed
    assert address_of(activation_registry["relu"].row_kernel, DOUBLE, "activation") not in (double, single)


def test_losses_that_share_a_row_kernel_share_its_address():
    assert loss_registry["mse"].row_kernel is loss_registry["squared_error"].row_kernel
    addresses = {address_of(loss_registry[name].row_kernel, DOUBLE, "loss") for name in ("mse", "squared_error")}
    assert len(addresses) == 1


def test_workspaces_hold_the_addresses():
    plan = make_plan([2, 3, 3, 1], ["tanh", "identity"], "sigmoid", "mse")
    work = make_workspace(plan, 4, "float32")
    assert loss_address(work) == address_of(loss_registry["mse"].row_kernel, SINGLE, "loss")
    wanted = [address_of(activation_registry[name].row_kernel, SINGLE, "activation") for name in plan.activations]
    assert activation_addresses(work) == wanted
    assert wanted[1] == 0


@pytest.mark.full
def test_a_row_kernel_outlives_whoever_made_it():
    """No other object may get its id, and with it its address."""
    addresses = []
    for number in range(3):
        addresses.append(address_of(writing(float(number)), DOUBLE, "activation"))
        gc.collect()
    assert len(set(addresses)) == 3
    S = np.zeros(1)
    assert [first_number_after(address, S) for address in addresses] == [0, 1, 2]


def test_row_kernels_have_names_by_which_the_cache_keeps_them():
    """Two of one name from one line would be the same to it."""
    names = [entry.row_kernel.__name__ for entry in activation_registry.entries() if entry.row_kernel is not None]
    assert len(set(names)) == len(names)
    assert activation_registry["tanh"].row_kernel.__name__ == "tanh_rows_by_address"


@pytest.mark.skipif(PLAIN, reason="about the disk cache")
def test_only_our_own_row_kernels_are_kept_on_disk():
    assert activation_registry["tanh"].row_kernel.kept
    assert not writing(1.0).kept
