"""`tileprop info`: runs in every state, damaged ones, and the fingerprint."""

import json

import numpy as np
import pytest
from tileprop.trainer import Network
from tileprop.trainer.cli import main
from tileprop.trainer.data.array_recipe import ArrayRecipe
from tileprop.trainer.fingerprint import environment, fingerprint
from tileprop.trainer.runs.evaluation import ClassScores, Evaluation, Score
from tileprop.trainer.runs.lock import RunLock
from tileprop.trainer.runs.record import (
    FORMAT,
    DataFacts,
    Fingerprints,
    NetworkFacts,
    Results,
    RunRecord,
    read_record,
    write_record,
)
from tileprop.trainer.runs.settings import Settings
from tileprop.trainer.runs.trained_model import TrainedModel
from tileprop.trainer.scaling import Scaling

pytestmark = pytest.mark.plain
ESCAPE = "\x1b]0;owned\x07\x1b[31m"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run folder with escapes in all of its names."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / f"run{ESCAPE}"
    folder.mkdir()
    network = Network([2, 2], output_activation="softmax", loss="log_loss")
    scaling = Scaling(np.zeros(2), np.ones(2))
    recipe = ArrayRecipe(scaling, (f"a{ESCAPE}", f"b{ESCAPE}"))
    names = "classification", (f"target{ESCAPE}",), (f"yes{ESCAPE}", f"no{ESCAPE}")
    TrainedModel(network, recipe, *names).save(folder / "model.safetensors")
    settings = Settings("xor")
    fingerprints = Fingerprints("d" * 64, settings.fingerprint(), fingerprint(environment()))
    record = RunRecord(
        FORMAT, "interrupted", f"2026{ESCAPE}", settings, fingerprints,
        DataFacts("xor", "classification", 10, 2, {"training": 10}), NetworkFacts((2, 2), ("softmax",), "log_loss"), {},
        ended=ESCAPE, results=Results({f"training{ESCAPE}": 0.25}, 3, 3, False, 0.5, 60.0, 6, accuracy={"training": None}),
    )  # fmt: skip
    write_record(folder, record)
    return folder


def test_names_are_shown_with_escapes(run, capsys):
    for arguments in ([str(run)], ["--fingerprint", str(run)], [str(run / "model.safetensors")]):
        assert main(["info", *arguments]) == 0
        output = capsys.readouterr().out
        assert "\x1b" not in output
        assert "\x07" not in output
    assert main(["info", str(run)]) == 0
    output = capsys.readouterr().out
    for name in ("a", "b", "target ", "yes", "no", "training"):
        assert f"{name.strip()}\\x1b]0;owned" in output


def test_names_in_errors_are_shown_with_escapes(run, capsys):
    (run / "table.csv").write_text(f"c{ESCAPE},d\n1,2\n")
    for arguments in (["predict", str(run), str(run / "table.csv")], ["train", "--resume", f"no{ESCAPE}"]):
        assert main(arguments) == 2
        errors = capsys.readouterr().err
        assert "\\x1b]0;owned" in errors
        assert "\x1b" not in errors


def test_states(run, capsys):
    def shown():
        assert main(["info", str(run)]) == 0
        return capsys.readouterr().out

    assert "interrupted; continue with: tileprop train --resume" in shown()
    lock = RunLock(run)
    assert lock.take()
    assert "training now" in shown()
    lock.release()
    (run / "model.safetensors").unlink()
    assert "interrupted; continue with" in shown()
    write_record(run, vary(read_record(run), state="finished"))
    assert main(["info", str(run)]) == 2
    assert "has no model.safetensors" in capsys.readouterr().err


def test_results_beside_the_baseline(run, capsys):
    record = read_record(run)
    scores = {"log loss": Score(0.25, 0.75), "AUC": Score(None, None)}
    classes = {f"yes{ESCAPE}": ClassScores(0.5, 0.125, 0.2, 1234)}
    results = vary(record.results, evaluations={"test": Evaluation(1235, scores, True, classes)}, stopped_early=True)
    write_record(run, vary(record, results=results))
    assert main(["info", str(run)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["kept_epoch", "3"] in lines
    assert ["stopped_early", "yes"] in lines
    assert ["Held", "out:", "1,235", "rows"] in lines
    assert ["log", "loss", "0.2500", "0.7500"] in lines
    assert ["AUC", "-", "-"] in lines
    assert ["0.5000", "0.1250", "0.2000", "1,234"] in [line[-4:] for line in lines]


def vary(record, **changes):
    return type(record)(**{**vars(record), **changes})


def test_fingerprint(run, capsys):
    assert main(["info", "--fingerprint"]) == 0
    output = capsys.readouterr().out
    for text in (fingerprint(environment()), *environment()):
        assert text in output
    assert main(["info", "--fingerprint", str(run)]) == 0
    output = capsys.readouterr().out
    assert "d" * 64 in output
    assert read_record(run).fingerprints.settings in output
    assert f"{fingerprint(environment())} (as here)" in output
    record = read_record(run)
    write_record(run, vary(record, fingerprints=vary(record.fingerprints, environment="e" * 64)))
    assert main(["info", "--fingerprint", str(run)]) == 0
    assert f"{'e' * 64} (not as here)" in capsys.readouterr().out
    for wrong, message in (("nothing", "there is no run folder nothing"), (str(run / "model.safetensors"), "no run folder")):
        assert main(["info", "--fingerprint", wrong]) == 2
        assert message in capsys.readouterr().err


HOSTILE = [
    "[" * 100_000, '{"a":' * 100_000, "{}", "[]", "null", "\ud800".encode("utf-8", "surrogatepass"), '"' + "x" * 10**6 + '"',
    {"results": {}}, {"results": []}, {"results": {"losses": {"a": {"b": 1}}}}, {"settings": {"source": ["\x1b[31m"]}},
    {"settings": {"source": "\x1b[31m\0", "epochs": "\x1b[31m"}}, {"state": "\x1b[31m"}, {"state": ["training"]},
    {"replaces": 3}, {"format": None}, {"versions": {"\x1b[31m": 1}}, {"\x1b[31m": 1}, {"network": {"sizes": [[[[[[]]]]]]}},
    {"data": {"name": 1}}, {"fingerprints": {}},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_record_is_one_line(run, capsys, number):
    wrong = HOSTILE[number]
    path = run / "run.json"
    if isinstance(wrong, dict):
        wrong = json.dumps({**json.loads(path.read_text()), **wrong})
    path.write_bytes(wrong if isinstance(wrong, bytes) else wrong.encode())
    np.save("X.npy", np.zeros((1, 2)))
    for command in (
        ["info", str(run)],
        ["info", "--fingerprint", str(run)],
        ["predict", str(run), "X.npy"],
        ["explain", "--run", str(run), "--x", "1,2", "--t", "0"],
        ["train", "--resume", str(run)],
    ):
        assert main(command) == 2, command
        output, errors = capsys.readouterr()
        assert output == ""
        assert len(errors.splitlines()) == 1
        assert errors.startswith("tileprop: error: ")
        assert "run.json" in errors
        assert errors.removesuffix("\n").isprintable()
