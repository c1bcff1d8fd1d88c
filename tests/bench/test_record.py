"""The race as JSON."""

import json
import math

from tileprop.bench.problems import PROBLEMS
from tileprop.bench.race import QUICK, Outcome, Result
from tileprop.bench.record import race_record, versions
from tileprop.bench.sides import OURS, PEERS, Side

RESULTS = [
    Result(PROBLEMS["mid"], "float64", 2, PEERS["sklearn"], difference=1e-14, first_seconds=0.5, seconds=[0.4, 0.2]),
    Result(PROBLEMS["mid"], "float64", 2, OURS, difference=0.0, first_seconds=0.5, seconds=[0.1, 0.1]),
    Result(PROBLEMS["mid"], "float64", 2, PEERS["jax"], difference=math.inf, error="JAX: other weights"),
]
DRAWN = [
    Result(PROBLEMS["chains"], "float32", 1, OURS, seconds=[0.5]),
    Result(PROBLEMS["chains"], "float32", 1, PEERS["sklearn"], cannot="no such thing"),
]


def test_record_survives_json():
    ours = RESULTS[1].gflops
    outcome = Outcome(RESULTS, DRAWN, [PEERS["torch"]], QUICK, {("float64", 2): 4 * ours})
    record = json.loads(json.dumps(race_record(outcome), allow_nan=False))
    assert record["format"] == "tileprop-race-2"
    assert (record["rounds"], record["missing"]) == (QUICK.rounds, ["torch"])
    assert record["multiply_add_gflops"] == [{"dtype": "float64", "threads": 2, "gflops": 4 * ours}]
    assert {"tileprop", "Python", "Numba"} <= set(record["versions"])
    assert record["machine"]["cpus"] >= 1
    ours, sklearn, jax = record["results"]
    assert (ours["side"], ours["threads"], ours["time_over_ours"]) == ("tileprop", 2, 1.0)
    assert (ours["optimizer"], ours["loss"], ours["share_of_multiply_add_rate"]) == ("sgd", "mse", 0.25)
    assert (sklearn["side"], sklearn["epoch_seconds"], sklearn["time_over_ours"]) == ("sklearn", [0.4, 0.2], 2.0)
    assert (ours["convention"], sklearn["convention"]) == ({}, {"output_activation": "identity"})
    assert sklearn["step_seconds_fastest"] == 0.2 / PROBLEMS["mid"].steps_per_epoch
    assert (jax["error"], jax["difference"], jax["gflops"]) == ("JAX: other weights", None, None)
    assert [(entry["problem"], entry["cannot"]) for entry in record["drawn"]] == [("chains", None), ("chains", "no such thing")]
    assert "seed" in record["drawn_from"]


def test_versions_leave_out_what_is_missing():
    assert "X" not in versions([Side("x", "X", "X", "x", "no-such-distribution")])
