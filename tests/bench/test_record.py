"""The race as JSON."""

import json
import math

from tileprop.bench.problems import PROBLEMS
from tileprop.bench.race import QUICK, Result
from tileprop.bench.record import race_record, versions
from tileprop.bench.sides import OURS, PEERS, Side

RESULTS = [
    Result(PROBLEMS["mid"], "float64", PEERS["numpy"], 2, difference=1e-14, first_seconds=0.5, seconds=[0.4, 0.2]),
    Result(PROBLEMS["mid"], "float64", OURS, 1, difference=0.0, first_seconds=0.5, seconds=[0.1, 0.1]),
    Result(PROBLEMS["mid"], "float64", PEERS["jax"], 2, difference=math.inf, error="JAX: other weights"),
]


def test_record_survives_json():
    record = json.loads(json.dumps(race_record(RESULTS, [PEERS["torch"]], 2, QUICK), allow_nan=False))
    assert record["format"] == "tileprop-race-1"
    assert (record["threads"], record["rounds"], record["missing"]) == (2, QUICK.rounds, ["torch"])
    assert {"tileprop", "NumPy", "Python", "Numba"} <= set(record["versions"])
    assert record["machine"]["cpus"] >= 1
    ours, numpy, jax = record["results"]
    assert (ours["side"], ours["threads"], ours["time_over_ours"]) == ("tileprop", 1, 1.0)
    assert (numpy["side"], numpy["epoch_seconds"], numpy["time_over_ours"]) == ("numpy", [0.4, 0.2], 2.0)
    assert numpy["step_seconds_fastest"] == 0.2 / PROBLEMS["mid"].steps_per_epoch
    assert (jax["error"], jax["difference"], jax["gflops"]) == ("JAX: other weights", None, None)


def test_versions_leave_out_what_is_missing():
    assert "X" not in versions([Side("x", "X", "X", "x", "no-such-distribution")])
