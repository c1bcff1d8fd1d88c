"""The pictures of the race and of crossovers."""

import math

import pytest
from tileprop.bench.picture import draw_crossover, draw_race
from tileprop.bench.problems import PROBLEMS
from tileprop.bench.race import Result
from tileprop.bench.sides import OURS, PEERS

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("dtypes", [["float32"], ["float32", "float64"]])
def test_draw(tmp_path, dtypes):
    results = [
        Result(PROBLEMS[name], dtype, 1, side, seconds=seconds)
        for name in ("small", "tiny")
        for dtype in dtypes
        for side, seconds in ((OURS, [1e-3]), (PEERS["jax"], []))
    ]
    drawn = [Result(PROBLEMS["chains"], "float32", 2, OURS, seconds=[1e-3])]
    draw_race(results, drawn, tmp_path / "race.png")
    assert (tmp_path / "race.png").read_bytes().startswith(b"\x89PNG")


def test_draw_crossover(tmp_path):
    ratios = {(2, 1): 0.5, (4, 1): 2.0, (2, 8): math.nan, (4, 8): 40.0}
    draw_crossover(ratios, tmp_path / "crossover.png")
    assert (tmp_path / "crossover.png").read_bytes().startswith(b"\x89PNG")
