"""Names of activations, losses and optimizers in other libraries, and mistyped ones: which name is meant here."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import ParamSpec, TypeVar

from ..kernels.activations import activation_registry
from ..kernels.losses import loss_registry
from .suggestions import did_you_mean

P = ParamSpec("P")
R = TypeVar("R")

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

# Arguments that other libraries have, in lower case and without "_", and what to give here.
OTHER_ARGUMENTS = {
    "learningrate": "optimizer=Adam(learning_rate=...) or SGD(learning_rate=...)",
    "learningrateinit": "optimizer=Adam(learning_rate=...) or SGD(learning_rate=...)",
    "lr": "optimizer=Adam(learning_rate=...) or SGD(learning_rate=...)",
    "momentum": "optimizer=SGD(momentum=...)",
    "verbose": "progress=True or False",
    "maxiter": "epochs",
    "nepochs": "epochs",
    "nbepoch": "epochs",
    "iterations": "epochs",
    "y": "T for the targets",
    "x": "X for the inputs",
    "earlystopping": "callbacks=[EarlyStopping(...)]",
    "classweight": "sample_weight, a weight for each row",
    "l2": "alpha",
    "seed": "random_state",
    "hiddenlayersizes": "sizes, with the numbers of inputs and outputs",
    "layers": "sizes",
    "hidden": "sizes",
}


def meant(given: str, known: Iterable[str]) -> str:
    """ "; here it is called 'x'" for another library's name, "; did you mean 'x'?" for a mistyped one, or nothing."""
    names = list(known)
    found = OTHER_NAMES.get(given.casefold().translate(str.maketrans("", "", "-_ ")))
    if found in names:
        return f"; here it is called {found!r}"
    return did_you_mean(given, names)


def refuse_unknown(function: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise TypeError for a keyword that a function does not have, with the near one, or what another library's is here."""
    for name in given:
        if name in known:
            continue
        here = OTHER_ARGUMENTS.get(name.casefold().replace("_", ""))
        # A name of another library says more than one that looks like it.
        near = f"; give {here}" if here else did_you_mean(name, known)
        raise TypeError(f"{function} has no argument {name!r}{near}")


def suggesting(function: Callable[P, R]) -> Callable[P, R]:
    """A decorator: calls with a mistyped keyword are answered with the near one."""
    known = frozenset(inspect.signature(function).parameters)
    name = function.__qualname__.removesuffix(".__init__").replace("Model", "Network")

    @functools.wraps(function)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R:
        refuse_unknown(name, keywords, known)
        return function(*arguments, **keywords)

    return call


def meant_by_network(activations: Iterable[object], loss: object) -> str:
    """The same for the first of a network's names that is not known."""
    for name in activations:
        if isinstance(name, str) and name not in activation_registry:
            return meant(name, activation_registry)
    return meant(loss, loss_registry) if isinstance(loss, str) and loss not in loss_registry else ""
