"""What the choice of the number of threads costs: the ways, the sum over made-up calls, and the report."""

import numpy as np
import pytest
from tileprop.bench import threads
from tileprop.bench.problems import Problem
from tileprop.bench.threads import CHOSEN, ONE, TWO, Call, Measured, cost, measured, ways_of
from tileprop.bench.turns import alone, in_lockstep
from tileprop.trainer.fit import beginning
from tileprop.trainer.fit.choice import ThreadChoice

TINY = Problem("tiny", (3, 5, 2), 16, 64)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.setattr(threads, "choose_cpus", lambda count: [])
    monkeypatch.setattr(threads, "pin", lambda cpus: None)


def test_all_ways_end_at_the_same_bits():
    task = threads.task_of(TINY, "float32")
    ways = ways_of(task, {})
    assert set(in_lockstep(ways, 30)) == {ONE, TWO, CHOSEN}
    assert not np.array_equal(ways[CHOSEN](3, alone), task.theta)


def test_the_calls_of_each_way_are_kept(monkeypatch):
    monkeypatch.setattr(beginning, "ThreadChoice", threads.Recorded)
    found = measured(threads.task_of(Problem("larger", (20, 60, 60, 3), 64, 640), "float32"), 2, 0.02, [ONE, TWO])
    assert min(found.seconds.values()) > 0.0
    assert min(found.cost.values()) > -1.0
    assert 0.0 <= found.by_two <= 1.0
    assert beginning.ThreadChoice is not ThreadChoice


def test_rows_count_as_they_take_in_the_other_ways():
    """Two threads need half of the time; a tenth of the rows were trained by one. The machine was slow just then."""
    calls = {
        ONE: [Call(1, False, 1000, 10.0)],
        TWO: [Call(2, False, 1000, 5.0)],
        CHOSEN: [Call(1, False, 100, 7.0), Call(2, False, 900, 31.5)],
    }
    assert cost(calls, TWO) == pytest.approx(0.1)
    assert cost(calls, ONE) == pytest.approx(-0.45)


def test_trials_count_as_they_took():
    """Measured by the other calls of the same fit, which here take twice as long as those of the other way."""
    calls = {ONE: [Call(1, False, 1000, 10.0)], CHOSEN: [Call(1, False, 1000, 20.0), Call(2, True, 10, 1.2)]}
    assert cost(calls, ONE) == pytest.approx((10.0 + 0.6) / 10.1 - 1.0)


@pytest.mark.parametrize(("chosen", "status"), [(0.02, 0), (0.2, 1)])
def test_the_report_and_the_status(monkeypatch, capsys, chosen, status):
    monkeypatch.setattr(threads, "SMALL", (TINY,))
    found = Measured({ONE: 2.0, TWO: 1.0}, {ONE: -0.4, TWO: chosen}, 0.9)
    monkeypatch.setattr(threads, "measured", lambda *arguments: found)
    assert threads.run_threads(1, 2, 1.0, beside=False) == status
    printed = capsys.readouterr().out
    assert "drawn-1" in printed
    assert f"At worst, by the median of 2 rounds: over one +0.0%, over the better {100 * chosen:+.1f}%" in printed


def test_another_process_is_at_work_and_ends():
    with threads.busy([0]):
        pass
    with threads.busy([]):
        pass
