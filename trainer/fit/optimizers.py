"""Optimizers: hyperparameters, checked, that make the kernels' State."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import DTypeLike

from ...kernels import Plan, State, make_state
from ..bounds import check_field_within


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, with momentum where asked.

    Parameters
    ----------
    learning_rate : float, default=0.1
        Length of a step: the gradient is multiplied by it. At least 0.

    momentum : float, default=0.0
        Share of the last step that is added to the next one, 0 to 1.

    nesterov : bool, default=False
        Whether to use Nesterov's momentum.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    v <- momentum v - learning_rate g, w <- w + v; with Nesterov's momentum w <- w + momentum v - learning_rate g.

    Examples
    --------
    >>> from tileprop import SGD, Network
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], optimizer=SGD(learning_rate=0.5, momentum=0.9))
    """

    learning_rate: float = 0.1
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        check_field_within(self, "learning_rate", 0.0)
        check_field_within(self, "momentum", 0.0, 1.0, most=True)

    def state(self, plan: Plan, dtype: DTypeLike) -> State:
        """Fresh training state for a network's plan and dtype. `Network.fit` takes it as `optimizer`."""
        return make_state(plan, "sgd", dtype, learning_rate=self.learning_rate, momentum=self.momentum, nesterov=self.nesterov)


@dataclass(frozen=True)
class Adam:
    """Adam: steps scaled by running means of the gradients and of their squares.

    Parameters
    ----------
    learning_rate : float, default=0.001
        Length of a step, at least 0.

    beta_1 : float, default=0.9
        Decay of the running mean of the gradients, at least 0 and below 1.

    beta_2 : float, default=0.999
        Decay of the running mean of the squared gradients, at least 0 and below 1.

    epsilon : float, default=1e-8
        Added to the root of the mean square, above 0.

    epsilon_hat : bool, default=False
        Whether epsilon is added before the bias correction, as in scikit-learn, instead of after it, as in PyTorch.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    Kingma, D., Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.

    Examples
    --------
    >>> from tileprop import Adam, Network
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], optimizer=Adam(learning_rate=0.01))
    """

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
        """Fresh training state for a network's plan and dtype. `Network.fit` takes it as `optimizer`."""
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
    """Adam with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float, default=0.002
        Length of a step, at least 0.

    beta_1 : float, default=0.9
        Decay of the running mean of the gradients, at least 0 and below 1.

    beta_2 : float, default=0.999
        Decay of the running mean of the squared gradients, at least 0 and below 1.

    epsilon : float, default=1e-8
        Added to the root of the mean square, above 0.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    Dozat, T. (2016). Incorporating Nesterov momentum into Adam. ICLR workshop. As in PyTorch, with its momentum_decay of 0.004.

    Examples
    --------
    >>> from tileprop import Nadam, Network
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], optimizer=Nadam(learning_rate=0.01))
    """

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
        """Fresh training state for a network's plan and dtype. `Network.fit` takes it as `optimizer`."""
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
    """RMSprop: gradients divided by the root of a running mean of their squares.

    Parameters
    ----------
    learning_rate : float, default=0.001
        Length of a step, at least 0.

    beta : float, default=0.99
        Decay of the running mean of the squared gradients, at least 0 and below 1.

    momentum : float, default=0.0
        Share of the last step that is added to the next one, at least 0 and below 1.

    epsilon : float, default=1e-8
        Added to the root of the mean square, above 0.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    v <- beta v + (1 - beta) g^2, u <- momentum u + g / (sqrt(v) + epsilon), w <- w - learning_rate u. Tieleman, T., Hinton, G.
    (2012), lecture 6.5 of Neural networks for machine learning; epsilon and momentum as in PyTorch.

    Examples
    --------
    >>> from tileprop import Network, RMSprop
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], optimizer=RMSprop(learning_rate=0.01))
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
        """Fresh training state for a network's plan and dtype. `Network.fit` takes it as `optimizer`."""
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
    """Rprop: each weight has a step length of its own. For full batches.

    The length is multiplied by 1.2 while the weight's gradient keeps its sign, and halved where the sign changes.
    Schedules have no effect.

    Parameters
    ----------
    learning_rate : float, default=0.01
        Length of the first step, at least 0.

    Raises
    ------
    InputError
        For numbers out of range.

    Notes
    -----
    Riedmiller, M., Braun, H. (1993). A direct adaptive method for faster backpropagation learning. As in PyTorch.

    Examples
    --------
    >>> from tileprop import Network, Rprop
    >>> history = Network([1, 1]).fit([[0], [1]], [0, 1], batch_size=2, optimizer=Rprop())
    """

    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        check_field_within(self, "learning_rate", 0.0)

    def state(self, plan: Plan, dtype: DTypeLike) -> State:
        """Fresh training state for a network's plan and dtype. `Network.fit` takes it as `optimizer`."""
        return make_state(plan, "rprop", dtype, learning_rate=self.learning_rate)


Optimizer = SGD | Adam | Nadam | RMSprop | Rprop

# By the names that `Network.fit` takes.
OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "nadam": Nadam, "rmsprop": RMSprop, "rprop": Rprop}
