"""A run takes another one's place: killed at any moment, the old or the new one is there, whole, for the next command."""

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from tileprop.trainer import InputError
from tileprop.trainer.runs.finding import find_record
from tileprop.trainer.runs.record import read_record, write_record
from tileprop.trainer.runs.replacement import recover, remove, remove_left_behind, replace, trash
from tileprop.trainer.writing import LEFT_BEHIND

pytestmark = pytest.mark.plain


@pytest.fixture
def runs(tmp_path, make_record):
    """An old run at its place, and a new one beside it."""
    for name, record in (("a", make_record("finished", "old")), ("a.new", make_record("finished", "new", replaces="a"))):
        (tmp_path / name).mkdir()
        write_record(tmp_path / name, record)
        (tmp_path / name / "model").write_text(record.data.name)
    return tmp_path


def content(folder):
    return read_record(folder).data.name, (folder / "model").read_text()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_replace(runs):
    replace(runs / "a.new", runs / "a")
    assert (names(runs), content(runs / "a")) == (["a"], ("new", "new"))


def killed_at(moment, runs):
    """A process that replaces the run and ends before its operation on the disk of this number; whether it got that far."""
    child = os.fork()
    if child == 0:
        left = moment

        def counted(operation):
            def call(*arguments, **options):
                nonlocal left
                if left == 0:
                    os._exit(9)
                left -= 1
                return operation(*arguments, **options)

            return call

        Path.rename, os.unlink, os.rmdir, shutil.rmtree = map(counted, (Path.rename, os.unlink, os.rmdir, shutil.rmtree))
        replace(runs / "a.new", runs / "a")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_every_moment(tmp_path, runs):
    moment, killed = 0, True
    while killed:
        folder = tmp_path / f"copy{moment}"
        shutil.copytree(runs, folder, ignore=shutil.ignore_patterns("copy*"))
        killed = killed_at(moment, folder)
        assert find_record(folder / "a").data.name == "new"
        assert content(folder / "a") == ("new", "new")
        assert [name for name in names(folder) if not name.endswith(".unfinished")] == ["a"]
        moment += 1
    assert moment > 3


def test_recover_touches_nothing_else(runs, make_record):
    write_record(runs / "a.new", make_record("interrupted", "new", replaces="a"))
    before = names(runs)
    for place in ("a", "a.new", "b", "a/model"):
        recover(runs / place)
    recover(Path("/"))
    assert (names(runs), content(runs / "a")) == (before, ("old", "old"))
    write_record(runs / "a.new", make_record("finished", "new", replaces="b"))
    recover(runs / "b")
    assert names(runs) == before


def test_a_failed_replacement_puts_the_old_run_back(runs, monkeypatch):
    rename = Path.rename

    def fail(path, target):
        if path.name == "a.new":
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no"):
        replace(runs / "a.new", runs / "a")
    assert (names(runs), content(runs / "a")) == (["a", "a.new"], ("old", "old"))


def test_what_is_no_run_any_more_is_not_replaced(runs):
    (runs / "a" / "run.json").unlink()
    with pytest.raises(InputError, match=r"a can no longer be replaced, .*; the new run is in .*a\.new"):
        replace(runs / "a.new", runs / "a")
    recover(runs / "a")
    assert names(runs) == ["a", "a.new"]


def test_another_process_has_recovered_it_already(runs, monkeypatch):
    """It went on for this one, between this one's two renames."""
    rename = Path.rename

    def late(path, target):
        if path.name == "a.new":
            rename(path, target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    replace(runs / "a.new", runs / "a")
    assert (names(runs), content(runs / "a")) == (["a"], ("new", "new"))


def test_what_is_left_behind_goes_once_it_is_old(tmp_path):
    old, young = trash(tmp_path), trash(tmp_path)
    for folder in (old, young):
        folder.mkdir()
        (folder / "file").write_text("x")
    os.utime(old, (time.time() - LEFT_BEHIND - 60,) * 2)
    remove_left_behind(tmp_path)
    assert names(tmp_path) == [young.name]
    remove(young)
    remove(young)
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="names are shorter there")
def test_long_names(tmp_path, make_record):
    place = tmp_path / ("x" * 250)
    for folder in (place, place.with_name(place.name + ".new")):
        folder.mkdir()
        write_record(folder, make_record("finished", folder.name[-4:], replaces=place.name))
    recover(place)
    assert read_record(place).data.name == ".new"
