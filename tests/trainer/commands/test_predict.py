"""`tileprop predict`: rows in, a table of predictions out."""

import io
import sys

import numpy as np
import pytest
from tileprop.trainer import Network
from tileprop.trainer.cli import main
from tileprop.trainer.runs.trained_model import TrainedModel

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
csv = pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def predict(runs, capsys):
    """Predicts with a run for a CSV text; gives the columns."""

    def call(run, text, *options):
        with open("new.csv", "w") as file:
            file.write(text)
        assert main(["predict", str(runs / run), "new.csv", "-o", "out.csv", "--overwrite", *options]) == 0
        return csv.read_csv("out.csv").to_pydict()

    return call


def error(capsys, *arguments):
    """The line that a failing command prints."""
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1, captured.err
    return captured.err


def test_classes(runs, predict, capsys):
    columns = predict("kinds", "b b,extra,a\n0.5,x,2\n-1,y,-3\n", "--proba")
    assert capsys.readouterr().err == "tileprop: note: ignored columns that the model does not use: 'extra'\n"
    model = TrainedModel.load(runs / "kinds" / "model.safetensors")
    X = np.array([[2.0, 0.5], [-3.0, -1.0]])
    assert list(columns) == ["Kind", "Kind=ja", "Kind=nein"]
    assert columns["Kind"] == model.predict(X).tolist() == ["ja", "nein"]
    np.testing.assert_allclose(np.column_stack([columns["Kind=ja"], columns["Kind=nein"]]), model.predict_proba(X), rtol=1e-6)


def test_values_to_standard_output(runs, capsysbinary, here):
    (here / "one.csv").write_text("a,b\n1,2\n")
    for arguments in ([], ["-o", "-"]):
        assert main(["predict", str(runs / "values" / "model.safetensors"), "one.csv", *arguments]) == 0
        header, value = capsysbinary.readouterr().out.decode().split()
        assert header == '"v"'
        assert float(value) == pytest.approx(152, abs=15)
        assert len(value) <= 10  # the digits of float32


def test_labels(predict):
    columns = predict("labels", "a,b\n2,-2\n-2,2\n", "--proba")
    assert list(columns) == ["p", "q", "probability of p", "probability of q"]
    assert (columns["p"], columns["q"]) == ([1, 0], [0, 1])
    assert [p > 0.5 for p in columns["probability of p"]] == [True, False]


def test_kept_columns(predict):
    columns = predict("values", "id,a,b,v\n007,1,2,9\n8,0,0,\n", "--keep", "id,v")
    assert list(columns) == ["id", "v", "predicted v"]
    assert (columns["id"], columns["v"]) == ([7, 8], [9, None])


def test_intervals(runs, predict):
    columns = predict("values", "a,b\n1,2\n", "--interval", "0.7")
    assert list(columns) == ["v", "v low", "v high"]
    assert columns["v low"] < columns["v"] < columns["v high"]
    below, above = TrainedModel.load(runs / "values" / "model.safetensors").interval(0.7)
    assert columns["v high"][0] - columns["v"][0] == pytest.approx(above, rel=1e-4)
    assert columns["v low"][0] - columns["v"][0] == pytest.approx(below, rel=1e-4)


def test_intervals_hold_their_share():
    """Of a model whose errors are a sample of the errors on new rows."""
    from tileprop.trainer.data.array_recipe import ArrayRecipe
    from tileprop.trainer.scaling import Scaling

    generator = np.random.default_rng(3)
    unit = Scaling(np.zeros(1), np.ones(1))
    network = Network([1, 1], output_activation="identity", dtype="float64")
    network.theta = [0, 0]
    model = TrainedModel(network, ArrayRecipe(unit, ("x0",)), "regression", target_scaling=unit)
    shares = []
    for _ in range(200):
        y = generator.exponential(size=400)
        below, above = model.with_errors(np.zeros((400, 1)), y).interval(0.8)
        new = generator.exponential(size=400)
        shares.append(np.mean((new >= below) & (new <= above)))
    assert np.mean(shares) == pytest.approx(0.8, abs=0.01)


def test_signs_of_missing_entries_are_those_of_training(here, capsysbinary):
    (here / "t.csv").write_text("a,b,v\n" + "".join(f"{'-9' if i % 4 == 0 else i},{i % 5},{i * 0.5}\n" for i in range(60)))
    assert main(["train", "t.csv", "--target", "v", "--na", "-9", "--epochs", "2", "--no-report"]) == 0
    (here / "new.csv").write_text("a,b\n-9,2\n")
    (here / "same.csv").write_text("a,b\n,2\n")
    capsysbinary.readouterr()
    for name in ("new.csv", "same.csv"):
        assert main(["predict", "runs/t", name]) == 0
    first, second = capsysbinary.readouterr().out.decode().split()[1::2]
    assert first == second


def test_parquet(runs, here):
    (here / "one.csv").write_text("a,b b\n1,2\n")
    assert main(["predict", str(runs / "kinds"), "one.csv", "-o", "out.parquet", "--proba"]) == 0
    table = parquet.read_table("out.parquet")
    assert table.column_names == ["Kind", "Kind=ja", "Kind=nein"]
    assert str(table.schema.field("Kind=ja").type) == "float"
    assert main(["predict", str(runs / "kinds"), "one.csv", "-o", "two.parquet", "--keep", "a"]) == 0
    assert main(["predict", str(runs / "kinds"), "two.parquet", "-o", "three.csv"]) == 2  # without the column 'b b'


def test_standard_input(runs, monkeypatch, capsysbinary):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a;b b\n2,5;1\n-3;-1\n")))
    assert main(["predict", str(runs / "kinds"), "-"]) == 0
    assert capsysbinary.readouterr().out.decode().split() == ['"Kind"', '"ja"', '"nein"']


def test_arrays(runs, here, capsys):
    X = np.array([[2.0, 0.5], [-3.0, -1.0]])
    np.save("X.npy", X)
    np.savez("X.npz", X=X)
    for source in ("X.npy", "X.npz"):
        assert main(["predict", str(runs / "kinds"), source, "-o", f"{source}.csv"]) == 0
        assert csv.read_csv(f"{source}.csv").column("Kind").to_pylist() == ["ja", "nein"]
    np.save("wide.npy", np.ones((2, 3)))
    assert "wide.npy: X has 3 columns; the model takes 2" in error(capsys, "predict", runs / "kinds", "wide.npy")
    (here / "t.csv").write_text("x1,x0\n1,2\n")
    assert main(["predict", str(runs / "array"), "t.csv", "-o", "t.out"]) == 0
    (here / "t.csv").write_text("x1,x0\n1,b\n")
    assert "t.csv: column 'x0' holds text ('b')" in error(capsys, "predict", runs / "array", "t.csv")


def test_several_targets(here):
    X = np.random.default_rng(0).normal(size=(30, 2))
    np.savez("data.npz", X=X, T=X @ [[1.0, 2.0], [3.0, 4.0]])
    assert main(["train", "data.npz", "--epochs", "1", "--no-report"]) == 0
    assert main(["predict", "runs/data", "data.npz", "-o", "out.csv"]) == 0
    assert csv.read_csv("out.csv").column_names == ["T0", "T1"]


def test_overwrites_when_asked(here, runs, capsys):
    (here / "new.csv").write_text("a,b\n1,2\n")
    (here / "out.csv").write_text("precious")
    assert "out.csv already exists" in error(capsys, "predict", runs / "values", "new.csv", "-o", "out.csv")
    assert (here / "out.csv").read_text() == "precious"
    assert main(["predict", str(runs / "values"), "new.csv", "-o", "out.csv", "--overwrite"]) == 0
    assert (here / "out.csv").read_text() != "precious"
    assert sorted(path.name for path in here.iterdir()) == ["new.csv", "out.csv"]


@pytest.mark.parametrize(
    ("run", "content", "arguments", "message"),
    [
        ("values", "a,c\n1,2\n", [], "new.csv: the table lacks 1 of the 2 columns that the model needs: 'b'\n"),
        ("values", "A,b\n1,2\n", [], "columns that the model needs: 'a'; is it 'A'?"),
        ("values", "petal,sepal\n1,2\n", [], "none of the 2 columns that the model needs: 'a', 'b'; it has 'petal', 'sepal'"),
        ("values", "a,b\n", [], "holds no rows"),
        ("values", "a,b\nx,2\ny,2\n", [], "column 'a' holds text in 2 of 2 rows; it held numbers in training"),
        ("array", "x0,x1\n1,\n1,2\n", [], "column 'x1' has missing entries in 1 of 2 rows"),
        ("values", "a,b\n1,2\n", ["-o", "."], ". is a folder"),
        ("values", "a,b\n1,2\n", ["-o", "nowhere/out.csv"], "there is no folder nowhere"),
        ("values", "a,b\n1,2\n", ["--keep", "c"], "--keep is 'c', but there is no such column; there are 'a', 'b'"),
        ("values", "a,b\n1,2\n", ["--proba"], "--proba needs classes"),
        ("kinds", "a,b b\n1,2\n", ["--interval"], "--interval needs regression"),
        ("values", "a,b\n1,2\n", ["--interval", "2"], "--interval is 2.0; it must be between 0 and 1"),
        ("values", "a,b\n1,2\n", ["--interval", "0.99"], "an interval of 0.99 needs errors on at least 199 validation rows"),
        ("values", "a,b\n1,2\n", ["--sep", ";;"], "sep is ';;'"),
    ],
)
def test_errors(here, runs, capsys, run, content, arguments, message):
    (here / "new.csv").write_text(content)
    assert message in error(capsys, "predict", runs / run, "new.csv", *arguments)
    assert [path.name for path in here.iterdir()] == ["new.csv"]


def test_options_of_tables_are_not_for_arrays(runs, capsys):
    np.save("X.npy", np.ones((2, 2)))
    assert "--keep is for tables" in error(capsys, "predict", runs / "array", "X.npy", "--keep", "a")
    assert "--sep is for tables" in error(capsys, "predict", runs / "array", "X.npy", "--sep", ";")


def test_a_model_without_errors_has_no_interval(here, capsys):
    np.savez("data.npz", X=np.arange(20.0).reshape(10, 2), y=np.arange(10.0))
    assert main(["train", "data.npz", "--epochs", "1", "--no-report", "--test-size", "0", "--validation-size", "0"]) == 0
    capsys.readouterr()
    assert "--interval needs the errors on" in error(capsys, "predict", "runs/data", "data.npz", "--interval")


def test_files_that_are_no_models(here, runs, capsys):
    (here / "new.csv").write_text("a,b\n1,2\n")
    whole = (runs / "values" / "model.safetensors").read_bytes()
    (here / "cut").write_bytes(whole[:-4])
    assert "bytes of tensors, but its header describes" in error(capsys, "predict", "cut", "new.csv")
    assert "bytes of tensors, but its header describes" in error(capsys, "info", "cut")
    assert "new.csv is not a safetensors file, or is incomplete" in error(capsys, "info", "new.csv")
    assert "has no model.safetensors" in error(capsys, "info", here)
    assert "there is no file new.txt" in error(capsys, "predict", runs / "values", "new.txt")
    (here / "new.doc").write_text("x")
    assert "new.doc is a file of unknown type" in error(capsys, "predict", runs / "values", "new.doc")
    Network([2, 1]).save("net")
    assert "without the scaling and names" in error(capsys, "predict", "net", "new.csv")


def test_a_run_that_is_not_there(here, capsys):
    (here / "new.csv").write_text("a\n1\n")
    assert "there is no run folder runs/nope" in error(capsys, "predict", "runs/nope", "new.csv")
    (here / "runs" / "houses").mkdir(parents=True)
    (here / "runs" / "moons").mkdir()
    message = error(capsys, "predict", "runs/nope", "new.csv")
    assert "there is no run folder runs/nope; there are runs/houses, runs/moons" in message
    assert "there is no run folder runs/hous; did you mean 'houses'?" in error(capsys, "predict", "runs/hous", "new.csv")
    assert "there is no file net.safetensors" in error(capsys, "predict", "net.safetensors", "new.csv")


def test_files_are_read_and_written_in_pieces(runs, predict, here, monkeypatch):
    """As the rows of a text file that is read at once."""
    from tileprop.trainer.tables import folders

    monkeypatch.setattr(folders, "DECODED_ROWS", 3)
    rows = np.random.default_rng(0).normal(size=(20, 2)).round(3)
    text = "a,b b,id\n" + "".join(f"{a},{b},{i}\n" for i, (a, b) in enumerate(rows))
    expected = predict("kinds", text, "--proba", "--keep", "id")
    table = csv.read_csv("new.csv")
    (here / "folder").mkdir()
    for i in (0, 1):
        parquet.write_table(table.slice(12 * i, 12), here / "folder" / f"{i}.parquet", row_group_size=5)
    for source in ("folder", "folder/*.parquet"):
        arguments = "predict", str(runs / "kinds"), source, "--proba", "--keep", "id", "-o", "out.parquet", "--overwrite"
        assert main([*arguments]) == 0
        found = parquet.read_table("out.parquet").to_pydict()
        assert list(found) == list(expected)
        assert found["id"] == expected["id"]
        assert found["Kind"] == expected["Kind"]
        np.testing.assert_allclose(found["Kind=ja"], expected["Kind=ja"], rtol=1e-6)


def test_a_bad_row_of_many_files_is_named_and_nothing_is_written(runs, here, capsys):
    (here / "folder").mkdir()
    for i, value in enumerate((1.0, np.inf)):
        parquet.write_table(parquet_table(value), here / "folder" / f"{i}.parquet")
    message = error(capsys, "predict", runs / "kinds", "folder", "-o", "out.csv")
    assert "first in row 3 of folder/1.parquet" in message
    assert not (here / "out.csv").exists()


def parquet_table(last):
    return pytest.importorskip("pyarrow").table({"a": [1.0, 2.0, last], "b b": [0.0, 1.0, 2.0]})
