"""Data frames, object arrays, sparse matrices: numbers, or an error that names the column and the remedy."""

import datetime
import decimal

import numpy as np
import pytest
from tileprop.trainer import InputError, Network
from tileprop.trainer.frames import as_array

pytestmark = pytest.mark.plain
NUMBERS = {"a": [0.5, -1.0, 2.0], "yes": [True, False, True], "n": [1, 2, 3]}
EXPECTED = np.array([[0.5, 1, 1], [-1, 0, 2], [2, 1, 3]])


def frames():
    """Frames that hold the same numbers, in several ways."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pandas.DataFrame(NUMBERS)
    return {
        "floats and bools": frame,
        "nullable": frame.convert_dtypes(),
        "objects": frame.astype(object),
        "object decimals": frame.assign(a=[decimal.Decimal(str(number)) for number in NUMBERS["a"]]),
        "column names that are the same": frame.set_axis(["a", "a", "a"], axis=1),
        "sparse columns": frame.astype({"a": pandas.SparseDtype(float)}),
        "plain": frame.astype("float32"),
        "polars": polars.DataFrame(NUMBERS),
        "object array": np.array([[0.5, True, 1], [-1.0, False, 2], [2.0, True, 3]], object),
    }


def test_what_holds_numbers_is_taken():
    for name, given in frames().items():
        before = given.copy() if hasattr(given, "copy") else given.clone()
        np.testing.assert_array_equal(as_array("X", given).array, EXPECTED, err_msg=name)
        assert (given == before).all().all() if hasattr(given, "columns") and not hasattr(given, "clone") else True


def test_fit_and_predict_take_frames():
    frame = frames()["nullable"]
    one, other = Network([3, 1]), Network([3, 1])
    one.fit(frame, frame["yes"])
    other.fit(EXPECTED, [1, 0, 1])
    assert one.theta.tobytes() == other.theta.tobytes()
    np.testing.assert_array_equal(one.predict(frame), other.predict(EXPECTED))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["Rome", "Oslo", "Rome"], "column 'b' of X holds 'Rome' in row 0, which is not a number; encode the column"),
        ([1.5, None, "x"], "column 'b' of X holds 'x' in row 2"),
        ([datetime.date(2020, 1, 2)] * 3, r"column 'b' of X holds datetime.date\(2020, 1, 2\) in row 0"),
        ([1.5, None, 2], r"X contains nan at \[1, 1\] \(column 'b'\); remove or fill"),
        ([1, 2, 10**400], "column 'b' of X holds a number too large for float64"),
    ],
)
def test_a_column_that_does_not_is_named(column, message):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2, 3], "b": pandas.Series(column, dtype=object)})
    with pytest.raises(InputError, match=message):
        Network([2, 1]).fit(frame, [0, 1, 0])
    with pytest.raises(InputError, match="column 'b'"):
        Network([2, 1]).predict(frame)


@pytest.mark.parametrize("kind", ["string", "category", "datetime64[ns]", "Int64"])
def test_other_kinds_of_columns_are_named(kind):
    pandas = pytest.importorskip("pandas")
    column = pandas.Series(["2020-01-01", "2021-01-01"] if kind != "Int64" else [1, None], dtype=kind)
    with pytest.raises(InputError, match="column 'when'"):
        Network([2, 1]).predict(pandas.DataFrame({"a": [1.0, 2], "when": column}))


def test_polars_names_the_column():
    polars = pytest.importorskip("polars")
    with pytest.raises(InputError, match="column 'b' of X holds 'x' in row 0"):
        Network([2, 1]).predict(polars.DataFrame({"a": [1.0, 2], "b": ["x", "y"]}))


def test_sparse_matrices_are_refused_with_the_remedy():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(InputError, match=r"X is a sparse matrix; give X\.toarray\(\), or use MLPClassifier"):
        Network([2, 1]).fit(sparse.csr_array([[0.0, 1.0]]), [1])


def test_the_column_is_named_far_down(monkeypatch):
    pandas = pytest.importorskip("pandas")
    from tileprop.trainer import model

    monkeypatch.setattr(model, "PREDICT_ROWS", 64)
    monkeypatch.setattr(model, "WORK_AT_A_TIME", 0)
    frame = pandas.DataFrame(np.ones((300, 2)), columns=["a", "b"])
    frame.loc[200, "b"] = np.nan
    with pytest.raises(InputError, match=r"X contains nan at \[200, 1\] \(column 'b'\)"):
        Network([2, 1]).predict(frame)
