"""Ways that take turns."""

import numpy as np
import pytest
from tileprop.bench.turns import epochs_for, slower, take_turns


def test_each_way_has_its_turn_and_each_begins():
    calls = []

    def way(name):
        return lambda epochs: calls.append((name, epochs)) or np.zeros(3)

    seconds = take_turns({name: way(name) for name in "abc"}, 7, 3)
    assert "".join(name for name, _ in calls) == "abc" + "abcbcacab"
    assert {epochs for _, epochs in calls} == {7}
    assert {name: len(turns) for name, turns in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_ways_to_other_ends_are_not_timed():
    with pytest.raises(ArithmeticError, match="a, b do not all end at the same bits"):
        take_turns({"a": lambda epochs: np.zeros(2), "b": lambda epochs: -np.zeros(2)}, 1, 1)


def test_how_much_slower():
    seconds = {"a": [1.0, 2.0, 4.0], "b": [2.0, 2.0, 5.0], "c": [1.5, 1.0, 4.4]}
    assert slower(seconds, "c", ["a", "b"]) == pytest.approx((0.0, 0.1))
    assert slower(seconds, "b", ["a"]) == pytest.approx((1.0, 0.25))


def test_as_many_epochs_as_fill_a_turn(monkeypatch):
    """However long it takes to compile."""
    clock = [0.0]
    monkeypatch.setattr("tileprop.bench.turns.time.perf_counter", lambda: clock[0])

    def way(epochs):
        clock[0] += 0.002 + 0.01 * epochs + (0.0 if clock[0] else 8.0)
        return np.zeros(1)

    assert 80 <= epochs_for(way, 1.0) <= 100
    assert epochs_for(way, 1e-3) == 1
