"""`tileprop explain`: a sample through a network by hand, as a page."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.activations import activation_registry
from ...kernels.losses import loss_registry
from ..bounds import check_within
from ..errors import InputError

if TYPE_CHECKING:
    from ..explanation.page import Explanation
    from ..runs.trained_model import TrainedModel

EXAMPLES = """\
Rows are separated by semicolons. A list that starts with a minus sign needs an equals sign: --x=-1,0.5

examples:
  tileprop explain --document 1
  tileprop explain --document 2 --format markdown > page.md
  tileprop explain --sizes 3,4,2 --x 0.1,0.2,0.3 --t 0,1
  tileprop explain --sizes 2,3,1 --x "0,0;0,1;1,0;1,1" --t 0,1,1,0 --activation tanh
  tileprop explain --sizes 2,4,4,3 --activation relu,tanh --output-activation softmax --loss log_loss --x 1,2 --t 2
  tileprop explain --sizes 2,3,2 --activation gelu --output-activation identity --loss quantile --quantile 0.1,0.9 --x 1,2 --t 2
  tileprop explain --run runs/iris --x 5.1,3.5,1.4,0.2 --t setosa
"""
# What --sizes needs, and what may go with it; --document knows all of these itself, and --run those of the network.
NEEDED = ("sizes", "x", "t")
DEFAULTS: dict[str, Any] = {
    "activation": "sigmoid",
    "output_activation": "sigmoid",
    "loss": "mse",
    "quantile": "",
    "delta": None,
    "seed": 0,
    "learning_rate": 0.1,
    "no_bias": False,
}


def add_explain_command(subparsers: Any) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "explain",
        help="show backpropagation by hand, with every number",
        description="Show one step of gradient descent by hand: forward pass, loss, chain rule and the new parameters, each "
        "number with its formula. The network is one of the two documents', a trained one, or any small one.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--document", type=int, choices=(1, 2), help="show the example of document 1 or 2, beside the numbers that it prints"
    )
    parser.add_argument("--run", metavar="RUN", help="use the trained network of a run folder or a model file")
    parser.add_argument("--sizes", metavar="N,N,...", help="layer widths from the inputs to the outputs")
    parser.add_argument(
        "--x", metavar="X,X,...", help="inputs of one sample, or of several row by row; for a run in the units of its data"
    )
    parser.add_argument(
        "--t",
        metavar="T,T,...",
        help="targets of the samples; for a classifier the class: its name in a run, otherwise its number from 0",
    )
    # The defaults are filled in later, so that what was given is known.
    network = parser.add_argument_group("network")
    network.add_argument(
        "--activation", metavar="NAME,...", help="activation of the hidden layers: one, or one for each (default: sigmoid)"
    )
    network.add_argument(
        "--output-activation",
        metavar="NAME",
        help=f"activation of the outputs: {', '.join(activation_registry)} (default: sigmoid)",
    )
    network.add_argument("--loss", metavar="NAME", help=f"loss: {', '.join(loss_registry)} (default: mse)")
    network.add_argument("--quantile", metavar="Q,...", help="level of the loss quantile, or several levels (default: 0.5)")
    network.add_argument("--delta", type=float, metavar="X", help="delta of the loss huber (default: 1)")
    network.add_argument("--no-bias", action="store_true", default=None, help="leave out the biases")
    network.add_argument("--seed", type=int, metavar="N", help="seed of the initial weights (default: 0)")
    network.add_argument("--learning-rate", type=float, metavar="X", help="learning rate of the step (default: 0.1)")
    parser.add_argument("--format", choices=("text", "markdown"), default="text", help="format of the page (default: text)")


def run_explain(args: argparse.Namespace) -> int:
    """Print the page."""
    page = _document(args) if args.document is not None else _saved(args) if args.run is not None else _network(args)
    print(page.markdown() if args.format == "markdown" else page.text(), end="")
    return 0


def _document(args: argparse.Namespace) -> Explanation:
    from ..explanation.explain import explain_document

    for name in ("run", *NEEDED, *DEFAULTS):
        if getattr(args, name) is not None:
            raise InputError(f"{_option(name)} cannot be combined with --document, which has its own network and sample")
    return explain_document(args.document)


def _saved(args: argparse.Namespace) -> Explanation:
    from ..data.targets import CLASSIFICATION
    from ..explanation.explain import explain
    from ..files import load_network
    from ..network import Network
    from ..runs.finding import find_model
    from ..runs.trained_model import TrainedModel

    for name in ("sizes", *DEFAULTS):
        if name != "learning_rate" and getattr(args, name) is not None:
            raise InputError(f"{_option(name)} cannot be combined with --run, which has its own network")
    for name in ("x", "t"):
        if getattr(args, name) is None:
            raise InputError(f"{_option(name)} is missing: --run needs --x and --t")
    rate = DEFAULTS["learning_rate"] if args.learning_rate is None else args.learning_rate
    path = find_model(Path(args.run))
    network, arrays, notes = load_network(Network, path)
    if not notes:
        x, t = _numbers("x", args.x), _numbers("t", args.t)
    else:
        model = TrainedModel.from_parts(path, network, arrays, notes)
        if model.others:
            print(f"tileprop: note: the first of the {len(model.members)} networks of the ensemble is shown", file=sys.stderr)
        x = _prepared(model, args.x)
        t = _classes(model, args.t) if model.task == CLASSIFICATION else _numbers("t", args.t)
        targets = np.asarray(t)
        if model.target_scaling is not None and targets.size == len(x) * len(model.target_scaling.mean):
            t = model.target_scaling.apply(targets.reshape(len(x), -1))
        print("tileprop: note: standardised as in training: the page's x is not the --x that was given", file=sys.stderr)
    try:
        return explain(network, x, t, rate)
    except (TypeError, ValueError) as error:
        raise InputError(_as_options(str(error))) from None


def _prepared(model: TrainedModel, text: str) -> np.ndarray:
    """X (n, n_features) of samples in the model's own units: numbers, or entries of the columns of its table."""
    from ..arrays import as_inputs

    if not model.takes_table:
        x = np.atleast_2d(_numbers("x", text))
        return model.prepare(as_inputs(x, len(model.feature_names), np.dtype(np.float64), "--x"))
    from ..extras import require

    arrow = require("pyarrow", "the columns of a table")
    rows, columns = list(csv.reader(text.split(";"), skipinitialspace=True)), model.recipe.column_names
    if any(len(row) != len(columns) for row in rows):
        raise InputError(f"--x is {text!r}; it must have {len(columns)} entries, for {', '.join(columns)}")
    cells = {name: arrow.chunked_array([[row[i] for row in rows]]) for i, name in enumerate(columns)}
    return model.prepare(arrow.table(cells))


def _classes(model: TrainedModel, text: str) -> Any:
    """The classes that are named, as their numbers. Numbers alone count from 0, unless they are names of classes."""
    from ..suggestions import did_you_mean, listed

    found: list[int] = []
    for part in (part.strip() for row in text.split(";") for part in next(csv.reader([row]), [])):
        if part in model.class_names:
            found.append(model.class_names.index(part))
        elif part.isdecimal() and int(part) < len(model.class_names):
            found.append(int(part))
        elif re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", part):
            return _numbers("t", text)  # targets of a network of another loss than log_loss, or an error
        else:
            meant = did_you_mean(part, model.class_names) or ";"
            raise InputError(f"--t is {part!r}, which is not a class{meant} the classes are {listed(model.class_names, 20)}")
    return found


def _network(args: argparse.Namespace) -> Explanation:
    from ..explanation.explain import explain
    from ..network import Network

    if all(getattr(args, name) is None for name in NEEDED):
        raise InputError("nothing to explain: give --document 1, --document 2, or --sizes with --x and --t")
    for name in NEEDED:
        if getattr(args, name) is None:
            raise InputError(f"{_option(name)} is missing: a network needs --sizes, --x and --t")
    given = {name: default if getattr(args, name) is None else getattr(args, name) for name, default in DEFAULTS.items()}
    check_within("--seed", given["seed"], 0)
    sizes = [_whole(width) for width in args.sizes.split(",")]
    x, t = _numbers("x", args.x), _numbers("t", args.t)
    levels: list[Any] = _numbers("quantile", given["quantile"]) if given["quantile"] else [None]
    names = given["activation"].split(",")
    try:
        network = Network(
            sizes,
            names[0] if len(names) == 1 else names,
            given["output_activation"],
            given["loss"],
            bias=not given["no_bias"],
            dtype="float64",
            random_state=given["seed"],
            quantile=levels[0] if len(levels) == 1 else levels,
            delta=given["delta"],
        )
        return explain(network, x, t, given["learning_rate"])
    except (TypeError, ValueError) as error:
        raise InputError(_as_options(str(error))) from None


def _whole(width: str) -> int:
    try:
        return int(width)
    except ValueError:
        raise InputError(f"--sizes has {width!r}; it must be a list of whole numbers, such as 3,4,2") from None


def _numbers(name: str, text: str) -> Any:
    """A list, or a list of rows; targets of one column are a list again."""
    rows = []
    for row in text.split(";"):
        try:
            rows.append([float(value) for value in row.split(",")])
        except ValueError:
            raise InputError(f"{_option(name)} is {text!r}; it must be a list of numbers, such as 0.5,-1") from None
    if len({len(row) for row in rows}) > 1:
        raise InputError(f"{_option(name)} is {text!r}; its rows must have the same length")
    if len(rows) == 1:
        return rows[0]
    return [row[0] for row in rows] if len(rows[0]) == 1 and name == "t" else rows


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _as_options(message: str) -> str:
    """A message that starts with an argument's name, with the option's name there."""
    return re.sub(r"^(?:SGD: )?([a-z_]+)", lambda found: _option(found[1]), message)
