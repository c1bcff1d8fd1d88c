"""Workspace: scratch memory, and the records that say what lies where in it.

All numbers are one vector, `numbers`; `header` and `layers` hold offsets into it. `docs/architecture.md` has a drawing. First
come the parameters in panels (`matrices.py`): each layer's weights, then its biases; then two vectors of the same order for
the optimizer, the transposed weights, sums of gradients, and the memory of chunks: inputs, targets and sample weights where
rows are gathered, and every layer's activations and deltas.

How a batch is cut is in `layout.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from .activations import activation_registry
from .layout import aligned_zeros
from .losses import loss_registry
from .places import layout_of
from .plan import Plan, check_plan
from .records import make_records, record_type
from .training.barrier import CONTROL
from .training.dropout import WHOLE
from .validation import positive_integer, real_dtype

# Of an epoch. loss: the mean loss, rows weighted by their sample weights. batch_mean: the same, each batch's mean weighted by
# its number of rows, as scikit-learn has it. penalty: on the weights, likewise.
#
# begin: set by the caller, the rows that earlier calls have done of this epoch; the sums below are then theirs, and the epoch
# is gone on with. 0: a whole epoch.
EPOCH = record_type(
    ("loss", np.float64),
    ("batch_mean", np.float64),
    ("penalty", np.float64),
    ("begin", np.int64),
    ("sum_loss", np.float64),  # of the rows done, weighted
    ("sum_weight", np.float64),
    ("sum_batch_means", np.float64),
    ("sum_penalty", np.float64),
)

# Of a batch. A larger number was mistyped.
MOST_ROWS = (1 << 31) - 1

# Layouts that were made, for the next workspace of the same kind: to make one takes a millisecond. No more than so many.
_layouts: dict[Any, tuple[Any, Any]] = {}
MOST_LAYOUTS = 64


class Workspace(NamedTuple):
    """Scratch memory that kernels work in, made by `make_workspace`.

    Each thread needs a workspace of its own. A workspace holds addresses of machine code, so it cannot be pickled and is of no
    use in another process.

    Parameters
    ----------
    header : recarray of shape (1,)
        Sizes and places in `numbers`. Read-only: kernels trust it.
    layers : recarray of shape (n_layers,)
        Sizes and places of each layer. Read-only: kernels trust it.
    numbers : ndarray
        The memory itself, of the parameters' dtype.
    epochs : recarray
        Losses of the epochs of one call of `train_epoch`, one record for each: `loss` is the mean loss of the rows. Set `begin`
        to go on with an epoch that was stopped.

    Examples
    --------
    >>> from tileprop.kernels import make_plan, make_workspace
    >>> work = make_workspace(make_plan([2, 3, 1]), batch_size=64)
    >>> int(work.header[0].batch_rows)
    64
    """

    header: np.recarray[Any, Any]  # (1,) HEADER
    layers: np.recarray[Any, Any]  # (n_layers,) LAYER
    numbers: np.ndarray  # of the parameters' dtype
    epochs: np.recarray[Any, Any]  # (epochs,) EPOCH: what each epoch of one call of train_epoch has lost

    @property
    def control(self) -> np.recarray[Any, Any]:
        """(1,) CONTROL, in `numbers`: `control[0].stop`, not 0, asks a running epoch to end after its step.

        `control[0].abandon`, not 0, ends other kernels' calls between two blocks of rows; what they write and return is then
        unfinished. With `stop`, an epoch does not end the step that it is at, but leaves it out.
        """
        begin = int(self.header[0].control)
        memory = self.numbers[begin : begin + CONTROL.itemsize // self.numbers.itemsize]
        return memory.view(CONTROL).view(np.recarray)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Workspace cannot be pickled or deep-copied; make another one with make_workspace")

    def member(self, thread: int, threads: int) -> Workspace:
        """Return the same memory for one of several threads that make one call of `train_epoch` together.

        Parameters
        ----------
        thread : int
            Number of this thread, from 0.
        threads : int
            How many threads make the call.

        Returns
        -------
        Workspace
            Workspace that this thread gives to its call.
        """
        header = self.header.copy()
        header.thread, header.threads = thread, threads
        return self._replace(header=header)

    def frozen(self, layers: Sequence[int]) -> Workspace:
        """Return the same memory for training that leaves some layers as they are.

        Parameters
        ----------
        layers : sequence of int
            Layers whose weights and biases stay, counted from 0.

        Returns
        -------
        Workspace
            Workspace for such a training.
        """
        header, records = self.header.copy(), self.layers.copy()
        records.frozen = np.isin(np.arange(len(records)), list(layers))
        header.any_frozen = len(layers) > 0
        return self._replace(header=header, layers=records)

    def dropping(self, rates: Sequence[float]) -> Workspace:
        """Return the same memory for training with dropout.

        Parameters
        ----------
        rates : sequence of float
            For each hidden layer the share of units that a step leaves out, from 0 to below 1.

        Returns
        -------
        Workspace
            Workspace for such a training.
        """
        header, records = self.header.copy(), self.layers.copy()
        records.dropped[:-1] = [int(rate * WHOLE) for rate in rates]
        header.any_dropout = records.dropped.any()
        return self._replace(header=header, layers=records)

    def for_epochs(self, count: int) -> Workspace:
        """Return the same memory for calls of `train_epoch` that make several epochs.

        This saves the cost of a call for each epoch of small data. `order` then has the rows of one epoch after those of
        another.

        Parameters
        ----------
        count : int
            Epochs of a call.

        Returns
        -------
        Workspace
            Workspace whose `epochs` has a record for each epoch.
        """
        return self._replace(epochs=make_records(count, EPOCH))


def make_workspace(
    plan: Plan,
    batch_size: int = 32,
    dtype: DTypeLike = "float64",
    n_threads: int = 1,
    *,
    derivatives: bool = False,
    curvature: bool = False,
    sparse: bool = False,
) -> Workspace:
    """Make the scratch memory that kernels need for a plan.

    The plan's activations and loss are compiled first, or read from the disk cache.

    Parameters
    ----------
    plan : Plan
        Network.
    batch_size : int, default=32
        Rows of a batch. `predict`, `loss_and_grad` and the derivatives take any number of rows, this many at a time.
    dtype : {"float32", "float64"}, default="float64"
        Type of the parameters and the data.
    n_threads : int, default=1
        Largest number of threads that make one call of `train_epoch` together.
    derivatives : bool, default=False
        Whether to make room for derivatives to inputs and targets, for Jacobians and for the gradients of single rows.
    curvature : bool, default=False
        Whether to make room for second derivatives too, which takes twice as much memory.
    sparse : bool, default=False
        Whether it is for kernels that take sparse rows, with no room for dense ones.

    Returns
    -------
    Workspace
        Memory for one thread at a time.

    Raises
    ------
    ValueError
        If a number is out of range.
    TypeError
        If a number is not whole.
    MemoryError
        If there is not enough memory; the message says how much it would take.

    Examples
    --------
    >>> from tileprop.kernels import make_plan, make_workspace
    >>> work = make_workspace(make_plan([2, 3, 1]), batch_size=64, dtype="float32")
    >>> work.numbers.dtype
    dtype('float32')
    """
    batch = positive_integer("batch_size", batch_size, MOST_ROWS)
    threads = positive_integer("n_threads", n_threads)
    real = real_dtype(dtype)
    # The entries themselves: under a name, and so under a code, something else may have been registered since.
    entries = loss_registry.with_code(plan.loss_code), *map(activation_registry.with_code, plan.layers["activation"].tolist())
    key = plan.key, entries, batch, real, threads, derivatives, curvature, sparse
    layout = _layouts.get(key)
    if layout is None:
        check_plan(plan)
        layout = layout_of(plan, batch, real, threads, (derivatives or curvature, curvature, sparse))
        if len(_layouts) >= MOST_LAYOUTS:
            _layouts.clear()
        _layouts[key] = layout
    header, layers = (records.copy() for records in layout)
    # `size` of a record is an attribute that each of NumPy's numbers has, too.
    count, loss_parameters = int(header["size"][0]), int(header[0].loss_parameters)
    try:
        numbers = aligned_zeros(count, real)
    except MemoryError:
        raise MemoryError(
            f"batch_size is {batch}; a workspace for it takes {count * real.itemsize / 2**30:.1f} GiB, more than there is. "
            "Give a smaller batch_size"
        ) from None
    numbers[loss_parameters : loss_parameters + len(plan.loss_parameters)] = plan.loss_parameters
    return Workspace(header, layers, numbers, make_records(1, EPOCH))
