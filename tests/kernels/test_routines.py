"""Where a routine lies: compiled once for each dtype, and kept as long as the process lives."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from inside import activation_addresses, loss_address
from numba import njit
from numba.core import config
from tileprop.kernels import make_plan, make_workspace
from tileprop.kernels.activations import ACTIVATIONS
from tileprop.kernels.llvm import call_activation
from tileprop.kernels.llvm.calls import plain_routines
from tileprop.kernels.losses import LOSSES
from tileprop.kernels.losses.codes import MSE, SQUARED_ERROR
from tileprop.kernels.llvm.routines import activation_routine, address_of

pytestmark = pytest.mark.plain

PLAIN = bool(config.DISABLE_JIT)
DOUBLE, SINGLE = np.dtype("float64"), np.dtype("float32")


@njit
def first_number_after(address, S):
    call_activation(address, S, 0, 0, 0, 1, 1, 1, False)
    return S[0]


def writing(number: float):
    """A routine that is another one each time."""

    def write(S, x, y, d, rows, stride, width, backward):
        S[0] = number

    return activation_routine(write, cached=False)


def test_no_routine_has_the_address_0():
    assert address_of(None, DOUBLE, "activation") == 0


def test_one_routine_has_one_address_for_each_dtype():
    """As plain Python too, where a dtype makes no difference to what is called."""
    routine = ACTIVATIONS["tanh"].routine
    double, single = address_of(routine, DOUBLE, "activation"), address_of(routine, SINGLE, "activation")
    assert double != single
    assert 0 not in (double, single)
    listed = len(plain_routines)
    assert address_of(routine, DOUBLE, "activation") == double
    assert address_of(routine, np.dtype(np.float32), "activation") == single
    assert len(plain_routines) == listed
    assert address_of(ACTIVATIONS["relu"].routine, DOUBLE, "activation") not in (double, single)


def test_losses_that_share_a_routine_share_its_address():
    assert LOSSES[MSE].routine is LOSSES[SQUARED_ERROR].routine
    addresses = {address_of(LOSSES[code].routine, DOUBLE, "loss") for code in (MSE, SQUARED_ERROR)}
    assert len(addresses) == 1


def test_workspaces_hold_the_addresses():
    plan = make_plan([2, 3, 3, 1], ["tanh", "identity"], "sigmoid", "mse")
    work = make_workspace(plan, 4, "float32")
    assert loss_address(work) == address_of(LOSSES[MSE].routine, SINGLE, "loss")
    wanted = [address_of(ACTIVATIONS[name].routine, SINGLE, "activation") for name in plan.activations]
    assert activation_addresses(work) == wanted
    assert wanted[1] == 0


def test_a_routine_outlives_whoever_made_it():
    """No other object may get its id, and with it its address."""
    addresses = []
    for number in range(3):
        addresses.append(address_of(writing(float(number)), DOUBLE, "activation"))
        gc.collect()
    assert len(set(addresses)) == 3
    S = np.zeros(1)
    assert [first_number_after(address, S) for address in addresses] == [0, 1, 2]


def test_routines_have_names_by_which_the_cache_keeps_them():
    """Two of one name from one line would be the same to it."""
    names = [entry.routine.__name__ for entry in ACTIVATIONS.values() if entry.routine is not None]
    assert len(set(names)) == len(names)
    assert ACTIVATIONS["tanh"].routine.__name__ == "tanh_routine_by_address"


@pytest.mark.skipif(PLAIN, reason="about the disk cache")
def test_only_our_own_routines_are_kept_on_disk():
    assert ACTIVATIONS["tanh"].routine.kept
    assert not writing(1.0).kept
