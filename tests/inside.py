"""What tests ask of a plan's, a state's and a workspace's memory: facts by their names, wherever they are kept.

No other test reads or sets these places.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tileprop.kernels import Plan, State, Workspace, make_plan
from tileprop.kernels.activations import ACTIVATIONS as ENTRIES
from tileprop.kernels.compiler.processor import SIMD
from tileprop.kernels.plan import ACTIVATION, LOSS
from tileprop.kernels.training.barrier import BARRIER, STOP
from tileprop.kernels.training.optimizers import POSITION, RULE, STATUS, STEP
from tileprop.kernels.workspace import (
    ACTIVATIONS,
    AREA,
    BATCH,
    BATCH_MEAN,
    BIASES,
    BLOCK,
    CHUNK,
    DELTAS,
    DOTS,
    FIRST,
    GRANULE,
    GROUPS,
    INPUTS,
    LOSS_PARAMETERS,
    LOSS_ROUTINE,
    LOSS_THROUGH,
    MEAN,
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
    STACK,
    STRIDE,
    SUMS,
    TARGETS,
    THREADS,
    TRANSPOSED,
    WEIGHTS,
    WIDTH,
    ZEROS,
)

# Plan ------------------------------------------------------------------------------------------------------------------------


def loss_code(plan: Plan) -> int:
    return int(plan.table[0, LOSS])


def set_loss_code(plan: Plan, code: int) -> None:
    plan.table[0, LOSS] = code


def set_activation(plan: Plan, layer: int, name: str) -> None:
    """Layers are counted from 0."""
    plan.table[layer + 1, ACTIVATION] = make_plan([1, 1], output_activation=name).table[1, ACTIVATION]


# State -----------------------------------------------------------------------------------------------------------------------

_STATUS = ["running", "stopped", "diverged"]
_HYPERPARAMETERS = [
    "learning_rate",
    "momentum",
    "beta_1",
    "beta_2",
    "epsilon",
    "epsilon_hat",
    "alpha",
    "l1",
    "weight_decay",
    "clip_norm",
    "seed",
]


class Progress(NamedTuple):
    """How far a training is: steps since it began, rows of the last call, and how that ended."""

    steps: int
    rows: int
    status: str


def progress(state: State) -> Progress:
    return Progress(steps_taken(state), int(state.codes[POSITION]), _STATUS[state.codes[STATUS]])


def steps_taken(state: State) -> int:
    return int(state.codes[STEP])


def set_progress(state: State, rows: int, status: str = "running") -> None:
    """As if the last call had come so far, and ended so."""
    state.codes[POSITION], state.codes[STATUS] = rows, _STATUS.index(status)


def rule_of(state: State) -> int:
    return int(state.codes[RULE])


def hyperparameters(state: State) -> dict[str, float]:
    return dict(zip(_HYPERPARAMETERS, state.scalars.tolist(), strict=True))


def set_hyperparameters(state: State, **values: float) -> None:
    for name, value in values.items():
        state.scalars[_HYPERPARAMETERS.index(name)] = value


def velocity(state: State) -> np.ndarray:
    """Or the mean gradient of Adam and its kin; empty where the rule has none."""
    return state.first


def without_velocity(state: State) -> State:
    """One that does not fit its rule."""
    return state._replace(first=state.first[:0])


def mean_square(state: State) -> np.ndarray:
    """Empty where the rule has none."""
    return state.second


# Workspace -------------------------------------------------------------------------------------------------------------------


def batch_rows(work: Workspace) -> int:
    return int(work.layout[0, BATCH])


def chunk_rows(work: Workspace) -> int:
    """Rows that there is room for in one stretch of memory: a batch's, unless it is taken in groups."""
    return int(work.layout[0, CHUNK])


def block_rows(work: Workspace) -> int:
    """Rows that one thread takes through the layers at a time."""
    return int(work.layout[0, BLOCK])


def granule_rows(work: Workspace) -> int:
    """Bounds between the rows of two threads are multiples of so many."""
    return int(work.layout[0, GRANULE])


def groups_of(work: Workspace) -> int:
    """Into how many groups a batch is cut; 0 where it is taken directly."""
    return int(work.layout[0, GROUPS])


def packed_size(work: Workspace) -> int:
    """Numbers of the parameters in panels, the padding counted."""
    return int(work.layout[0, PACKED])


def area_size(work: Workspace) -> int:
    """Numbers of one stretch of memory for rows."""
    return int(work.layout[0, AREA])


def most_threads(work: Workspace) -> int:
    return int(work.layout[0, THREADS])


def team_of(work: Workspace) -> tuple[int, int]:
    """The number of the thread that this member is for, and how many work together."""
    number, threads = work.team.tolist()
    return number, threads


def spoil(work: Workspace) -> None:
    """Fill all memory with NaN but for the zeros that stand in for absent biases."""
    begin, width = work.layout[0, ZEROS], work.layout[1:, WIDTH].max()
    zeros = work.numbers[begin : begin + width].copy()
    work.numbers[:] = np.nan
    work.numbers[begin : begin + width] = zeros
    work.losses[:] = np.nan


class EpochLoss(NamedTuple):
    """What an epoch has lost; see `Workspace`."""

    loss: float
    batch_mean: float
    penalty: float


def epoch_losses(work: Workspace) -> list[EpochLoss]:
    """Of each epoch that the last call of `train_epoch` made."""
    return [EpochLoss(*(float(row[k]) for k in (MEAN, BATCH_MEAN, PENALTY))) for row in work.passes]


def set_epoch_losses(work: Workspace, value: float) -> None:
    work.passes[:] = value


def ask_to_stop(work: Workspace, stop: bool = True) -> None:
    """Ask a running epoch to stop after its step, or no longer."""
    work.control[STOP] = stop


def begin_together(work: Workspace) -> None:
    """Before threads make a call together: nobody has come to the barrier yet."""
    work.control[BARRIER] = 0


def arrivals(work: Workspace) -> int:
    """How often threads have come to the barrier since `begin_together`."""
    return int(work.control[BARRIER])


# Where things lie in `numbers`: offsets, and views. Layers are counted from 0.


class PaddedSize(NamedTuple):
    """Rows and columns of a layer's weights in panels, and from one row's activations to the next's."""

    rows: int
    width: int
    stride: int


def padded_sizes(work: Workspace) -> list[PaddedSize]:
    return [PaddedSize(*(int(row[k]) for k in (ROWS, WIDTH, STRIDE))) for row in work.layout[1:]]


def activation_addresses(work: Workspace) -> list[int]:
    """Each layer's routine; 0 for the identity."""
    return work.layout[1:, ROUTINE].tolist()


def keeps_preactivations(work: Workspace) -> list[bool]:
    """Whether each layer's have a place apart from its activations'."""
    return (work.layout[1:, PREACTIVATIONS] != work.layout[1:, ACTIVATIONS]).tolist()


def loss_address(work: Workspace) -> int:
    return int(work.layout[0, LOSS_ROUTINE])


def loss_gives_delta(work: Workspace) -> bool:
    """Whether its slopes are those to the pre-activations."""
    return bool(work.layout[0, LOSS_THROUGH])


def loss_parameters(work: Workspace, count: int) -> np.ndarray:
    return work.numbers[work.layout[0, LOSS_PARAMETERS] :][:count]


def parameters_at(work: Workspace) -> int:
    """Where the parameters in panels begin."""
    return int(work.layout[0, PARAMETERS])


def sums_at(work: Workspace) -> int:
    """Where the first sum of gradients begins."""
    return int(work.layout[0, SUMS])


def transposed_at(work: Workspace, layer: int) -> int:
    return int(work.layout[layer + 1, TRANSPOSED])


def takes_dot_products(work: Workspace, layer: int) -> bool:
    """On the way back, so that it needs no transposed weights."""
    return bool(work.layout[layer + 1, DOTS])


def stack_rows(work: Workspace) -> int:
    """Rows of derivatives that there is room for."""
    return int(work.layout[0, STACK])


def activations_of(work: Workspace, layer: int, rows: int) -> np.ndarray:
    """A view (rows, stride)."""
    at, stride = work.layout[layer + 1, ACTIVATIONS], work.layout[layer + 1, STRIDE]
    return work.numbers[at : at + rows * stride].reshape(rows, stride)


def deltas_of(work: Workspace, layer: int, rows: int) -> np.ndarray:
    """A view (rows, stride)."""
    at, stride = work.layout[layer + 1, DELTAS], work.layout[layer + 1, STRIDE]
    return work.numbers[at : at + rows * stride].reshape(rows, stride)


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
        kept = [k for k, name in enumerate(plan.activations) if ENTRIES[name].from_input]
        parts += [(f"pre-activations {k}", layers[k, PREACTIVATIONS], layers[k, STRIDE]) for k in kept]
        parts += [(f"deltas {k}", row[DELTAS], row[STRIDE]) for k, row in enumerate(layers)]
        result += [(f"{name} of area {area}", shift + int(at), shift + int(at + chunk * width)) for name, at, width in parts]
    return result
