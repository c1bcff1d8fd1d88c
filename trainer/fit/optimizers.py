"""Optimizers: hyperparameters, checked, that make the kernels' State."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import DTypeLike

from ...kernels import Plan, State, make_state
from ..bounds import check_field_within


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: v <- momentum v - learning_rate g, w <- w + v; with Nesterov's, w + momentum v - rate g."""

    learning_rate: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        check_field_within(self, "learning_rate", 0.0)
        check_field_within(self, "momentum", 0.0, 1.0, most=True)

    def state(self, plan: Plan, dtype: DTypeLike) -> State:
        """Fresh training state."""
        return make_state(plan, "sgd", dtype, learning_rate=self.learning_rate, momentum=self.momentum, nesterov=self.nesterov)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma, Ba 2015). epsilon is added after the bias correction, as in PyTorch; epsilon_hat=True adds it before."""

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False

    def __post_init__(self) -> None:
        check_field_within(self, "learning_rate", 0.0)
        check_field_within(self, "beta_1", 0.0, 1.0)
        check_field_within(self, "beta_2", 0.0, 1.0)
        check_field_within(self, "epsilon", 0.0, above=True)

    def state(self, plan: Plan, dtype: DTypeLike) -> State:
        """Fresh training state."""
        return make_state(
            plan,
            "adam",
            dtype,
            learning_rate=self.learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            epsilon_hat=self.epsilon_hat,
        )


@dataclass(frozen=True)
class Nadam:
    """Adam with Nesterov's momentum (Dozat 2016), as in PyTorch with its momentum_decay of 0.004."""

    learning_rate: float = 0.002
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_field_within(self, "learning_rate", 0.0)
        check_field_within(self, "beta_1", 0.0, 1.0)
        check_field_within(self, "beta_2", 0.0, 1.0)
        check_field_within(self, "epsilon", 0.0, above=True)

    def state(self, plan: Plan, dtype: DTypeLike) -> State:
        """Fresh training state."""
        return make_state(
            plan,
            "nadam",
            dtype,
            learning_rate=self.learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
        )


@dataclass(frozen=True)
class RMSprop:
    """v <- beta v + (1 - beta) g^2, u <- momentum u + g / (sqrt(v) + epsilon), w <- w - learning_rate u.

    Tieleman and Hinton 2012; epsilon and momentum as in PyTorch.
    """

    learning_rate: float = 0.001
    beta: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_field_within(self, "learning_rate", 0.0)
        check_field_within(self, "beta", 0.0, 1.0)
        check_field_within(self, "momentum", 0.0, 1.0)
        check_field_within(self, "epsilon", 0.0, above=True)

    def state(self, plan: Plan, dtype: DTypeLike) -> State:
        """Fresh training state."""
        return make_state(
            plan,
            "rmsprop",
            dtype,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            beta_2=self.beta,
            epsilon=self.epsilon,
        )


@dataclass(frozen=True)
class Rprop:
    """Steps of each weight's own length, which grows by 1.2 while its gradient keeps its sign and is halved where that turns.

    For full batches (Riedmiller, Braun 1993, as in PyTorch). learning_rate: the first step's length; schedules do nothing.
    """

    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        check_field_within(self, "learning_rate", 0.0)

    def state(self, plan: Plan, dtype: DTypeLike) -> State:
        """Fresh training state."""
        return make_state(plan, "rprop", dtype, learning_rate=self.learning_rate)


Optimizer = SGD | Adam | Nadam | RMSprop | Rprop

# By the names that `Network.fit` takes.
OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "nadam": Nadam, "rmsprop": RMSprop, "rprop": Rprop}
