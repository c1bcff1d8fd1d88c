"""`tileprop bench`: nothing runs before the documents are checked."""

import pytest
from tileprop.bench.benchmarks import BENCHMARKS


@pytest.mark.parametrize("arguments", [["race", "--quick"], ["micro"], ["exact"]])
def test_nothing_is_timed_before_the_documents_are_reproduced(arguments, run, documents, monkeypatch, capsys):
    documents.error = AssertionError("document 2: loss\n  is 0.1343")
    monkeypatch.setitem(BENCHMARKS, arguments[0], BENCHMARKS[arguments[0]]._replace(run=pytest.fail))
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "tileprop bench: the documents are not reproduced, so nothing is timed: document 2: loss is 0.1343\n"
    )


def test_the_real_documents_are_checked(run, monkeypatch):
    monkeypatch.setitem(BENCHMARKS, "exact", BENCHMARKS["exact"]._replace(run=lambda args: 7))
    assert run("exact") == 7


def test_help_shows_every_benchmark_with_an_example(run, capsys):
    with pytest.raises(SystemExit):
        run("--help")
    shown = capsys.readouterr().out
    assert [name for name in BENCHMARKS if f"tileprop bench {name}" not in shown] == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_help_of_a_benchmark_is_what_it_says(name, run, capsys):
    with pytest.raises(SystemExit):
        run(name, "--help")
    shown = "".join(capsys.readouterr().out.split())  # lines may be broken after a hyphen, too
    assert "".join(BENCHMARKS[name].description.split()) in shown
    assert "%%" not in shown
