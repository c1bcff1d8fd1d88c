"""`tileprop explain`: what it prints, and what it says about bad arguments."""

import argparse
import shlex

import numpy as np
import pytest
from tileprop.kernels.activations import activation_registry
from tileprop.trainer import InputError, Network
from tileprop.trainer.commands.explain import add_explain_command, run_explain
from tileprop.trainer.data.array_recipe import ArrayRecipe
from tileprop.trainer.explanation.explain import explain, explain_document
from tileprop.trainer.runs.trained_model import TrainedModel
from tileprop.trainer.scaling import Scaling

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


EVERY = [
    ("identity", loss) for loss in ("mse", "squared_error", "sum_squared_error", "mae", "huber", "quantile", "gaussian_nll")
]
EVERY += [(name, "mse") for name in activation_registry]
EVERY += [("softmax", "log_loss"), ("sigmoid", "log_loss"), ("exp", "poisson")]


# Each compiles its own row kernels.
@pytest.mark.parametrize(
    ("activation", "loss"), [pytest.param(*pair, marks=[pytest.mark.full] if i % 3 else []) for i, pair in enumerate(EVERY)]
)
def test_every_activation_and_every_loss(capsys, activation, loss):
    t = "0.5" if loss == "gaussian_nll" else "0.25,0.75"
    hidden = "tanh" if loss != "mse" else activation
    arguments = ("--sizes", "2,3,2", "--x", "1,2", "--t", t, "--activation", hidden)
    assert run(*arguments, "--output-activation", activation, "--loss", loss) == 0
    network = Network([2, 3, 2], hidden, activation, loss, dtype="float64", random_state=0)
    assert capsys.readouterr().out == explain(network, [1, 2], [float(value) for value in t.split(",")]).text()


@pytest.mark.parametrize(
    ("options", "arguments", "t"),
    [
        ("--loss huber --delta 0.125", {"loss": "huber", "delta": 0.125}, [1, 0]),
        ("--loss quantile --quantile 0.25", {"loss": "quantile", "quantile": 0.25}, [1, 0]),
        ("--loss quantile --quantile 0.25,0.75", {"loss": "quantile", "quantile": [0.25, 0.75]}, [1]),
    ],
)
def test_parameters_of_losses(capsys, options, arguments, t):
    assert run("--sizes", "2,2", "--x", "1,2", "--t", ",".join(map(str, t)), *options.split()) == 0
    network = Network([2, 2], dtype="float64", random_state=0, **arguments)
    assert capsys.readouterr().out == explain(network, [1, 2], t).text()


def saved_model(path, task, activation, loss):
    """A model whose network has not been trained, in a file."""
    network = Network([2, 3, 2], "gelu", activation, loss, dtype="float64", random_state=4)
    scaling = Scaling(np.array([1.0, -2.0]), np.array([0.5, 4.0]))
    classes, target_scaling = (("no", "yes"), None) if task == "classification" else ((), Scaling(np.ones(2), np.full(2, 10.0)))
    targets = ("c",) if task == "classification" else ("c", "d")
    TrainedModel(network, ArrayRecipe(scaling, ("a", "b")), task, targets, classes, target_scaling).save(path)
    return network


def clipped(Z):
    Z = np.array(Z, float)
    return Z / np.hypot(1, Z / 3)


def test_the_network_of_a_run(capsys, tmp_path):
    """Numbers in the data's own units are standardised, as in training."""
    path = tmp_path / "model.safetensors"
    network = saved_model(path, "classification", "softmax", "log_loss")
    assert run("--run", str(tmp_path), "--x", "2,2;1,-2", "--t", "1,0", "--learning-rate", "0.5") == 0
    printed = capsys.readouterr()
    assert printed.out == explain(network, clipped([[2, 1], [0, 0]]), [1, 0], 0.5).text()
    assert "standardised as in training" in printed.err
    network = saved_model(path, "regression", "identity", "huber")
    assert run("--run", str(path), "--x", "2,2", "--t", "11,-19", "--format", "markdown") == 0
    assert capsys.readouterr().out == explain(network, clipped([2, 1]), [1, -2]).markdown()


def test_the_file_of_a_network_alone(capsys, tmp_path):
    network = Network([2, 3, 2], "silu", "identity", "mae")
    network.save(tmp_path / "net.safetensors")
    assert run("--run", str(tmp_path / "net.safetensors"), "--x", "1,2", "--t", "0,1") == 0
    printed = capsys.readouterr()
    assert printed.out == explain(network, [1, 2], [0, 1]).text()
    assert printed.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--x", "1,2"), "--t is missing: --run needs --x and --t"),
        (("--x", "1,2", "--t", "0,1", "--seed", "3"), "--seed cannot be combined with --run"),
        (("--x", "1,2", "--t", "0,1", "--sizes", "2,2"), "--sizes cannot be combined with --run"),
        (("--x", "1,2,3", "--t", "0,1"), r"--x has shape \(1, 3\); the network takes \(n, 2\)"),
        (("--x", "1,inf", "--t", "0,1"), "--x contains inf"),
        (("--x", "1,2", "--t", "0,1,2"), r"--t has shape \(3,\)"),
        (("--x", "1,2", "--t", "0,1", "--learning-rate", "-1"), "--learning-rate is -1.0"),
    ],
)
def test_bad_arguments_beside_a_run(capsys, tmp_path, arguments, message):
    saved_model(tmp_path / "model.safetensors", "regression", "identity", "mse")
    with pytest.raises(InputError, match=message):
        run("--run", str(tmp_path / "model.safetensors"), *arguments)
    assert capsys.readouterr().out == ""


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
        (("--document", "1", "--x", "1"), "--x cannot be combined with --document"),
        (("--document", "1", "--no-bias"), "--no-bias cannot be combined with --document"),
        (("--document", "2", "--learning-rate", "0.1"), "--learning-rate cannot be combined with --document"),
        (("--document", "2", "--run", "runs/a"), "--run cannot be combined with --document"),
        (("--run", "nothing", "--x", "1", "--t", "1"), "there is no "),
        (("--sizes", "2,2", "--x", "1,2"), "--t is missing"),
        (("--x", "1,2", "--t", "0,1"), "--sizes is missing"),
        (("--sizes", "2,two", "--x", "1,2", "--t", "0,1"), "--sizes has 'two'"),
        (("--sizes", "2", "--x", "1,2", "--t", "0,1"), r"--sizes is \[2\]; it needs"),
        (("--sizes", "2,0", "--x", "1,2", "--t", "0,1"), r"--sizes\[1\] is 0"),
        (("--sizes", "2,2", "--x", "1,", "--t", "0,1"), "--x is '1,'; it must be a list of numbers"),
        (("--sizes", "2,2", "--x", "1,2;3", "--t", "0,1"), "--x is '1,2;3'; its rows must have the same length"),
        (("--sizes", "2,2", "--x", "1,2,3", "--t", "0,1"), r"--x has shape \(3,\)"),
        (("--sizes", "2,2", "--x", "1,inf", "--t", "0,1"), "--x contains inf"),
        (("--sizes", "2,2", "--x", "1,2", "--t", "0"), r"--t has shape \(1,\)"),
        ((*NETWORK, "--activation", "tan"), "--activation is 'tan'; it must be one of"),
        ((*NETWORK, "--output-activation", "tan"), "--output-activation is 'tan'; it must be one of"),
        ((*NETWORK, "--loss", "mape"), "--loss is 'mape'; it must be one of"),
        ((*NETWORK, "--loss", "log_loss", "--output-activation", "tanh"), "--loss 'log_loss' needs output_activation"),
        ((*NETWORK, "--loss", "huber", "--delta", "0"), "--delta is 0.0; it must be a number above 0"),
        ((*NETWORK, "--loss", "quantile", "--quantile", "0.9,0.1"), r"--quantile is \[0.9, 0.1\]; it must be"),
        ((*NETWORK, "--loss", "quantile", "--quantile", "half"), "--quantile is 'half'; it must be a list of numbers"),
        ((*NETWORK, "--delta", "1"), "--delta is 1.0; loss 'mse' has no such parameter"),
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
    assert len(lines) == 7
    for line in lines:
        if "--run" not in line:
            assert run(*shlex.split(line)[2:]) == 0
