"""Records read the same from Python and in compiled code, and all arrays of a kind have one type."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from numba import njit
from tileprop.kernels import make_plan, make_workspace
from tileprop.kernels.records import copy_fields, make_records, record_type

pytestmark = pytest.mark.plain

SMALL = record_type(("n", np.int64), ("flag", np.bool_))
LARGE = record_type(("x", np.float64), extends=SMALL)


@njit
def total(records):
    found = 0.0
    for i in range(records.size):
        if records[i].flag:
            found += records[i].n * records[i].x
    return found


def test_fields_have_names_everywhere():
    records = make_records(3, LARGE)
    assert LARGE.names == ("n", "flag", "x")
    records[1].n, records[1].flag, records[1].x = 4, True, 0.5
    records.x[2] = 9.0
    assert total(records) == 2.0
    assert records[1].tolist() == (4, True, 0.5)


def test_shared_fields_are_copied():
    few, many = make_records(2, SMALL), make_records(2, LARGE)
    few.n, few.flag, many.x = [1, 2], [True, False], 7.0
    copy_fields(few, many)
    assert many.tolist() == [(1, True, 7.0), (2, False, 7.0)]


def test_arrays_of_a_kind_share_their_type():
    """Numba looks at each new type of a record array for some 50 us."""
    plan, other = make_plan([2, 3, 1]), make_plan([5, 1])
    assert plan.header.dtype is other.header.dtype
    assert plan.layers.dtype is other.layers.dtype
    work = make_workspace(plan, 4)
    for variant in (work.member(0, 1), work.frozen([0]), work.dropping([0.5]), work.for_epochs(3)):
        for ours, theirs in zip(work, variant, strict=True):
            assert ours.dtype is theirs.dtype
    assert copy.deepcopy(plan).header.dtype is plan.header.dtype


def test_a_pickled_plan_is_the_same_plan():
    plan = make_plan([2, 3, 6], "tanh", "identity", "quantile", quantile=[0.1, 0.5, 0.9])
    again = pickle.loads(pickle.dumps(plan))
    assert again.arguments == plan.arguments
    assert again.header.tolist() == plan.header.tolist()
    assert again.layers[1].theta_weights == plan.layers[1].theta_weights == 9
