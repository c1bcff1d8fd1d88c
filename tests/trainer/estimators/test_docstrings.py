"""Docstrings of the estimators: every argument with its default."""

import inspect
import re

import pytest
from tileprop.trainer import DeepEnsembleClassifier, DeepEnsembleRegressor, MLPClassifier, MLPRegressor


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor, DeepEnsembleClassifier, DeepEnsembleRegressor])
def test_every_argument_has_its_default(Estimator):
    parameters = inspect.getdoc(Estimator).split("Parameters\n----------\n")[1].split("\n\nAttributes")[0]
    told = dict(re.findall(r"^(\w+) : (?:.*), default=(.*)$", parameters, re.MULTILINE))
    arguments = inspect.signature(Estimator).parameters
    assert list(told) == list(arguments)
    for name, argument in arguments.items():
        assert eval(told[name]) == argument.default, name
