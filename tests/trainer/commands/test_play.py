"""`tileprop play`: from its address to Ctrl-C, and what it refuses before it serves anything."""

import _thread
import sys
import threading
import urllib.request

import pytest
from tileprop.trainer.cli import main

for package in ("sklearn", "starlette", "uvicorn", "websockets"):
    pytest.importorskip(package)


def test_it_opens_the_page_and_serves_it_until_ctrl_c(tmp_path, monkeypatch, capsys):
    table = tmp_path / "t.csv"
    table.write_text("a,b,y\n" + "".join(f"{i},{i % 7},{('no', 'yes')[i % 2]}\n" for i in range(40)))
    pages = []

    def look_and_end(address):
        try:
            pages.append(urllib.request.urlopen(address, timeout=10).read())
        finally:
            _thread.interrupt_main()  # as Ctrl-C does

    def opened(address):
        assert address.startswith("http://127.0.0.1:")
        threading.Thread(target=look_and_end, args=(address,)).start()

    monkeypatch.setattr("webbrowser.open", opened)
    assert main(["play", str(table), "--target", "y", "--port", "0"]) == 0
    assert b"<title>tileprop play</title>" in pages[0]
    assert "tileprop: the page is at http://127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--port", "70000"], "--port is 70000; it must be a whole number, at least 0 and at most 65535"),
        (["--target", "y"], "--target is 'y', but FILE is missing"),
        (["nothing.csv", "--target", "y"], "nothing.csv"),
        (["t.csv"], "say which column is the target, for example --target y"),
        (["t.csv", "--target", "y,b"], "the page takes a single target column"),
    ],
)
def test_refused(words, problem, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{i},{i % 2},{i * 1.5}\n" for i in range(40)))
    assert main(["play", "--no-browser", *words]) == 2
    assert problem in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert main(["play"]) == 2
    assert "tileprop play needs starlette: pip install 'tileprop[play]'" in capsys.readouterr().err
