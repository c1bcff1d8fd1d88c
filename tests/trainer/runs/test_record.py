"""run.json: what it says of a run, and what it may not say."""

import dataclasses
import json
import re

import numpy as np
import pytest
from tileprop.trainer import DivergenceError, InputError
from tileprop.trainer.runs.preparation import prepare
from tileprop.trainer.runs.record import MOST_BYTES, RunRecord, beginning, ending, read_record, write_record
from tileprop.trainer.runs.settings import Settings
from tileprop.trainer.typed_json import from_json

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def run():
    experiment = prepare(Settings("moons", epochs=3, n_samples=100))
    return experiment, experiment.train()


def test_the_record_of_a_run(run, tmp_path):
    experiment, outcome = run
    began = beginning(experiment)
    assert (began.state, began.results, began.can_go_on) == ("training", None, True)
    ended = ending(began, outcome)
    write_record(tmp_path, ended)
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert (record["state"], record["started"]) == ("finished", began.started)
    assert record["settings"]["source"] == "moons"
    assert record["settings"]["epochs"] == 3
    assert record["data"]["classes"] == {"0": 50, "1": 50}
    assert record["data"]["split"] == {"training": 68, "validation": 12, "test": 20}
    assert record["results"]["accuracy"] == outcome.scores
    assert "R2" not in record["results"]
    accuracy = record["results"]["evaluations"]["test"]["scores"]["accuracy"]
    assert accuracy["model"] == outcome.scores["test"]
    assert accuracy["baseline"] == 0.5
    assert record["results"]["evaluations"]["test"]["classes"]["1"]["rows"] == 10
    assert (record["results"]["epochs"], record["results"]["kept_epoch"]) == (3, outcome.kept_epoch)
    assert record["results"]["parameters"] == outcome.model.network.plan.n_parameters
    assert record["versions"]["numpy"] == np.__version__
    assert read_record(tmp_path) == ended


def test_states(run):
    experiment, outcome = run
    for error, epochs, state in (
        (KeyboardInterrupt(), 9, "interrupted"),
        (None, 9, "interrupted"),  # by a limit on the time
        (KeyboardInterrupt(), 3, "finished"),  # after the last epoch
        (DivergenceError("diverged"), 9, "diverged"),
    ):
        settings = dataclasses.replace(outcome.settings, epochs=epochs)
        changed = dataclasses.replace(outcome, error=error, settings=settings, finished=epochs == 3)
        record = ending(beginning(experiment), changed)
        assert (record.state, record.can_go_on) == (state, state == "interrupted")
    early = dataclasses.replace(outcome, settings=dataclasses.replace(outcome.settings, epochs=9), stopped_early=True)
    for error in (None, KeyboardInterrupt()):
        assert ending(beginning(experiment), dataclasses.replace(early, error=error)).state == "finished"


def test_fingerprints(run):
    """The same for the same data and settings, wherever the data are; other ones for others."""
    experiment, _ = run
    same, other_data, other_settings = (
        beginning(prepare(Settings("moons", **{"epochs": 3, "n_samples": 100, **changes}))).fingerprints
        for changes in ({}, {"noise": 0.3}, {"epochs": 4})
    )
    here = beginning(experiment).fingerprints
    assert here == same
    assert (here.data, here.settings) != (other_data.data, other_data.settings)
    assert here.data != other_data.data
    assert (here.data, here.settings == other_settings.settings) == (other_settings.data, False)
    assert Settings("a.csv", target="y").fingerprint() == Settings("b.csv", target="y").fingerprint()


def test_json_has_no_nan(make_record, tmp_path):
    record = make_record("finished")
    record.results.losses["test"] = float("nan")
    write_record(tmp_path, record)
    assert json.loads((tmp_path / "run.json").read_text())["results"]["losses"] == {"test": None}
    assert read_record(tmp_path).results.losses == {"test": None}


def test_names_of_any_letters(make_record, tmp_path):
    record = make_record(name="\x1b[31m\udcff größe\n")
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


def test_no_record(tmp_path):
    assert read_record(tmp_path) is None
    (tmp_path / "run.json").mkdir()
    assert read_record(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"[" * 20_000, b'{"a":' * 30_000, b'{"a": 1, "a": 2}', b"1" * 5000, b"null"],
)
def test_no_json_of_a_run(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json"):
        read_record(tmp_path)


def test_a_very_long_one(tmp_path):
    (tmp_path / "run.json").write_bytes(b" " * (MOST_BYTES + 1))
    with pytest.raises(InputError, match=rf"run\.json has {MOST_BYTES + 1} bytes"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"results": {}}, "run.json.results has no entry losses"),
        ({"results": None}, "run.json: the state is 'finished', but there are no results"),
        ({"state": "asleep"}, "run.json: the state is 'asleep'; it must be one of training, interrupted, diverged, finished"),
        ({"format": "tileprop-run-2"}, "run.json: the format is 'tileprop-run-2', but this version of tileprop reads"),
        ({"settings": {"source": "xor", "epochs": 0}}, "run.json.settings: epochs is 0"),
        ({"settings": {"source": "xor", "epochs": "9"}}, "run.json.settings.epochs is '9'; it must be a whole number"),
        ({"settings": {"source": "xor", "rate": 1}}, "run.json.settings has an entry 'rate'"),
        ({"settings": {"source": ["xor"]}}, "run.json.settings.source is ['xor']; it must be text"),
        ({"settings": {"source": "xor", "hidden": [[4]]}}, "run.json.settings.hidden is [4]; it must be a whole number"),
        ({"settings": {"source": "xor", "learning_rate": float("nan")}}, "learning_rate is nan"),
        ({"versions": {"numpy": 2}}, "run.json.versions.numpy is 2; it must be text"),
        ({"data": []}, "run.json.data is []; it must be an object"),
    ],
)
def test_what_a_record_may_not_say(make_record, tmp_path, change, message):
    write_record(tmp_path, make_record("finished"))
    content = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(InputError, match=re.escape(message)):
        read_record(tmp_path)


def test_every_entry_of_another_type(make_record, tmp_path):
    """Each value, one after the other, replaced by values of every other type: named in one line, or as good as before."""
    write_record(tmp_path, make_record("interrupted", ended="2026", replaces="a"))
    whole = json.loads((tmp_path / "run.json").read_text())
    refused = 0
    for place in _places(whole):
        for wrong in (None, True, 1.5, -1, 10**30, "x", "\x1b[31m", [], [[[]]], {}, {"a": {"a": {}}}):
            content = json.loads(json.dumps(whole))
            inside = content
            for name in place[:-1]:
                inside = inside[name]
            inside[place[-1]] = wrong
            try:
                from_json(RunRecord, content, "run.json")
            except InputError as error:
                refused += "run.json" in str(error)
    assert refused > 300


def _places(value, before=()):
    for name in value if isinstance(value, dict) else range(len(value)):
        yield (*before, name)
        if isinstance(value[name], (dict, list)):
            yield from _places(value[name], (*before, name))
