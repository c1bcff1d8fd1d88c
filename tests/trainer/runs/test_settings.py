"""Settings: what usual values are, and what is refused."""

import pytest
from tileprop.trainer import SGD, Adam, InputError
from tileprop.trainer.runs.settings import Settings

pytestmark = pytest.mark.plain


def test_optimizers():
    assert Settings("xor").make_optimizer() == Adam(learning_rate=0.002)
    assert Settings("xor", optimizer="sgd").make_optimizer() == SGD(learning_rate=0.1, momentum=0.9)
    settings = Settings("xor", optimizer="sgd", learning_rate=0.5, momentum=0.0)
    assert settings.make_optimizer() == SGD(learning_rate=0.5)


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
        ("optimizer", "rmsprop"),
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
