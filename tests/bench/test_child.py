"""A side's process answers requests."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tileprop.bench.child import Child
from tileprop.bench.problems import Problem
from tileprop.bench.task import write_arrays

SETTINGS = Problem("test", (2, 1), 2, 4).settings | {"threads": 1}


@pytest.fixture
def child(tmp_path, monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)  # here it would look through what all tests before have made, for a second
    write_arrays(tmp_path, np.ones((4, 2)), np.ones((4, 1)), np.zeros(3))
    child = Child()
    assert child.answer({"do": "open", "module": "tileprop.bench.side_numpy"}) == {}
    return child


def test_conversation(child, tmp_path):
    assert child.answer({"do": "build", "folder": str(tmp_path), **SETTINGS})["seconds"] >= 0
    assert child.answer({"do": "train", "epochs": 2})["seconds"] > 0
    assert child.answer({"do": "save", "path": str(tmp_path / "out.npy")}) == {}
    theta = np.load(tmp_path / "out.npy")
    assert theta.shape == (3,)
    assert np.all(theta > 0)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"do": "open", "module": "no_such_module"}, "ModuleNotFoundError"),
        ({"do": "dance"}, "AttributeError"),
        ({"do": "train", "epochs": 1}, "AssertionError"),
        ({"do": "train", "rounds": 1}, "TypeError"),
    ],
)
def test_errors_are_answers(child, request_, error, capsys):
    assert child.answer(request_)["error"].startswith(error)
    assert "Traceback" in capsys.readouterr().err


def test_what_libraries_print_is_no_answer(tmp_path, monkeypatch):
    (tmp_path / "noisy.py").write_text("print('hello')\nimport os\nos.write(1, b'hello again')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lines = "".join(json.dumps({"do": "open", "module": module}) + "\n" for module in ("noisy", "nowhere"))
    # It ends with its stdin, so that stays open until both answers are here.
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tileprop.bench.child", ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdin.write(lines)
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {}
        assert "ModuleNotFoundError" in json.loads(process.stdout.readline())["error"]
        process.stdin.close()
        assert process.wait(timeout=30) == 0
        assert process.stdout.read() == ""
        assert "hello again" in process.stderr.read()
