"""Tables as people have them, through the command line: each a small file of a kind that was refused or misread before."""

import gzip
import json

import numpy as np
import pytest
from tileprop.trainer.cli import main
from tileprop.trainer.runs.trained_model import TrainedModel

pytest.importorskip("sklearn")
pytest.importorskip("safetensors")
pa = pytest.importorskip("pyarrow")
csv, parquet = pytest.importorskip("pyarrow.csv"), pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.usefixtures("here")
GENERATOR = np.random.default_rng(0)
N = 40


@pytest.fixture
def train(here, capsys):
    """Trains on a file with this content; gives the record, the model and what was printed."""

    def call(content, *options, name="t.csv", target="y"):
        (here / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        assert (
            main(["train", name, "--target", target, "--epochs", "1", "--no-report", "--out", "o", "--overwrite", *options])
            == 0
        )
        printed = capsys.readouterr()
        record = json.loads((here / "o" / "run.json").read_text())
        return record, TrainedModel.load(here / "o" / "model.safetensors"), printed.err + printed.out

    return call


def refusal(capsys, *arguments):
    """The line that a failing command prints."""
    assert main([str(a) for a in arguments]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(lines) == 1
    return lines[0]


def rows(line, count=N):
    return "".join(line(i) for i in range(count))


def columns(model):
    return {column.name: column.kind for column in model.recipe.report()}


def test_01_decimal_commas(train):
    record, model, printed = train("x;z;price\n" + rows(lambda i: f"{i},5;{i % 3};{i % 5},5\n"), target="price")
    assert record["data"]["task"] == "regression"
    assert "decimal comma" in printed
    assert model.target_scaling.mean[0] == pytest.approx(2.5, abs=0.5)


def test_02_identifiers_of_any_length(train):
    text = "id,big,x,y\n" + rows(lambda i: f"{10**17 + i},{2**63 + i},{i % 7},{i % 2}\n")
    _, model, printed = train(text)
    assert columns(model) == {"id": "identifier", "big": "identifier", "x": "number"}
    assert "left out" in printed


def test_03_the_index_of_pandas(here, capsys):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"patient": range(N), "x": GENERATOR.normal(size=N), "y": np.arange(N) % 2})
    frame.set_index("patient").to_parquet("t.parquet")
    assert main(["train", "t.parquet", "--target", "y", "--epochs", "1", "--no-report"]) == 0
    assert TrainedModel.load("runs/t/model.safetensors").recipe.column_names == ("x",)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("declared", [False, True])
def test_04_other_separators(train, separator, declared):
    line = lambda i: separator.join([str(i * 1.5), str(i % 3), str(i % 2)]) + "\n"  # noqa: E731
    text = separator.join(['"height, cm"', "z", "y"]) + "\n" + rows(line)
    _, model, _ = train((f"sep={separator}\n" if declared else "") + text)
    assert model.recipe.column_names == ("height, cm", "z")


def test_05_no_header(train):
    record, model, printed = train(rows(lambda i: f"{i * 0.5},{i % 7 * 0.25},{'ab'[i % 2]}\n"), target="c3")
    assert record["data"]["rows"] == N
    assert model.recipe.column_names == ("c1", "c2")
    assert "looks like data" in printed


def test_06_signs_of_missing_entries(train):
    signs = ["?", "NA", "", '""', "-"]
    _, model, _ = train("x,z,y\n" + rows(lambda i: f"{signs[i % 5] if i % 4 == 0 else i},{i},{i % 2}\n"))
    assert columns(model)["x"] == "number"
    assert model.recipe.report()[0].missing > 0.1


def test_07_thousands(train):
    text = "a,b,c,y\n" + rows(lambda i: f'"1,{i:03},915","15{i},0","2,{i:03}.5",{i % 2}\n')
    _, model, _ = train(text)
    assert columns(model) == {"a": "number", "b": "number", "c": "number"}
    means = [treatment.standard.center for treatment in model.recipe.treatments]
    assert means == pytest.approx([1_019_915, 1500, 2019], rel=0.5)
    assert means[0] > 1e6
    _, model, _ = train("a;y\n" + rows(lambda i: f"1.{i:03};{i % 2}\n"), "--thousands", ".", "--decimal", ",")
    assert model.recipe.treatments[0].standard.center == pytest.approx(1020, abs=10)


def test_08_compressed(train, here, capsys):
    _, model, _ = train(gzip.compress(("x,y\n" + rows(lambda i: f"{i},{i % 2}\n")).encode()), name="t.csv.gz")
    assert model.recipe.column_names == ("x",)
    (here / "t.csv.zip").write_bytes(b"PK")
    message = refusal(capsys, "train", "t.csv.zip", "--target", "y")
    assert "is a file of unknown kind" in message
    assert "did you mean" not in message


def test_09_empty_columns_at_the_end(train):
    _, model, printed = train("x,z,y,,\n" + rows(lambda i: f"{i},{i % 3},{i % 2},,\n"))
    assert model.recipe.column_names == ("x", "z")
    assert "2 empty column(s) without a name are left out" in printed


def test_10_a_target_of_money(here, capsys):
    (here / "t.csv").write_text("x,price\n" + rows(lambda i: f"{i},$1{i}.50\n"))
    assert "text that looks like money" in refusal(capsys, "train", "t.csv", "--target", "price")
    assert main(["train", "t.csv", "--target", "price", "--numeric", "price", "--epochs", "1", "--no-report"]) == 0


def test_11_a_target_of_decimal_zeros_and_ones(train):
    text = "x,y\n" + rows(lambda i: f"{i * 1.5},{i % 2}.0\n")
    record, _, printed = train(text)
    assert record["data"]["task"] == "regression"
    assert "--task classification" in printed
    record, _, printed = train(text, "--task", "classification")
    assert record["data"]["classes"] == {"0": 20, "1": 20}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252"])
def test_12_other_encodings(train, encoding):
    text = "größe,y\n" + rows(lambda i: f"{i * 1.5},{i % 2}\n")
    _, model, printed = train(text.encode(encoding))
    assert model.recipe.column_names == ("größe",)
    assert encoding.casefold() in printed.casefold()


@pytest.mark.parametrize(
    "cells", [700, pytest.param(3_000, marks=pytest.mark.full), pytest.param(60_000, marks=pytest.mark.full)]
)
def test_13_long_rows(train, cells):
    header = ",".join(f"x{i:020}" for i in range(cells)) + ",y\n"
    digits = "5" * (1_200_000 // cells) if cells < 9_000 else "25"

    def line(i):
        return f"{i * 7 % 11}.{digits}," * cells + f"{i % 2}\n"

    _, model, _ = train(header + rows(line, 10), "--hidden", "none", "--validation-size", "0")
    assert len(model.recipe.column_names) == cells


@pytest.mark.full
def test_14_twenty_thousand_columns(here):
    """Ten times the columns take at most fifteen times as long to read, to prepare and to predict from."""
    import time

    seconds = []
    for n_columns in (2_000, 20_000):
        X = GENERATOR.normal(size=(N, n_columns)).round(3)
        lines = [",".join([*map(str, x), str(i % 2)]) for i, x in enumerate(X)]
        (here / "t.csv").write_text("\n".join([",".join([*(f"x{i}" for i in range(n_columns)), "y"]), *lines]) + "\n")
        options = ["--hidden", "2", "--epochs", "1", "--no-checkpoint", "--overwrite", "--out", "o"]
        started = time.process_time()
        assert main(["train", "t.csv", "--target", "y", *options]) == 0
        trained = time.process_time()
        assert main(["predict", "o", "t.csv", "-o", f"{n_columns}.csv"]) == 0
        seconds.append((trained - started, time.process_time() - trained))
    for few, many in zip(*seconds, strict=True):
        assert many < 15 * few + 1


@pytest.mark.parametrize("n_columns", [12_000, pytest.param(120_000, marks=pytest.mark.full)])
def test_15_wide_arrays_are_saved(here, n_columns):
    np.save("X.npy", GENERATOR.normal(size=(N, n_columns)).astype(np.float32))
    np.save("y.npy", np.arange(N) % 2)
    assert main(["train", "X.npy", "--target", "y.npy", "--epochs", "1", "--no-report", "--hidden", "2"]) == 0
    assert len(TrainedModel.load("runs/X/model.safetensors").feature_names) == n_columns


def test_15_what_cannot_be_saved_is_refused_before_training(here, capsys):
    (here / "t.csv").write_text("x;y\n" + "".join(f"{i};{'class' * 15_000}{i % 20}\n" for i in range(100)))
    options = ["--epochs", "1", "--no-report", "--validation-size", "0.3"]
    assert "can be saved" in refusal(capsys, "train", "t.csv", "--target", "y", *options)
    assert [path.name for path in here.iterdir()] == ["t.csv"]


def test_16_a_table_of_another_kind(train, here, capsys):
    train("Fare,Age,y\n" + rows(lambda i: f"{i},{i % 9},{i % 2}\n"))
    (here / "new.csv").write_text("petal,sepal,area\n1,2,3\n")
    message = refusal(capsys, "predict", "o", "new.csv")
    assert "none of the 2 columns that the model needs: 'Fare', 'Age'; it has 'petal', 'sepal', 'area'" in message
    assert "is it '" not in message


def test_17_a_run_that_is_not_there(train, here, capsys):
    (here / "runs" / "houses").mkdir(parents=True)
    assert "there is no run folder runs/nope; there are runs/houses" in refusal(capsys, "predict", "runs/nope", "x.csv")


def test_18_parquet_is_written(train):
    train("x,y\n" + rows(lambda i: f"{i},{i % 2}\n"))
    assert main(["predict", "o", "t.csv", "-o", "out.parquet"]) == 0
    assert parquet.read_table("out.parquet").column_names == ["y"]


def test_19_classes_by_name_in_explain(train, capsys):
    train("x,colour,y\n" + rows(lambda i: f"{i},{'red' if i % 3 else 'blue'},{'yes' if i % 2 else 'no'}\n"), "--hidden", "2")
    pages = []
    for t in ("yes", "1"):
        assert main(["explain", "--run", "o", "--x", "3.5,red", "--t", t]) == 0
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1]
    assert "--t is 'maybe', which is not a class; the classes are 'no', 'yes'" in refusal(
        capsys, "explain", "--run", "o", "--x", "3.5,red", "--t", "maybe"
    )
    message = refusal(capsys, "explain", "--run", "o", "--x", "3.5", "--t", "no")
    assert "--x is '3.5'; it must have 2 entries, for x, colour" in message


def test_21_several_targets(train):
    text = "x,a,b,c\n" + rows(lambda i: f"{i * 1.5},{'yes' if i % 2 else 'no'},{i % 3 // 2},{i / 2}\n")
    record, model, _ = train(text, target="a,b")
    assert record["data"]["task"] == "multilabel"
    assert model.network.plan.activations[-1] == "sigmoid"
    assert main(["predict", "o", "t.csv", "-o", "out.csv"]) == 0
    assert set(csv.read_csv("out.csv").column("a").to_pylist()) <= {"yes", "no"}
    record, model, _ = train(text, target="x,c")
    assert record["data"]["task"] == "regression"
    assert model.target_names == ("x", "c")


def test_passengers_at_the_first_attempt(train):
    """Names, sexes, ports, missing ages and cabins: no option but the target."""

    def line(i):
        who = f'{i + 1},{i % 2},{i % 3 + 1},"Doe, Mr. {i}",{"male" if i % 3 else "female"},{"" if i % 5 == 0 else 20 + i % 40}'
        return f"{who},A/{i * 37},{i * 1.25},{f'C{i}' if i % 4 == 0 else ''},{'SCQ'[i % 3]}\n"

    header = "PassengerId,Survived,Pclass,Name,Sex,Age,Ticket,Fare,Cabin,Embarked\n"
    _, model, printed = train(header + rows(line, 120), target="Survived")
    assert columns(model) == {
        "PassengerId": "identifier", "Pclass": "number", "Name": "identifier", "Sex": "category", "Age": "number",
        "Ticket": "identifier", "Fare": "number", "Cabin": "identifier", "Embarked": "category",
    }  # fmt: skip
    for word in ("PassengerId", "left out", "missing filled with", "%", "one input for each of 3 values"):
        assert word in printed
