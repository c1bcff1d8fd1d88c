"""What tests ask of a plan's, a state's and a workspace's memory: facts by their names, wherever they are kept.

No other test reads or sets these places. Layers are counted from 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from tileprop.kernels import Plan, State, Workspace
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.compiler.processor import SIMD
from tileprop.kernels.places import SCRATCH_ROWS

# Plan ------------------------------------------------------------------------------------------------------------------------


def loss_code(plan: Plan) -> int:
    return plan.loss_code


def set_loss_code(plan: Plan, code: int) -> None:
    plan.header.loss = code


def set_activation(plan: Plan, layer: int, name: str) -> None:
    plan.layers[layer].activation = activation_registry[name].code


# State -----------------------------------------------------------------------------------------------------------------------

_STATUS = ["running", "stopped", "diverged"]


class Progress(NamedTuple):
    """How far a training is: steps since it began, rows of the last call, and how that ended."""

    steps: int
    rows: int
    status: str


def progress(state: State) -> Progress:
    return Progress(steps_taken(state), int(state.counters[0].position), _STATUS[state.counters[0].status])


def steps_taken(state: State) -> int:
    return int(state.counters[0].step)


def set_progress(state: State, rows: int, status: str = "running") -> None:
    """As if the last call had come so far, and ended so."""
    state.counters.position, state.counters.status = rows, _STATUS.index(status)


def rule_of(state: State) -> int:
    return int(state.counters[0].rule)


def hyperparameters(state: State) -> dict[str, float]:
    record = state.hyperparameters
    return {name: record[name][0].item() for name in record.dtype.names}


def set_hyperparameters(state: State, **values: float) -> None:
    for name, value in values.items():
        state.hyperparameters[name] = value


def velocity(state: State) -> np.ndarray:
    """Or the mean gradient of Adam and its kin; empty where the rule has none."""
    return state.velocity


def mean_square(state: State) -> np.ndarray:
    """Empty where the rule has none."""
    return state.mean_square


def bytes_of(state: State) -> bytes:
    """All bits of its fields; what lies between the fields of a record is nobody's."""
    records = [array[name] for array in state if array.dtype.names for name in array.dtype.names]
    return b"".join(array.tobytes() for array in (*records, state.velocity, state.mean_square))


def without_velocity(state: State) -> State:
    """One that does not fit its rule."""
    return state._replace(velocity=state.velocity[:0])


# Workspace: how a batch is cut -----------------------------------------------------------------------------------------------


def batch_rows(work: Workspace) -> int:
    return int(work.header[0].batch_rows)


def chunk_rows(work: Workspace) -> int:
    """Rows that there is room for in a chunk's memory: a batch's, unless it is taken in groups."""
    return int(work.header[0].chunk_rows)


def block_rows(work: Workspace) -> int:
    """Rows that one thread takes through the layers at a time."""
    return int(work.header[0].block_rows)


def strip_rows(work: Workspace) -> int:
    """Rows of one call of an activation; bounds between the rows of two threads are multiples of it."""
    return int(work.header[0].strip_rows)


def groups_of(work: Workspace) -> int:
    """Into how many groups a batch is cut; 0 where it is taken directly."""
    return int(work.header[0].n_groups) if work.header[0].grouped else 0


def stack_rows(work: Workspace) -> int:
    """Rows of derivatives that there is room for."""
    return int(work.header[0].stack_rows)


def packed_size(work: Workspace) -> int:
    """Numbers of the parameters in panels, the padding counted."""
    return int(work.header[0].packed_size)


def chunk_size(work: Workspace) -> int:
    """Numbers of a chunk's memory."""
    return int(work.header[0].chunk_size)


def most_threads(work: Workspace) -> int:
    return int(work.header[0].n_threads)


def team_of(work: Workspace) -> tuple[int, int]:
    """The number of the thread that this member is for, and how many work together."""
    return int(work.header[0].thread), int(work.header[0].threads)


# Workspace: what epochs leave there, and what they are told by it ------------------------------------------------------------


class EpochLoss(NamedTuple):
    """What an epoch has lost; see `Workspace`."""

    loss: float
    batch_mean: float
    penalty: float


def epoch_losses(work: Workspace) -> list[EpochLoss]:
    """Of each epoch that the last call of `train_epoch` made."""
    return [EpochLoss(float(epoch.loss), float(epoch.batch_mean), float(epoch.penalty)) for epoch in work.epochs]


def set_epoch_losses(work: Workspace, value: float) -> None:
    work.epochs.loss = work.epochs.batch_mean = work.epochs.penalty = value


def go_on(work: Workspace, state: State) -> None:
    """The next call goes on with the epoch that the last one left."""
    work.epochs[0].begin = state.counters[0].position


def begin_at(work: Workspace, row: int) -> None:
    work.epochs.begin = row


def ask_to_stop(work: Workspace, stop: bool = True) -> None:
    """Ask a running epoch to stop after its step, or no longer."""
    work.control["stop"] = stop


def ask_to_abandon(work: Workspace) -> None:
    """Ask whatever runs to end between two blocks of rows."""
    work.control["abandon"] = 1


def begin_together(work: Workspace) -> None:
    """Before threads make a call together: nobody has come to the barrier yet."""
    work.control["arrivals"] = 0


def arrivals(work: Workspace) -> int:
    """How often threads have come to the barrier since `begin_together`."""
    return int(work.control["arrivals"][0])


def control_of(work: Workspace) -> list[int]:
    """All that threads tell one another."""
    return list(work.control[0].tolist())


def spoil(work: Workspace) -> None:
    """Fill all memory with NaN but for the zeros that stand in for absent biases."""
    begin, width = work.header[0].zeros, max(work.layers.width.max(), work.layers.panel_rows.max())
    zeros = work.numbers[begin : begin + width].copy()
    work.numbers[:] = np.nan
    work.control[:] = 0
    work.numbers[begin : begin + width] = zeros


# Workspace: where things lie -------------------------------------------------------------------------------------------------


class PaddedSize(NamedTuple):
    """Rows and columns of a layer's weights in panels, and from one row's activations to the next's."""

    rows: int
    width: int
    stride: int


def padded_sizes(work: Workspace) -> list[PaddedSize]:
    return [PaddedSize(int(layer.panel_rows), int(layer.width), int(layer.stride)) for layer in work.layers]


def activation_addresses(work: Workspace) -> list[int]:
    """Each layer's row kernel; 0 for the identity."""
    return work.layers.activation_kernel.tolist()


def keeps_preactivations(work: Workspace) -> list[bool]:
    """Whether each layer's have a place apart from its activations'."""
    return (work.layers.preactivations != work.layers.activations).tolist()


def loss_address(work: Workspace) -> int:
    return int(work.header[0].loss_kernel)


def loss_gives_delta(work: Workspace) -> bool:
    """Whether its slopes are those to the pre-activations."""
    return bool(work.header[0].loss_gives_delta)


def loss_parameters(work: Workspace, count: int) -> np.ndarray:
    return work.numbers[work.header[0].loss_parameters :][:count]


def parameters_at(work: Workspace) -> int:
    """Where the parameters in panels begin."""
    return int(work.header[0].parameters)


def sums_at(work: Workspace) -> int:
    """Where the first sum of gradients begins."""
    return int(work.header[0].sums)


def transposed_at(work: Workspace, layer: int) -> int:
    return int(work.layers[layer].transposed)


def takes_dot_products(work: Workspace, layer: int) -> bool:
    """On the way back, so that it needs no transposed weights."""
    return bool(work.layers[layer].by_dots)


def activations_of(work: Workspace, layer: int, rows: int) -> np.ndarray:
    """A view (rows, stride)."""
    return _rows(work, int(work.layers[layer].activations), int(work.layers[layer].stride), rows)


def deltas_of(work: Workspace, layer: int, rows: int) -> np.ndarray:
    """A view (rows, stride)."""
    return _rows(work, int(work.layers[layer].deltas), int(work.layers[layer].stride), rows)


def _rows(work: Workspace, at: int, stride: int, rows: int) -> np.ndarray:
    return work.numbers[at : at + rows * stride].reshape(rows, stride)


def places(plan: Plan, work: Workspace) -> list[tuple[str, int, int]]:
    """What lies where: a name, the begin and the end, as the workspace's own comments tell it."""
    top, layers = work.header[0], work.layers
    packed, chunk = int(top.packed_size), int(top.chunk_rows)
    panel = SCRATCH_ROWS * 3 * SIMD.vector_bytes // work.numbers.itemsize
    result = [
        (name, int(at), int(at + size))
        for name, at, size in [
            ("zeros", top.zeros, max(layers.width.max(), layers.panel_rows.max())),
            ("scratch", top.scratch, top.n_threads * panel),
            ("outputs", top.outputs, top.batch_rows * plan.sizes[-1]),
            ("velocity", top.velocity, packed),
            ("mean square", top.mean_square, packed),
            ("parameters of the loss", top.loss_parameters, len(plan.loss_parameters)),
        ]
    ]
    sums = [(f"sum {group}", top.sums + group * packed) for group in range(top.n_groups)]
    for vector, begin in [("parameters", top.parameters), *sums]:
        for number, layer in enumerate(layers):
            weights, biases = int(begin + layer.weights), int(begin + layer.biases)
            result += [(f"{vector} W{number}", weights, weights + int(layer.panel_rows * layer.width))]
            result += [(f"{vector} b{number}", biases, biases + int(layer.width))]
    result += [
        (f"transposed {number}", int(layer.transposed), int(layer.transposed + layer.panel_rows * layer.width))
        for number, layer in enumerate(layers)
        if number and not layer.by_dots
    ]
    for thread in range(int(top.n_threads) if top.grouped else 1):
        shift = thread * int(top.chunk_size)
        parts = [
            ("inputs", top.inputs, plan.sizes[0]),
            ("targets", top.targets, plan.n_targets),
            ("weights", top.row_weights, 1),
        ]
        parts += [(f"activations {number}", layer.activations, layer.stride) for number, layer in enumerate(layers)]
        kept = [number for number, name in enumerate(plan.activations) if activation_registry[name].from_input]
        parts += [(f"pre-activations {number}", layers[number].preactivations, layers[number].stride) for number in kept]
        parts += [(f"deltas {number}", layer.deltas, layer.stride) for number, layer in enumerate(layers)]
        result += [
            (f"{name} of thread {thread}", shift + int(at), shift + int(at + chunk * width)) for name, at, width in parts
        ]
    return result
