"""Names of activations, losses and optimizers in other libraries, and mistyped ones: which name is meant here."""

from __future__ import annotations

from collections.abc import Iterable

from ..kernels.activations import activation_registry
from ..kernels.losses import loss_registry
from .suggestions import did_you_mean

# From scikit-learn, PyTorch, Keras, XGBoost and LightGBM, in lower case and without "-", "_" and spaces.
OTHER_NAMES = {
    "swish": "silu",
    "logistic": "sigmoid",
    "expit": "sigmoid",
    "rectifier": "relu",
    "lrelu": "leaky_relu",
    "linear": "identity",
    "none": "identity",
    "exponential": "exp",
    "crossentropy": "log_loss",
    "crossentropyloss": "log_loss",
    "binarycrossentropy": "log_loss",
    "categoricalcrossentropy": "log_loss",
    "sparsecategoricalcrossentropy": "log_loss",
    "bce": "log_loss",
    "bceloss": "log_loss",
    "bcewithlogitsloss": "log_loss",
    "nll": "log_loss",
    "nllloss": "log_loss",
    "meansquarederror": "mse",
    "mseloss": "mse",
    "l2": "mse",
    "meanabsoluteerror": "mae",
    "absoluteerror": "mae",
    "l1": "mae",
    "l1loss": "mae",
    "smoothl1": "huber",
    "smoothl1loss": "huber",
    "pinball": "quantile",
    "gaussiannllloss": "gaussian_nll",
    "poissonnllloss": "poisson",
    "adamw": "adam",
    "momentum": "sgd",
    "onecyclelr": "one_cycle",
    "cosineannealing": "cosine",
    "cosineannealinglr": "cosine",
    "cosinedecay": "cosine",
    "reducelronplateau": "plateau",
    "invscaling": "inverse_scaling",
}


def meant(given: str, known: Iterable[str]) -> str:
    """ "; here it is called 'x'" for another library's name, "; did you mean 'x'?" for a mistyped one, or nothing."""
    names = list(known)
    found = OTHER_NAMES.get(given.casefold().translate(str.maketrans("", "", "-_ ")))
    if found in names:
        return f"; here it is called {found!r}"
    return did_you_mean(given, names)


def meant_by_network(activations: Iterable[object], loss: object) -> str:
    """The same for the first of a network's names that is not known."""
    for name in activations:
        if isinstance(name, str) and name not in activation_registry:
            return meant(name, activation_registry)
    return meant(loss, loss_registry) if isinstance(loss, str) and loss not in loss_registry else ""
