"""`--config FILE` and `--again RUN`: options from a file and from a run, with the command line before both."""

import pytest
from tileprop.trainer.cli import main
from tileprop.trainer.runs.record import read_record
from tileprop.trainer.runs.settings import Settings

pytest.importorskip("sklearn")


@pytest.fixture(autouse=True)
def here(here, monkeypatch):
    monkeypatch.setattr("tileprop.trainer.runs.training.available", lambda module: False)  # pictures take seconds
    return here


@pytest.fixture
def asked(monkeypatch):
    """The settings and the rest that `train` was asked for, without training."""
    seen = []

    def run(settings, *folder, **more):
        seen.append((settings, folder[:2], more))
        raise KeyboardInterrupt

    def asked(*arguments):
        with monkeypatch.context() as nothing:
            nothing.setattr("tileprop.trainer.runs.training.new_run", run)
            assert main(["train", *arguments]) == 130
        return seen[-1]

    return asked


def test_keys_are_the_long_names_of_options(here, asked):
    (here / "c.toml").write_text(
        'data = "moons"\nhidden = [8, 4]\nepochs = 7\nbatch_size = 16\nlearning-rate = 1e-3\nactivation = "relu"\n'
        'early_stopping = false\nignore = ["a,b", "-c"]\nout = "there"\noverwrite = true\nno_checkpoint = true\nmax_seconds = 5'
    )
    settings, folder, more = asked("--config", "c.toml")
    assert settings == Settings(
        "moons", hidden=(8, 4), epochs=7, batch_size=16, learning_rate=1e-3, activation="relu", early_stopping=False,
        ignore=("a,b", "-c"),
    )  # fmt: skip
    assert folder == ("there", True)
    assert more == {"max_seconds": 5.0}


def test_the_command_line_wins(here, asked):
    (here / "c.toml").write_text(
        'data = "moons"\nhidden = "none"\nepochs = 7\nearly-stopping = false\nignore = "a"\noverwrite = false\n'
    )
    settings, folder, _ = asked("xor", "--config", "c.toml", "--hidden", "5", "--early-stopping", "--ignore", "b")
    assert settings == Settings("xor", hidden=(5,), epochs=7, early_stopping=True, ignore=("b",))
    assert folder == (None, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 5", "c.toml: there is no option 'epoch'; did you mean 'epochs'?"),
        ("learn_rate = 5", "c.toml: there is no option 'learn_rate'; did you mean 'learning-rate'?"),
        ("resume = 'runs/x'", "c.toml: there is no option 'resume'"),
        ("epochs = 'many'", "c.toml: epochs: invalid int value: 'many'"),
        ("epochs = 2.5", "c.toml: epochs: invalid int value: '2.5'"),
        ("epochs = true", "c.toml: epochs is true; it needs a value"),
        ("overwrite = 'yes'", "c.toml: overwrite is 'yes'; it must be true or false"),
        ("[training]\nepochs = 5", "c.toml: there is no option 'training'"),
        ("hidden = [[1]]", "c.toml: hidden is [[1]]; it must be text, a number, true, false, or a list of these"),
        ("hidden = ['a']", "c.toml: hidden: 'a' is not a list of widths"),
        ("activation = 'rellu'\ndata = 'xor'", "activation is 'rellu'"),
        ("epochs =", "c.toml is not a TOML file"),
        ("a = 1\na = 2", "c.toml is not a TOML file"),
        ("\xff", "c.toml is not a TOML file"),
        ("epochs = 5", "nothing to train on: give DATA"),
    ],
)
def test_refused(here, capsys, text, message):
    (here / "c.toml").write_text(text, encoding="latin-1")
    assert main(["train", "--config", "c.toml"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (here / "runs").exists()


def test_no_file(here, capsys):
    (here / "houses.toml").touch()
    assert main(["train", "--config", "house.toml"]) == 2
    assert "there is no file house.toml; did you mean 'houses.toml'?" in capsys.readouterr().err


def test_again(here, asked):
    options = "--epochs 2 --hidden 4 --noise 0.2 --optimizer sgd --momentum 0.5"
    assert main(["train", "moons", *options.split()]) == 0
    first = read_record(here / "runs" / "moons").settings
    assert asked("--again", "runs/moons")[0] == first
    assert asked("--again", "runs/moons", "--seed", "3")[0] == first.changed(seed=3)
    # What was for the other data and the other optimizer is forgotten.
    assert asked("digits", "--again", "runs/moons", "--optimizer", "adam")[0] == Settings("digits", epochs=2, hidden=(4,))
    (here / "c.toml").write_text("epochs = 9\nhidden = [3]\n")
    assert asked("--again", "runs/moons", "--config", "c.toml", "--hidden", "6")[0] == first.changed(epochs=9, hidden=(6,))


def test_again_comes_to_the_same_model_in_a_new_folder(here):
    assert main(["train", "moons", "--epochs", "2", "--hidden", "4"]) == 0
    assert main(["train", "--again", "runs/moons"]) == 0
    first, second = ((here / "runs" / name / "model.safetensors").read_bytes() for name in ("moons", "moons-2"))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--again", "runs/no"], "there is no run folder runs/no"),
        (["--resume", "runs/x", "--again", "runs/x"], "--again cannot be combined with --resume"),
        (["--resume", "runs/x", "--config", "c.toml"], "--config cannot be combined with --resume"),
    ],
)
def test_what_does_not_go_together(here, capsys, arguments, message):
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err
