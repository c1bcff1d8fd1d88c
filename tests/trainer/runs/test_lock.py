"""A run folder has one process that writes to it; the lock goes with that process, however it ends."""

import os
import signal

import pytest
from tileprop.trainer.runs.lock import RunLock, at_work

pytestmark = pytest.mark.plain


def test_one_has_it(tmp_path):
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    assert not at_work(tmp_path)
    assert first.take()
    assert at_work(tmp_path)
    assert not second.take()
    first.release()
    assert not at_work(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert second.take()
    second.release()


def test_a_folder_may_be_moved_meanwhile(tmp_path):
    (tmp_path / "a").mkdir()
    lock = RunLock(tmp_path / "a")
    assert lock.take()
    lock.release()
    (tmp_path / "a").rename(tmp_path / "b")
    assert not at_work(tmp_path / "b")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_it_goes_with_its_process(tmp_path):
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        lock = RunLock(tmp_path)
        os.write(tell, b"y" if lock.take() else b"n")
        signal.pause()
    try:
        assert os.read(told, 1) == b"y"
        assert at_work(tmp_path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(told)
        os.close(tell)
    assert (tmp_path / ".lock").exists()
    assert not at_work(tmp_path)


def test_no_folder(tmp_path):
    assert not at_work(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        RunLock(tmp_path / "none").take()
