"""scikit-learn's own tests of its MLP, as installed with it, on our two classes instead of its own. None is left out."""

from importlib import util

import pytest
import sklearn.neural_network
from tileprop.trainer import MLPClassifier, MLPRegressor

SPEC = util.find_spec("sklearn.neural_network.tests.test_mlp")
PEER = util.module_from_spec(SPEC)
# The decorators of its tests look at the classes as it is imported.
with pytest.MonkeyPatch.context() as swapped:
    swapped.setattr(sklearn.neural_network, "MLPClassifier", MLPClassifier)
    swapped.setattr(sklearn.neural_network, "MLPRegressor", MLPRegressor)
    SPEC.loader.exec_module(PEER)
globals().update({name: test for name, test in vars(PEER).items() if name.startswith("test_")})


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's own fixture of this name gives."""
    return 42


def test_the_classes_are_ours():
    assert PEER.MLPClassifier is MLPClassifier
    assert PEER.MLPRegressor is MLPRegressor
    assert sklearn.neural_network.MLPClassifier is not MLPClassifier
