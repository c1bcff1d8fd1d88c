"""The most usual mistakes of newcomers: each message names the argument, and says what to do.

The list below is the promise: what a user does, and the message that they read.
"""

import re
import warnings

import numpy as np
import pytest
from tileprop.trainer import Adam, EarlyStopping, Network, TrainingWarning

RNG = np.random.default_rng(5)
X = RNG.normal(size=(100, 4))
CLASSES = RNG.integers(0, 3, 100)
NAMES = np.array(["ash", "birch", "cedar"])[CLASSES]
PRICES = np.linspace(1, 800, 100)
ROWS = RNG.uniform(0, 5000, (1000, 4))


def classifier(**options):
    return Network([4, 8, 3], **{"activation": "tanh", "output_activation": "softmax", "loss": "log_loss", **options})


def regression(**options):
    return Network([4, 8, 1], **{"activation": "tanh", "output_activation": "identity", **options})


def changed(values, place, number):
    values = np.array(values, float)
    values[place] = number
    return values


MISTAKES = {
    "a wrong number of columns": (
        lambda: regression().fit(X[:, :3], PRICES),
        "X has shape (100, 3); the network takes (n, 4)",
    ),
    "a single row without its dimension": (
        lambda: regression().predict(X[0]),
        "X has shape (4,); the network takes (n, 4); a single sample goes in as X.reshape(1, -1)",
    ),
    "X and T of different length": (
        lambda: regression().fit(X, PRICES[:99]),
        "T has 99 rows and X has 100; give one target row for each row of X",
    ),
    "class labels without log_loss": (
        lambda: Network([4, 8, 3]).fit(X, CLASSES),
        "T has shape (100,); the network takes (100, 3); class labels need output_activation='softmax' and loss='log_loss'",
    ),
    "class labels with sigmoid outputs": (
        lambda: classifier(output_activation="sigmoid").fit(X, CLASSES),
        "T has shape (100,); the network takes (100, 3); class labels need output_activation='softmax'",
    ),
    "string labels without log_loss": (
        lambda: Network([4, 8, 3]).fit(X, NAMES),
        f"T holds text ('{NAMES[0]}'); class labels need Network(..., output_activation='softmax', loss='log_loss') with one "
        "output for each class, or MLPClassifier",
    ),
    "labels out of range": (
        lambda: classifier().fit(X, CLASSES + 1),
        "T must hold class labels, whole numbers from 0 to 2; it reaches from 1 to 3. For other labels, set network.classes to "
        "a list of them",
    ),
    "more classes than outputs": (
        lambda: Network([4, 2], output_activation="softmax", loss="log_loss").fit(X, NAMES),
        "T holds 3 classes ('ash', 'birch', 'cedar'), and the network with its 2 outputs has 2; end sizes with 3, or set "
        "network.classes to all that there are",
    ),
    "NaN among the inputs": (
        lambda: regression().fit(changed(X, (7, 2), np.nan), PRICES),
        "X contains nan at [7, 2]; remove or fill such entries",
    ),
    "numbers too large for the dtype": (
        lambda: regression().predict(changed(X, (7, 2), 1e39)),
        "X contains 1e+39 at [7, 2], which is too large for float32; scale X, or give dtype='float64'",
    ),
    "text in a column": (
        lambda: regression().fit([[1.0, 2.0, 3.0, "Rome"]], [1.0]),
        "X has dtype <U32; it must hold real numbers",
    ),
    "probabilities that are percentages": (
        lambda: Network([4, 1], loss="log_loss").fit(X, 100.0 * (PRICES > 400)),
        "T must lie between 0 and 1 for log_loss; it reaches from 0 to 100",
    ),
    "batch_size 0": (
        lambda: regression().fit(X, PRICES, batch_size=0),
        "batch_size is 0; it must be at least 1",
    ),
    "epochs that are no whole number": (
        lambda: regression().fit(X, PRICES, epochs=1e3),
        "epochs is 1000.0; it must be a whole number",
    ),
    "an unknown optimizer": (
        lambda: regression().fit(X, PRICES, optimizer="adm"),
        "optimizer is 'adm'; it must be one of 'sgd', 'adam', 'nadam', 'rmsprop', 'rprop', 'lbfgs', 'levenberg_marquardt'; did "
        "you mean 'adam'?",
    ),
    "an optimizer's class": (
        lambda: regression().fit(X, PRICES, optimizer=Adam),
        "optimizer is the class Adam; give an instance, as Adam(...)",
    ),
    "a learning rate for fit": (
        lambda: regression().fit(X, PRICES, learning_rate=0.01),
        "Network.fit has no argument 'learning_rate'; give optimizer=Adam(learning_rate=...) or SGD(learning_rate=...)",
    ),
    "another library's name of an option": (
        lambda: Adam(lr=0.01),
        "Adam has no argument 'lr'; here it is called 'learning_rate'",
    ),
    "another library's early stopping": (
        lambda: EarlyStopping(patience=10),
        "EarlyStopping has no argument 'patience'; here it is called 'n_iter_no_change'",
    ),
    "a mistyped option": (
        lambda: regression().fit(X, PRICES, epoch=100),
        "Network.fit has no argument 'epoch'; did you mean 'epochs'?",
    ),
    "a mistyped option of the network": (
        lambda: regression(activations="relu"),
        "Network has no argument 'activations'; did you mean 'activation'?",
    ),
    "another library's option of the network": (
        lambda: regression(hidden_layer_sizes=(100,)),
        "Network has no argument 'hidden_layer_sizes'; give sizes, with the numbers of inputs and outputs",
    ),
    "a mistyped activation": (
        lambda: regression(activation="rellu"),
        "activation is 'rellu'; it must be one of identity, sigmoid, tanh, relu, exp, leaky_relu, elu, silu, gelu, softplus, "
        "softmax, or a registered one; did you mean 'relu'?",
    ),
    "another library's loss": (
        lambda: classifier(loss="cross_entropy"),
        "loss is 'cross_entropy'; it must be one of mse, squared_error, sum_squared_error, log_loss, poisson, mae, "
        "huber, quantile, gaussian_nll, or a registered one; here it is called 'log_loss'",
    ),
    "a callback without a list": (
        lambda: regression().fit(X, PRICES, callbacks=EarlyStopping()),
        "callbacks is one EarlyStopping; give a list: callbacks=[EarlyStopping(...)]",
    ),
    "a callback's class": (
        lambda: regression().fit(X, PRICES, callbacks=[EarlyStopping]),
        "callbacks holds the class EarlyStopping; give an instance, as EarlyStopping(...)",
    ),
    "early stopping without validation data": (
        lambda: regression().fit(X, PRICES / 800, callbacks=[EarlyStopping()]),
        "EarlyStopping has nothing to look at; give fit validation_data or validation_split, or EarlyStopping a score",
    ),
    "too few rows to split": (
        lambda: regression().fit(X[:4], PRICES[:4], validation_split=0.1),
        "validation_split=0.1 of 4 rows leaves none for validation; give a larger part, more rows, or validation_data",
    ),
    "a folder that is not there": (
        lambda: regression().save("missing/m.safetensors"),
        "[Errno 2] there is no folder missing; make it first",
    ),
}
WARNINGS = {
    "a sigmoid output and large targets": (
        lambda: Network([4, 8, 1]).fit(X, PRICES, epochs=30),
        "the targets range from 1 to 800, and outputs of 'sigmoid' lie between 0 and 1, so the network cannot reach them; give "
        "Network(..., output_activation='identity') and standardise the targets, or scale them to this range",
    ),
    "unscaled inputs": (
        lambda: regression().fit(ROWS, ROWS.sum(axis=1), epochs=20, optimizer="adam"),
        "standardise X and the targets (mean 0, standard deviation 1), or try a smaller or larger learning rate",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_the_remedy(mistake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if mistake.startswith("a folder"):
        pytest.importorskip("safetensors")
    make, message = MISTAKES[mistake]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        with pytest.raises((ValueError, TypeError, OSError), match=f"^{re.escape(message)}$"):
            make()


@pytest.mark.parametrize("mistake", WARNINGS)
def test_a_fit_that_cannot_succeed_is_warned_of(mistake):
    make, message = WARNINGS[mistake]
    with pytest.warns(TrainingWarning, match=f"{re.escape(message)}$") as told:
        make()
    assert len(told) == 1
    assert told[0].filename == __file__
