"""The race of defaults, on a small table: rows, columns, losses, tables that are printed, the command."""

import argparse
import dataclasses
import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from tileprop.bench import defaults
from tileprop.bench.defaults import GROUPS, Medians, Result, held_out_loss, loss_table, race, side_table, sides_with, variant
from tileprop.bench.defaults_ours import SidesDiffer, tileprop
from tileprop.bench.defaults_rows import divided, plain_columns
from tileprop.bench.defaults_sides import constant, hist_gradient_boosting, linear, sklearn_mlp
from tileprop.trainer.data.datasets import load_dataset
from tileprop.trainer.runs.preparation import split_rows


@dataclass(frozen=True)
class Small:
    name: str = "small"
    target: str = "y"
    task: str = "classification"

    def load(self) -> pd.DataFrame:
        random = np.random.default_rng(0)
        x, kind = random.normal(size=200), random.choice(["a", "b", "c"], 200).astype(object)
        z = 2 * x + (kind == "a") + 0.5 * random.normal(size=200)
        y = np.where(z > 0, "yes", "no") if self.task == "classification" else 100 + z
        return pd.DataFrame({"x": np.where(random.random(200) < 0.1, np.nan, x), "kind": kind, "y": y})


def rows_of(task: str = "classification", seed: int = 0):
    table = Small(task=task)
    raw = table.load()
    return divided(table, raw, plain_columns(raw.drop(columns="y")), seed)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_fifth_of_the_rows_is_held_out_and_each_row_is_in_one_part(task):
    rows = rows_of(task)
    assert len(rows.test) == 40
    assert sorted([*rows.training, *rows.test]) == list(range(200))
    assert set(rows_of(task, seed=1).test) != set(rows.test)
    if task == "classification":
        assert rows.class_names == ("no", "yes")
        assert (rows.y == (rows.raw.y == "yes")).all()
        assert rows.y[rows.test].mean() == pytest.approx(rows.y.mean(), abs=0.02)


def test_rows_are_divided_as_train_divides_them():
    moons = load_dataset("moons", n_samples=100)
    frame = pd.DataFrame({"a": np.arange(100), "y": moons.y})
    assert divided(Small(), frame, frame[["a"]], 3).test.tolist() == split_rows(moons, 0.2, 0.1, 3).test.tolist()


def test_columns_as_other_libraries_take_them():
    n = 200
    frame = pd.DataFrame(
        {
            "number": np.arange(n),
            "text of numbers": [" " if i % 50 == 0 else f"{i}.5" for i in range(n)],
            "kind": [None if i % 9 == 0 else "ab"[i % 2] for i in range(n)],
            "unknown": ["?" if i % 7 == 0 else "cd"[i % 2] for i in range(n)],
            "day": pd.date_range("2024-01-30", periods=n).strftime("%Y-%m-%d"),
            "flag": np.arange(n) % 2 == 0,
            "name": [f"person {i}" for i in range(n)],
            "same": 1,
        }
    )
    columns = plain_columns(frame)
    dates = ["day, year", "day, month", "day, day of week", "day, days"]
    assert set(columns) == {"number", "text of numbers", "kind", "unknown", "flag", *dates} - {"day, year"}
    assert columns["text of numbers"].isna().sum() == 4
    assert columns["text of numbers"].iloc[1] == 1.5
    assert list(columns.kind.cat.categories) == ["a", "b"]
    assert columns.unknown.isna().sum() == math.ceil(n / 7)
    assert columns["day, days"].tolist() == list(range(n))
    assert columns["day, day of week"].iloc[0] == 1  # a Tuesday


@pytest.mark.parametrize("side", [tileprop, linear, hist_gradient_boosting, sklearn_mlp])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_sides_learn(side, task):
    rows = rows_of(task)
    if side is sklearn_mlp and task == "regression":
        pytest.skip("its targets are not standardised: 200 epochs do not even reach their mean")
    assert held_out_loss(rows, side(rows, 0)) < 0.8 * held_out_loss(rows, constant(rows, 0))


def test_lightgbm_learns():
    pytest.importorskip("lightgbm")
    from tileprop.bench.defaults_sides import lightgbm

    rows = rows_of()
    assert held_out_loss(rows, lightgbm(rows, 0)) < 0.8 * held_out_loss(rows, constant(rows, 0))


def test_losses():
    rows = rows_of()
    y = rows.y[rows.test]
    chances = np.stack([0.75 - 0.5 * y, 0.25 + 0.5 * y], axis=1)
    assert held_out_loss(rows, chances.astype(np.float32)) == pytest.approx(-math.log(0.75))
    rows = rows_of("regression")
    assert held_out_loss(rows, rows.y[rows.test] + 3) == pytest.approx(3)


@pytest.mark.parametrize("predicted", [np.zeros(40), np.full((40, 2), np.nan), np.full((39, 2), 0.5)])
def test_predictions_that_do_not_fit_are_refused(predicted):
    with pytest.raises(ValueError, match="small: predictions"):
        held_out_loss(rows_of(), predicted)


def test_ours_learns_from_the_rows_of_the_others():
    rows = rows_of()
    with pytest.raises(SidesDiffer, match="small, seed 1: train held out other rows"):
        tileprop(rows, 1)
    with pytest.raises(SidesDiffer, match="small was read for classification"):
        tileprop(dataclasses.replace(rows, table=Small(task="regression")), 0)
    changed = rows.raw.assign(y=rows.raw.y.to_numpy()[::-1])
    with pytest.raises(SidesDiffer, match="small, seed 0: train held out other rows, or read other targets"):
        tileprop(dataclasses.replace(rows, raw=changed), 0)


def test_ours_gives_the_probabilities_in_the_order_of_the_class_names():
    rows = rows_of()
    turned = dataclasses.replace(rows, class_names=("yes", "no"), y=1 - rows.y)
    np.testing.assert_array_equal(tileprop(turned, 0, epochs=1), tileprop(rows, 0, epochs=1)[:, ::-1])


RESULTS = [
    Result(table, side, seed, loss + 0.01 * seed, 1.0 + seed)
    for table, losses in {"a": (1.0, 0.5, 0.4), "b": (8.0, 2.1, 2.0)}.items()
    for side, loss in zip(("constant", "tileprop", "HistGradientBoosting"), losses, strict=True)
    for seed in range(3)
]


def test_medians_and_ratios():
    medians = Medians(RESULTS)
    assert medians.loss["a", "tileprop"] == pytest.approx(0.51)
    assert medians.seconds["a", "tileprop"] == 2.0
    assert medians.ratio("b", "tileprop") == pytest.approx(2.11 / 2.01)
    expected = [(0.51 + 0.0505) / (0.41 + 0.0505), (2.11 + 0.4005) / (2.01 + 0.4005)]
    assert medians.mean_ratio("tileprop") == pytest.approx(math.sqrt(expected[0] * expected[1]))


def test_what_is_printed():
    header, lines = loss_table(Medians(RESULTS))
    assert header == ["table", "constant", "tileprop", "HistGradientBoosting", "tileprop / HistGradientBoosting"]
    assert lines[0] == ["a", "1.01", "0.51", "0.41", "1.244"]
    lines = side_table(Medians(RESULTS))[1]
    assert lines[1][:4] == ["tileprop", "0 of 2", "1 of 2", "1.126"]
    assert lines[1][4:] == ["2.00 s", "4.00 s"]


def test_race_gives_every_side_every_seed():
    seen = []

    def looks_on(rows, seed):
        seen.append((seed, rows.test.tolist()))
        return constant(rows, seed)

    results = race([Small()], 2, {"one": looks_on, "two": looks_on}, lambda line: None)
    assert [(result.side, result.seed) for result in results] == [("one", 0), ("two", 0), ("one", 1), ("two", 1)]
    assert seen[0] == seen[1]
    assert seen[0][1] != seen[2][1]


def test_variants():
    settings = variant("dropout=0.3 hidden=(8,8) activation=tanh")
    assert settings == {"dropout": 0.3, "hidden": (8, 8), "activation": "tanh"}
    side = sides_with([settings])["tileprop, dropout=0.3 hidden=(8, 8) activation=tanh"]
    rows = rows_of()
    assert not np.array_equal(side(rows, 0), tileprop(rows, 0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drop=0.3", "'drop' is not one of .*dropout"),
        ("seed=3", "'seed' is not one of"),
        ("dropout=2", "dropout is 2"),
        ("hidden=8", "not iterable"),
    ],
)
def test_variants_that_cannot_be(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        variant(text)


def test_command(run, documents, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(GROUPS, "made", (Small(),))
    monkeypatch.setattr(defaults, "available", lambda module: True)
    monkeypatch.setattr(defaults, "SIDES", {"constant": constant, "tileprop": linear, "HistGradientBoosting": constant})
    assert run("defaults", "--seeds", "2", "--out", str(tmp_path), "--also", "epochs=1") == 0
    assert "1 of 1" in (shown := capsys.readouterr().out)
    assert "tileprop, epochs=1" in shown
    assert len(json.loads((tmp_path / "defaults.json").read_text())) == 8
    monkeypatch.setattr(defaults, "available", lambda module: module != "lightgbm")
    assert run("defaults") == 2
    assert "lightgbm not installed; pip install 'tileprop[bench]'" in capsys.readouterr().err
