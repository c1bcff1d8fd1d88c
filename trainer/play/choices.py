"""What the page asks for: messages from the browser, checked before anything is done with them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from ..bounds import check_whole, check_within
from ..errors import InputError
from ..runs.settings import HIDDEN_ACTIVATIONS, OPTIMIZERS, one_of
from ..typed_json import from_json

MOST_LAYERS, MOST_UNITS = 6, 32
MOST_BATCH = 5000
# Epochs in one call of `fit`, however short they are.
MOST_EPOCHS = 2000
ACTIONS = ("choose", "start", "pause", "step", "reset", "drawn", "explain")


@dataclass(frozen=True)
class Hidden:
    """A hidden layer: its number of units and their activation."""

    units: int
    activation: str

    def __post_init__(self) -> None:
        check_whole("units", self.units, 1, MOST_UNITS)
        one_of("activation", self.activation, HIDDEN_ACTIVATIONS)


@dataclass(frozen=True)
class Choices:
    """What is trained, and how.

    seed: of the generated rows, the split, the initial weights and the order of the rows. epochs_a_picture: epochs between two
    pictures, or 0 to train as fast as possible.
    """

    data: str = "circles"
    hidden: tuple[Hidden, ...] = (Hidden(8, "tanh"), Hidden(8, "tanh"))
    optimizer: str = "adam"
    learning_rate: float = 0.003
    batch_size: int = 16
    seed: int = 0
    epochs_a_picture: int = 0

    def __post_init__(self) -> None:
        if len(self.hidden) > MOST_LAYERS:
            raise InputError(f"hidden has {len(self.hidden)} layers; give at most {MOST_LAYERS}")
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        check_within("learning_rate", self.learning_rate, 0.0, 100.0, most=True)
        check_whole("batch_size", self.batch_size, 1, MOST_BATCH)
        check_whole("seed", self.seed, 0, 2**32 - 1)
        check_whole("epochs_a_picture", self.epochs_a_picture, 0, MOST_EPOCHS)

    def keep_network_of(self, other: Choices) -> bool:
        """Whether a network trained with `other` can go on with these choices: only the pace of training differs."""
        pace = {name: getattr(other, name) for name in ("learning_rate", "batch_size", "epochs_a_picture")}
        return replace(self, **pace) == other

    def as_json(self) -> dict[str, Any]:
        """As `read_request` takes it."""
        return {**vars(self), "hidden": [vars(layer) for layer in self.hidden]}


@dataclass(frozen=True)
class Request:
    """A message from the page. do: one of ACTIONS. choices: of "choose". row: of "explain", the number of a row, from 0."""

    do: str
    choices: Choices | None = None
    row: int = 0

    def __post_init__(self) -> None:
        one_of("do", self.do, ACTIONS)
        if self.do == "choose" and self.choices is None:
            raise InputError("choices are missing; 'choose' needs them")


def read_request(text: str) -> Request:
    """A message as it came. Raises InputError for anything else than a Request in JSON."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("the message is not JSON") from None
    request: Request = from_json(Request, content, "message")
    return request
