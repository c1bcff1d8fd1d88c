"""`import tileprop`: every public name, loaded when it is first used."""

import subprocess
import sys
from importlib import metadata

import pytest
import tileprop
from tileprop import kernels, trainer

pytestmark = pytest.mark.plain


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def test_the_names_are_those_of_the_trainer():
    assert tileprop.kernels is kernels
    assert tileprop.__version__ == metadata.version("tileprop")
    assert {*trainer.__all__, "kernels", "trainer", "__version__"} <= set(dir(tileprop))
    for name in trainer.__all__:
        assert getattr(tileprop, name) is getattr(trainer, name)
    assert set(trainer.__all__) <= set(dir(trainer))
    with pytest.raises(AttributeError, match="module 'tileprop' has no attribute 'Netwrok'"):
        tileprop.Netwrok  # noqa: B018


def test_the_kernels_come_without_the_trainer():
    code = "import sys, tileprop.kernels; tileprop.__version__; print('tileprop.trainer' in sys.modules)"
    assert run("-c", code) == "False"


def test_all_names_at_once():
    found = {}
    exec("from tileprop import *", found)
    assert set(trainer.__all__) <= set(found)


def test_as_a_module():
    assert run("-m", "tileprop", "--version") == f"tileprop {tileprop.__version__}"
