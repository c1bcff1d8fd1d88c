"""What the choice of the number of threads costs: the ways, and the report of made-up times."""

import numpy as np
import pytest
from tileprop.bench import threads
from tileprop.bench.problems import Problem
from tileprop.bench.threads import ways_of
from tileprop.bench.turns import alone, in_lockstep

TINY = Problem("tiny", (3, 5, 2), 16, 64)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.setattr(threads, "choose_cpus", lambda count: [])
    monkeypatch.setattr(threads, "pin", lambda cpus: None)


def test_all_ways_end_at_the_same_bits():
    task = threads.task_of(TINY, "float32")
    seconds = in_lockstep(ways_of(task), 30)
    assert set(seconds) == {"one", "two", "n_threads=2", "fit"}
    assert not np.array_equal(ways_of(task)["fit"](3, alone), task.theta)


@pytest.mark.parametrize(("chosen", "status"), [(1.02, 0), (1.2, 1)])
def test_the_report_and_the_status(monkeypatch, capsys, chosen, status):
    monkeypatch.setattr(threads, "SMALL", (TINY,))
    monkeypatch.setattr(threads, "epochs_for", lambda way, seconds: 4)
    times = {"one": [1.0, 1.1], "two": [2.0, 2.0], "n_threads=2": [1.01, 1.111], "fit": [chosen, 1.1 * chosen]}
    monkeypatch.setattr(threads, "by_rounds", lambda *arguments: times)
    assert threads.run_threads(1, 2, 1.0, beside=False) == status
    printed = capsys.readouterr().out
    assert "drawn-1" in printed
    assert f"At worst, by the median of 2 rounds: n_threads=2 +1.0%, fit {100 * chosen - 100:+.1f}%" in printed


def test_another_process_is_at_work_and_ends():
    with threads.busy([0]):
        pass
    with threads.busy([]):
        pass
