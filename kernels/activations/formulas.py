"""Activations of single numbers: the formulas of each, and the activation made of them.

To add one: a value, a slope (of the output, or of the input), the slope's derivative by the same variable, and an entry in
`ENTRIES` with a code of its own.
"""

from __future__ import annotations

import math
from dataclasses import replace

from numpy import float64

from ..compiler.jit import leaf
from ..numerics.double_double import dd_subtract_scaled, two_sum
from ..numerics.exponential import (
    dd_exp,
    dd_log,
    exp_scalar,
    exp_split,
    is_single,
    log1p_for_single,
    over_one_plus_exp,
    split_double_finely,
    split_for_single,
)
from .codes import ELU, EXP, GELU, IDENTITY, LEAKY_RELU, RELU, SIGMOID, SILU, SOFTPLUS, TANH
from .docstrings import backward_text, forward_text
from .entry import Activation, ScalarFormulas, elementwise
from .gates import gelu_scalar, gelu_slope, gelu_slope_derivative, silu_scalar, silu_slope, silu_slope_derivative

# Of leaky_relu: what is left of numbers below 0.
LEAK = 0.01


@leaf
def identity_scalar(x):
    return x


@leaf
def identity_slope(y):
    return type(y)(1.0)


@leaf
def zero_slope_derivative(y):
    return type(y)(0.0)


@leaf
def sigmoid_scalar(x):
    """1 / (1 + exp(-x)), subnormal where x is far below 0."""
    return over_one_plus_exp(type(x)(1.0), -x)


@leaf
def sigmoid_slope(y):
    """y (1 - y); for smaller y as a difference, in which 1 - y is not rounded."""
    return y - y * y if y < type(y)(0.5) else y * (type(y)(1.0) - y)


@leaf
def sigmoid_slope_derivative(y):
    return type(y)(1.0) - type(y)(2.0) * y


@leaf
def tanh_scalar(x):
    """(1 - e) / (1 + e), e = exp(-2|x|) = scale (1 + tail): 1 - e without e itself, which would cancel for small x."""
    real = type(x)
    one = real(1.0)
    magnitude = abs(x)
    # tanh(20) rounds to 1 in both precisions; 2|x| could overflow.
    magnitude = real(20.0) if real(20.0) < magnitude else magnitude
    tail, scale = exp_split(real(-2.0) * magnitude)
    above, below = (scale - one) + scale * tail, (scale + one) + scale * tail
    y = above / below
    if not is_single(x):
        # What rounding took from both, over 1 + e as a line has it, to 6%: without, 2.2 units in the last place.
        lost = ((scale - one) - above) + scale * tail
        lost -= y * (((scale + one) - below) + scale * tail)
        y += lost * (real(24.0 / 17.0) - real(8.0 / 17.0) * below)
    return real(math.copysign(y, x))


@leaf
def tanh_slope(y):
    """1 - y^2; for larger |y| from d = 1 - |y|, which is exact there, as 2 d - d^2, which does not cancel."""
    one = type(y)(1.0)
    d = one - abs(y)
    return one - y * y if d > type(y)(0.5) else d + d - d * d


@leaf
def tanh_slope_derivative(y):
    return type(y)(-2.0) * y


@leaf
def relu_scalar(x):
    return type(x)(0.0) if x < type(x)(0.0) else x


@leaf
def relu_slope(y):
    return type(y)(1.0) if y > type(y)(0.0) else type(y)(0.0)


@leaf
def exp_slope(y):
    return y


@leaf
def leaky_relu_scalar(x):
    return type(x)(LEAK) * x if x < type(x)(0.0) else x


@leaf
def leaky_relu_slope(y):
    return type(y)(1.0) if y > type(y)(0.0) else type(y)(LEAK)


@leaf
def expm1_of_negative(x):
    """exp(x) - 1 for x <= 0: with exp(x) = scale (1 + tail) as (scale - 1) + scale tail, which does not cancel near 0."""
    real = type(x)
    x = real(-50.0) if x < real(-50.0) else x  # there it rounds to -1 in both precisions
    tail, scale = exp_split(x)
    return (scale - real(1.0)) + scale * tail


@leaf
def elu_scalar(x):
    zero = type(x)(0.0)
    below = expm1_of_negative(zero if x > zero else x)
    return x if x > zero else below


@leaf
def elu_slope(y):
    one = type(y)(1.0)
    return one if y > type(y)(0.0) else y + one


@leaf
def elu_slope_derivative(y):
    return type(y)(0.0) if y > type(y)(0.0) else type(y)(1.0)


@leaf(inline=True)
def softplus_scalar(x):
    """max(x, 0) + log(1 + exp(-|x|)), in float64; what 1 + e loses is put back."""
    wide = float64(x)
    a = abs(wide)
    positive = wide if wide > float64(0.0) else float64(0.0)
    if is_single(x):
        a = float64(110.0) if float64(110.0) < a else a
        tail, scale = split_for_single(-a)
        return type(x)(log1p_for_single(scale + scale * tail) + positive)
    e, e_low = dd_exp((-a, float64(0.0)))
    u, lost = two_sum(float64(1.0), e)
    result, low = dd_log(u)
    rest = low + (lost + e_low) / u
    return type(x)((result + rest) + positive)


@leaf(inline=True)
def softplus_slope(y):
    """1 - exp(-y), which is sigmoid(x)."""
    one, wide = float64(1.0), float64(y)
    wide = float64(50.0) if float64(50.0) < wide else wide
    if is_single(y):
        tail, scale = split_for_single(-wide)
        return type(y)((one - scale) - scale * tail)
    dd_tail, scale = split_double_finely((-wide, float64(0.0)))
    return type(y)(dd_subtract_scaled(one - scale, scale, dd_tail))


@leaf
def softplus_slope_derivative(y):
    """exp(-y)."""
    return type(y)(1.0) + expm1_of_negative(-y)


# In a network there is nothing to be done for it.
_identity = replace(
    elementwise(
        ScalarFormulas(
            "identity",
            IDENTITY,
            identity_scalar,
            identity_slope,
            zero_slope_derivative,
            text=forward_text(
                "identity",
                "Return the pre-activations as they are: x.",
                "array([-1.,  0.,  2.])",
            ),
            backward_text=backward_text("identity", "dx = dy", "array([1., 1., 1.])"),
        )
    ),
    row_kernel=None,
    tangent_kernel=None,
)

_FORMULAS = (
    ScalarFormulas(
        "sigmoid",
        SIGMOID,
        sigmoid_scalar,
        sigmoid_slope,
        sigmoid_slope_derivative,
        text=forward_text(
            "sigmoid",
            "Apply the logistic sigmoid: 1 / (1 + exp(-x)).",
            "array([0.2689, 0.5   , 0.8808])",
        ),
        backward_text=backward_text("sigmoid", "dx = dy y (1 - y)", "array([0.1966, 0.25  , 0.105 ])"),
    ),
    ScalarFormulas(
        "tanh",
        TANH,
        tanh_scalar,
        tanh_slope,
        tanh_slope_derivative,
        text=forward_text(
            "tanh",
            "Apply the hyperbolic tangent: tanh(x).",
            "array([-0.7616,  0.    ,  0.964 ])",
        ),
        backward_text=backward_text("tanh", "dx = dy (1 - y^2)", "array([0.42  , 1.    , 0.0707])"),
    ),
    ScalarFormulas(
        "relu",
        RELU,
        relu_scalar,
        relu_slope,
        zero_slope_derivative,
        text=forward_text(
            "relu",
            "Apply the rectified linear unit: max(x, 0).",
            "array([0., 0., 2.])",
        ),
        backward_text=backward_text("relu", "dx = dy where y > 0, else 0", "array([0., 0., 1.])"),
    ),
    ScalarFormulas(
        "exp",
        EXP,
        exp_scalar,
        exp_slope,
        identity_slope,
        text=forward_text(
            "exp",
            "Apply the exponential function: exp(x).",
            "array([0.3679, 1.    , 7.3891])",
            "0 where the result would be subnormal, infinite where it would be too large.",
        ),
        backward_text=backward_text("exp", "dx = dy y", "array([0.3679, 1.    , 7.3891])"),
    ),
    ScalarFormulas(
        "leaky_relu",
        LEAKY_RELU,
        leaky_relu_scalar,
        leaky_relu_slope,
        zero_slope_derivative,
        text=forward_text(
            "leaky_relu",
            "Apply the leaky rectified linear unit: x, or 0.01 x where x < 0.",
            "array([-0.01,  0.  ,  2.  ])",
            "Maas, Hannun and Ng (2013).",
        ),
        backward_text=backward_text("leaky_relu", "dx = dy where y > 0, else 0.01 dy", "array([0.01, 0.01, 1.  ])"),
    ),
    ScalarFormulas(
        "elu",
        ELU,
        elu_scalar,
        elu_slope,
        elu_slope_derivative,
        text=forward_text(
            "elu",
            "Apply the exponential linear unit: x, or exp(x) - 1 where x < 0.",
            "array([-0.6321,  0.    ,  2.    ])",
            "Clevert, Unterthiner and Hochreiter (2016).",
        ),
        backward_text=backward_text("elu", "dx = dy where y > 0, else dy (1 + y)", "array([0.3679, 1.    , 1.    ])"),
    ),
    ScalarFormulas(
        "silu",
        SILU,
        silu_scalar,
        silu_slope,
        silu_slope_derivative,
        from_input=True,
        text=forward_text(
            "silu",
            "Apply the sigmoid linear unit, also called swish: x sigmoid(x).",
            "array([-0.2689,  0.    ,  1.7616])",
            "Elfwing, Uchibe and Doya (2018).",
        ),
        backward_text=backward_text(
            "silu", "dx = dy (s + x s (1 - s)), s = sigmoid(x)", "array([0.0723, 0.5   , 1.0908])", from_input=True
        ),
    ),
    ScalarFormulas(
        "gelu",
        GELU,
        gelu_scalar,
        gelu_slope,
        gelu_slope_derivative,
        from_input=True,
        text=forward_text(
            "gelu",
            "Apply the Gaussian error linear unit: x times the normal distribution function at x.",
            "array([-0.1587,  0.    ,  1.9545])",
            "Hendrycks and Gimpel (2016). The exact function, not its approximation by tanh.",
        ),
        backward_text=backward_text(
            "gelu",
            "dx = dy (P(x) + x p(x)), P the normal distribution function and p its density",
            "array([-0.0833,  0.5   ,  1.0852])",
            from_input=True,
        ),
    ),
    ScalarFormulas(
        "softplus",
        SOFTPLUS,
        softplus_scalar,
        softplus_slope,
        softplus_slope_derivative,
        text=forward_text(
            "softplus",
            "Apply softplus: log(1 + exp(x)).",
            "array([0.3133, 0.6931, 2.1269])",
        ),
        backward_text=backward_text("softplus", "dx = dy (1 - exp(-y))", "array([0.2689, 0.5   , 0.8808])"),
    ),
)

ENTRIES: tuple[Activation, ...] = (_identity, *map(elementwise, _FORMULAS))
