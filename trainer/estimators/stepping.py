"""What steps are taken with: scikit-learn's solvers, one of our optimizers, or a solver that takes all rows at once."""

from __future__ import annotations

from typing import Any

from scipy.sparse import issparse
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from ...kernels import make_plan
from ..errors import InputError
from ..fit.optimizers import SGD, Adam, Optimizer
from ..fit.resuming import Resumed
from ..network import Network
from ..solvers import Solver


class Stepping:
    """A part of both estimators.

    `_optimizer`, scikit-learn's, keeps the learning rate and decides on the end. `_state` is that of the optimizer that takes
    the steps, and None for a solver.
    """

    def _steps_of(self: Any, network: Network, X: Any, goes_on: bool, resumed: Resumed | None) -> dict[str, Any]:
        """Options of a fit to X that say how to step. goes_on: with the state of the last fit, where there is one."""
        batch_size = self.batch_size
        if isinstance(self.optimizer, Solver):
            if issparse(X):
                raise InputError(
                    f"X is sparse; {type(self.optimizer).__name__}() takes dense rows: give X.toarray(), or train with "
                    "solver='adam', 'sgd' or 'lbfgs'"
                )
            self._optimizer, self._state = AdamOptimizer([]), None
            return {"optimizer": self.optimizer, "batch_size": None if batch_size == "auto" else batch_size, "shuffle": True}
        theirs, optimizer = self._chosen_optimizer()
        if goes_on and getattr(self, "_state", None) is not None:
            _check_same_rule(optimizer, self._state)
        else:
            self._optimizer, self._state = theirs, optimizer.state(network.plan, network.dtype)
            self._state.hyperparameters[0].learning_rate = theirs.learning_rate
        if resumed is not None:
            self._state = resumed.state()
        return {"optimizer": self._state, "batch_size": min(200 if batch_size == "auto" else batch_size, X.shape[0])}

    def _chosen_optimizer(self: Any) -> tuple[Any, Optimizer]:
        """What the arguments say: scikit-learn's optimizer, and ours."""
        if self.optimizer is not None:
            # Neither scikit-learn's rates nor its schedules are meant for it.
            return AdamOptimizer([], self.optimizer.learning_rate), self.optimizer
        if self.solver == "sgd":
            theirs = SGDOptimizer([], self.learning_rate_init, self.learning_rate, power_t=self.power_t)
            return theirs, SGD(self.learning_rate_init, self.momentum, self.nesterovs_momentum)
        adam = Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon, epsilon_hat=True)
        return AdamOptimizer([], self.learning_rate_init), adam

    def _stops(self: Any) -> bool:
        what = "Validation score" if self.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs."
        if self._optimizer.trigger_stopping(message, self.verbose):
            return True
        self._no_improvement_count = 0
        return False


def _check_same_rule(optimizer: Optimizer, state: Any) -> None:
    """Raise InputError where the state of the last fit is for another step rule than the arguments now name."""
    if optimizer.state(make_plan([1, 1]), "float64").counters[0].rule != state.counters[0].rule:
        raise InputError(
            f"solver, momentum or optimizer now stand for {optimizer}, another step rule than the one whose state training "
            "goes on with. Set them back, or begin with a new state: fit with keep_optimizer=False"
        )
