"""Training on a source: the bits of the same rows in memory, however it is read."""

import copy
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
from tileprop.trainer.fit import beginning, streamed, streaming
from tileprop.trainer.threads.team import Team

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


class Changing:
    """In the place of `ThreadChoice`: another number of threads for each call, which ends after a step."""

    limit, size, most, cut = 0.0, 1, 3, 0.0

    def __init__(self, *arguments):
        self.calls = 0

    def record(self, rows, seconds):
        self.calls += 1
        self.size = 1 + self.calls % 3


@pytest.mark.parametrize("processors", [2, 9])
def test_windows_that_are_cut_and_threads_that_change_change_no_bit(monkeypatch, processors):
    """Also where a processor is left to the reading."""
    settings = dict(epochs=3, batch_size=7, optimizer=Adam(0.01), alpha=0.01)
    expected = Network(SIZES, dtype="float64")
    history = expected.fit(source_of(70), n_threads=1, **settings)
    monkeypatch.setattr(streaming, "choose_threads", lambda *arguments: (1, 3))
    monkeypatch.setattr(beginning, "ThreadChoice", Changing)
    monkeypatch.setattr(streamed, "available_processors", lambda: processors)
    monkeypatch.setattr(streamed, "WHILE_READING", 0.0)
    network = Network(SIZES, dtype="float64")
    assert result(network, network.fit(source_of(70, prefetch=2), **settings)) == result(expected, history)


def test_a_call_beside_reading_ends_when_the_window_is_read(monkeypatch):
    monkeypatch.setattr(streaming, "choose_threads", lambda *arguments: (2, 2))
    monkeypatch.setattr(streamed, "available_processors", lambda: 2)
    monkeypatch.setattr(streamed, "WHILE_READING", 1e9)
    settings = dict(epochs=2, batch_size=1, optimizer=Adam(0.01))

    def blocks():
        for first in range(0, N, 17):
            time.sleep(0.003)  # so that a call is under way
            yield X[first : first + 17], T[first : first + 17]

    memory, sizes = memory_for(70, N_IN, N_OUT, 8), [N_IN, 128, 128, N_OUT]
    expected = Network(sizes, dtype="float64")
    history = expected.fit(IterableSource(blocks, memory=memory, prefetch=0), n_threads=1, **settings)
    cuts, cut = [], Team.cut

    def counted(team):
        cuts.append(team.at_work)
        cut(team)

    monkeypatch.setattr(Team, "cut", counted)
    network = Network(sizes, dtype="float64")
    assert result(network, network.fit(IterableSource(blocks, memory=memory), **settings)) == result(expected, history)
    assert cuts


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_lie_column_after_column(dtype):
    """They are taken as they are, in pieces that cross the ends of windows; errors name the same entry."""
    blocks = [(np.asfortranarray(X[i : i + 60]), T[i : i + 60]) for i in range(0, N, 60)]
    memory = memory_for(25, N_IN, N_OUT, np.dtype(dtype).itemsize)
    results = []
    for order in ("F", "C"):
        network = Network(SIZES, dtype=dtype)
        source = IterableSource([(np.array(rows, order=order), targets) for rows, targets in blocks], memory=memory)
        results.append(result(network, network.fit(source, epochs=2, batch_size=5)))
    assert results[0] == results[1]
    wrong = np.asfortranarray(X[:50])
    for entry, told in ((np.nan, "contains nan at"), (1e300, "too large for float32")):
        wrong[41, 1] = entry
        source = IterableSource([blocks[0], (wrong, T[:50])])
        with pytest.raises(InputError, match=rf"\[101, 1\].*|{told}") as caught:
            Network(SIZES).fit(source)
        assert told in str(caught.value)
        assert "[101, 1]" in str(caught.value)


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
