"""The race of many networks, on few small ones."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from numba.core import config
from tileprop.bench import many
from tileprop.bench.many import Answer, Result, run_many, verdict
from tileprop.bench.many_problems import MANY_PROBLEMS, ManyProblem, read_many

SMALL = ManyProblem("small", 3, ((4, 5, 1),), 8, 16, 2, ("single",), 2.0, n_held=8, activation="tanh")
STOPPING = replace(SMALL, sizes=((4, 5, 1), (4, 3, 1)), n_rows=40, n_held=0, epochs=6, patience=1, loss="squared_error")
STOPPING = replace(STOPPING, dtype="float64", peers=("sklearn", "single"), rates=(0.01, 0.1))


def answer(side, problem, folder):
    """What a side comes to, in this process."""
    problem.write(folder)
    module = pytest.importorskip(many.MANY_SIDES[side].module if side in many.MANY_SIDES else many.OURS.module)
    task = read_many(folder, threads=1, way=side, **problem.settings)
    trainer = module.build(task)
    for _ in range(2):  # each call begins anew
        trainer.train(problem.epochs)
    return trainer.theta()


@pytest.mark.parametrize("problem", [SMALL, STOPPING], ids=["all epochs", "stopping"])
def test_sides_come_to_the_same(problem, tmp_path):
    reference = answer("tileprop", problem, tmp_path)
    ours = Answer(problem, reference)
    assert ours.differences(reference) == (0.0, 0.0)
    for side in problem.peers:
        other = answer(side, problem, tmp_path)
        assert max(ours.differences(other)) < (1e-9 if side == "sklearn" else 1e-300), side


def test_other_results_are_seen(tmp_path):
    reference = answer("tileprop", SMALL, tmp_path)
    ours = Answer(SMALL, reference)
    for place, which in ((0, 0), (-1, 1)):
        changed = reference.copy()
        changed[place] += 0.1
        assert ours.differences(changed)[which] > 0.01
    assert ours.differences(reference[:-1]) == (math.inf, math.inf)


def test_mixed_problems_are_fits_that_stop(tmp_path):
    problem = replace(STOPPING, epochs=40)
    reference = answer("tileprop", problem, tmp_path)
    epochs = reference[sum(problem.n_parameters(i) for i in range(3)) :][:3]
    assert len(set(epochs)) > 1
    assert Answer(problem, reference).steps == epochs.sum() * math.ceil(36 / 8)


def test_a_verdict_names_the_best_rival():
    results = [Result(many.OURS, seconds=[1.0])]
    results += [Result(many.MANY_SIDES[name], seconds=[t]) for name, t in {"sklearn": 12.0, "single": 2.0}.items()]
    assert "single fits, needs 2.00x our time; 2x is wanted" in verdict(SMALL, results)
    assert "joblib, scikit-learn, needs 12x our time" in verdict(MANY_PROBLEMS["mixed"], results)
    assert verdict(SMALL, results[:1]) == "None of the sides to be compared with was timed."


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="in processes of their own")
def test_sides_that_come_to_the_same_are_timed(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(MANY_PROBLEMS, "small", SMALL)
    assert run_many(["small"], ["single"], 1, 1, tmp_path) == 0
    assert "single fits, needs" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "many.json").read_text())["small"]["single"]["seconds"]) == 1


@pytest.mark.full
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="in processes of their own")
def test_other_results_are_not_timed(monkeypatch, capsys):
    monkeypatch.setitem(MANY_PROBLEMS, "small", SMALL)
    monkeypatch.setattr(many.Answer, "differences", lambda self, other: (0.0, float(other[0] != self._answer[1]) * 9))
    assert run_many(["small"], ["single"], 1, 1) == 1
    assert "other results than ours (weights 0.0e+00, losses 9.0e+00 apart), so not timed" in capsys.readouterr().out


def test_command(run, documents, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(many, "run_many", lambda *given: calls.append(given) or 3)
    assert run("many", "--problems", "tiny", "--peers", "single", "--threads", "1", "--out", str(tmp_path)) == 3
    assert calls == [(["tiny"], ["single"], 1, 5, tmp_path)]


def test_labels_and_sigmoid_targets(tmp_path):
    for name, values in (("mid", set(range(10))), ("tiny", {0.0, 1.0})):
        MANY_PROBLEMS[name].write(tmp_path)
        with np.load(tmp_path / "many.npz") as file:
            assert set(np.unique(file["T"])) == values
