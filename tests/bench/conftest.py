"""The command line of `tileprop bench`, for the tests of this folder."""

import argparse
import sys
from types import ModuleType

import pytest
from tileprop.bench import command


def _parse(*arguments):
    parser = argparse.ArgumentParser(prog="tileprop")
    command.add_bench_command(parser.add_subparsers(dest="command"))
    return parser.parse_args(["bench", *arguments])


@pytest.fixture
def parse():
    """What `tileprop bench` makes of its arguments."""
    return _parse


@pytest.fixture
def run():
    """`tileprop bench` with these arguments; its exit status."""
    return lambda *arguments: command.run_bench(_parse(*arguments))


@pytest.fixture
def documents(monkeypatch):
    """A stand-in for the documents' check; calls counts how often it was asked, error is what it raises."""
    stand_in = ModuleType("documents")
    stand_in.calls, stand_in.error = 0, None

    def check_documents():
        stand_in.calls += 1
        if stand_in.error is not None:
            raise stand_in.error

    stand_in.check_documents = check_documents
    monkeypatch.setitem(sys.modules, "tileprop.trainer.explanation.documents", stand_in)
    return stand_in
