"""The race: sides that compute something else are refused, the others timed in turns."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tileprop.bench import race as race_module
from tileprop.bench.conventions import CannotError
from tileprop.bench.problems import Event, Problem, events
from tileprop.bench.process import SideError
from tileprop.bench.race import Outcome, Pace, Result, difference, race
from tileprop.bench.sides import OURS, PEERS, Side

PROBLEMS = [Problem("one", (3, 4, 2), 5, 20), Problem("two", (2, 3, 1), 1, 6)]
PACE = Pace(rounds=3, round_seconds=0.002)
SIZES = [2, 3, 1]
ODD_SIDES = {
    "hasty": "def step(self, X, T): super().step(X, T + 0.001)",
    "lazy": "def train(self, epochs): pass",
    "single": "def theta(self): return super().theta().astype('float32')",
    "failing": "def train(self, epochs): raise ArithmeticError('no good')",
    "dying": "def train(self, epochs): __import__('os')._exit(5)",
}


def odd_side(name):
    return Side(name, name, name, f"{name}_side", "numpy")


def refusing(problem):
    raise CannotError("no such thing")


@pytest.fixture
def odd_sides(tmp_path, monkeypatch):
    """Sides that differ from NumPy's by one method, and one that cannot be imported."""
    for name, method in ODD_SIDES.items():
        source = f"from tileprop.bench.side_numpy import NumpyTrainer\nclass Odd(NumpyTrainer):\n    {method}\nbuild = Odd\n"
        (tmp_path / f"{name}_side.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return [odd_side(name) for name in (*ODD_SIDES, "absent")]


def test_race(odd_sides):
    said = []
    unable = replace(odd_sides[0], name="unable", convention=refusing)
    peers = [odd_sides[0], PEERS["numpy"], unable, *odd_sides[1:]]
    results = race(events(PROBLEMS, ["float64"], [1]), {1: []}, peers, PACE, said.append)
    assert [result.side for result in results] == [OURS, *peers] * 2
    assert [result.problem for result in results] == [problem for problem in PROBLEMS for _ in range(len(peers) + 1)]
    for result in results:
        if result.side in (OURS, PEERS["numpy"]):
            assert not result.error
            assert result.difference < 1e-12
            assert len(result.seconds) == PACE.rounds
            assert 0 < result.fastest <= result.median
            assert result.epochs_per_round >= 1
            assert result.gflops > 0
        else:
            assert result.cannot == ("no such thing" if result.side == unable else "")
            assert bool(result.error) != bool(result.cannot)
            assert result.seconds == []
            assert math.isnan(result.fastest)
    for name, message in {
        "hasty": r"other weights than ours \(difference",
        "lazy": "other weights",
        "single": "other weights than ours .difference inf",
        "failing": "ArithmeticError: no good",
        "dying": "ended",
        "absent": "No module named 'absent_side'",
    }.items():
        for result in results:
            if result.side.name == name:
                with pytest.raises(SideError, match=message):
                    raise SideError(result.error)
    assert said[0] == "one 3-4-2, batch 5, float64, 1 thread: checking"
    assert len(said) == 4


def test_results_come_in_the_order_of_the_events(monkeypatch):
    """Though sides are started once for each dtype and number of threads."""
    started, order = [], []

    class Process(Turns):
        def __init__(self, side, threads, cpus, folder):
            super().__init__(side, [])
            started.append((side.name, threads, cpus))

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def send(self, action, **request):
            pass

        def receive(self):
            return {}

        def rest(self):
            pass

    monkeypatch.setattr(race_module, "SideProcess", Process)
    monkeypatch.setattr(race_module.Heat, "check", lambda heat: order.append((heat.threads, heat.dtype)))
    monkeypatch.setattr(race_module.Heat, "time", lambda heat, pace: None)
    asked = [*events(PROBLEMS[:1], ["float32"], [1, 2]), Event(PROBLEMS[1], "float64", 2), Event(PROBLEMS[1], "float32", 1)]
    results = race(asked, {1: [0], 2: [0, 1]}, [PEERS["numpy"]], PACE)
    assert [result.event for result in results[::2]] == asked
    assert order == [(1, "float32"), (1, "float32"), (2, "float32"), (2, "float64")]
    assert started[::2] == [(OURS.name, 1, [0]), (OURS.name, 2, [0, 1]), (OURS.name, 2, [0, 1])]


def test_our_own_failure_ends_the_race(odd_sides, monkeypatch):
    ours = odd_side("failing")
    monkeypatch.setattr(race_module, "OURS", ours)
    with pytest.raises(SideError, match="failing: ArithmeticError: no good"):
        race(events(PROBLEMS, ["float32"], [1]), {1: []}, [PEERS["numpy"]], PACE)


class Turns:
    """A side's process that notes its turns."""

    def __init__(self, side, turns, fails_at=None):
        self.side, self.turns, self.fails_at = side, turns, fails_at

    def ask(self, action, **request):
        self.turns.append(self.side.name)
        if self.turns.count(self.side.name) == self.fails_at:
            raise SideError(f"{self.side.label}: gone")
        return {"seconds": 0.5 * request["epochs"]}


def timed_heat(tmp_path, fails_at=None, fails="b", threads=1):
    turns = []
    sides = [OURS, odd_side("a"), odd_side("b")]
    processes = [Turns(side, turns, fails_at if side.name == fails else None) for side in sides]
    heat = race_module.Heat(Event(PROBLEMS[0], "float64", threads), tmp_path, processes, {})
    for result in heat.results.values():
        result.warm_seconds = 0.5
    heat.time(Pace(rounds=3, round_seconds=1.2))
    return turns, list(heat.results.values())


def test_turns_alternate_and_each_round_begins_with_another_side(tmp_path):
    turns, results = timed_heat(tmp_path)
    assert turns == [OURS.name, "a", "b", "a", "b", OURS.name, "b", OURS.name, "a"]
    assert [result.epochs_per_round for result in results] == [3, 3, 3]
    assert all(result.seconds == [0.5] * 3 for result in results)


def test_a_peer_that_fails_while_timed_is_left_out(tmp_path):
    turns, (ours, a, b) = timed_heat(tmp_path, fails_at=2)
    assert turns == [OURS.name, "a", "b", "a", "b", OURS.name, OURS.name, "a"]
    assert len(ours.seconds) == len(a.seconds) == 3
    assert (b.seconds, b.error) == ([], "b: gone")


def test_our_failure_while_timed_ends_the_race(tmp_path):
    with pytest.raises(SideError, match="gone"):
        timed_heat(tmp_path, fails_at=1, fails=OURS.name)


def test_difference():
    start = np.arange(13.0)
    right = start + 1e-3
    assert difference(right, right, start, SIZES) == 0
    assert difference(start, right, start, SIZES) == pytest.approx(1)
    # The worst array counts: here the last layer's bias, alone in its array.
    moved = right.copy()
    moved[-1] += 1e-5
    assert difference(moved, right, start, SIZES) == pytest.approx(1e-2)


@pytest.mark.parametrize("theta", [np.zeros(12), np.zeros(13, np.float32), np.full(13, np.nan), np.full(13, np.inf)], ids=str)
def test_difference_is_infinite(theta):
    assert difference(theta, np.ones(13), np.zeros(13), SIZES) == math.inf


def test_difference_where_nothing_moved():
    assert difference(np.zeros(13), np.zeros(13), np.zeros(13), SIZES) == math.inf


def test_what_the_reference_leaves_must_not_move():
    start, right = np.zeros(13), np.zeros(13)
    right[-1] = 1.0
    assert difference(right, right, start, SIZES) == 0
    moved = right.copy()
    moved[0] = 1e-9
    assert difference(moved, right, start, SIZES) == math.inf


def test_result():
    result = Result(PROBLEMS[0], "float32", 1, OURS, seconds=[3e-6, 2e-6, 9e-6])
    assert (result.fastest, result.median) == (2e-6, 3e-6)
    assert result.gflops == pytest.approx(4 * 480 / 2e-6 / 1e9)
    assert result.event == Event(PROBLEMS[0], "float32", 1)


def test_share_of_the_processors_rate():
    slow = Result(PROBLEMS[0], "float32", 1, OURS, seconds=[4e-6])
    fast = Result(PROBLEMS[0], "float32", 1, PEERS["jax"], seconds=[1e-6])
    other = Result(PROBLEMS[0], "float32", 2, OURS, seconds=[1e-6])
    measured = {("float32", 1): 2 * slow.gflops}
    assert Outcome([slow], [], [], PACE, measured).share(slow) == pytest.approx(0.5)
    assert Outcome([slow], [fast], [], PACE, measured).share(slow) == pytest.approx(0.25)
    assert math.isnan(Outcome([other], [], [], PACE, measured).share(other))
