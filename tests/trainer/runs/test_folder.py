"""Run folders appear whole, are numbered, and replace others only when asked to."""

import os

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.folder import RunFolder

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name="digits", out=None, overwrite=False, content="new"):
    with RunFolder(name, out, overwrite) as folder:
        (folder.path / "run.json").write_text(content)
        return str(folder.finish())


def interrupted(error, **arguments):
    with RunFolder("digits", **arguments) as folder:
        (folder.path / "model").write_text("half")
        raise error


def files(here):
    return sorted(str(path.relative_to(here)) for path in here.rglob("*"))


def test_numbers(here):
    assert [write() for _ in range(3)] == [os.path.join("runs", name) for name in ("digits", "digits-2", "digits-3")]
    assert write("iris") == os.path.join("runs", "iris")
    assert len(files(here)) == 1 + 2 * 4


def test_nothing_is_seen_before_the_end(here):
    with RunFolder("digits") as folder:
        assert not (here / "runs" / "digits").exists()
        folder.finish()
        assert (here / "runs" / "digits").is_dir()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("out", [None, "a/b/c"])
def test_an_interrupted_run_leaves_nothing(here, error, out):
    with pytest.raises(error):
        interrupted(error, out=out)
    assert files(here) == []


def test_an_interrupted_run_leaves_others_alone(here):
    write(content="old")
    before = files(here)
    with pytest.raises(KeyboardInterrupt):
        interrupted(KeyboardInterrupt, overwrite=True)
    assert files(here) == before


def test_an_existing_folder_is_refused(here):
    assert write(out="mine") == "mine"
    with pytest.raises(InputError, match="mine exists already; choose another folder, or replace it with --overwrite"):
        RunFolder("digits", "mine")


@pytest.mark.parametrize("out", ["mine", None])
def test_overwrite(here, out):
    place = write(out=out, content="old")
    (here / place / "old").write_text("x")
    assert write(out=out, overwrite=True) == place
    assert [path.name for path in (here / place).iterdir()] == ["run.json"]
    assert (here / place / "run.json").read_text() == "new"
    assert not [name for name in files(here) if "unfinished" in name]


def test_only_run_folders_are_overwritten(here):
    (here / "papers").mkdir()
    (here / "papers" / "thesis").write_text("x")
    (here / "file").write_text("x")
    for out in ("papers", "file", "."):
        with pytest.raises(InputError, match=r"is no run folder .*, so it is not overwritten"):
            RunFolder("digits", out, overwrite=True)
    assert (here / "papers" / "thesis").read_text() == "x"


def test_made_by_someone_else_meanwhile(here):
    with RunFolder("digits", "mine") as folder:
        (here / "mine").mkdir()
        with pytest.raises(InputError, match="made by someone else"):
            folder.finish()
    with RunFolder("digits") as folder:
        (here / "runs" / "digits").mkdir()
        assert str(folder.finish()) == os.path.join("runs", "digits-2")


def test_a_place_that_cannot_be_written(here):
    (here / "file").write_text("x")
    with (
        pytest.raises(InputError, match=r"the run folder .*x cannot be made: .*; choose another with --out"),
        RunFolder("d", "file/x"),
    ):
        pass
    with pytest.raises(InputError, match="cannot be made: File name too long"), RunFolder("d", "new/" + "x" * 300):
        pass
    assert files(here) == ["file"]


def test_a_failed_replacement_puts_the_old_folder_back(here, monkeypatch):
    write(out="mine", content="old")
    rename = type(here).rename

    def fail(path, target):
        if path.name.endswith(".unfinished"):
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(type(here), "rename", fail)
    with pytest.raises(OSError, match="no"):
        write(out="mine", overwrite=True)
    assert (here / "mine" / "run.json").read_text() == "old"
    assert files(here) == ["mine", os.path.join("mine", "run.json")]
