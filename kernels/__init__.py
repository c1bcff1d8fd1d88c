"""The compiled backend: batched activations and losses, the matrix chain of dense layers, whole epochs. NumPy and Numba alone.

Every function is callable from Python and from any `@njit` function, except the makers of Plan, State and Workspace.
"""

from .activations import activation_registry as _activations
from .activations import register_activation
from .activations.softmax import softmax, softmax_backward
from .dense import dense_backward, dense_backward_input, dense_forward
from .derivatives.hessian_vector import gauss_newton_vector, hessian_vector
from .derivatives.input_gradient import input_gradient
from .derivatives.input_jacobian import input_jacobian
from .derivatives.loss_and_grad import loss_and_grad
from .derivatives.parameter_jacobian import parameter_jacobian
from .derivatives.sample_gradients import sample_gradients
from .derivatives.target_gradient import target_gradient
from .derivatives.vjp import backward, vjp
from .losses import loss_registry as _losses
from .losses import register_loss
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
from .plan import Plan, make_plan
from .predict import forward, forward_loaded, load_parameters, predict, predict_one
from .state import State, make_state
from .training.epoch import train_epoch, train_step
from .training.optimizers import apply_gradient
from .workspace import Workspace, make_workspace

elu, elu_backward = _activations["elu"].forward, _activations["elu"].backward
exp, exp_backward = _activations["exp"].forward, _activations["exp"].backward
gelu, gelu_backward = _activations["gelu"].forward, _activations["gelu"].backward
identity, identity_backward = _activations["identity"].forward, _activations["identity"].backward
leaky_relu, leaky_relu_backward = _activations["leaky_relu"].forward, _activations["leaky_relu"].backward
relu, relu_backward = _activations["relu"].forward, _activations["relu"].backward
sigmoid, sigmoid_backward = _activations["sigmoid"].forward, _activations["sigmoid"].backward
silu, silu_backward = _activations["silu"].forward, _activations["silu"].backward
softplus, softplus_backward = _activations["softplus"].forward, _activations["softplus"].backward
tanh, tanh_backward = _activations["tanh"].forward, _activations["tanh"].backward
mae, mae_backward = _losses["mae"].value, _losses["mae"].backward
huber, huber_backward = _losses["huber"].value, _losses["huber"].backward
quantile, quantile_backward = _losses["quantile"].value, _losses["quantile"].backward
gaussian_nll, gaussian_nll_backward = _losses["gaussian_nll"].value, _losses["gaussian_nll"].backward

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
