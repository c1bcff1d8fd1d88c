"""Run folders are there from the beginning, are numbered, replace others only when asked to, and have one writer."""

import os

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.folder import CHECKPOINT, RunFolder
from tileprop.trainer.runs.record import read_record, write_record

pytestmark = [pytest.mark.plain, pytest.mark.usefixtures("here")]


@pytest.fixture
def write(make_record):
    """A run from its beginning to its end; returns where it is."""

    def write(name="digits", out=None, overwrite=False, content="new", state="finished"):
        folder = RunFolder.for_new(name, out, overwrite)
        with folder:
            folder.make(make_record(name=content))
            folder.keep()
            folder.checkpoint.write_text("numbers")
            if state != "training":
                write_record(folder.path, make_record(state, name=content, replaces=read_record(folder.path).replaces))
            if state == "finished":
                folder.finish()
        return str(folder.shown)

    return write


def interrupted(error, record, **arguments):
    with RunFolder.for_new("digits", **arguments) as folder:
        folder.make(record)
        (folder.path / "model").write_text("half")
        raise error


def files(here):
    return sorted(str(path.relative_to(here)) for path in here.rglob("*"))


def name_in(folder):
    return read_record(folder).data.name


def test_numbers(here, write):
    assert [write() for _ in range(3)] == [os.path.join("runs", name) for name in ("digits", "digits-2", "digits-3")]
    assert write("iris") == os.path.join("runs", "iris")
    assert len(files(here)) == 1 + 2 * 4


def test_it_is_seen_from_the_beginning(here, make_record):
    with RunFolder.for_new("digits") as folder:
        assert files(here) == []
        folder.make(make_record())
        assert read_record(here / "runs" / "digits").state == "training"
        assert str(folder.shown) == os.path.join("runs", "digits")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("out", [None, "a/b/c"])
def test_a_run_of_no_epoch_leaves_nothing(here, make_record, error, out):
    with pytest.raises(error):
        interrupted(error, make_record(), out=out)
    assert files(here) == []


def test_a_run_of_no_epoch_leaves_others_alone(here, write, make_record):
    write(content="old")
    before = files(here)
    with pytest.raises(KeyboardInterrupt):
        interrupted(KeyboardInterrupt, make_record(), overwrite=True)
    assert files(here) == before


def test_a_run_that_is_kept_stays_with_its_checkpoint(here, write):
    write(state="training")
    assert files(here / "runs" / "digits") == [CHECKPOINT, "run.json"]


def test_a_run_that_has_finished_has_no_checkpoint(here, write):
    write()
    assert files(here / "runs" / "digits") == ["run.json"]


def test_an_existing_folder_is_refused(here, write):
    assert write(out="mine") == "mine"
    with pytest.raises(InputError, match="mine already exists; choose another folder, or replace it with --overwrite"):
        RunFolder.for_new("digits", "mine")


@pytest.mark.parametrize("out", ["", "/"])
def test_no_name(out):
    with pytest.raises(InputError, match=f"out is '{out}'; give the name of a folder"):
        RunFolder.for_new("digits", out, overwrite=True)


@pytest.mark.parametrize("out", ["mine", None])
def test_overwrite(here, write, out):
    place = write(out=out, content="old")
    (here / place / "old").write_text("x")
    assert write(out=out, overwrite=True) == place
    assert files(here / place) == ["run.json"]
    assert name_in(here / place) == "new"
    assert [path.name for path in (here / place).parent.iterdir()] == [os.path.basename(place)]


def test_the_old_run_stays_until_the_new_one_has_finished(here, write):
    write(out="mine", content="old")
    assert write(out="mine", overwrite=True, content="half", state="interrupted") == "mine.new"
    assert (name_in(here / "mine"), name_in(here / "mine.new")) == ("old", "half")
    folder, _ = RunFolder.of_run(here / "mine.new")
    with folder:
        write_record(folder.path, read_record(folder.path))
        folder.finish()
    assert str(folder.shown) == str(here / "mine")
    assert (files(here), name_in(here / "mine")) == (["mine", os.path.join("mine", "run.json")], "half")


def test_an_unfinished_replacement_is_replaced(here, write, make_record):
    write(out="mine", content="old")
    write(out="mine", overwrite=True, content="half", state="training")
    with RunFolder.for_new("digits", "mine", overwrite=True) as folder:
        folder.make(make_record())
        assert str(folder.removed) == "mine.new"
        assert not folder.has_checkpoint


def test_a_folder_in_the_way_of_a_replacement(here, write):
    write(out="mine", content="old")
    write(out="mine.new", content="of someone else")
    with pytest.raises(InputError, match=r"mine\.new is needed for the new run .*, but it already exists; move it away"):
        RunFolder.for_new("digits", "mine", overwrite=True)


def test_a_replacement_whose_folder_got_another_name_replaces_nothing(here, write):
    write(out="mine", content="old")
    write(out="mine", overwrite=True, state="interrupted")
    (here / "mine.new").rename(here / "other")
    folder, _ = RunFolder.of_run(here / "other")
    with folder:
        folder.finish()
    assert (name_in(here / "mine"), name_in(here / "other")) == ("old", "new")


def test_only_run_folders_are_overwritten(here):
    (here / "papers").mkdir()
    (here / "papers" / "thesis").write_text("x")
    (here / "file").write_text("x")
    for out in ("papers", "file", "."):
        with pytest.raises(InputError, match=r"is not a run folder .*, so it is not overwritten"):
            RunFolder.for_new("digits", out, overwrite=True)
    assert (here / "papers" / "thesis").read_text() == "x"


def test_made_by_someone_else_meanwhile(here, make_record):
    with RunFolder.for_new("digits", "mine") as folder:
        (here / "mine").mkdir()
        with pytest.raises(InputError, match="created by another process"):
            folder.make(make_record())
    with RunFolder.for_new("digits") as folder:
        (here / "runs" / "digits").mkdir(parents=True)
        folder.make(make_record())
        assert str(folder.shown) == os.path.join("runs", "digits-2")
    assert files(here) == ["mine", "runs", os.path.join("runs", "digits")]


def test_two_runs_at_once_are_told_apart(here, make_record):
    with RunFolder.for_new("digits") as first, RunFolder.for_new("digits") as second:
        first.make(make_record())
        second.make(make_record())
        assert second.path.name == "digits-2"
        assert second.left == []  # the other one is at work, and not left behind


def test_what_is_being_trained_is_neither_resumed_nor_overwritten(here, make_record):
    with RunFolder.for_new("digits", "mine") as folder:
        folder.make(make_record())
        with pytest.raises(InputError, match="another process is training in mine; wait until it has finished"):
            RunFolder.of_run(here.joinpath("mine").relative_to(here))
        with pytest.raises(InputError, match="is training in mine; wait until it has finished, or choose another"):
            RunFolder.for_new("digits", "mine", overwrite=True)


def test_runs_that_have_not_finished_are_named(here, write, make_record):
    write(state="training")
    write()
    write(state="interrupted")
    with RunFolder.for_new("digits") as folder:
        folder.make(make_record())
        assert [path.name for path in folder.left] == ["digits", "digits-3"]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("finished", "has already finished"),
        ("diverged", "diverged, and would diverge again; start a new one with a smaller --learning-rate"),
    ],
)
def test_nothing_to_go_on_with(here, write, state, message):
    place = write(state=state)
    before = files(here)
    with pytest.raises(InputError, match=message):
        RunFolder.of_run(here / place)
    assert files(here) == before


def test_no_run(here):
    (here / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty is not a run folder: it has no run\.json"):
        RunFolder.of_run(here / "empty")
    with pytest.raises(InputError, match=r"there is no run folder .*emty; did you mean 'empty'"):
        RunFolder.of_run(here / "emty")


def test_a_place_that_cannot_be_written(here, make_record):
    (here / "file").write_text("x")
    with (
        RunFolder.for_new("d", "file/x") as folder,
        pytest.raises(InputError, match=r"the run folder .*x cannot be created: .*; choose another with --out"),
    ):
        folder.make(make_record())
    with (
        pytest.raises(InputError, match="cannot be created: File name too long"),
        RunFolder.for_new("d", "new/" + "x" * 300) as folder,
    ):
        folder.make(make_record())
    assert files(here) == ["file"]
