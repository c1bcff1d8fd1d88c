"""The compiled backend: batched activations and losses, the matrix chain of dense layers, whole epochs. NumPy and Numba alone.

Every function is callable from Python and from any `@njit` function, except the makers of Plan, State and Workspace.
"""

from .activations import ACTIVATIONS as _ACTIVATIONS
from .activations import register_activation
from .activations.softmax import softmax, softmax_backward
from .dense import dense_backward, dense_backward_input, dense_forward
from .derivatives.hessian_vector import gauss_newton_vector, hessian_vector
from .derivatives.loss_and_grad import loss_and_grad
from .derivatives.input_gradient import input_gradient
from .derivatives.input_jacobian import input_jacobian
from .derivatives.parameter_jacobian import parameter_jacobian
from .derivatives.sample_gradients import sample_gradients
from .derivatives.vjp import backward, vjp
from .derivatives.target_gradient import target_gradient
from .training.epoch import train_epoch, train_step
from .losses import LOSSES as _LOSSES
from .losses import register_loss
from .losses.codes import GAUSSIAN_NLL, HUBER, MAE, QUANTILE
from .losses.entropies import binary_log_loss, binary_log_loss_backward, log_loss, log_loss_backward
from .losses.poisson import poisson, poisson_backward
from .losses.squares import (
    mse,
    mse_backward,
    squared_error,
    squared_error_backward,
    sum_squared_error,
    sum_squared_error_backward,
)
from .training.optimizers import apply_gradient
from .plan import Plan, make_plan
from .state import State, make_state
from .predict import forward, forward_loaded, load_parameters, predict, predict_one
from .workspace import Workspace, make_workspace

elu, elu_backward = _ACTIVATIONS["elu"].forward, _ACTIVATIONS["elu"].backward
exp, exp_backward = _ACTIVATIONS["exp"].forward, _ACTIVATIONS["exp"].backward
gelu, gelu_backward = _ACTIVATIONS["gelu"].forward, _ACTIVATIONS["gelu"].backward
identity, identity_backward = _ACTIVATIONS["identity"].forward, _ACTIVATIONS["identity"].backward
leaky_relu, leaky_relu_backward = _ACTIVATIONS["leaky_relu"].forward, _ACTIVATIONS["leaky_relu"].backward
relu, relu_backward = _ACTIVATIONS["relu"].forward, _ACTIVATIONS["relu"].backward
sigmoid, sigmoid_backward = _ACTIVATIONS["sigmoid"].forward, _ACTIVATIONS["sigmoid"].backward
silu, silu_backward = _ACTIVATIONS["silu"].forward, _ACTIVATIONS["silu"].backward
softplus, softplus_backward = _ACTIVATIONS["softplus"].forward, _ACTIVATIONS["softplus"].backward
tanh, tanh_backward = _ACTIVATIONS["tanh"].forward, _ACTIVATIONS["tanh"].backward
mae, mae_backward = _LOSSES[MAE].value, _LOSSES[MAE].backward
huber, huber_backward = _LOSSES[HUBER].value, _LOSSES[HUBER].backward
quantile, quantile_backward = _LOSSES[QUANTILE].value, _LOSSES[QUANTILE].backward
gaussian_nll, gaussian_nll_backward = _LOSSES[GAUSSIAN_NLL].value, _LOSSES[GAUSSIAN_NLL].backward

__all__ = [
    "Plan",
    "State",
    "Workspace",
    "apply_gradient",
    "backward",
    "binary_log_loss",
    "binary_log_loss_backward",
    "dense_backward",
    "dense_backward_input",
    "dense_forward",
    "elu",
    "elu_backward",
    "exp",
    "exp_backward",
    "forward",
    "forward_loaded",
    "gauss_newton_vector",
    "gaussian_nll",
    "gaussian_nll_backward",
    "gelu",
    "gelu_backward",
    "hessian_vector",
    "huber",
    "huber_backward",
    "identity",
    "identity_backward",
    "input_gradient",
    "input_jacobian",
    "leaky_relu",
    "leaky_relu_backward",
    "load_parameters",
    "log_loss",
    "log_loss_backward",
    "loss_and_grad",
    "mae",
    "mae_backward",
    "make_plan",
    "make_state",
    "make_workspace",
    "mse",
    "mse_backward",
    "parameter_jacobian",
    "poisson",
    "poisson_backward",
    "predict",
    "predict_one",
    "quantile",
    "quantile_backward",
    "register_activation",
    "register_loss",
    "relu",
    "relu_backward",
    "sample_gradients",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
    "softplus",
    "softplus_backward",
    "squared_error",
    "squared_error_backward",
    "sum_squared_error",
    "sum_squared_error_backward",
    "tanh",
    "tanh_backward",
    "target_gradient",
    "train_epoch",
    "train_step",
    "vjp",
]
