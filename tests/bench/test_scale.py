import pytest

pytest.importorskip("distributed")
from distributed import Client, LocalCluster
from tileprop.bench import scale, scale_measure
from tileprop.bench.scale_measure import Measured, drawn_shards, measured_cluster, measured_round
from tileprop.bench.scale_model import Cluster, Round


def test_the_steps_of_a_shard_are_measured(monkeypatch):
    monkeypatch.setattr(scale_measure, "STEPS", 4)
    one = measured_round(drawn_shards(3, 256))
    assert len(one.pieces) == 3
    assert min(one.pieces) > 0
    n = scale_measure.new_network().plan.n_parameters
    assert one.down == 3 * 4 * n  # theta and two moments, float32
    assert one.up >= 3 * 8 * n  # their sums, float64


def test_a_cluster_is_measured(monkeypatch):
    monkeypatch.setattr(scale_measure, "MANY_TASKS", 20)
    monkeypatch.setattr(scale_measure, "TRIALS", 5)
    monkeypatch.setattr(scale_measure, "LONG_TASKS", 5)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", memory_limit=0) as local,
        Client(local) as client,
    ):
        cluster = measured_cluster(client)
    assert 0 < cluster.latency < 5
    assert 0 < cluster.overhead < 1
    assert 0 <= cluster.handling < 1
    assert cluster.bandwidth > 0


def test_what_is_shown(monkeypatch, capsys):
    # A task costs as much as a piece shared by 16 workers.
    measured = Measured(Cluster(0.0, 0.1 / 16, 0.0, 1e12), Round([0.1] * 64, 0, 0, 0.0), {1: 6.5, 2: 3.3})
    monkeypatch.setattr(scale, "measure", lambda shards, rows, rounds: measured)
    assert scale.run_scale(64, 1000, 2) == 0
    shown = capsys.readouterr().out
    assert "a round on 2 worker(s)" in shown
    assert "more than 16 workers do not pay" in shown
    assert "    128 " not in shown  # more than there are shards


@pytest.mark.full
def test_the_whole_benchmark(capsys):
    assert scale.run_scale(8, 2000, 1) == 0
    assert "more workers pay" in capsys.readouterr().out
