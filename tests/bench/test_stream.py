import numpy as np
import pytest
from tileprop.bench import stream, stream_run
from tileprop.bench.stream_data import ROW_BYTES, drawn_rows, rows_for, write_files

pytest.importorskip("pyarrow")
MEMORY = 8 * 2000 * (4 * 66 + 8)  # windows of some 2000 rows


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return [str(path) for path in write_files(tmp_path_factory.mktemp("rows"), 70_000)]


def test_files_hold_the_drawn_rows_and_are_written_once(tmp_path):
    import pyarrow.parquet as pq

    (path,) = write_files(tmp_path, 70_000)
    table, written = pq.read_table(path), path.stat().st_mtime_ns
    X, y = drawn_rows(1, 70_000 - (1 << 16))
    np.testing.assert_array_equal(table.column("x3").to_numpy()[1 << 16 :], X[:, 3])
    np.testing.assert_array_equal(table.column("y").to_numpy()[1 << 16 :], y)
    assert write_files(tmp_path, 70_000) == [path]
    assert path.stat().st_mtime_ns == written


def test_rows_by_their_memory():
    assert rows_for(8) * ROW_BYTES == pytest.approx(8 * 2**30, rel=1e-6)


def test_both_ways_end_at_the_same_bits(files):
    given = {"paths": files, "memory": MEMORY, "options": {}}
    streamed = stream_run.run({"way": "streamed", "prefetch": 1, "resume": False, **given})
    in_memory = stream_run.run({"way": "memory", **given})
    assert streamed["rows"] == in_memory["rows"] == 70_000
    assert streamed["sha256"] == in_memory["sha256"]
    assert streamed["seconds"] > 0
    assert streamed["waiting"] >= 0
    assert streamed["decoding"] > 0
    assert min(streamed["samples"]) > 0


def runs(sha256="a", seconds=1.0, peak=500.0):
    parts = {"reading": 0.1, "decoding": 0.2, "waiting": 0.1}
    return [{"sha256": sha256, "seconds": seconds, "samples": [peak / 2, peak, peak], **parts}]


@pytest.mark.parametrize(
    ("streamed", "status", "words"),
    [
        (runs(), 0, "1.00"),
        (runs(sha256="b"), 1, "not the same parameters"),
        (runs(seconds=1.2), 1, "1.20"),
        (runs(peak=2000.0), 1, "at most 2000"),
    ],
)
def test_what_is_shown(capsys, streamed, status, words):
    memory = [{"sha256": "a", "seconds": 1.0}]
    assert stream._shown({"streamed, 1 ahead": streamed, "in memory": memory, "killed and resumed": runs()}) == status
    assert words in capsys.readouterr().out


@pytest.mark.full
def test_the_whole_benchmark(capsys, tmp_path):
    assert stream.run_stream(1.0, tmp_path, 256, [0, 1, 4], 1, None) in (0, 1)  # 1 for time, on a busy machine
    assert "all end at the parameters" in capsys.readouterr().out
