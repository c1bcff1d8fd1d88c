"""Mistyped names: the nearest right one, or none."""

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.suggestions import did_you_mean, existing_file, listed

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("given", "known", "answer"),
    [
        ("digts", ["iris", "digits"], "; did you mean 'digits'?"),
        ("PRICE", ["Price", "rooms"], "; did you mean 'Price'?"),
        ("xyz", ["iris", "digits"], ""),
        ("x", [], ""),
    ],
)
def test_did_you_mean(given, known, answer):
    assert did_you_mean(given, known) == answer


def test_listed():
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed("abcde", most=3) == "'a', 'b', 'c' and 2 more"


def test_existing_file(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("a")
    assert existing_file(path) == path
    with pytest.raises(InputError, match=r"there is no file .*trian.csv; did you mean 'train.csv'\?"):
        existing_file(tmp_path / "trian.csv")
    with pytest.raises(InputError, match="there is no file"):
        existing_file(tmp_path / "nowhere" / "train.csv")
    with pytest.raises(InputError, match="is a folder"):
        existing_file(tmp_path)
