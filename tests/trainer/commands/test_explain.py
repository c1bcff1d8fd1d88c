"""`tileprop explain`: what it prints, and what it says about bad arguments."""

import argparse
import shlex

import numpy as np
import pytest
from tileprop.trainer import InputError, Network
from tileprop.trainer.commands.explain import add_explain_command, run_explain
from tileprop.trainer.explanation.explain import explain, explain_document

pytestmark = pytest.mark.plain


def run(*arguments):
    parser = argparse.ArgumentParser(prog="tileprop")
    add_explain_command(parser.add_subparsers(dest="command"))
    return run_explain(parser.parse_args(["explain", *arguments]))


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("form", ["text", "markdown"])
def test_documents(capsys, number, form):
    assert run("--document", str(number), "--format", form) == 0
    assert capsys.readouterr().out == getattr(explain_document(number), form)()


def test_text_is_the_default(capsys):
    run("--document", "1")
    assert capsys.readouterr().out == explain_document(1).text()


def test_a_network_with_the_defaults(capsys):
    assert run("--sizes", "3,4,2", "--x", "0.1,0.2,0.3", "--t", "0,1") == 0
    network = Network([3, 4, 2], dtype="float64", random_state=0)
    assert capsys.readouterr().out == explain(network, [0.1, 0.2, 0.3], [0, 1]).text()


def test_every_option(capsys):
    options = "--activation tanh,relu --output-activation identity --loss squared_error --seed 7 --learning-rate 0.5 --no-bias"
    assert run("--sizes", "2,3,3,1", "--x=-1,0.5", "--t", "2", *options.split(), "--format", "markdown") == 0
    network = Network([2, 3, 3, 1], ["tanh", "relu"], "identity", "squared_error", False, "float64", random_state=7)
    assert capsys.readouterr().out == explain(network, [-1, 0.5], 2, learning_rate=0.5).markdown()


@pytest.mark.parametrize("t", ["0,1,1,0", "0;1;1;0"])
def test_a_batch(capsys, t):
    assert run("--sizes", "2,3,1", "--x", "0,0;0,1;1,0;1,1", "--t", t) == 0
    network = Network([2, 3, 1], dtype="float64", random_state=0)
    X, T = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
    assert capsys.readouterr().out == explain(network, X, T).text()


@pytest.mark.parametrize(("x", "t", "labels"), [("1,2", "2", [2]), ("1,2;3,4", "2;0", [2, 0]), ("1,2;3,4", "2,0", [2, 0])])
def test_class_labels(capsys, x, t, labels):
    assert run("--sizes", "2,3", "--output-activation", "softmax", "--loss", "log_loss", "--x", x, "--t", t) == 0
    network = Network([2, 3], output_activation="softmax", loss="log_loss", dtype="float64", random_state=0)
    assert capsys.readouterr().out == explain(network, [[1, 2], [3, 4]][: len(labels)], labels).text()


NETWORK = ("--sizes", "2,2", "--x", "1,2", "--t", "0,1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to explain: give --document 1, --document 2, or --sizes"),
        (("--document", "1", "--x", "1"), "--x does not go with --document"),
        (("--document", "1", "--no-bias"), "--no-bias does not go with --document"),
        (("--document", "2", "--learning-rate", "0.1"), "--learning-rate does not go with --document"),
        (("--sizes", "2,2", "--x", "1,2"), "--t is missing"),
        (("--x", "1,2", "--t", "0,1"), "--sizes is missing"),
        (("--sizes", "2,two", "--x", "1,2", "--t", "0,1"), "--sizes has 'two'"),
        (("--sizes", "2", "--x", "1,2", "--t", "0,1"), r"--sizes is \[2\]; it needs"),
        (("--sizes", "2,0", "--x", "1,2", "--t", "0,1"), r"--sizes\[1\] is 0"),
        (("--sizes", "2,2", "--x", "1,", "--t", "0,1"), "--x is '1,'; it must be a list of numbers"),
        (("--sizes", "2,2", "--x", "1,2;3", "--t", "0,1"), "--x is '1,2;3'; its rows must be of one length"),
        (("--sizes", "2,2", "--x", "1,2,3", "--t", "0,1"), r"--x has shape \(3,\)"),
        (("--sizes", "2,2", "--x", "1,inf", "--t", "0,1"), "--x holds inf"),
        (("--sizes", "2,2", "--x", "1,2", "--t", "0"), r"--t has shape \(1,\)"),
        ((*NETWORK, "--activation", "tan"), "--activation is 'tan'; it must be one of"),
        ((*NETWORK, "--output-activation", "tan"), "--output-activation is 'tan'; it must be one of"),
        ((*NETWORK, "--loss", "mape"), "--loss is 'mape'; it must be one of"),
        ((*NETWORK, "--loss", "log_loss", "--output-activation", "tanh"), "--loss 'log_loss' needs output_activation"),
        ((*NETWORK, "--seed", "-1"), "--seed is -1; it must be at least 0"),
        ((*NETWORK, "--learning-rate", "-0.5"), "--learning-rate is -0.5; it must be at least 0"),
        ((*NETWORK, "--learning-rate", "nan"), "--learning-rate is nan"),
    ],
)
def test_bad_arguments_are_named(capsys, arguments, message):
    with pytest.raises(InputError, match=f"^{message}") as raised:
        run(*arguments)
    assert "\n" not in str(raised.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("arguments", [("--document", "3"), ("--format", "html"), ("--seed", "x"), ("--doc", "1")])
def test_arguments_that_argparse_refuses(capsys, arguments):
    with pytest.raises(SystemExit) as raised:
        run(*arguments)
    assert raised.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_help_has_examples_that_work(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    lines = [line.split("> ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  tileprop explain")]
    assert len(lines) == 5
    for line in lines:
        assert run(*shlex.split(line)[2:]) == 0
