"""Versions: of what is installed, None for the rest."""

import sys
import threading

import pytest
from tileprop.trainer.versions import _found, versions

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def _looked_for_anew():
    _found.cache_clear()
    yield
    _found.cache_clear()


def test_versions(monkeypatch, tmp_path):
    described = tmp_path / "numpy-9.9.dist-info" / "METADATA"
    described.parent.mkdir()
    described.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 9.9\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    found = versions()
    assert list(found)[:2] == ["tileprop", "python"]
    assert found["numpy"] == "9.9"
    assert found["pyarrow"] is None
    (tmp_path / "pyarrow-1.0.dist-info").mkdir()
    (tmp_path / "pyarrow-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: pyarrow\nVersion: 1.0\n")
    assert versions()["pyarrow"] == "1.0"


def test_another_thread_may_change_the_path_meanwhile():
    """As workers of Dask do that end."""
    ended = threading.Event()

    def change():
        while not ended.is_set():
            sys.path.insert(0, "/nowhere")
            sys.path.remove("/nowhere")

    thread, interval = threading.Thread(target=change), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        found = []
        for _ in range(60):
            _found.cache_clear()
            found.append(versions())
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert all(each == versions() for each in found)
