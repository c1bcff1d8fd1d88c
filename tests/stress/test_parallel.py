"""Forks, process pools and thread pools: the results of serial runs, and nothing that hangs.

Threads at once: `tests/trainer/test_concurrency.py`. Each test runs in processes of its own, with a limit of time.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from numba.core import config

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the system forks no processes"),
]

BEGIN = """
import hashlib, os, signal, sys, threading, time, warnings
import numpy as np
from tileprop.trainer import Adam, MLPRegressor, Network

X = np.random.default_rng(0).normal(size=(400, 5))
T = X[:, :2].copy()

def fit(seed=0, epochs=5, **more):
    net = Network([5, 16, 2], "tanh", "identity", random_state=seed)
    net.fit(X, T, **{"epochs": epochs, "batch_size": 10, "optimizer": Adam(), "progress": False, **more})
    return hashlib.sha256(net.theta.tobytes() + net.predict(X).tobytes()).hexdigest()

def in_child(function, seconds=120):
    # What a forked child returns; killed where it hangs.
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(seconds)
        try:
            os.write(write, str(function()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        answer = file.read().decode()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == 0, f"the child ended with {status}"
    return answer
"""


def run(code: str, cache: object = None, seconds: float = 600.0) -> str:
    environment = dict(os.environ) | ({"TILEPROP_CACHE": str(cache)} if cache else {})
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", BEGIN + code],
        capture_output=True, text=True, timeout=seconds, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


# Forks ------------------------------------------------------------------------------------------------------------------------

AFTER_AND_DURING = """
expected = [fit(), fit(n_threads=2)]
assert in_child(fit) == expected[0] and in_child(lambda: fit(n_threads=2)) == expected[1]
for threads in (1, 2):
    # Another thread trains, for longer than this takes.
    stop = threading.Event()
    other = threading.Thread(target=lambda: fit(
        seed=1, epochs=10**6, n_threads=threads, batch_size=400, callbacks=[lambda running: stop.is_set()]))
    other.start()
    for k in range(CHILDREN):
        time.sleep(0.003)
        assert in_child(lambda: fit(n_threads=1 + k % 2)) == expected[0], k
    stop.set()
    other.join()
    assert fit() == expected[0]
"""


@pytest.mark.parametrize("children", [2, pytest.param(100, marks=pytest.mark.full)])
def test_forks_after_and_during_fits(children):
    run(AFTER_AND_DURING.replace("CHILDREN", str(children)))


@pytest.mark.full
def test_a_callback_that_forks():
    run("""
answers = []
expected = fit()
fit(callbacks=[lambda running: answers.append(in_child(fit)) and None], n_threads=2)
assert answers == [expected] * 5
""")


@pytest.mark.full
@pytest.mark.parametrize("delay", [0.05, 0.5, 1.0, 2.0, 4.0, 8.0])
def test_a_fork_while_another_thread_compiles(tmp_path, delay):
    run(
        f"""
other = threading.Thread(target=fit)
other.start()
time.sleep({delay})
answer = in_child(fit, 300)
other.join()
assert answer == fit()
""",
        tmp_path,
    )


@pytest.mark.full
def test_a_child_that_is_forked_while_the_main_thread_trains_answers_ctrl_c():
    run("""
fit()
status = []

def fork():
    time.sleep(0.3)
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            time.sleep(30)
        except KeyboardInterrupt:
            os._exit(7)
        os._exit(8)
    status.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

thread = threading.Thread(target=fork)
thread.start()
fit(epochs=10**6, n_threads=2, callbacks=[lambda running: bool(status)])
thread.join()
assert status == [7], status
""")


# Pools ------------------------------------------------------------------------------------------------------------------------

SEARCH = """
from joblib import parallel_backend
from sklearn.model_selection import GridSearchCV
warnings.simplefilter("ignore")

def search(n_jobs, **more):
    estimator = MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0, **more)
    found = GridSearchCV(estimator, {"alpha": [1e-4, 1e-2]}, cv=2, n_jobs=n_jobs).fit(X, T)
    return found.cv_results_["mean_test_score"].tolist(), [W.tobytes() for W in found.best_estimator_.coefs_]

if __name__ == "__main__":
    for more in ({}, {"n_threads": 2}):
        with parallel_backend(BACKEND):
            together = search(2, **more)
        assert together == search(None, **more) == search(None)
"""


@pytest.mark.full
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_grid_search_on_a_cold_cache(tmp_path, backend):
    run(SEARCH.replace("BACKEND", repr(backend)), tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_process_pools_after_a_fit(tmp_path, method):
    program = tmp_path / "program.py"
    program.write_text(
        BEGIN
        + f"""
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
if __name__ == "__main__":
    expected = [fit(seed, n_threads=2) for seed in range(4)]
    with ProcessPoolExecutor(2, mp_context=get_context({method!r})) as pool:
        assert list(pool.map(fit, range(4))) == expected
"""
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.full
def test_six_processes_that_start_on_one_empty_cache(tmp_path):
    command = [sys.executable, "-c", BEGIN + "print(fit())"]
    environment = {**os.environ, "TILEPROP_CACHE": str(tmp_path)}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) for _ in range(6)
    ]
    outputs = [process.communicate(timeout=900) for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, outputs
    assert len({output for output, _ in outputs}) == 1
    assert run("print(fit())", tmp_path) == outputs[0][0]
