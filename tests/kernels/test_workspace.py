"""Workspace: places that do not overlap, cache lines, how batches are taken, and how much memory that is."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inside import (
    activation_addresses,
    batch_rows,
    block_rows,
    chunk_rows,
    chunk_size,
    epoch_losses,
    groups_of,
    keeps_preactivations,
    loss_address,
    loss_gives_delta,
    loss_parameters,
    most_threads,
    packed_size,
    padded_sizes,
    places,
    strip_rows,
    team_of,
)
from tileprop.kernels import make_plan, make_state, make_workspace
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.compiler.processor import SIMD
from tileprop.kernels.layout import FEW_PARAMETERS, FEWEST_CHUNKS, LARGEST_CHUNK, MOST_GROUPS
from tileprop.kernels.losses import loss_registry
from tileprop.kernels.losses.codes import LABEL_LOG_LOSS
from tileprop.kernels.places import SCRATCH_ROWS

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]
LINE = 64
SIZES = st.lists(st.one_of(st.integers(1, 12), st.integers(1, 300), st.sampled_from([1024, 2000])), min_size=2, max_size=5)
LABELS = {"output_activation": "softmax", "loss": "log_loss", "n_targets": 1}
LEVELS = {"loss": "quantile", "quantile": [0.125, 0.5, 0.75]}
BATCHES = st.one_of(st.integers(1, 40), st.integers(1, 3000), st.sampled_from([4096, 10_000]))


@pytest.mark.parametrize("dtype", DTYPES)
@given(sizes=SIZES, batch=BATCHES, threads=st.integers(1, 9), data=st.data())
def test_places_do_not_overlap_and_begin_on_cache_lines(dtype, sizes, batch, threads, data):
    loss = data.draw(st.sampled_from([LABELS, {}, {"loss": "huber"}, LEVELS]))
    sizes = [*sizes[:-1], sizes[-1] * len(loss.get("quantile", [0.5]))]
    activations = data.draw(
        st.lists(st.sampled_from(sorted(activation_registry)), min_size=len(sizes) - 2, max_size=len(sizes) - 2)
    )
    plan = make_plan(sizes, activations, **{"output_activation": "gelu", **loss})
    work = make_workspace(plan, batch, dtype, threads)
    assert work.numbers.dtype == dtype
    base = work.numbers.ctypes.data
    assert base % LINE == 0
    end = 0
    for name, begin, stop in sorted(places(plan, work), key=lambda place: place[1:]):
        assert begin >= end, name
        assert (base + begin * work.numbers.itemsize) % LINE == 0, name
        end = stop
    assert end <= work.numbers.size


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", activation_registry)
def test_pre_activations_have_a_place_of_their_own_where_they_are_needed(name, dtype):
    work = make_workspace(make_plan([3, 4, 2], name, "identity"), 5, dtype)
    assert keeps_preactivations(work) == [name in ("silu", "gelu"), False]
    hidden, output = activation_addresses(work)
    assert (hidden == 0) == (name == "identity")
    assert output == 0


@pytest.mark.parametrize("loss", loss_registry.entries(), ids=lambda loss: f"{loss.name}-{loss.code}")
def test_a_loss_has_its_row_kernel_and_its_parameters(loss):
    several = {"quantile": LEVELS["quantile"]} if loss.outputs_per_target is None else {}
    n_targets = 1 if loss.code == LABEL_LOG_LOSS else None
    plan = make_plan([3, 6], output_activation=loss.needs or "tanh", loss=loss.name, n_targets=n_targets, **several)
    work = make_workspace(plan, 5, "float32")
    assert loss_gives_delta(work) == (loss.needs in ("softmax", "sigmoid", "exp"))
    assert loss_address(work) != 0
    numbers = loss_parameters(work, len(plan.loss_parameters))
    assert numbers.tolist() == plan.loss_parameters.astype(np.float32).tolist()
    assert numbers.size == {"huber": 1, "quantile": 3}.get(loss.name, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@given(sizes=SIZES, batch=BATCHES)
def test_layers_are_padded_to_whole_vectors(dtype, sizes, batch):
    plan = make_plan(sizes)
    lanes = SIMD.vector_bytes // np.dtype(dtype).itemsize
    for (n_in, n_out), (rows, width, stride) in zip(
        pairwise(sizes), padded_sizes(make_workspace(plan, batch, dtype)), strict=True
    ):
        assert n_in <= rows < n_in + lanes
        assert n_out <= width < n_out + lanes
        assert width <= stride <= width + LINE // np.dtype(dtype).itemsize


@given(sizes=SIZES, batch=BATCHES, threads=st.integers(1, 9))
def test_how_batches_are_taken(sizes, batch, threads):
    work = make_workspace(make_plan(sizes), batch, "float32", threads)
    chunk, block, groups, strip = chunk_rows(work), block_rows(work), groups_of(work), strip_rows(work)
    assert (most_threads(work), batch_rows(work)) == (threads, batch)
    assert 1 <= block <= chunk <= batch + strip
    # A thread's blocks, and chunks, begin where a strip does.
    assert block % strip == 0 or block == chunk
    if groups:
        assert chunk % strip == 0
        assert 1 < groups <= MOST_GROUPS
        assert -(-batch // chunk) >= groups // 2
    else:
        assert chunk == batch


@given(sizes=SIZES, batch=BATCHES)
def test_the_number_of_threads_changes_nothing_but_room(sizes, batch):
    """Bounds between chunks, groups and strips follow from the sizes alone."""
    plan = make_plan(sizes)
    one, many = make_workspace(plan, batch), make_workspace(plan, batch, n_threads=8)
    for fact in (batch_rows, chunk_rows, block_rows, groups_of, strip_rows, chunk_size, packed_size):
        assert fact(one) == fact(many)
    assert one.header[0].n_losses == many.header[0].n_losses


def test_only_long_batches_of_few_parameters_are_taken_in_groups():
    small = make_plan([2, 2, 1])
    assert groups_of(make_workspace(small, 32)) == 0
    assert groups_of(make_workspace(small, 512 * (FEWEST_CHUNKS - 1))) == 0
    assert groups_of(make_workspace(small, 512 * FEWEST_CHUNKS)) == FEWEST_CHUNKS
    assert groups_of(make_workspace(small, 10**6)) == MOST_GROUPS
    wide = make_plan([600, 600, 10])
    assert wide.n_parameters > FEW_PARAMETERS
    assert groups_of(make_workspace(wide, 1000, "float32")) == 0
    # Otherwise one area would hold the whole batch.
    assert groups_of(make_workspace(wide, 10_000, "float32")) > 1


@pytest.mark.parametrize("sizes", [[2, 2, 1], [784, 100, 10], [600, 600, 10]])
def test_memory_is_bounded_whatever_the_batch(sizes):
    """But for the outputs, which `forward` returns as one array."""
    plan = make_plan(sizes)
    for batch in (10**3, 10**4, 10**5, 10**6):
        work = make_workspace(plan, batch, "float32", n_threads=4)
        chunks = (4 if groups_of(work) else 1) * chunk_size(work)
        assert chunks <= 2 * LARGEST_CHUNK
        parameters = (4 + max(1, groups_of(work))) * packed_size(work)
        assert work.numbers.size <= batch * sizes[-1] + chunks + parameters + 10**5


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_of_a_small_workspace(dtype):
    """2-2-1 with one row a batch: what most of it is, is the scratch of one panel."""
    work = make_workspace(make_plan([2, 2, 1]), 1, dtype)
    assert work.numbers.size * work.numbers.itemsize <= SCRATCH_ROWS * 3 * SIMD.vector_bytes + 40 * LINE


def test_workspaces_are_data_of_one_type():
    """Whatever the network, the batch and the threads: that is what keeps compilations to one."""
    kinds = set()
    for made in (
        make_workspace(make_plan([2, 1])),
        make_workspace(make_plan([3] * 9, loss="squared_error", bias=False), 10**4, n_threads=3).member(1, 3),
    ):
        kinds.add(tuple((a.dtype, a.ndim, a.flags.c_contiguous) for a in made))
    assert len(kinds) == 1


def test_members_share_all_but_their_own_number():
    work = make_workspace(make_plan([2, 3, 1]), 4, n_threads=3)
    for number in range(3):
        member = work.member(number, 3)
        assert team_of(member) == (number, 3)
        assert sum(mine is not theirs for mine, theirs in zip(member, work, strict=True)) == 1
    assert team_of(work) == (0, 1)


def test_epochs_have_a_record_each_and_share_the_rest():
    work = make_workspace(make_plan([2, 3, 1]), 4)
    several = work.for_epochs(5)
    assert (len(epoch_losses(work)), len(epoch_losses(several))) == (1, 5)
    assert sum(mine is not theirs for mine, theirs in zip(several, work, strict=True)) == 1


def test_parts_of_a_workspace_and_two_of_them_share_no_memory():
    one, two = make_workspace(make_plan([2, 3, 1]), 4), make_workspace(make_plan([2, 3, 1]), 4)
    assert not any(np.shares_memory(a, b) for a in one for b in two)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(one) for b in one[i + 1 :])


@pytest.mark.parametrize("copy_of", [pickle.dumps, copy.deepcopy, copy.copy])
def test_workspaces_are_not_copied(copy_of):
    """They hold addresses of machine code, which are another process's."""
    work = make_workspace(make_plan([2, 3, 1]), 4)
    for made in (work, work.member(0, 1), work.frozen([0])):
        with pytest.raises(
            TypeError, match="a Workspace cannot be pickled or deep-copied; make another one with make_workspace"
        ):
            copy_of(made)


@pytest.mark.plain
@pytest.mark.parametrize("batch_size", [2**31, 2**40, 2**63])
def test_a_batch_of_too_many_rows_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"batch_size is {batch_size}; it must be at most 2147483647"):
        make_workspace(make_plan([2, 1]), batch_size)


@pytest.mark.plain
@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (2**32, ValueError), (1.5, TypeError), (np.nan, TypeError)])
def test_a_seed_that_is_none_is_refused(seed, error):
    with pytest.raises(error, match=r"seed is .*; it must be a whole number from 0 to"):
        make_state(make_plan([2, 1]), seed=seed)
