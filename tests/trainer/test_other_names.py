"""Names of other libraries, and mistyped ones."""

import pytest
from tileprop.kernels.activations import activation_registry
from tileprop.kernels.losses import loss_registry
from tileprop.trainer import InputError, Network
from tileprop.trainer.other_names import OTHER_NAMES, meant
from tileprop.trainer.runs.settings import OPTIMIZERS, SCHEDULES

pytestmark = pytest.mark.plain


def test_every_other_name_leads_to_one_of_ours():
    ours = {*activation_registry, *loss_registry, *OPTIMIZERS, *SCHEDULES}
    assert ours >= set(OTHER_NAMES.values())
    for name in OTHER_NAMES:
        assert name == name.casefold().replace("_", "").replace("-", "")
        assert name not in ours


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("swish", "; here it is called 'silu'"),
        ("Leaky-ReLU", "; did you mean 'leaky_relu'?"),
        ("rellu", "; did you mean 'relu'?"),
        ("spline", ""),
    ],
)
def test_meant(given, told):
    assert meant(given, activation_registry) == told


def test_only_known_names_are_told():
    assert meant("cross_entropy", ["mse", "mae"]) == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"activation": "rellu"}, "activation is 'rellu'; .*; did you mean 'relu'?"),
        ({"activation": ["tanh", "swish"]}, "activation is 'swish'; .*; here it is called 'silu'"),
        ({"output_activation": "linear"}, "output_activation is 'linear'; .*; here it is called 'identity'"),
        ({"loss": "CrossEntropyLoss"}, "loss is 'CrossEntropyLoss'; .*; here it is called 'log_loss'"),
        ({"loss": "squared_eror"}, "loss is 'squared_eror'; .*; did you mean 'squared_error'?"),
        ({"loss": "log_loss", "output_activation": "identity"}, "needs output_activation 'softmax' or 'sigmoid'"),
    ],
)
def test_networks_tell_the_name(given, message):
    with pytest.raises(InputError, match=message):
        Network([2, 3, 3, 2], **given)
