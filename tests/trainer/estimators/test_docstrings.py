"""Docstrings of the estimators: every argument with its default, every example as it runs."""

import doctest
import inspect
import re
import warnings

import pytest
from tileprop.trainer import MLPClassifier, MLPRegressor
from tileprop.trainer.estimators import classifier, regressor, training


@pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])
def test_every_argument_has_its_default(Estimator):
    parameters = inspect.getdoc(Estimator).split("Parameters\n----------\n")[1].split("\n\nAttributes")[0]
    told = dict(re.findall(r"^(\w+) : (?:.*), default=(.*)$", parameters, re.MULTILINE))
    arguments = inspect.signature(Estimator).parameters
    assert list(told) == list(arguments)
    for name, argument in arguments.items():
        assert eval(told[name]) == argument.default, name


@pytest.mark.parametrize("module", [classifier, regressor, training])
def test_examples_run_as_they_stand(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
