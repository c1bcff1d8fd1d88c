"""Files that are written whole or not at all."""

from __future__ import annotations

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
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "data.bin", b"whole")
