"""A run and its model are found by a folder or by a file; what is missing or damaged is named."""

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.finding import find_model, find_record, find_run
from tileprop.trainer.runs.record import write_record

pytestmark = pytest.mark.plain


@pytest.fixture
def run(tmp_path, make_record):
    folder = tmp_path / "a run"
    folder.mkdir()
    (folder / "model.safetensors").write_text("x")
    write_record(folder, make_record("finished"))
    return folder


def test_what_is_there(run, make_record):
    assert find_model(run) == find_model(run / "model.safetensors") == run / "model.safetensors"
    assert find_run(run) == find_record(run) == make_record("finished")
    assert find_record(run / "model.safetensors") is None


def test_what_is_missing(run, tmp_path):
    with pytest.raises(InputError, match=r"has no model.safetensors; give a run folder"):
        find_model(tmp_path)
    with pytest.raises(InputError, match=r"there is no run folder .*nothing"):
        find_model(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"is not a run folder: it has no run\.json"):
        find_run(tmp_path)
    with pytest.raises(InputError, match=r"there is no run folder .*a rum; did you mean 'a run'"):
        find_run(tmp_path / "a rum")


def test_a_model_without_a_record(run):
    (run / "run.json").unlink()
    assert find_model(run) == run / "model.safetensors"


def test_a_run_that_has_no_model_yet(run, make_record):
    write_record(run, make_record("training"))
    assert find_model(run) == run / "model.safetensors"
    (run / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"has no model yet; continue with: tileprop train --resume '.*a run'"):
        find_model(run)


def test_a_damaged_record(run):
    (run / "run.json").write_text("[")
    with pytest.raises(InputError, match=r"run\.json is not valid JSON.*; give .*model.safetensors to use the model"):
        find_model(run)
    (run / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"run\.json is not valid JSON[^;]*$"):
        find_model(run)
