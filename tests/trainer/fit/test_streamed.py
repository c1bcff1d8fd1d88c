"""Training on a source: the bits of the same rows in memory, however it is read, interrupted and gone on with."""

import copy
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_of_streams import memory_for, shuffle_like
from tileprop.trainer import (
    SGD,
    Adam,
    ArraySource,
    Cosine,
    DivergenceError,
    EarlyStopping,
    InputError,
    IterableSource,
    MLPRegressor,
    Network,
    Plateau,
)

RNG = np.random.default_rng(5)
N, N_IN, N_OUT = 203, 3, 2
X, T, WEIGHT = RNG.normal(size=(N, N_IN)), RNG.uniform(size=(N, N_OUT)), RNG.uniform(0.5, 2.0, N)
SIZES = [N_IN, 4, N_OUT]


def source_of(rows, block=17, weight=None, itemsize=8, **options):
    """A source of the rows above, whose windows have room for so many."""
    return ArraySource(X, T, weight, block_rows=block, memory=memory_for(rows, N_IN, N_OUT, itemsize), **options)


def result(network, history):
    """All of a fit that must be the same."""
    losses = history.loss, history.val_loss, history.batch_loss, history.penalty
    return network.theta.tobytes(), losses, history.stopped, network.generator.bit_generator.state


@given(
    st.integers(1, 230), st.integers(1, 40), st.integers(0, 300), st.booleans(), st.booleans(), st.sampled_from([0, 1, 4]),
    st.sampled_from([1, 2]), st.sampled_from(["float32", "float64"]),
)  # fmt: skip
def test_bits_of_the_same_rows_in_memory(block, batch, more, shuffled, weighted, prefetch, n_threads, dtype):
    weight, itemsize = WEIGHT if weighted else None, np.dtype(dtype).itemsize
    source = source_of(batch + more, block, weight, itemsize, prefetch=prefetch)
    settings = dict(epochs=3, batch_size=batch, optimizer=Adam(0.01), alpha=0.01, n_threads=n_threads)
    streamed = Network(SIZES, dtype=dtype)
    history = streamed.fit(source, shuffle=shuffled, **settings)
    in_memory = Network(SIZES, dtype=dtype)
    order = shuffle_like(in_memory, source.block_rows, (batch + more) // batch * batch) if shuffled else False
    expected = in_memory.fit(X, T, sample_weight=weight, shuffle=order, **settings)
    assert result(streamed, history) == result(in_memory, expected)


@pytest.mark.parametrize(
    ("sizes", "output"), [([2, 2, 1], "sigmoid"), ([2, 2, 2], "sigmoid"), ([3, 1], "identity"), ([2, 6, 1], "sigmoid")]
)
@pytest.mark.parametrize("loss", ["mse", "squared_error"])
def test_networks_that_are_trained_in_registers(sizes, output, loss):
    inputs, targets = X[:, : sizes[0]], T[:, : sizes[-1]]
    source = ArraySource(inputs, targets, block_rows=20, memory=memory_for(30, sizes[0], sizes[-1], 8))
    results = []
    for streams in (True, False):
        network = Network(sizes, "tanh", output, loss, dtype="float64")
        data = (source,) if streams else (inputs, targets)
        shuffle = True if streams else shuffle_like(network, source.block_rows, 30)
        history = network.fit(*data, epochs=4, batch_size=1, optimizer=SGD(0.1), shuffle=shuffle)
        results.append(result(network, history))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "options",
    [
        dict(schedule=Cosine(), clip_norm=0.1, dropout=0.3, frozen_layers=[0]),
        dict(l1=0.01, weight_decay=0.1, schedule=Plateau(patience=1), validation_data=(X[:20], T[:20])),
        dict(optimizer=SGD(0.1, momentum=0.9), validation_data=(X[:20], T[:20]), on_divergence="restore"),
    ],
    ids=lambda options: ", ".join(options),
)
def test_options_of_fit(options):
    source, results = source_of(64), []
    for streams in (True, False):
        network = Network(SIZES, dtype="float64")
        shuffle = True if streams else shuffle_like(network, source.block_rows, 64)
        given = {"epochs": 5, "batch_size": 16, "optimizer": Adam(0.01), **options}
        history = network.fit(*((source,) if streams else (X, T)), shuffle=shuffle, **given)
        results.append(result(network, history))
    assert results[0] == results[1]


def test_classes_smoothing_and_early_stopping():
    names = np.array(["ja", "nein", "?"])[np.digitize(X[:, 0], [-0.4, 0.4])]
    source, results = ArraySource(X, names, block_rows=11, memory=memory_for(60, N_IN, 3, 4)), []
    for streams in (True, False):
        network, stopping = Network([N_IN, 5, 3], "relu", "softmax", "log_loss"), EarlyStopping(2)
        shuffle = True if streams else shuffle_like(network, source.block_rows, 60)
        history = network.fit(
            *((source,) if streams else (X, names)), epochs=60, batch_size=10, optimizer=Adam(0.05), label_smoothing=0.1,
            callbacks=[stopping], validation_data=(X, names), shuffle=shuffle,
        )  # fmt: skip
        results.append((result(network, history)[:-1], network.classes, stopping.scores))  # orders are drawn ahead in memory
    assert results[0] == results[1]
    assert network.classes == ("?", "ja", "nein")
    assert history.stopped == "callback"


def test_a_callback_that_draws_from_the_generator_changes_the_order_as_in_memory():
    """Though the next epoch's first windows were read ahead by then, in another order."""

    def draw(running):
        running.network.generator.random()

    results = []
    for prefetch in (None, 0, 4):
        network = Network(SIZES, dtype="float64")
        source = source_of(32, prefetch=prefetch or 0)
        data, shuffle = ((X, T), shuffle_like(network, source.block_rows, 32)) if prefetch is None else ((source,), True)
        network.fit(*data, epochs=4, batch_size=8, callbacks=[draw], shuffle=shuffle)
        results.append(network.theta.tobytes())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_on_a_source(weighted):
    weight = WEIGHT if weighted else None
    network = Network(SIZES, dtype="float64")
    history = network.fit(source_of(64), epochs=2, validation_data=source_of(50, weight=weight, prefetch=2))
    assert history.val_loss[-1] == pytest.approx(network.loss(X, T, weight), rel=1e-14)
    network, whole = Network(SIZES, dtype="float64"), Network(SIZES, dtype="float64")
    first = network.fit(source_of(64), epochs=2, validation_data=source_of(300, weight=weight))
    second = whole.fit(source_of(64), epochs=2, validation_data=(X, T) if weight is None else (X, T, weight))
    assert first.val_loss == second.val_loss  # one window


def test_arrays_with_validation_on_a_source():
    history = Network(SIZES).fit(X, T, epochs=2, validation_data=source_of(50, itemsize=4))
    assert len(history.val_loss) == 2


# Stopped, and gone on with ----------------------------------------------------------------------------------------------------


def slow_source(seconds, **options):
    """A source that takes time to read, in order."""

    def blocks():
        for start in range(0, N, 20):
            time.sleep(seconds)
            yield X[start : start + 20], T[start : start + 20]

    return IterableSource(blocks, memory=memory_for(40, N_IN, N_OUT, 8), **options)


def readers():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("tileprop-reader")]


@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_fit_that_is_stopped_within_an_epoch_goes_on_to_the_same_bits(here, prefetch):
    settings = dict(epochs=3, batch_size=4, optimizer=Adam(0.01), dropout=0.2)
    whole = Network(SIZES, dtype="float64")
    expected = result(whole, whole.fit(slow_source(0.0), **settings))
    network = Network(SIZES, dtype="float64")
    history = network.fit(slow_source(0.004), checkpoint="fit", max_seconds=0.06, **settings)
    assert not readers()
    assert history.stopped == "max_seconds"
    calls = 0
    while history.stopped == "max_seconds":
        calls += history.unfinished_rows > 0
        network, history = Network.resume("fit", slow_source(0.004, prefetch=3 - prefetch), max_seconds=0.04, n_threads=1)
    assert calls
    assert result(network, history) == expected


@pytest.mark.parametrize("prefetch", [0, 2])
def test_ctrl_c_while_a_window_is_read(here, prefetch):
    settings = dict(epochs=2, batch_size=4, optimizer=Adam(0.01))
    whole = Network(SIZES, dtype="float64")
    expected = result(whole, whole.fit(slow_source(0.0), **settings))
    network, source = Network(SIZES, dtype="float64"), slow_source(0.01, prefetch=prefetch)
    assert source.n_rows == N
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(KeyboardInterrupt):
        network.fit(source, checkpoint="fit", **settings)
    assert not readers()
    network, history = Network.resume("fit", slow_source(0.0))
    assert result(network, history) == expected


def test_resume_with_other_data_or_memory_is_refused(here):
    network = Network(SIZES, dtype="float64")
    network.fit(
        source_of(64), epochs=3, batch_size=16, checkpoint="fit", callbacks=[lambda running: running.history.epochs == 1]
    )
    with pytest.raises(InputError, match="memory makes windows of 32 rows; the fit in the checkpoint has windows of 64"):
        Network.resume("fit", source_of(32), callbacks=[lambda running: False])
    with pytest.raises(InputError, match="X is not what the fit"):
        Network.resume("fit", source_of(64, block=16), callbacks=[lambda running: False])
    with pytest.raises(InputError, match="X is not what the fit"):
        Network.resume("fit", ArraySource(X + 1, T, block_rows=17), callbacks=[lambda running: False])
    with pytest.raises(InputError, match=r"X is not what the fit|T is given"):
        Network.resume("fit", X, T, callbacks=[lambda running: False])


# Errors -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, T, w: X.__setitem__((150, 1), np.nan), r"X contains nan at \[150, 1\]"),
        (lambda X, T, w: T.__setitem__((120, 0), np.inf), r"T contains inf at \[120, 0\]"),
        (lambda X, T, w: w.__setitem__(140, -1.0), "sample_weight must not be negative"),
        (lambda X, T, w: w.__setitem__(slice(None), 0.0), "sample weights are all zero"),
    ],
    ids=["X", "T", "weight", "no weight"],
)
def test_rows_that_cannot_be_trained_on(spoil, message, prefetch):
    inputs, targets, weight = X.copy(), T.copy(), WEIGHT.copy()
    spoil(inputs, targets, weight)
    source = ArraySource(inputs, targets, weight, block_rows=30, prefetch=prefetch)
    with pytest.raises(InputError, match=message):
        Network(SIZES).fit(source)
    assert not readers()


@pytest.mark.parametrize("prefetch", [0, 1])
def test_an_error_of_the_source_reaches_the_caller(prefetch):
    passes = []

    def blocks():
        passes.append(1)
        for start in range(0, N, 20):
            if len(passes) > 1 and start == 100:
                raise OSError("the disk is gone")
            yield X[start : start + 20], T[start : start + 20]

    with pytest.raises(OSError, match="the disk is gone"):
        Network(SIZES).fit(IterableSource(blocks, prefetch=prefetch), epochs=2)
    assert not readers()


@pytest.mark.parametrize("change", [-1, 1])
def test_a_source_that_changes_its_number_of_rows(change):
    passes = []

    def blocks():
        passes.append(1)
        n = N if len(passes) == 1 else N + change
        yield X[:100], T[:100]
        yield np.resize(X, (n, N_IN))[100:], np.resize(T, (n, N_OUT))[100:]

    with pytest.raises(InputError, match=f"{'fewer' if change < 0 else 'more'} rows.* than the 103 that were counted"):
        Network(SIZES).fit(IterableSource(blocks))


def test_divergence_says_where():
    messages = []
    source = source_of(32, itemsize=4)
    for streams in (True, False):
        network = Network([N_IN, 2], output_activation="identity")
        shuffle = True if streams else shuffle_like(network, source.block_rows, 32)
        with pytest.raises(DivergenceError) as raised:
            network.fit(*((source,) if streams else (X, T)), epochs=50, batch_size=8, optimizer=SGD(3.0), shuffle=shuffle)
        messages.append((str(raised.value), raised.value.step, raised.value.layer, network.theta.tobytes()))
    assert messages[0] == messages[1]


def test_what_does_not_go_with_a_source():
    source = source_of(64)
    for options, message in (
        (dict(T=T), "T is given besides a source"),
        (dict(sample_weight=WEIGHT), "sample_weight is given besides a source"),
        (dict(optimizer="lbfgs"), "LBFGS, which takes all rows in each step"),
        (dict(validation_split=0.2), "validation_split is given with a source"),
        (dict(shuffle=lambda n: np.arange(n)), "shuffle is a function"),
        (dict(batch_size=128), "fewer than a batch of 128; give memory="),
    ):
        with pytest.raises(InputError, match=message):
            Network(SIZES, dtype="float64").fit(source, **options)
    with pytest.raises(InputError, match="X has 3 columns; the network takes 4"):
        Network([4, 2]).fit(source)
    with pytest.raises(InputError, match="T is missing"):
        Network(SIZES).fit(X)


def test_partial_fit_on_blocks():
    """The bits of a source that is not shuffled, where blocks are whole batches: here of plain steps, which have no state."""
    settings = dict(solver="sgd", momentum=0.0, learning_rate_init=0.1, batch_size=16, shuffle=False, alpha=0.0)
    regressor = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", random_state=0, **settings).partial_fit(X[:16], T[:16])
    network, blocks = copy.deepcopy(regressor.network_), [slice(i, i + 48) for i in range(0, 192, 48)]
    for rows in blocks * 2:
        regressor.partial_fit(X[rows], T[rows])
    source = IterableSource([(X[rows], T[rows]) for rows in blocks])
    network.fit(source, epochs=2, batch_size=16, optimizer=SGD(0.1), shuffle=False)
    assert regressor.network_.theta.tobytes() == network.theta.tobytes()
