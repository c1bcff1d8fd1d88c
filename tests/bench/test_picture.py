"""The race's picture."""

import pytest
from tileprop.bench.picture import draw_race
from tileprop.bench.problems import PROBLEMS
from tileprop.bench.race import Result
from tileprop.bench.sides import OURS, PEERS

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("dtypes", [["float32"], ["float32", "float64"]])
def test_draw(tmp_path, dtypes):
    results = [
        Result(PROBLEMS[name], dtype, side, 1, seconds=seconds)
        for name in ("small", "tiny")
        for dtype in dtypes
        for side, seconds in ((OURS, [1e-3]), (PEERS["jax"], []))
    ]
    draw_race(results, tmp_path / "race.png")
    assert (tmp_path / "race.png").read_bytes().startswith(b"\x89PNG")
