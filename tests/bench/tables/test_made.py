"""The made tables: their sizes, holes and shares are those that they promise, and a seed fixes every cell."""

import numpy as np
import pandas as pd
import pytest
from tileprop.bench.tables.made import MADE_TABLES
from tileprop.trainer.runs.preparation import prepare
from tileprop.trainer.runs.settings import Settings

SIZES = {"passengers": (891, 12), "adult": (10_000, 15), "churn": (6000, 21), "houses": (2000, 34), "demand": (8000, 7)}
SIZES |= {"fraud": (20_000, 13)}


@pytest.fixture(scope="module")
def frames():
    return {name: table.load() for name, table in MADE_TABLES.items()}


def test_sizes(frames):
    assert {name: frame.shape for name, frame in frames.items()} == SIZES


@pytest.mark.parametrize("name", MADE_TABLES)
def test_a_seed_fixes_every_cell(frames, name):
    pd.testing.assert_frame_equal(MADE_TABLES[name].make(0), frames[name])
    assert not MADE_TABLES[name].make(1).equals(frames[name])


def test_missing_values(frames):
    missing = frames["passengers"].isna().mean()
    assert missing["Age"] == pytest.approx(0.2, abs=0.03)
    assert missing["Cabin"] == pytest.approx(0.77, abs=0.05)
    assert (frames["adult"] == "?").mean()["native-country"] == pytest.approx(0.018, abs=0.006)
    assert frames["houses"].isna().any().sum() >= 6
    blank = frames["churn"].TotalCharges.str.strip() == ""
    assert blank.any()
    assert (frames["churn"].tenure[blank] == 0).all()


@pytest.mark.parametrize(
    ("name", "value", "share"),
    [("passengers", 1, 0.384), ("adult", ">50K", 0.241), ("churn", "Yes", 0.265), ("fraud", 1, 0.02)],
)
def test_shares_of_the_classes(frames, name, value, share):
    target = frames[name][MADE_TABLES[name].target]
    assert (target == value).mean() == pytest.approx(share, rel=0.1)


def test_prices_have_a_heavy_tail(frames):
    price = frames["houses"].SalePrice
    assert price.min() > 0
    assert price.max() > 3 * price.median()


def test_dates_are_days_in_no_order(frames):
    dates = pd.to_datetime(frames["demand"].date, format="%Y-%m-%d")
    assert dates.nunique() == 1000
    assert not dates.is_monotonic_increasing


def test_identifiers_differ_in_every_row(frames):
    for name, column in (("passengers", "PassengerId"), ("churn", "customerID"), ("houses", "Id"), ("fraud", "transaction_id")):
        assert frames[name][column].is_unique


@pytest.mark.parametrize("name", MADE_TABLES)
def test_there_is_something_to_learn_and_not_everything(frames, name):
    """A line through ranks of numbers and categories with few values beats the constant, and is not perfect."""
    table, frame = MADE_TABLES[name], frames[name]
    target, rest = frame[table.target], frame.drop(columns=table.target)
    numbers = rest.select_dtypes("number").rank(pct=True).fillna(0.5)
    few = [column for column in rest.columns.difference(numbers.columns) if rest[column].nunique() < 30]
    X = np.column_stack([np.ones(len(frame)), numbers, pd.get_dummies(rest[few]).to_numpy(float)])
    y = target.rank(pct=True) if table.task == "regression" else target == np.unique(target)[1]
    y, half = y.to_numpy(float), len(frame) // 2
    line = np.linalg.lstsq(X[:half], y[:half], rcond=None)[0]
    explained = np.corrcoef(X[half:] @ line, y[half:])[0, 1] ** 2
    assert 0.02 < explained < 0.97


@pytest.mark.parametrize("name", MADE_TABLES)
def test_the_best_epoch_is_kept(frames, tmp_path, name):
    """The validation loss of the model that is kept is the lowest of the run, and columns are treated without an option."""
    pytest.importorskip("sklearn")
    frames[name].sample(frac=1.0, random_state=0).head(1500).to_csv(tmp_path / "table.csv", index=False)
    experiment = prepare(Settings(str(tmp_path / "table.csv"), target=MADE_TABLES[name].target, epochs=40))
    outcome = experiment.train(progress=False)
    assert outcome.dataset.task == MADE_TABLES[name].task
    assert outcome.kept_epoch == np.argmin(outcome.history.val_loss) + 1
    assert outcome.losses["validation"] == pytest.approx(min(outcome.history.val_loss), rel=1e-5)
    assert outcome.evaluations["test"].beats_baseline
