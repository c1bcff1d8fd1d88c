"""What type checkers see: mypy --strict on a user's script that uses every public class."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import tileprop
from tileprop import trainer

pytestmark = pytest.mark.full
ROOT = Path(__file__).parents[2]
SCRIPT = """\
import numpy as np
from tileprop import (
    LBFGS, SGD, Adam, Constant, Cosine, CSVLogger, DivergenceError, EarlyStopping, ExponentialDecay, History, InputError,
    InverseScaling, LearningRates, LevenbergMarquardt, LossCurveDisplay, MissingExtraError, MLflow, MLPClassifier, MLPRegressor,
    ModelFormatError, Nadam, Network, OneCycle, Plateau, RMSprop, Rprop, StepDecay, StopHandle, Summary, TableRecipe,
    TensorBoard, TrainingWarning, WarmUp, find_learning_rate,
)

X, T = np.ones((4, 2)), [0.0, 1.0, 0.0, 1.0]


def fit() -> History:
    network = Network([2, 1], "tanh", "identity")
    for optimizer in (SGD(), Adam(0.01), Nadam(), RMSprop(), Rprop(), LBFGS(), LevenbergMarquardt(), "adam"):
        network.fit(X, T, optimizer=optimizer)
    network.fit(
        X, T, validation_split=0.5,
        callbacks=[EarlyStopping(3), StopHandle(), CSVLogger("losses.csv"), TensorBoard("run"), MLflow()],
    )
    schedules = Constant(), Cosine(), ExponentialDecay(0.9), InverseScaling(), OneCycle(), Plateau(), StepDecay(2), WarmUp(2)
    for schedule in schedules:
        network.fit(X, T, schedule=schedule)
    network.save("network.safetensors")
    rates: LearningRates = find_learning_rate(network, X, T)
    summary: Summary = network.summary()
    print(summary.n_parameters, rates.suggestion, Network.load("network.safetensors").score(X, T))
    try:
        network.fit(X, T)
    except (DivergenceError, InputError, MissingExtraError, ModelFormatError, TrainingWarning) as error:
        print(error)
    history = network.fit(X, T)
    display: LossCurveDisplay = history.plot()
    print(display.lines_)
    return history


reveal_type(Network([2, 1]).fit(X, T))
reveal_type(Network([2, 1]).predict(X))
reveal_type(Network([2, 1]).predict_classes(X))
reveal_type(MLPClassifier(hidden_layer_sizes=(3,)).fit(X, T))
reveal_type(MLPClassifier().fit(X, T).predict(X))
reveal_type(MLPClassifier().fit(X, T).predict_proba(X))
reveal_type(MLPRegressor().fit(X, T))
reveal_type(MLPRegressor().fit(X, T).predict(X))
reveal_type(TableRecipe().fit(X))
reveal_type(TableRecipe().fit(X).transform(X))
"""
ARRAY = "numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]"
REVEALED = (
    "tileprop.trainer.fit.history.History", ARRAY, ARRAY,
    "tileprop.trainer.estimators.classifier.MLPClassifier", ARRAY, ARRAY,
    "tileprop.trainer.estimators.regressor.MLPRegressor", ARRAY,
    "tileprop.trainer.estimators.table_recipe.TableRecipe", ARRAY,
)  # fmt: skip


def checked(folder, script):
    """What mypy prints about a script beside the packages, as a wheel installs them."""
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    (folder / "tileprop").mkdir()
    for part in ("kernels", "trainer", "bench"):
        (folder / "tileprop" / part).symlink_to(ROOT / part, target_is_directory=True)
    for name in ("__init__.py", "py.typed"):
        (folder / "tileprop" / name).symlink_to(ROOT / "package" / name)
    (folder / "script.py").write_text(script)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary", "script.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(folder)})


def test_a_script_with_every_public_class(tmp_path):
    used = {name for name in trainer.__all__ if isinstance(getattr(tileprop, name), type)}
    assert all(f" {name}," in SCRIPT for name in used), "the script imports every class"
    found = checked(tmp_path, SCRIPT)
    types = [line.partition('Revealed type is "')[2].rstrip('"') for line in found.stdout.splitlines()]
    assert types == list(REVEALED), found.stdout + found.stderr


def test_mistyped_arguments_are_found(tmp_path):
    found = checked(tmp_path, "from tileprop import Network\nNetwork([2, 1]).fit([[1, 2]], [1], epoch=3)\n")
    assert 'Unexpected keyword argument "epoch" for "fit" of "Network"; did you mean "epochs"?' in found.stdout
