"""Tables written and read again."""

import io
from functools import partial

import numpy as np
import pytest
from tileprop.trainer.tables.reading import read_table
from tileprop.trainer.tables.writing import write_csv, write_pieces

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.plain
COLUMNS = {"price": np.array(['a"b', "ü,\n"]), "p=x": np.array([0.1, 1 / 3])}


@pytest.mark.parametrize(("write", "name"), [(write_csv, "out.csv"), (partial(write_pieces, parquet=True), "out.parquet")])
def test_round_trip(tmp_path, write, name):
    file = io.BytesIO()
    write(
        COLUMNS if write is write_csv else [{name: column[i : i + 1] for name, column in COLUMNS.items()} for i in (0, 1)], file
    )
    path = tmp_path / name
    path.write_bytes(file.getvalue())
    assert read_table(path).table.to_pydict() == {name: column.tolist() for name, column in COLUMNS.items()}


def test_digits_are_those_of_the_dtype():
    file = io.BytesIO()
    write_csv({"p": np.array([0.1, 1 / 3], np.float32)}, file)
    assert file.getvalue().split() == [b'"p"', b"0.1", b"0.33333334"]
