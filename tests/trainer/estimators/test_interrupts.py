"""Ctrl-C within an estimator's fit: a warning and a usable model; and going on from its checkpoint to the very same bits."""

import itertools
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from choosing import by_default
from numba.core import config
from sklearn.base import clone
from tileprop.trainer import InputError, MLPClassifier, MLPRegressor, ModelFormatError, Network, RMSprop, StepDecay
from tileprop.trainer.solvers import answers
from tileprop.trainer.threads.team import SecondInterrupt

RNG = np.random.default_rng(2)
X = RNG.normal(size=(120, 4))
LABELS = np.array(["no", "perhaps", "yes"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
VALUES = X[:, 0] - np.sin(X[:, 1])
WEIGHT = RNG.uniform(0.5, 2.0, 120)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="about POSIX signals")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Stop:
    """Interrupts a fit after so many epochs, or never."""

    losses_only = True

    def __init__(self, epochs=None):
        self.epochs = epochs

    def __call__(self, running):
        if running.history.epochs == self.epochs:
            raise KeyboardInterrupt


def bits(estimator):
    """All that a fit leaves behind, but for how many rows its last call had: several short epochs may be one call."""
    names = [name for name in vars(estimator) if name.endswith("_") and not name.startswith("__")]
    kept = {name: getattr(estimator, name) for name in names if name not in ("network_", "coefs_", "intercepts_")}
    random = estimator._random_state.get_state(legacy=False)
    text = {name: np.asarray(value).tolist() for name, value in kept.items()}
    state = [array[name].tobytes() for array in estimator._state[:2] for name in array.dtype.names if name != "position"]
    rest = estimator._no_improvement_count, estimator._optimizer.learning_rate, str(random), state
    return estimator.network_.theta.tobytes(), text, rest, [array.tobytes() for array in estimator._state[2:]]


def make(Estimator, **arguments):
    return Estimator(**({"hidden_layer_sizes": (7,), "max_iter": 30, "random_state": 0, "batch_size": 20} | arguments))


# Ended by Ctrl-C --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_epochs_count_whole_and_all_attributes_are_there(Estimator, early_stopping, stop):
    """The interrupt comes before the epoch is counted."""
    y = LABELS if Estimator is MLPClassifier else VALUES
    estimator = make(Estimator, early_stopping=early_stopping, callbacks=[Stop(stop)])
    reference = make(Estimator, early_stopping=early_stopping, max_iter=3).fit(X, y)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, y)
    assert {name for name in vars(reference) if name.endswith("_")} <= set(vars(estimator))
    assert estimator.n_iter_ == len(estimator.loss_curve_) == stop - 1
    assert estimator.t_ == estimator.n_iter_ * (108 if early_stopping else 120)
    assert estimator.loss_ == (estimator.loss_curve_[-1] if stop > 1 else np.inf)
    if early_stopping:
        assert len(estimator.validation_scores_) == stop - 1
    assert np.isfinite(estimator.score(X, y))
    clone(estimator).set_params(callbacks=None, max_iter=2).fit(X, y)


def test_an_interrupt_within_the_count_takes_the_epoch_back(monkeypatch):
    estimator, scores = make(MLPClassifier, early_stopping=True), []

    def score(self, *arguments, **more):
        if len(scores) == 3:
            raise KeyboardInterrupt
        scores.append(0.5)
        return 0.5

    monkeypatch.setattr(MLPClassifier, "_score", score)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, LABELS)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == len(estimator.validation_scores_) == 3
    assert estimator.t_ == 3 * 108


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("evaluations", [1, 2, 12])
def test_lbfgs_keeps_the_best_so_far(Estimator, evaluations, monkeypatch):
    y = LABELS if Estimator is MLPClassifier else VALUES
    estimator, original, seen = make(Estimator, solver="lbfgs"), Estimator._loss_grad_lbfgs, []

    def interrupted(self, *arguments):
        if len(seen) == evaluations - 1:
            raise KeyboardInterrupt
        seen.append(original(self, *arguments)[0])
        return original(self, *arguments)

    monkeypatch.setattr(Estimator, "_loss_grad_lbfgs", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, y)
    assert estimator.loss_ == min(seen, default=np.inf)
    assert estimator.n_iter_ <= evaluations
    assert np.isfinite(estimator.score(X, y))
    monkeypatch.undo()
    if seen:
        total = estimator._loss_grad_lbfgs(
            np.concatenate([a.ravel() for a in (*estimator.coefs_, *estimator.intercepts_)]),
            X,
            estimator._label_binarizer.transform(y) if Estimator is MLPClassifier else y[:, None],
            None,
        )[0]
        assert total == pytest.approx(estimator.loss_, rel=1e-12)


def test_a_second_interrupt_is_raised():
    def twice(running):
        raise SecondInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(MLPRegressor, callbacks=[twice]).fit(X, VALUES)


# Checkpoints ------------------------------------------------------------------------------------------------------------------


def check_resumed(path, Estimator, stop, again=None, more=None, **arguments):
    """again: a second stop. more: arguments of `fit`."""
    y, more = LABELS if Estimator is MLPClassifier else VALUES, more or {}
    expected = bits(make(Estimator, callbacks=[Stop()], **arguments).fit(X, y, **more))
    stopped = make(Estimator, callbacks=[Stop(stop)], checkpoint=path, **arguments)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        stopped.fit(X, y, **more)
    if again:
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            make(Estimator, callbacks=[Stop(again)], checkpoint=path, **arguments).resume(X, y, **more)
    for _ in range(2):  # the second time there is nothing left to do
        estimator = make(Estimator, callbacks=[Stop()], checkpoint=path, **arguments).resume(X, y, **more)
        assert bits(estimator) == expected


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    "arguments",
    [
        dict(),
        dict(early_stopping=True, n_iter_no_change=6),
        dict(early_stopping=True, scoring="loss"),
        dict(solver="sgd", learning_rate="adaptive", tol=0.1, n_iter_no_change=2, max_iter=60),
        dict(solver="sgd", learning_rate="invscaling"),
        dict(optimizer=RMSprop(0.01), schedule=StepDecay(4), dropout=0.2),
        dict(shuffle=False, alpha=0.1, l1=0.01, dtype="float32", n_threads=2),
    ],
    ids=lambda arguments: ", ".join(map(str, arguments)) or "none",
)
def test_each_setting(tmp_path, Estimator, arguments):
    check_resumed(tmp_path / "fit", Estimator, 3, 6, **arguments)


def test_weights_and_given_validation(tmp_path):
    more = {"sample_weight": WEIGHT, "X_val": X[:30] + 0.1, "y_val": VALUES[:30], "sample_weight_val": WEIGHT[:30]}
    check_resumed(tmp_path / "fit", MLPRegressor, 4, more=more, early_stopping=True)


@pytest.mark.parametrize("stop", [1, 2, 3, 29])
def test_at_any_epoch(tmp_path, stop):
    check_resumed(tmp_path / "fit", MLPClassifier, stop)


def test_without_a_seed(tmp_path):
    """The checkpoint tells what the generator gave; a generator of the user's stands where the whole fit leaves it."""
    path, y = tmp_path / "fit", VALUES
    whole = make(MLPRegressor, random_state=np.random.RandomState(5), early_stopping=True, callbacks=[Stop()])
    expected = bits(whole.fit(X, y))
    stopped = make(MLPRegressor, random_state=np.random.RandomState(5), early_stopping=True, callbacks=[Stop(4)])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        stopped.set_params(checkpoint=path).fit(X, y)
    other = make(MLPRegressor, random_state=None, early_stopping=True, callbacks=[Stop()], checkpoint=path)
    assert bits(other.resume(X, y)) == expected
    own = np.random.RandomState(99)
    own_too = make(MLPRegressor, random_state=own, early_stopping=True, callbacks=[Stop()], checkpoint=path)
    assert bits(own_too.resume(X, y)) == expected
    assert own.randint(1 << 30) == whole.random_state.randint(1 << 30)


def test_a_warm_start_goes_on(tmp_path):
    path = tmp_path / "fit"
    first = dict(max_iter=4, warm_start=True, keep_optimizer=True)
    whole, stopped = (make(MLPRegressor, callbacks=[Stop()], **first).fit(X, VALUES) for _ in range(2))
    expected = bits(whole.set_params(max_iter=8).fit(X, VALUES))
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        stopped.set_params(max_iter=8, callbacks=[Stop(3)], checkpoint=path).fit(X, VALUES)
    resumed = make(MLPRegressor, callbacks=[Stop()], checkpoint=path, **first | {"max_iter": 8}).resume(X, VALUES)
    assert bits(resumed) == expected


def test_sparse_rows_and_words(tmp_path):
    from scipy import sparse

    path, thin = tmp_path / "fit", sparse.csr_array(np.where(X > 0, X, 0))
    expected = bits(make(MLPClassifier, early_stopping=True, callbacks=[Stop()]).fit(thin, LABELS))
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        make(MLPClassifier, early_stopping=True, callbacks=[Stop(4)], checkpoint=path).fit(thin, LABELS)
    resumed = make(MLPClassifier, early_stopping=True, callbacks=[Stop()], checkpoint=path)
    assert bits(resumed.resume(thin, LABELS)) == expected
    assert set(resumed.predict(thin)) <= set(LABELS)


@pytest.mark.parametrize(
    "setting",
    by_default(
        list(itertools.product([MLPClassifier, MLPRegressor], ["float32", "float64"], [None, 7])),
        [(MLPClassifier, "float32", None), (MLPRegressor, "float64", 7)],
    ),
)
def test_lbfgs(tmp_path, monkeypatch, setting):
    """Interrupted three times, the second time before it has come to what is new."""
    Estimator, dtype, most = setting
    path, y = tmp_path / "fit", LABELS if Estimator is MLPClassifier else VALUES
    if most:  # answers that are kept
        monkeypatch.setattr(answers, "MOST_BYTES", 0)
        monkeypatch.setattr(answers, "LEAST_GRADIENTS", most)
    arguments = {"solver": "lbfgs", "dtype": dtype, "max_iter": 25, "tol": 0, "checkpoint": path}
    original, whole = Network.loss_and_grad, make(Estimator, **arguments | {"checkpoint": None}).fit(X, y)
    estimator, passes = make(Estimator, **arguments), []

    def counted(last):
        def loss_and_grad(*arguments):
            passes.append(1)
            if len(passes) == last:
                raise KeyboardInterrupt
            return original(*arguments)

        passes.clear()
        monkeypatch.setattr(Network, "loss_and_grad", loss_and_grad)

    counted(11)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, y)
    for last in (1, 9):
        counted(last)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            make(Estimator, **arguments, n_threads=1).resume(X, y)
    counted(0)
    for again in range(2):
        resumed = make(Estimator, **arguments | {"random_state": None}).resume(X, y)
        assert resumed.network_.theta.tobytes() == whole.network_.theta.tobytes()
        assert (resumed.n_iter_, resumed.loss_) == (whole.n_iter_, whole.loss_)
        if again and not most:
            assert not passes
        passes.clear()
    for change in ({"alpha": 0.5}, {"max_iter": 26}, {"solver": "adam"}, {"max_fun": 7}):
        with pytest.raises(InputError, match=r"solver|alpha is 0\.5|epochs is 26|max_fun is 7"):
            make(Estimator, **arguments | change).resume(X, y)
    with pytest.raises(InputError, match="X is not what"):
        make(Estimator, **arguments).resume(X + 1, y)


# What is refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(tol=0.5), r"tol is 0\.5; the fit in .* has 0\.0001"),
        (dict(n_iter_no_change=3), "n_iter_no_change is 3; the fit"),
        (dict(learning_rate_init=0.5), "learning_rate_init is"),
        (dict(hidden_layer_sizes=(8,)), r"the network's sizes is \[4, 8, 1\]; that of the fit in .* is \[4, 7, 1\]"),
        (dict(activation="tanh"), "the network's activation is"),
        (dict(max_iter=31), "epochs is 31; the fit in .* has 30"),
        (dict(alpha=0.5), "alpha is 0.5"),
        (dict(validation_fraction=0.2), "X is not what the fit"),
        (dict(X=X + 1e-9), "X is not what the fit"),
        (dict(y=VALUES + 1), "T is not what the fit"),
        (dict(callbacks=[]), "callbacks holds 1; the fit in .* has 2"),
        (dict(dtype="float32"), "the network's dtype is float32"),
        (dict(checkpoint=None), "resume needs the argument checkpoint"),
        (dict(checkpoint="nowhere"), "there is no checkpoint nowhere"),
    ],
)
def test_what_differs_is_named(tmp_path, change, message):
    path = tmp_path / "fit"
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        make(MLPRegressor, early_stopping=True, callbacks=[Stop(2)], checkpoint=path).fit(X, VALUES)
    before = path.read_bytes()
    arguments = dict(early_stopping=True, callbacks=[Stop()], checkpoint=path) | change
    inputs, targets = arguments.pop("X", X), arguments.pop("y", VALUES)
    with pytest.raises((InputError, ValueError), match=message):
        make(MLPRegressor, **arguments).resume(inputs, targets)
    assert path.read_bytes() == before


def test_other_rows_to_validate_on_are_refused(tmp_path):
    path = tmp_path / "fit"
    arguments = dict(early_stopping=True, checkpoint=path)
    make(MLPRegressor, **arguments).fit(X, VALUES, X_val=X[:30], y_val=VALUES[:30])
    with pytest.raises(InputError, match=r"validat"):
        make(MLPRegressor, **arguments).resume(X, VALUES, X_val=X[:30], y_val=VALUES[:30] + 1)
    make(MLPRegressor, **arguments).fit(X, VALUES)
    with pytest.raises(InputError, match=r"validat|X is not"):
        make(MLPRegressor, **arguments).resume(X, VALUES, X_val=X[:30], y_val=VALUES[:30])


def test_a_networks_checkpoint_is_no_estimators(tmp_path):
    path = tmp_path / "fit"
    Network([4, 7, 1], "relu", "identity", "squared_error", dtype="float64").fit(X, VALUES, checkpoint=path)
    with pytest.raises(InputError, match="is not a checkpoint of an estimator with solver"):
        make(MLPRegressor, checkpoint=path).resume(X, VALUES)
    path.write_bytes(b"nothing")
    with pytest.raises(ModelFormatError):
        make(MLPRegressor, checkpoint=path).resume(X, VALUES)


def test_pieces_have_no_checkpoints(tmp_path):
    path = tmp_path / "fit"
    make(MLPRegressor, checkpoint=path).partial_fit(X, VALUES)
    assert not path.exists()


KILLED = """
import sys, warnings
import numpy as np
from tileprop.trainer import MLPClassifier
import tileprop.trainer.fit.checkpoints as checkpoints

warnings.simplefilter("ignore")
checkpoints.SECONDS_BETWEEN = 0.0  # after every epoch
rng = np.random.default_rng(3)
X = rng.normal(size=(400, 6))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
path, task = sys.argv[1:]
estimator = MLPClassifier(
    hidden_layer_sizes=(20,), max_iter=300, random_state=1, early_stopping=True, n_iter_no_change=300, checkpoint=path
)
print("ready", flush=True)
(estimator.fit if task == "start" else estimator.resume)(X, y)
print(estimator.network_.theta.tobytes().hex(), estimator.loss_curve_, estimator.validation_scores_)
"""


@pytest.mark.full
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code, in processes of their own")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system kills in another way")
def test_a_fit_that_is_killed_ends_with_the_bits_of_one_that_is_not(tmp_path):
    def run(path, task):
        command = [sys.executable, "-c", KILLED, str(path), task]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    expected = run(tmp_path / "whole", "start").communicate()[0].splitlines()[-1]
    path, moments = tmp_path / "fit", np.random.default_rng(0)
    for number in range(20):
        process = run(path, "resume" if number else "start")
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        while not path.exists():
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert run(path, "resume").communicate()[0].splitlines()[-1] == expected
