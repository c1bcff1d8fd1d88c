"""The exhaustive check of activations, on samples."""

import math

import numpy as np
import pytest
from tileprop.bench import exact
from tileprop.bench.exact import CHUNK, CHUNKS, Finding, every_input, examine, run_exact, sampled_inputs, together


def test_every_input_is_there():
    assert CHUNK * CHUNKS == 1 << 32
    bits = every_input(3).view(np.uint32)
    assert (bits[0], bits[-1], len(bits)) == (3 * CHUNK, 4 * CHUNK - 1, CHUNK)
    # The last 2^23 bit patterns of each sign are infinity and NaN.
    assert len(every_input(CHUNKS - 1)) == len(every_input(CHUNKS // 2 - 1)) == 0
    assert np.isfinite(sampled_inputs(0)).all()
    assert not np.array_equal(sampled_inputs(0)[:9], sampled_inputs(1)[:9])


def test_run(capsys):
    assert run_exact(1) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["sigmoid", "tanh", "exp"]


def with_kernel(monkeypatch, kernel):
    monkeypatch.setitem(exact.FUNCTIONS, "tanh", (kernel, *exact.FUNCTIONS["tanh"][1:]))


def test_an_error_is_measured_in_units_in_the_last_place(monkeypatch):
    def wrong(x):
        y = np.tanh(x.astype(np.float64)).astype(np.float32)
        return np.where(x == np.float32(0.3), y + 3 * np.spacing(y), y)

    with_kernel(monkeypatch, wrong)
    finding = examine("tanh", [np.array([0.1, 0.3, 0.9], np.float32)])
    assert finding.at == np.float32(0.3)
    assert 2.5 <= finding.error <= 3.5
    assert not finding.good


def test_what_is_not_good_is_status_1(monkeypatch):
    with_kernel(monkeypatch, np.arctan)
    assert run_exact(1) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.001])
def test_what_is_no_value_is_found(monkeypatch, value):
    with_kernel(monkeypatch, lambda x: np.where(x == 2, np.float32(value), np.tanh(x)))
    finding = examine("tanh", [np.array([0.5, 2.0], np.float32)])
    assert (finding.outside, finding.one_outside, finding.good) == (1, 2.0, False)
    assert "1 values are NaN or out of range, at 2.0" in str(finding)


def test_subnormal_values_are_not_measured():
    assert examine("exp", [np.array([-90.0, 100.0], np.float32)]).error == 0


def test_together():
    parts = [Finding("exp", 5, 0.5, 1.0), Finding("exp", 6, 0.75, 2.0), Finding("exp", 7, 0.0, math.nan, 1, 3.0)]
    assert together(parts) == Finding("exp", 18, 0.75, 2.0, 1, 3.0)
