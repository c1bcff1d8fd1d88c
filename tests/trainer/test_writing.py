"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from tileprop.trainer.writing import whole_file, write_whole

pytestmark = pytest.mark.plain


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "data.bin"
    write_whole(path, b"first")
    write_whole(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "data.bin"
    write_whole(path, b"whole")

    def save() -> None:
        with whole_file(path) as file:
            file.write(b"ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save()
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_without_its_folder_nothing_is_written(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none; make it first"):
        write_whole(tmp_path / "none" / "data.bin", b"whole")


posix_only = pytest.mark.skipif(os.name == "nt", reason="about POSIX modes and links")


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_permissions_stay(tmp_path, mode):
    path = tmp_path / "data.bin"
    write_whole(path, b"first")
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    path.chmod(mode)
    write_whole(path, b"second")
    assert path.stat().st_mode & 0o777 == mode


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@posix_only
def test_a_symbolic_link_stays_one(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder / "data.bin")
    for data in (b"first", b"second"):
        write_whole(tmp_path / "link", data)
        assert (folder / "data.bin").read_bytes() == data
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in folder.iterdir()] == ["data.bin"]


def test_the_longest_name(tmp_path):
    path = tmp_path / ("n" * 255)
    write_whole(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_what_a_killed_process_left_is_removed_later(tmp_path):
    path, others = tmp_path / "data.bin", tmp_path / "other.bin"
    with whole_file(path) as file:
        (unfinished,) = tmp_path.iterdir()
        file.write(b"whole")
    unfinished.write_bytes(b"ha")
    write_whole(path, b"new")
    assert unfinished.exists()  # it may belong to a save that is under way
    os.utime(unfinished, (0, 0))
    write_whole(others, b"whole")
    assert unfinished.exists()
    write_whole(path, b"newer")
    assert sorted(tmp_path.iterdir()) == [path, others]


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_errors_of_the_disk_leave_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "data.bin"
    write_whole(path, b"whole")

    def fail(*arguments, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_all_is_written_through_before_it_is_in_place(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        original = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, original=original: done.append(name) or original(*a))
    write_whole(tmp_path / "data.bin", b"whole")
    assert done == (["fsync", "replace"] if os.name == "nt" else ["fsync", "replace", "fsync"])


def test_threads_that_save_to_one_place_while_others_read(tmp_path):
    path = tmp_path / "data.bin"
    texts = [bytes([65 + k]) * 5000 for k in range(6)]
    write_whole(path, texts[0])

    def save(k):
        for _ in range(30):
            write_whole(path, texts[k])

    def read(_):
        return all(path.read_bytes() in texts for _ in range(300))

    with ThreadPoolExecutor(8) as pool:
        saves, reads = [pool.submit(save, k) for k in range(6)], [pool.submit(read, k) for k in range(2)]
        assert all(future.result() is None for future in saves)
        assert all(future.result() for future in reads)
    assert list(tmp_path.iterdir()) == [path]
