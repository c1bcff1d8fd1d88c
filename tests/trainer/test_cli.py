"""The command line from end to end: results, files, one line for each error, exit statuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tileprop.bench import command as bench_command
from tileprop.trainer import Network, cli
from tileprop.trainer.cli import main
from tileprop.trainer.commands import explain
from tileprop.trainer.runs.settings import (
    CLASS_WEIGHTS,
    HIDDEN_ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    Settings,
)
from tileprop.trainer.runs.trained_model import TrainedModel

pytest.importorskip("sklearn")
csv = pytest.importorskip("pyarrow.csv")
pytestmark = pytest.mark.usefixtures("here")
OPTIONS = ("--epochs", "60", "--learning-rate", "0.01", "--no-report")


def error(capsys, *arguments):
    """The line that a failing command prints."""
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    usual = "note: the kernels are compiled first", "note: the run folder is"
    lines = [line for line in captured.err.splitlines() if not any(note in line for note in usual)]
    assert captured.out == ""
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("tileprop: error: ")
    return lines[0]


# train ---------------------------------------------------------------------------------------------------------------------


def test_train(here, capsys):
    assert main(["train", "moons", "--epochs", "5", "--hidden", "8,4", "--activation", "relu", "--seed", "7"]) == 0
    output = capsys.readouterr().out
    folder = here / "runs" / "moons"
    record = json.loads((folder / "run.json").read_text())
    assert record["network"]["sizes"] == [2, 8, 4, 2]
    assert (record["settings"]["activation"], record["settings"]["seed"]) == ("relu", 7)
    assert os.path.join("runs", "moons") in output
    assert f"{record['results']['accuracy']['test']:.4f}" in output
    assert {path.name for path in folder.iterdir()} >= {"model.safetensors", "history.csv", "curves.png", "boundary.png"}
    assert TrainedModel.load(folder / "model.safetensors").predict([[0.0, 0.0]]).shape == (1,)


def test_train_passes_every_option_on(here, monkeypatch):
    seen, kept = [], []

    def run(settings, *folder, **more):
        seen.append(settings)
        kept.append((*folder[:2], folder[3], more))
        raise KeyboardInterrupt

    monkeypatch.setattr("tileprop.trainer.runs.training.new_run", run)
    options = {
        "epochs": 2, "batch_size": 10, "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.5, "dtype": "float64",
        "seed": 4, "loss": "mse", "test_size": 0.3, "validation_size": 0.2, "n_samples": 90, "noise": 0.1,
        "task": "classification", "target": "y", "activation": "relu", "schedule": "cosine", "weight_decay": 0.01,
        "class_weight": "balanced", "patience": 7,
    }  # fmt: skip
    arguments = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    main(["train", "xor", "--hidden", "none", "--ignore", "a", "--ignore", "b", *arguments])
    main(["train", "xor", "--hidden", "9,8", "--out", "o", "--overwrite", "--checkpoint-every", "7"])
    main(["train", "xor", "--no-checkpoint", "--max-seconds", "9.5", "--no-early-stopping", "--dropout", "0.25"])
    main(["train", "xor", "--early-stopping", "--label-smoothing", "0.1"])
    assert kept == [
        (None, False, True, {}),
        ("o", True, True, {"checkpoint_every": 7}),
        (None, False, False, {"max_seconds": 9.5}),
        (None, False, True, {}),
    ]
    assert seen == [
        Settings("xor", hidden=(), ignore=("a", "b"), **options),
        Settings("xor", hidden=(9, 8)),
        Settings("xor", early_stopping=False, dropout=0.25),
        Settings("xor", early_stopping=True, label_smoothing=0.1),
    ]


def test_training_again_takes_a_new_folder(here, capsys):
    for _ in range(2):
        assert main(["train", "xor", "--epochs", "1", "--no-report"]) == 0
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["xor", "xor-2"]
    assert "already exists" in error(capsys_cleared(capsys), "train", "xor", "--out", "runs/xor")
    assert main(["train", "xor", "--epochs", "1", "--no-report", "--out", "runs/xor", "--overwrite"]) == 0


def capsys_cleared(capsys):
    capsys.readouterr()
    return capsys


def test_train_on_a_table(runs, capsys):
    record = json.loads((runs / "kinds" / "run.json").read_text())
    assert set(record["data"]["classes"]) == {"ja", "nein"}
    assert record["results"]["accuracy"]["test"] > 0.8
    record = json.loads((runs / "values" / "run.json").read_text())
    assert record["data"]["task"] == "regression"
    assert record["results"]["R2"]["test"] > 0.9


def test_ignore_may_be_repeated(here, capsys):
    (here / "t.csv").write_text("id,a,city,y\n" + "".join(f"{i},{i % 7},Oslo,{i * 0.5}\n" for i in range(30)))
    refused = error(capsys, "train", "t.csv", "--target", "y", "--no-encode")
    assert "column 'city' holds text ('Oslo')" in refused
    assert "--ignore 'city'" in refused
    for ignored in (["--ignore", "city", "--ignore", "id"], ["--ignore", "city,id"]):
        assert (
            main(["train", "t.csv", "--target", "y", *ignored, "--epochs", "1", "--no-report", "--out", "o", "--overwrite"])
            == 0
        )
        assert TrainedModel.load(here / "o" / "model.safetensors").recipe.column_names == ("a",)


@pytest.mark.parametrize(
    ("content", "target", "message"),
    [
        ("a,y\n" + "1,2.5\ninf,3.5\n" * 9, "y", "column 'a' holds infinite numbers in"),
        ("a,y\n1,2\n", "Y", "target is 'Y', but there is no such column; did you mean 'y'?"),
        ("", "y", "t.csv cannot be read: it is empty"),
        ("a,y\n" + "x,u\nx,v\n" * 9, "y", "no column is left to learn from: 'a' (all its entries are 'x')"),
        ("a,y\n1,u\n2,u\n", "y", "only the class 'u'"),
        ("a,y\n1,u\n2,v\n", "y", "class 'u' has a single row"),
    ],
)
def test_tables_that_do_not_fit(here, capsys, content, target, message):
    (here / "t.csv").write_text(content)
    assert message in error(capsys, "train", "t.csv", "--target", target)
    assert [path.name for path in here.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv", "--target", "y"], "there is no file nothing.csv"),
        ([], "nothing to train on: give DATA, --again RUN, --config FILE or --resume RUN"),
        (["digts"], "did you mean 'digits'?"),
        (["/"], "'/' is a folder"),
        ([""], "'' is no dataset and no file"),
        ([".."], "'..' is a folder"),
        (["a\x1b[31m\u202e"], "'a\\x1b[31m\\u202e' is no dataset and no file"),
        (["xor", "--out", ""], "out is ''; give the name of a folder"),
        (["xor", "--out", "/", "--overwrite"], "out is '/'; give the name of a folder"),
        (["xor", "--checkpoint-every", "0"], "checkpoint_every is 0"),
        (["xor", "--checkpoint-every", "2", "--no-checkpoint"], "--checkpoint-every cannot be combined with --no-checkpoint"),
        (["xor", "--max-seconds", "0"], "max_seconds is 0.0; it must be above 0"),
        (["xor", "--max-seconds", "nan"], "max_seconds is nan"),
        (["--resume", "runs/xor"], "there is no run folder runs/xor"),
        (["--resume", "."], ". is not a run folder: it has no run.json"),
        (["--resume", "/"], "/ is not a run folder: it has no run.json"),
        (["--resume", ".", "--overwrite"], "--overwrite cannot be combined with --resume"),
        (["xor", "--epochs", "0"], "epochs is 0"),
        (["xor", "--learning-rate", "nan"], "learning_rate is nan"),
        (["xor", "--hidden", "8,0"], "hidden is 0"),
        (["xor", "--out", ".", "--overwrite"], "is not a run folder"),
        (["diabetes", "--optimizer", "sgd", "--learning-rate", "1e9", "--activation", "relu"], "training diverged in epoch 1"),
    ],
)
def test_training_that_fails_leaves_nothing(here, capsys, arguments, message):
    (here / "note").write_text("x")
    assert message in error(capsys, "train", *arguments)
    assert [path.name for path in here.iterdir()] == ["note"]


def test_missing_extras(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert "saving the model needs safetensors: pip install 'tileprop[files]'" in error(capsys, "train", "xor")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    monkeypatch.setattr("tileprop.trainer.extras.available", lambda module: module != "matplotlib")
    monkeypatch.setattr("tileprop.trainer.runs.training.available", lambda module: module != "matplotlib")
    assert main(["train", "xor", "--epochs", "1"]) == 0
    assert "no pictures without matplotlib: pip install 'tileprop[plot]'" in capsys.readouterr().err
    assert not list(here.rglob("*.png"))


def test_a_full_disk(here, capsys, monkeypatch):
    def write_run(outcome, record, folder, report):
        raise OSError(28, "No space left on device", str(folder / "model.safetensors"))

    with monkeypatch.context() as full:
        full.setattr("tileprop.trainer.runs.training.write_run", write_run)
        assert main(["train", "xor", "--epochs", "1", "--no-report"]) == cli.ERROR
    lines = capsys.readouterr().err.splitlines()
    assert "model.safetensors: No space left on device" in lines[-2]
    assert lines[-1] == "tileprop: continue with: tileprop train --resume runs/xor"
    assert main(["train", "--resume", "runs/xor", "--no-report"]) == 0


def test_too_large_for_memory(capsys, monkeypatch):
    def run(*arguments, **options):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("tileprop.trainer.runs.training.new_run", run)
    assert "not enough memory: Unable to allocate 9 TiB" in error(capsys, "train", "xor")


# info and the rest ---------------------------------------------------------------------------------------------------------


def test_info_of_a_run(runs, capsys):
    assert main(["info", str(runs / "kinds")]) == 0
    output = capsys.readouterr().out
    for text in ("18-64-64-2", "silu, silu, softmax", "log_loss", "float32", "5,506", "Kind", "ja, nein", "b b", "accuracy"):
        assert text in output
    assert main(["info", str(runs / "values" / "model.safetensors")]) == 0
    assert "  v " in capsys.readouterr().out


def test_info_of_a_network_alone(here, capsys):
    Network([30, 4, 2], bias=False, dtype="float64").save("net")
    assert main(["info", "net"]) == 0
    output = capsys.readouterr().out
    assert "30-4-2" in output
    assert "biases       no" in output
    assert "the file holds a network alone" in output


def test_info_of_the_installation(capsys):
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    for text in ("tileprop", np.__version__, "float32, float64", "processor", "cache"):
        assert text in output


def test_explain_is_passed_on(monkeypatch):
    assert cli.RUN["explain"] is explain.run_explain
    monkeypatch.setitem(cli.RUN, "explain", lambda args: 7)
    assert main(["explain", "--document", "1"]) == 7


def test_bench_is_passed_on(monkeypatch):
    """It is imported when the command line is read, and so is patched in its own module."""
    monkeypatch.setattr(bench_command, "run_bench", lambda args: 7 if args.benchmark == "race" else 0)
    assert main(["bench", "race"]) == 7


@pytest.mark.parametrize("command", [[], ["train"], ["predict"], ["info"], ["explain"], ["bench"]])
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as exit:
        main([*command, "--help"])
    assert exit.value.code == 0
    assert "tileprop " + (command[0] if command else "train") in capsys.readouterr().out.split("xamples", 1)[-1]


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train", "xor", "--hidden", "a"], ["train", "xor", "--epoch", "3"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_control_characters_do_not_reach_the_terminal(capsys):
    assert error(capsys, "info", "a\x1b[31mb\nc").endswith("there is no run folder a\\x1b[31mb c")
    with pytest.raises(SystemExit):
        main(["info", "a", "\x1b[31m"])
    assert "unrecognized arguments: \\x1b[31m" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["train", "xor", "--epoch", "5"], "unrecognized arguments: --epoch 5; did you mean '--epochs'?"),
        (["train", "xor", "--optimiser=sgd"], "unrecognized arguments: --optimiser=sgd; did you mean '--optimizer'?"),
        (["info", "--fingerprnt"], "unrecognized arguments: --fingerprnt; did you mean '--fingerprint'?"),
        (["train", "xor", "--activation", "rellu"], "; did you mean 'relu'?"),
        (["train", "xor", "--activation", "swish"], "; here it is called 'silu'"),
        (["train", "xor", "--loss", "cross_entropy"], "; here it is called 'log_loss'"),
        (["train", "xor", "--schedule", "onecycle"], "; did you mean 'one_cycle'?"),
        (["train", "xor", "--optimizer", "AdamW"], "; here it is called 'adam'"),
    ],
)
def test_a_mistyped_option_or_value_gives_the_near_name(here, capsys, arguments, near):
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert capsys.readouterr().err.endswith(f"{near}\n")
    assert list(here.iterdir()) == []


def test_help_names_every_choice(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for names in (HIDDEN_ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, CLASS_WEIGHTS):
        for name in names:
            assert re.search(rf"\b{name}\b", shown), name


def test_interruption(here, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("tileprop.trainer.network.Network.fit", interrupted)
    assert main(["train", "xor"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "tileprop: interrupted"
    assert list(here.iterdir()) == []


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "tileprop.trainer.cli", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options,
    )  # fmt: skip


def test_as_a_process(here, runs):
    (here / "grün.csv").write_text("a,b b\n1,2\n")
    process = command("predict", str(runs / "kinds"), "grün.csv")
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert output.startswith('"Kind"')
    process = command("info", "nothing")
    assert process.communicate(timeout=120) == ("", "tileprop: error: there is no run folder nothing\n")
    assert process.returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals differ")
@pytest.mark.parametrize("lines", [pytest.param(0, marks=pytest.mark.full), 1])
def test_a_reader_that_leaves(here, runs, lines):
    np.save("X.npy", np.zeros((100_000, 2)))
    process = command(*(["predict", str(runs / "kinds"), "X.npy"] if lines else ["info", str(runs / "kinds")]))
    if lines:
        process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=120) == cli.BROKEN_PIPE


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals differ")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_training_keeps_its_model(here, monkeypatch, capsys, number, status):
    fit = Network.fit

    def interrupted(network, *data, callbacks, **options):
        def send(running):
            if running.history.epochs == 3:
                os.kill(os.getpid(), number)
                time.sleep(0)

        return fit(network, *data, callbacks=[*callbacks, send], **options)

    monkeypatch.setattr(Network, "fit", interrupted)
    assert main(["train", "spirals", "--epochs", "60", "--hidden", "4", "--no-report"]) == status
    output, errors = capsys.readouterr()
    run = here / "runs" / "spirals"
    assert errors.splitlines()[-2:] == [
        "tileprop: interrupted after 3 of 60 epochs; the model of epoch 3, the best so far, is in runs/spirals",
        "tileprop: continue with: tileprop train --resume runs/spirals",
    ]
    assert "kept epoch 3 of 3, batches of 16" in output
    record = json.loads((run / "run.json").read_text())
    assert (record["state"], record["results"]["epochs"]) == ("interrupted", 3)
    assert (run / "fit.checkpoint").is_file()
    assert len((run / "history.csv").read_text().splitlines()) == 4
    monkeypatch.setattr(Network, "fit", fit)
    assert main(["train", "spirals", "--epochs", "3", "--hidden", "4", "--no-report", "--out", "three"]) == 0
    interrupted_model, whole_model = (TrainedModel.load(path / "model.safetensors") for path in (run, here / "three"))
    assert interrupted_model.network.theta.tobytes() == whole_model.network.theta.tobytes()


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals differ")
def test_an_interrupt_before_the_first_epoch_leaves_nothing(here):
    process = command("train", "moons", "--n-samples", "300000", "--hidden", "600,600")  # an epoch takes seconds
    while not (here / "runs" / "moons").exists():
        assert process.poll() is None
    time.sleep(1.5)  # an interruption while an extension module is imported is that module's affair
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert (output, errors.splitlines()[-1]) == ("", "tileprop: interrupted")
    # Python ends by the signal itself, whatever `main` returned, where the interruption fell into an `exec` of source text, as
    # Numba and dataclasses do. A shell shows the same status for both.
    assert process.returncode in (130, -signal.SIGINT)
    assert list(here.iterdir()) == []


def test_closed_streams(runs, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["info", str(runs / "kinds")]) == 0
    assert main(["info", "nothing"]) == 2


def test_the_package_imports_no_extra():
    code = "import sys, tileprop.trainer.cli; print(sorted({'sklearn', 'matplotlib', 'pyarrow', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
