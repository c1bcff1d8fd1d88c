"""Fits to a source that are stopped, killed and gone on with; what is refused; errors while rows are read."""

import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numba.core import config
from order_of_streams import memory_for
from tileprop.trainer import (
    Adam,
    ArraySource,
    InputError,
    IterableSource,
    MLPClassifier,
    Network,
    TrainingWarning,
    check_gradients,
    cross_val_fit,
    fit_many,
)

RNG = np.random.default_rng(5)
N, N_IN, N_OUT = 203, 3, 2
X, T, WEIGHT = RNG.normal(size=(N, N_IN)), RNG.uniform(size=(N, N_OUT)), RNG.uniform(0.5, 2.0, N)
SIZES = [N_IN, 4, N_OUT]


def source_of(rows, block=17, **options):
    """A source of the rows above, whose windows have room for so many."""
    return ArraySource(X, T, block_rows=block, memory=memory_for(rows, N_IN, N_OUT, 8), **options)


def result(network, history):
    """All of a fit that must be the same."""
    losses = history.loss, history.batch_loss, history.penalty
    return network.theta.tobytes(), losses, history.stopped, network.generator.bit_generator.state


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
    # An epoch takes 70 ms or more, so that the first stop is within one.
    history = network.fit(slow_source(0.006), checkpoint="fit", max_seconds=0.03, **settings)
    assert not readers()
    assert history.stopped == "max_seconds"
    assert history.unfinished_rows > 0
    while history.stopped == "max_seconds":
        network, history = Network.resume("fit", slow_source(0.002, prefetch=3 - prefetch), max_seconds=0.05, n_threads=1)
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


KILLED = """
import hashlib, sys
import numpy as np
from tileprop.trainer import Adam, ArraySource, Network
from tileprop.trainer.fit import checkpoints

checkpoints.SECONDS_BETWEEN = 0.02
folder, task, prefetch, n_threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
source = ArraySource(f"{folder}/X.npy", f"{folder}/T.npy", memory=500_000, prefetch=prefetch)
arguments = dict(checkpoint=f"{folder}/fit", n_threads=n_threads, progress=False)
if task == "start":
    network = Network([8, 64, 2], "tanh", "identity", random_state=1)
    network.fit(source, epochs=6, optimizer=Adam(), dropout=0.2, **arguments)
else:
    network, history = Network.resume(f"{folder}/fit", source, **arguments)
print(hashlib.sha256(network.theta.tobytes()).hexdigest())
"""


@pytest.mark.full
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code, in processes of their own")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system kills in another way")
@pytest.mark.parametrize("seed", range(6))
def test_a_fit_that_is_killed_ends_with_the_bits_of_one_that_is_not(tmp_path, seed):
    moments = random.Random(seed)
    np.save(tmp_path / "X.npy", RNG.normal(size=(150_000, 8)))
    np.save(tmp_path / "T.npy", RNG.normal(size=(150_000, 2)))

    def started(task):
        options = str(moments.choice([0, 1, 4])), str(moments.choice([1, 2]))
        return subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), task, *options], stdout=subprocess.PIPE, text=True
        )

    expected = started("start").communicate()[0]
    assert len(expected) > 60
    (tmp_path / "fit").unlink()
    task = "start"
    for _ in range(5):
        process = started(task)
        while not (tmp_path / "fit").exists():
            time.sleep(0.001)
            assert process.poll() is None
        time.sleep(moments.uniform(0.0, 0.3 if task == "start" else 3.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        task = "resume"
    assert started("resume").communicate()[0] == expected


# What is refused, and errors while rows are read ------------------------------------------------------------------------------


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


def test_targets_that_the_outputs_cannot_reach():
    with pytest.warns(TrainingWarning, match="outputs of 'sigmoid' lie between 0 and 1") as warned:
        Network(SIZES).fit(ArraySource(X, 10 * T, block_rows=17))
    assert warned[0].filename == __file__


@pytest.mark.parametrize("row", [3, 45])
def test_an_error_names_the_place_that_the_source_gives(row):
    class Files(ArraySource):
        def place(self, block):
            return f"file {block}"

    inputs = X.copy()
    inputs[row, 2] = np.nan
    with pytest.raises(InputError, match=rf"file {row // 20}: X contains nan at \[{row % 20}, 2\]"):
        Network(SIZES).fit(Files(inputs, T, block_rows=20))


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


@pytest.mark.parametrize(
    "use",
    [
        lambda source: Network(SIZES).predict(source),
        lambda source: fit_many([Network(SIZES), Network(SIZES)], source, T),
        lambda source: cross_val_fit(Network(SIZES), source, T),
        lambda source: MLPClassifier().fit(source, T[:, 0] > 0.5),
        lambda source: check_gradients(Network(SIZES), source, T),
    ],
)
def test_what_takes_arrays_alone_says_so(use):
    with pytest.raises(InputError, match="ArraySource gives rows block by block"):
        use(source_of(64))


MEMORY = """
import sys
import numpy as np
from tileprop.trainer import ArraySource, Network

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

folder, mapped, prefetch = sys.argv[1], sys.argv[2] == "mapped", int(sys.argv[3])
network = Network([32, 16, 2], "relu", "identity")
few = np.zeros((64, 32), np.float32), np.zeros((64, 2), np.float32)
network.fit(*few, validation_data=few)
X, T = f"{folder}/X.npy", f"{folder}/T.npy"
if mapped:
    X, T = np.load(X, mmap_mode="r"), np.load(T, mmap_mode="r")
source = ArraySource(X, T, memory=16 << 20, prefetch=prefetch)
before = peak()
network.fit(source, epochs=2, batch_size=256, validation_data=source)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's peak of resident pages")
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="takes too long as plain Python")
@pytest.mark.full
@pytest.mark.parametrize("how", ["path", "mapped"])
@pytest.mark.parametrize("prefetch", "015")
def test_memory_of_a_fit_is_bounded(tmp_path, how, prefetch):
    """By the memory of its source, 16 MiB, twice, as rows to validate on are a source of their own."""
    rows = 2**30 // 128
    for name, columns in (("X", 32), ("T", 2)):
        array = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float32, (rows, columns))
        array[:] = 0.5
        del array
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path), how, prefetch], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 2 * 16
