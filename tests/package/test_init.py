"""`import tileprop`: every public name, loaded when it is first used."""

import runpy
import subprocess
import sys
from importlib import metadata

import pytest
import tileprop
from tileprop import kernels, trainer

pytestmark = pytest.mark.plain


def test_the_names_are_those_of_the_trainer():
    assert tileprop.kernels is kernels
    assert tileprop.__version__ == metadata.version("tileprop")
    assert tileprop.__all__ == trainer.__all__  # of `from tileprop import *`
    assert {*trainer.__all__, "kernels", "trainer", "__version__"} <= set(dir(tileprop))
    assert set(trainer.__all__) <= set(dir(trainer))
    loaded = set(trainer.__all__) & set(vars(trainer))
    assert len(loaded) > 20
    for name in [*loaded, "explain"]:
        assert getattr(tileprop, name) is getattr(trainer, name)
    with pytest.raises(AttributeError, match="module 'tileprop' has no attribute 'Netwrok'"):
        tileprop.Netwrok  # noqa: B018


def test_the_kernels_come_without_the_trainer():
    code = "import sys, tileprop.kernels; tileprop.__version__; print('tileprop.trainer' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_as_a_module(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tileprop", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("tileprop", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"tileprop {tileprop.__version__}\n"
