"""Workspace: places that do not overlap, cache lines, how batches are taken, and how much memory that is."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tileprop.kernels import Plan, Workspace, make_plan, make_workspace
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.losses import loss_registry
from tileprop.kernels.losses.codes import LABEL_LOG_LOSS
from tileprop.kernels.compiler.processor import SIMD
from tileprop.kernels.workspace import (
    ACTIVATIONS,
    AREA,
    BATCH,
    BATCH_MEAN,
    BIASES,
    BLOCK,
    CHUNK,
    CODE,
    DELTAS,
    DOTS,
    FEW_PARAMETERS,
    FEWEST_CHUNKS,
    FIRST,
    GRANULE,
    GROUPS,
    INPUT_WIDTH,
    INPUTS,
    LARGEST_AREA,
    LOSS,
    LOSS_PARAMETERS,
    LOSS_ROUTINE,
    LOSS_THROUGH,
    MEAN,
    MOST_GROUPS,
    OUTPUT_WIDTH,
    OUTPUTS,
    PACKED,
    PARAMETERS,
    PENALTY,
    PREACTIVATIONS,
    ROUTINE,
    ROW_WEIGHTS,
    ROWS,
    SCRATCH,
    SCRATCH_ROWS,
    SECOND,
    STRIDE,
    SUMS,
    TARGETS,
    THREADS,
    TRANSPOSED,
    WEIGHTS,
    WIDTH,
    ZEROS,
)

pytestmark = pytest.mark.plain

DTYPES = ["float32", "float64"]
LINE = 64
SIZES = st.lists(st.one_of(st.integers(1, 12), st.integers(1, 300), st.sampled_from([1024, 2000])), min_size=2, max_size=5)
LABELS = {"output_activation": "softmax", "loss": "log_loss", "n_targets": 1}
LEVELS = {"loss": "quantile", "quantile": [0.125, 0.5, 0.75]}
BATCHES = st.one_of(st.integers(1, 40), st.integers(1, 3000), st.sampled_from([4096, 10_000]))


def places(plan: Plan, work: Workspace) -> list[tuple[str, int, int]]:
    """What lies where: a name, the begin and the end, as the workspace's own comments tell it."""
    top, layers = work.layout[0], work.layout[1:]
    packed, groups, chunk = int(top[PACKED]), int(top[GROUPS]), int(top[CHUNK])
    panel = SCRATCH_ROWS * 3 * SIMD.vector_bytes // work.numbers.itemsize
    found = [("zeros", ZEROS, layers[:, WIDTH].max()), ("scratch", SCRATCH, top[THREADS] * panel)]
    found += [("outputs", OUTPUTS, top[BATCH] * plan.sizes[-1]), ("first", FIRST, packed), ("second", SECOND, packed)]
    found += [("parameters of the loss", LOSS_PARAMETERS, len(plan.numbers))]
    result = [(name, int(top[at]), int(top[at] + size)) for name, at, size in found]
    for vector, begin in [("parameters", top[PARAMETERS])] + [
        (f"sum {g}", top[SUMS] + g * packed) for g in range(max(1, groups))
    ]:
        for layer, row in enumerate(layers):
            weights, biases = int(begin + row[WEIGHTS]), int(begin + row[BIASES])
            result += [(f"{vector} W{layer}", weights, weights + int(row[ROWS] * row[WIDTH]))]
            result += [(f"{vector} b{layer}", biases, biases + int(row[WIDTH]))]
    result += [
        (f"transposed {k}", int(r[TRANSPOSED]), int(r[TRANSPOSED] + r[ROWS] * r[WIDTH]))
        for k, r in enumerate(layers)
        if k and not r[DOTS]
    ]
    for area in range(int(top[THREADS]) if groups else 1):
        shift = area * int(top[AREA])
        parts = [
            ("inputs", top[INPUTS], plan.sizes[0]),
            ("targets", top[TARGETS], plan.n_targets),
            ("weights", top[ROW_WEIGHTS], 1),
        ]
        parts += [(f"activations {k}", row[ACTIVATIONS], row[STRIDE]) for k, row in enumerate(layers)]
        kept = [k for k, name in enumerate(plan.activations) if activation_registry[name].from_input]
        parts += [(f"pre-activations {k}", layers[k, PREACTIVATIONS], layers[k, STRIDE]) for k in kept]
        parts += [(f"deltas {k}", row[DELTAS], row[STRIDE]) for k, row in enumerate(layers)]
        result += [(f"{name} of area {area}", shift + int(at), shift + int(at + chunk * width)) for name, at, width in parts]
    return result


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
    assert work.layout[0, PACKED] == work.layout[0, FIRST] - work.layout[0, PARAMETERS]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", activation_registry)
def test_pre_activations_have_a_place_of_their_own_where_they_are_needed(name, dtype):
    work = make_workspace(make_plan([3, 4, 2], name, "identity"), 5, dtype)
    hidden, output = work.layout[1:]
    assert (hidden[PREACTIVATIONS] != hidden[ACTIVATIONS]) == (name in ("silu", "gelu"))
    assert output[PREACTIVATIONS] == output[ACTIVATIONS]
    assert hidden[CODE] == activation_registry[name].code
    assert (hidden[ROUTINE] == 0) == (name == "identity")
    assert output[ROUTINE] == 0


@pytest.mark.parametrize("loss", loss_registry.entries(), ids=lambda loss: f"{loss.name}-{loss.code}")
def test_a_loss_has_its_routine_and_its_parameters(loss):
    several = {"quantile": LEVELS["quantile"]} if loss.outputs_per_target is None else {}
    n_targets = 1 if loss.code == LABEL_LOG_LOSS else None
    plan = make_plan([3, 6], output_activation=loss.needs or "tanh", loss=loss.name, n_targets=n_targets, **several)
    top = make_workspace(plan, 5, "float32").layout[0]
    assert top[LOSS] == loss.code
    assert top[LOSS_THROUGH] == (loss.needs in ("softmax", "sigmoid", "exp"))
    assert top[LOSS_ROUTINE] != 0
    numbers = make_workspace(plan, 5, "float32").numbers[top[LOSS_PARAMETERS] :][: len(plan.numbers)]
    assert numbers.tolist() == plan.numbers.astype(np.float32).tolist()
    assert numbers.size == {"huber": 1, "quantile": 3}.get(loss.name, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@given(sizes=SIZES, batch=BATCHES)
def test_layers_are_padded_to_whole_vectors(dtype, sizes, batch):
    plan = make_plan(sizes)
    lanes = SIMD.vector_bytes // np.dtype(dtype).itemsize
    for layer, row in enumerate(make_workspace(plan, batch, dtype).layout[1:]):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        assert row[[INPUT_WIDTH, OUTPUT_WIDTH]].tolist() == [n_in, n_out]
        assert n_in <= row[ROWS] < n_in + lanes
        assert n_out <= row[WIDTH] < n_out + lanes
        assert row[WIDTH] <= row[STRIDE] <= row[WIDTH] + LINE // np.dtype(dtype).itemsize


@given(sizes=SIZES, batch=BATCHES, threads=st.integers(1, 9))
def test_how_batches_are_taken(sizes, batch, threads):
    top = make_workspace(make_plan(sizes), batch, "float32", threads).layout[0]
    chunk, block, groups, granule = (int(top[k]) for k in (CHUNK, BLOCK, GROUPS, GRANULE))
    assert top[[THREADS, BATCH]].tolist() == [threads, batch]
    assert 1 <= block <= chunk <= batch + granule
    # A thread's blocks, and chunks, begin where a granule does.
    assert block % granule == 0 or block == chunk
    if groups:
        assert chunk % granule == 0
        assert 1 < groups <= MOST_GROUPS
        assert -(-batch // chunk) >= groups // 2
    else:
        assert chunk == batch


@given(sizes=SIZES, batch=BATCHES)
def test_the_number_of_threads_changes_nothing_but_room(sizes, batch):
    """Bounds between chunks, groups and granules follow from the sizes alone."""
    plan = make_plan(sizes)
    one, many = make_workspace(plan, batch), make_workspace(plan, batch, n_threads=8)
    for k in (BATCH, CHUNK, BLOCK, GROUPS, GRANULE, AREA, PACKED):
        assert one.layout[0, k] == many.layout[0, k]
    assert one.losses.size == many.losses.size == -(-batch // int(one.layout[0, GRANULE])) + plan.n_layers


def test_only_long_batches_of_few_parameters_are_taken_in_groups():
    small = make_plan([2, 2, 1])
    assert make_workspace(small, 32).layout[0, GROUPS] == 0
    assert make_workspace(small, 512 * (FEWEST_CHUNKS - 1)).layout[0, GROUPS] == 0
    assert make_workspace(small, 512 * FEWEST_CHUNKS).layout[0, GROUPS] == FEWEST_CHUNKS
    assert make_workspace(small, 10**6).layout[0, GROUPS] == MOST_GROUPS
    wide = make_plan([600, 600, 10])
    assert wide.n_parameters > FEW_PARAMETERS
    assert make_workspace(wide, 1000, "float32").layout[0, GROUPS] == 0
    # Otherwise one area would hold the whole batch.
    assert make_workspace(wide, 10_000, "float32").layout[0, GROUPS] > 1


@pytest.mark.parametrize("sizes", [[2, 2, 1], [784, 100, 10], [600, 600, 10]])
def test_memory_is_bounded_whatever_the_batch(sizes):
    """But for the outputs, which `forward` returns as one array."""
    plan = make_plan(sizes)
    for batch in (10**3, 10**4, 10**5, 10**6):
        work = make_workspace(plan, batch, "float32", n_threads=4)
        areas = (4 if work.layout[0, GROUPS] else 1) * int(work.layout[0, AREA])
        assert areas <= 2 * LARGEST_AREA
        parameters = (4 + max(1, int(work.layout[0, GROUPS]))) * int(work.layout[0, PACKED])
        assert work.numbers.size <= batch * sizes[-1] + areas + parameters + 10**5


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
        assert made.layout.shape[1] == make_workspace(make_plan([2, 1])).layout.shape[1]
    assert len(kinds) == 1


def test_members_share_all_but_their_own_number():
    work = make_workspace(make_plan([2, 3, 1]), 4, n_threads=3)
    assert work.team.tolist() == [0, 1]
    for number in range(3):
        member = work.member(number, 3)
        assert member.team.tolist() == [number, 3]
        assert all(getattr(member, name) is getattr(work, name) for name in work._fields if name != "team")
    assert work.team.tolist() == [0, 1]


def test_passes_have_a_row_each_and_share_the_rest():
    work = make_workspace(make_plan([2, 3, 1]), 4)
    several = work.for_passes(5)
    assert work.passes.shape == (1, 3)
    assert several.passes.shape == (5, 3)
    assert sorted([MEAN, BATCH_MEAN, PENALTY]) == [0, 1, 2]
    assert all(getattr(several, name) is getattr(work, name) for name in work._fields if name != "passes")


def test_parts_of_a_workspace_and_two_of_them_share_no_memory():
    one, two = make_workspace(make_plan([2, 3, 1]), 4), make_workspace(make_plan([2, 3, 1]), 4)
    assert not any(np.shares_memory(a, b) for a in one for b in two)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(one) for b in one[i + 1 :])


@pytest.mark.parametrize("copy_of", [pickle.dumps, copy.deepcopy, copy.copy])
def test_workspaces_are_not_copied(copy_of):
    """They hold addresses of machine code, which are another process's."""
    work = make_workspace(make_plan([2, 3, 1]), 4)
    for made in (work, work.member(0, 1), work.frozen([0])):
        with pytest.raises(TypeError, match="a Workspace cannot be pickled or deep-copied; make_workspace makes another one"):
            copy_of(made)
