"""The compiled backend: batched activations and losses, the matrix chain of dense layers, whole epochs. NumPy and Numba alone.

Every function is callable from Python and from any `@njit` function, except the makers of Plan, State and Workspace.
"""

from .activations import (
    exp,
    exp_backward,
    identity,
    identity_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from .dense import dense_backward, dense_backward_input, dense_forward
from .epoch import train_epoch
from .losses import (
    binary_log_loss,
    binary_log_loss_backward,
    log_loss,
    log_loss_backward,
    mse,
    mse_backward,
    poisson,
    poisson_backward,
    squared_error,
    squared_error_backward,
    sum_squared_error,
    sum_squared_error_backward,
)
from .network import forward, loss_and_grad, predict
from .optimizers import apply_gradient
from .plan import Plan, State, make_plan, make_state
from .workspace import Workspace, make_workspace

__all__ = [
    "Plan",
    "State",
    "Workspace",
    "apply_gradient",
    "binary_log_loss",
    "binary_log_loss_backward",
    "dense_backward",
    "dense_backward_input",
    "dense_forward",
    "exp",
    "exp_backward",
    "forward",
    "identity",
    "identity_backward",
    "log_loss",
    "log_loss_backward",
    "loss_and_grad",
    "make_plan",
    "make_state",
    "make_workspace",
    "mse",
    "mse_backward",
    "poisson",
    "poisson_backward",
    "predict",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "squared_error",
    "squared_error_backward",
    "sum_squared_error",
    "sum_squared_error_backward",
    "tanh",
    "tanh_backward",
    "train_epoch",
]
