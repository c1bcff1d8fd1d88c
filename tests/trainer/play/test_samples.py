"""The data on the page: every set of the list, a table with mixed columns, and what is refused."""

import numpy as np
import pytest
from tileprop.trainer import InputError
from tileprop.trainer.data.datasets import load_dataset
from tileprop.trainer.play import samples
from tileprop.trainer.play.samples import Library

pytest.importorskip("sklearn")
pytest.importorskip("pyarrow")
pytestmark = pytest.mark.plain


def test_every_set_of_the_list():
    library = Library()
    names = [entry["name"] for entry in library.names()]
    assert {"circles", "hills", "iris", "document 2"} <= set(names)
    for name in names:
        found = library.samples(name, 0)
        assert len(found.X) == len(found.T) == len(found.training) + len(found.held_out)
        assert found.X.shape[1] == len(found.input_names)
        assert not set(found.training) & set(found.held_out)


def test_generated_rows_are_as_they_are_and_follow_the_seed():
    found = Library().samples("moons", 3)
    assert np.array_equal(found.X, load_dataset("moons", seed=3).rows)
    assert set(np.unique(found.T)) == {0.0, 1.0}
    assert len(found.held_out) == 100


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text("rooms,city,price,zone\n" + "".join(f"{i},{'AB'[i % 2]},{i * 1.5},{'abc'[i % 3]}\n" for i in range(60)))
    return path


def test_a_table_comes_first_in_the_list(table):
    library = Library(load_dataset(table, "zone"))
    assert library.names()[0] == {"name": "table", "label": "houses", "group": "Your table"}
    found = library.samples("table", 0)
    assert found.class_names == ("a", "b", "c")
    assert found.n_outputs == 3
    assert found.X.shape[1] == len(found.input_names) > 3  # the city became inputs


def test_numbers_are_standardised(table):
    found = Library(load_dataset(table, "price")).samples("table", 0)
    assert found.T[found.training].std() == pytest.approx(1.0)
    assert found.n_outputs == 1


def test_a_large_table_is_thinned_and_says_so(table, monkeypatch):
    monkeypatch.setattr(samples, "MOST_ROWS", 50)
    found = Library(load_dataset(table, "price")).samples("table", 0)
    assert len(found.X) == 50
    assert found.notes[-1] == "50 of 60 rows are used, drawn at random"


def test_refused(table, monkeypatch):
    with pytest.raises(InputError, match=r"target is 'price,rooms'; the page takes a single target column"):
        Library(load_dataset(table, "price,rooms"))
    with pytest.raises(InputError, match=r"data is '\.\./\.\./etc/passwd'; it must be one of xor"):
        Library().samples("../../etc/passwd", 0)
    monkeypatch.setattr(samples, "MOST_INPUTS", 2)
    with pytest.raises(InputError, match="houses makes 13 inputs; the page takes at most 2"):
        Library(load_dataset(table, "price"))
