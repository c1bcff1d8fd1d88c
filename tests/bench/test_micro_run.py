"""The micro benchmarks' run and table."""

import json

import pytest
from tileprop.bench import micro_run
from tileprop.bench.micro_run import micro_table, run_micro
from tileprop.trainer.errors import MissingExtraError


def benchmark(group, name, ns):
    stats = {"min": 2e-6, "median": 3e-6, "rounds": 10, "iterations": 5}
    return {"group": group, "name": name, "stats": stats, "extra_info": {"ns_per_element": ns}}


def test_table():
    record = {"benchmarks": [benchmark("b", "test_forward[float32]", 0.5), benchmark("a", "test_mse", 12.0)]}
    header, rows = micro_table(record)
    assert header == ["group", "benchmark", "fastest", "median", "calls", "ns per element"]
    assert rows == [
        ["a", "mse", "2.00 us", "3.00 us", "50", "12.0000"],
        ["b", "forward[float32]", "2.00 us", "3.00 us", "50", "0.5000"],
    ]


def test_needs_pytest_benchmark(monkeypatch):
    monkeypatch.setattr(micro_run, "available", lambda module: module != "pytest_benchmark")
    with pytest.raises(MissingExtraError, match=r"pytest-benchmark.*tileprop\[test\]"):
        run_micro()


def test_run(monkeypatch, tmp_path, capsys):
    """pytest is told what to do, and its record is shown."""

    def main(arguments):
        assert arguments[0].endswith("micro.py")
        assert "--benchmark-enable" in arguments
        assert arguments[-2:] == ["-k", "sigmoid"]
        path = next(argument for argument in arguments if argument.startswith("--benchmark-json=")).partition("=")[2]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"benchmarks": [benchmark("a", "test_sigmoid", 0.25)]}, file)
        return 1

    monkeypatch.setattr(pytest, "main", main)
    assert run_micro("sigmoid", tmp_path / "out") == 1
    assert (tmp_path / "out" / "micro.json").exists()
    assert "0.2500" in capsys.readouterr().out
