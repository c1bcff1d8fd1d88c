"""Settings: what usual values are, and what is refused."""

import dataclasses
import shlex

import pytest
from tileprop.trainer import SGD, Adam, EarlyStopping, InputError, OneCycle
from tileprop.trainer.runs.settings import OPTIMIZERS, PATIENCE, SCHEDULES, Settings, command_line

pytestmark = pytest.mark.plain


def test_optimizers():
    assert Settings("xor").make_optimizer() == Adam(learning_rate=0.002)
    assert Settings("xor", optimizer="sgd").make_optimizer() == SGD(learning_rate=0.1, momentum=0.9)
    settings = Settings("xor", optimizer="sgd", learning_rate=0.5, momentum=0.0)
    assert settings.make_optimizer() == SGD(learning_rate=0.5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_has_a_rate(optimizer):
    assert Settings("xor", optimizer=optimizer).make_optimizer().learning_rate > 0
    assert Settings("xor", optimizer=optimizer, learning_rate=0.5).make_optimizer().learning_rate == 0.5


def test_schedules():
    assert Settings("xor").make_schedule() is None
    assert Settings("xor", schedule="one_cycle").make_schedule() == OneCycle()
    for name in SCHEDULES:
        Settings("xor", schedule=name).make_schedule()


def test_early_stopping_needs_validation_rows():
    assert Settings("xor").make_early_stopping() == EarlyStopping(PATIENCE, tol=0.0)
    assert Settings("xor", patience=3).make_early_stopping() == EarlyStopping(3, tol=0.0)
    assert Settings("xor", validation_size=0.0).make_early_stopping() is None
    assert Settings("xor", early_stopping=False).make_early_stopping() is None
    with pytest.raises(InputError, match="early_stopping needs validation rows, but validation_size is 0"):
        Settings("xor", early_stopping=True, validation_size=0.0)
    for settings in ({"early_stopping": False}, {"validation_size": 0.0}):
        with pytest.raises(InputError, match="patience is 3, but early stopping is off; leave patience out"):
            Settings("xor", patience=3, **settings)


def test_changed():
    before = Settings("moons", noise=0.2, optimizer="sgd", learning_rate=0.5, momentum=0.5, patience=3, epochs=7)
    assert before.changed() == before
    assert before.changed(seed=2) == dataclasses.replace(before, seed=2)
    after = before.changed(source="digits", optimizer="adam", early_stopping=False)
    assert after == Settings("digits", optimizer="adam", early_stopping=False, epochs=7)
    assert before.changed(optimizer="adam", learning_rate=0.01).learning_rate == 0.01
    with pytest.raises(InputError, match=r"momentum is 0\.1, but only sgd has a momentum"):
        before.changed(optimizer="adam", momentum=0.1)


@pytest.mark.parametrize(
    ("settings", "task", "message"),
    [
        ({"class_weight": "balanced"}, "regression", "class_weight is 'balanced', but this is not a classification"),
        ({"label_smoothing": 0.1}, "regression", "label_smoothing is 0.1, but the loss is squared_error"),
        ({"label_smoothing": 0.1, "loss": "mse"}, "classification", "label_smoothing is 0.1, but the loss is mse"),
        ({"loss": "log_loss"}, "regression", "loss is 'log_loss', but this is a regression"),
    ],
)
def test_what_is_not_for_the_task(settings, task, message):
    with pytest.raises(InputError, match=message):
        Settings("xor", **settings).loss_for(task)


def test_dropout_needs_hidden_layers():
    with pytest.raises(InputError, match=r"dropout is 0\.5, but there are no hidden layers"):
        Settings("xor", hidden=(), dropout=0.5)


def test_losses():
    assert Settings("xor").loss_for("classification") == "log_loss"
    assert Settings("xor").loss_for("regression") == "squared_error"
    assert Settings("xor", loss="mse").loss_for("classification") == "mse"
    with pytest.raises(InputError, match="log_loss"):
        Settings("xor", loss="log_loss").loss_for("regression")


@pytest.mark.parametrize(("source", "name"), [("digits", "digits"), ("data/my houses.v2.csv", "my houses.v2"), ("X.npy", "X")])
def test_run_name(source, name):
    assert Settings(source).run_name == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("test_size", 1.0),
        ("test_size", -0.1),
        ("validation_size", float("nan")),
        ("seed", -1),
        ("seed", 2**32),
        ("epochs", 0),
        ("epochs", 2.5),
        ("batch_size", 0),
        ("hidden", (64, 0)),
        ("task", "sorting"),
        ("activation", "softmax"),
        ("loss", "hinge"),
        ("optimizer", "lbfgs"),
        ("schedule", "step"),
        ("class_weight", "heavy"),
        ("dropout", 1.0),
        ("weight_decay", -0.1),
        ("label_smoothing", 1.5),
        ("patience", 0),
        ("dtype", "float16"),
        ("learning_rate", -1.0),
        ("momentum", 0.5),
    ],
)
def test_refused(name, value):
    with pytest.raises(InputError, match=name):
        Settings("xor", **{name: value})


def test_momentum_at_most_one():
    with pytest.raises(InputError, match=r"momentum is 1\.1"):
        Settings("xor", optimizer="sgd", momentum=1.1)


@pytest.mark.parametrize(("rows", "batch"), [(20, 16), (800, 16), (6400, 128), (10**6, 256)])
def test_batches(rows, batch):
    assert Settings("xor").batch_rows(rows) == batch
    assert Settings("xor", batch_size=7).batch_rows(rows) == 7


def test_the_command_line_gives_the_same_settings(monkeypatch):
    from tileprop.trainer.cli import main

    settings = Settings(
        "my file.csv", target="a,b", ignore=("x, y", 'q"'), encode=False, na=("?", "-9"), header=False, hidden=(), seed=3,
        early_stopping=False, learning_rate=1e-5, loss="mae", skip_rows=2, sep=";",
    )  # fmt: skip
    seen = []

    def run(settings, *more, **options):
        seen.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("tileprop.trainer.runs.training.new_run", run)
    main(shlex.split(command_line(settings))[1:])
    assert seen == [settings]
    assert command_line(Settings("digits")) == "tileprop train digits"
