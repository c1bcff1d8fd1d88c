"""How many threads train; that their number changes no bit, and that calls from several threads and forks are safe."""

import concurrent.futures
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from numba.core import config
from tileprop.kernels import make_plan
from tileprop.kernels.compiler.processor import SIMD
from tileprop.trainer import SGD, Adam, InputError, Network
from tileprop.trainer.threads import number
from tileprop.trainer.threads.number import available_processors, choose_threads, step_seconds

jitted = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about threads that run at once")
BIG, SMALL = make_plan([784, 1024, 10]), make_plan([8, 32, 1])


@pytest.fixture(autouse=True)
def no_request(monkeypatch):
    monkeypatch.delenv("TILEPROP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def trained(n_threads, sizes, batch_size, optimizer, rows=300, dtype="float32", **fit):
    rng = np.random.default_rng(5)
    X, T = rng.normal(size=(rows, sizes[0])), rng.uniform(size=(rows, sizes[-1]))
    network = Network(sizes, "tanh", dtype=dtype, random_state=1)
    history = network.fit(X, T, epochs=2, batch_size=batch_size, optimizer=optimizer, n_threads=n_threads, **fit)
    return network.theta.tobytes(), history.loss


# How many ------------------------------------------------------------------------------------------------------------------


@pytest.mark.plain
def test_never_more_threads_than_processors(monkeypatch):
    for processors in (1, 2, 3, 64):
        monkeypatch.setattr(number, "available_processors", lambda count=processors: count)
        share, part = (int(step_seconds(BIG, 256, 4) / least) for least in (number.LEAST_SHARE, number.LEAST_PART))
        assert choose_threads(None, BIG, 256, 10_000, 4) == (min(processors, share), min(processors, part))
        assert choose_threads(None, SMALL, 8, 10_000, 4) == (1, 1)
        assert choose_threads(None, BIG, 1, 1, 4)[0] in (1, processors)


@pytest.fixture
def many_processors(monkeypatch):
    """As many as a test asks for, whatever this machine has."""
    monkeypatch.setattr(number, "available_processors", lambda: 64)


@pytest.mark.plain
def test_a_request_is_an_upper_bound(monkeypatch):
    monkeypatch.setattr(number, "available_processors", lambda: 2)
    assert choose_threads(3000, BIG, 256, 10_000, 4) == (2, 2)
    assert choose_threads(1, BIG, 256, 10_000, 4) == (1, 1)


@pytest.mark.plain
def test_a_request_is_what_may_be_tried(monkeypatch, many_processors):
    assert choose_threads(8, BIG, 256, 256, 4)[1] == 8
    monkeypatch.setenv("TILEPROP_NUM_THREADS", "3")
    assert choose_threads(None, BIG, 256, 256, 4)[1] == 3
    assert choose_threads(2, BIG, 256, 256, 4)[1] == 2


@pytest.mark.plain
def test_no_more_threads_are_tried_than_can_gain(many_processors):
    for requested in (None, 8):
        assert choose_threads(requested, SMALL, 1, 10_000, 4) == (1, 1)


@pytest.mark.plain
@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5"])
def test_a_wrong_variable_is_named(monkeypatch, wrong):
    monkeypatch.setenv("TILEPROP_NUM_THREADS", wrong)
    with pytest.raises(InputError, match="TILEPROP_NUM_THREADS"):
        choose_threads(None, SMALL, 1, 1, 4)


@pytest.mark.plain
@pytest.mark.parametrize("wrong", [0, -2])
def test_a_wrong_argument_is_named(wrong):
    with pytest.raises(ValueError, match="n_threads"):
        trained(wrong, [3, 4, 1], 8, SGD())
    with pytest.raises(TypeError, match="n_threads"):
        trained(1.5, [3, 4, 1], 8, SGD())


@pytest.mark.plain
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_affinity_and_omp_num_threads_are_respected(monkeypatch):
    monkeypatch.setattr(number, "_quota", lambda root, membership: 1 << 20)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    assert available_processors() == 6
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    assert available_processors() == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    assert available_processors() == 6


@pytest.mark.plain
@pytest.mark.parametrize(
    ("files", "processors"),
    [
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 1 << 20),
        ({"job/cpu.max": "400000 100000\n"}, 4),
        ({"cpu/job/cpu.cfs_quota_us": "300000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 1 << 20),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({}, 1 << 20),
    ],
)
def test_a_containers_quota_is_respected(tmp_path: Path, files, processors):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    membership = tmp_path / "membership"
    membership.write_text("0::/job\n")
    assert number._quota(tmp_path, membership) == processors


# What they do --------------------------------------------------------------------------------------------------------------


@jitted
@pytest.mark.parametrize("optimizer", [SGD(0.2), SGD(0.1, momentum=0.9), Adam()])
@pytest.mark.parametrize(
    ("sizes", "batch_size", "rows"), [([7, 33, 5], 100, 300), ([20, 70, 3], 300, 300), ([4, 9, 2], 6000, 6000)]
)
def test_same_bits_for_every_number_of_threads(many_processors, sizes, batch_size, rows, optimizer):
    expected = trained(1, sizes, batch_size, optimizer, rows)
    for n_threads in (2, 3, 8):
        assert trained(n_threads, sizes, batch_size, optimizer, rows) == expected


@jitted
def test_same_bits_with_weights_and_without_shuffling(many_processors):
    weight = np.random.default_rng(2).uniform(0.5, 2, 300)
    arguments = {"sizes": [7, 33, 5], "batch_size": 64, "optimizer": SGD(0.2), "dtype": "float64"}
    for fit in ({"sample_weight": weight}, {"shuffle": False}, {"shuffle": False, "sample_weight": weight}):
        assert trained(4, **arguments, **fit) == trained(1, **arguments, **fit)


@jitted
def test_several_python_threads_at_once():
    expected = trained(2, [7, 33, 5], 100, SGD(0.2))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: trained(2, [7, 33, 5], 100, SGD(0.2)), range(8)))
    assert results == [expected] * 8


@jitted
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_trains():
    expected = trained(2, [7, 33, 5], 100, SGD(0.2))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, trained(2, [7, 33, 5], 100, SGD(0.2))[0])
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        received = stream.read()
    assert os.waitpid(child, 0)[1] == 0
    assert received == expected[0]


@pytest.mark.plain
def test_wider_vectors_count_as_faster():
    assert step_seconds(BIG, 10, 8) == pytest.approx(2 * step_seconds(BIG, 10, 4))
    assert SIMD.vector_bytes in (16, 32, 64)
