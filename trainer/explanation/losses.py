"""The losses on a page: the formula of each and of its slope, the arithmetic behind the figures, and what has to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...kernels.losses import loss_registry
from ...kernels.losses.gaussian import LEAST_LOG_VARIANCE
from .arithmetic import LEAST_DIFFERENCE, MOST_EXPONENT, Arithmetic
from .chain_rule import Steps
from .decimals import number
from .formulas import Formula, compound, derivative, divided, equation, in_parentheses
from .page import Block, Prose, Quantity, Together

OPENING = Prose("One number says how far {y} is from {t}. Its slope against {y} is where the way back begins.")
POISSON = Prose("This is half the Poisson deviance; {t * ln(t / y)} is 0 where {t} is 0.")
LEVELS = Prose(
    "The outputs are quantiles: all targets' at the lowest level, then at the next. {q} has the level of each output, and {u} "
    "its target."
)
VARIANCES = Prose(
    "The first half of {y} are the means {m} of normal distributions, the second half the logarithms {s} of their variances. "
    "What stands here is the negative logarithm of their densities at {t}, less a constant."
)
AT_FLOOR = Prose(f"An entry of {{s}} below {LEAST_LOG_VARIANCE:g} counts as that, and has the slope 0.")

_SQUARE = Formula("(y - t)^2", "(y - t)^2")
_DIFFERENCE = Formula("y - t", "y - t")
_L, _M, _S, _Y = Formula("L", "L"), Formula("m", "m"), Formula("s", "s"), Formula("y", "y")


@dataclass(frozen=True)
class Terms:
    """A loss that adds up one term for each output.

    term: of an output y and its target t, and slope, its derivative. numbers and slope_numbers: the same with the numbers
    put in, of y, t and the output's level q; "" where a calculator would lose digits. mean: over the outputs as well as the
    rows. half, negative: half of the sum, minus the sum.
    """

    term: Formula
    slope: Formula
    numbers: Callable[[Arithmetic, float, float, float], str]
    slope_numbers: Callable[[Arithmetic, float, float, float], str]
    mean: bool = True
    half: bool = False
    negative: bool = False

    def divisor(self, Y: np.ndarray) -> int:
        return Y.size if self.mean else len(Y)

    def formula(self, Y: np.ndarray) -> Formula:
        """L = ..."""
        right = summed(self.term, Y.size, self.negative)
        return equation(_L, divided(right, self.divisor(Y) * (2 if self.half else 1)))

    def slope_formula(self, Y: np.ndarray) -> Formula:
        """dL/dy = ..."""
        return equation(derivative(_Y), divided(self.slope, self.divisor(Y)))

    def arithmetic(self, a: Arithmetic, Y: np.ndarray, T: np.ndarray, Q: np.ndarray, value: float) -> str:
        """Y, T (n, n_out), Q (n_out)."""
        entries = zip(Y.flat, T.flat, np.tile(Q, len(Y)), strict=True)
        terms = [self.numbers(a, y, t, q) for y, t, q in entries]
        if "" in terms:
            return ""
        by = self.divisor(Y) * (2 if self.half else 1)
        grouped = len(terms) > 1 or self.negative or (by > 1 and compound(Formula(terms[0], "")))
        pattern = ("-" if self.negative else "") + ("({})" if grouped else "{}") + (f" / {by}" if by > 1 else "")
        return a.line(terms, value, pattern)

    def slope_arithmetic(self, a: Arithmetic, Y: np.ndarray, T: np.ndarray, Q: np.ndarray, value: float) -> str:
        """Of the first entry."""
        term, by = self.slope_numbers(a, Y[0, 0], T[0, 0], Q[0]), self.divisor(Y)
        if not term or (by == 1 and " " not in term):  # a number alone is not worth a line
            return ""
        grouped = by > 1 and compound(Formula(term, ""))
        return a.line([term], value, ("({})" if grouped else "{}") + (f" / {by}" if by > 1 else ""))


def summed(term: Formula, count: int, negative: bool = False) -> Formula:
    """The sum over so many entries of a term, or minus it."""
    if (count > 1 or negative) and compound(term):
        term = in_parentheses(term)
    if count > 1:
        term = Formula(f"sum of {term.text}", rf"\sum {term.latex}")
    return Formula(f"- {term.text}", f"- {term.latex}") if negative else term


def loss_blocks(steps: Steps, a: Arithmetic) -> Iterator[Block]:
    """What a page says about the loss, from its formula to dL/dy."""
    yield OPENING
    plan, Y, T, dY = steps.network.plan, steps.A[-1], steps.T, steps.backward.dA[-1]
    entry = loss_registry.with_code(plan.loss_code)
    if not loss_registry.is_builtin(entry.name):
        yield from _registered(steps)
        return
    if plan.loss == "gaussian_nll":
        yield from _gaussian(steps, a)
        return
    if plan.loss == "poisson":
        yield POISSON
    levels = plan.loss_parameters if plan.loss == "quantile" else np.zeros(1)
    heads = len(levels)
    T, Q = np.tile(T, heads), np.repeat(levels, Y.shape[1] // heads)
    if heads > 1:
        yield LEVELS
        every = Formula("u = t for each level", r"u = t \text{ for each level}")
        yield Together((Quantity(Formula("q", "q"), Q), Quantity(every, T)))
    terms = _terms(plan.loss, plan.activations[-1], plan.loss_parameters)
    yield Quantity(terms.formula(Y), steps.loss, terms.arithmetic(a, Y, T, Q, steps.loss))
    yield Quantity(terms.slope_formula(Y), dY, terms.slope_arithmetic(a, Y, T, Q, dY[0, 0]))


# One term for each output --------------------------------------------------------------------------------------------------


def _terms(name: str, output_activation: str, parameter: np.ndarray) -> Terms:
    if name == "mse":
        return Terms(_SQUARE, Formula("2 (y - t)", "2 (y - t)"), _square, lambda *given: _doubled(_difference(*given)))
    if name in ("squared_error", "sum_squared_error"):
        return Terms(_SQUARE, _DIFFERENCE, _square, _difference, name == "squared_error", half=True)
    if name == "poisson":
        term = Formula("t * ln(t / y) - t + y", r"t \odot \ln \frac{t}{y} - t + y")
        return Terms(term, Formula("1 - t / y", r"1 - \frac{t}{y}"), _deviance, _deviance_slope, mean=False)
    if name == "mae":
        sign = Formula("sign(y - t)", r"\mathrm{sign}(y - t)")
        return Terms(Formula("|y - t|", "|y - t|"), sign, _distance, lambda a, y, t, q: f"{np.sign(y - t):g}")
    if name == "huber":
        return _huber(float(parameter[0]))
    if name == "quantile":
        return _quantile(parameter)
    return _cross_entropy() if output_activation == "softmax" else _binary_cross_entropy()


def _difference(a: Arithmetic, y: float, t: float, q: float) -> str:
    return "" if a.lost(y - t) else f"{a.put(y)} - {a.put(t)}"


def _doubled(term: str) -> str:
    return f"2 * ({term})" if term else ""


def _square(a: Arithmetic, y: float, t: float, q: float) -> str:
    return "" if a.lost(y - t) else f"({a.put(y)} - {a.put(t)})^2"


def _distance(a: Arithmetic, y: float, t: float, q: float) -> str:
    return "" if a.lost(y - t) else f"abs({a.put(y)} - {a.put(t)})"


def _deviance(a: Arithmetic, y: float, t: float, q: float) -> str:
    if t == 0:
        return a.put(y)
    value = t * np.log(t / y) - t + y
    return "" if a.lost(value) else f"{a.put(t)} * ln({a.put(t)} / {a.put(y)}) - {a.put(t)} + {a.put(y)}"


def _deviance_slope(a: Arithmetic, y: float, t: float, q: float) -> str:
    return "" if a.lost(1 - t / y) else f"1 - {a.put(t)} / {a.put(y)}"


def _huber(delta: float) -> Terms:
    d, half = number(delta), number(delta / 2)
    term = Formula(
        f"(y - t)^2 / 2 where |y - t| <= {d}, else {d} * (|y - t| - {half})",
        rf"\frac{{(y - t)^2}}{{2}} \text{{ where }} |y - t| \le {d}, \text{{ else }} {d} (|y - t| - {half})",
    )
    slope = Formula(f"min(max(y - t, -{d}), {d})", rf"\min(\max(y - t, -{d}), {d})")

    def numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        if a.lost(y - t):
            return ""
        if abs(y - t) <= delta:
            return f"({a.put(y)} - {a.put(t)})^2 / 2"
        return f"{d} * (abs({a.put(y)} - {a.put(t)}) - {half})"

    def slope_numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        if abs(y - t) <= delta:
            return _difference(a, y, t, q)
        return d if y > t else f"-{d}"

    return Terms(term, slope, numbers, slope_numbers)


def _quantile(levels: np.ndarray) -> Terms:
    if len(levels) > 1:
        term = Formula("max(q * (u - y), (1 - q) * (y - u))", r"\max(q \odot (u - y), (1 - q) \odot (y - u))")
        slope = Formula("1 - q where y > u, else - q", r"1 - q \text{ where } y \gt u, \text{ else } - q")
    else:
        below, above = number(levels[0]), number(1 - levels[0])
        term = Formula(f"max({below} (t - y), {above} (y - t))", rf"\max({below} (t - y), {above} (y - t))")
        slope = Formula(f"{above} where y > t, else -{below}", rf"{above} \text{{ where }} y \gt t, \text{{ else }} -{below}")

    def numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        if a.lost(y - t):
            return ""
        return f"{a.put(1 - q)} * ({a.put(y)} - {a.put(t)})" if y > t else f"{a.put(q)} * ({a.put(t)} - {a.put(y)})"

    def slope_numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        return a.put(1 - q) if y > t else f"-{a.put(q)}" if y < t else ""

    return Terms(term, slope, numbers, slope_numbers)


def _near_an_end(y: float) -> bool:
    """Whether y or 1 - y is too small to be taken from rounded numbers."""
    return min(y, 1 - y) < LEAST_DIFFERENCE


def _cross_entropy() -> Terms:
    def numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        return "" if _near_an_end(y) else f"{a.put(t)} * ln({a.put(y)})"

    def slope_numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        return "" if _near_an_end(y) else f"-{a.put(t)} / {a.put(y)}"

    term, slope = Formula("t * ln(y)", r"t \odot \ln y"), Formula("- t / y", r"- \frac{t}{y}")
    return Terms(term, slope, numbers, slope_numbers, mean=False, negative=True)


def _binary_cross_entropy() -> Terms:
    def numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        lost = a.lost(y - t) or _near_an_end(y)
        return "" if lost else f"{a.put(t)} * ln({a.put(y)}) + (1 - {a.put(t)}) * ln(1 - {a.put(y)})"

    def slope_numbers(a: Arithmetic, y: float, t: float, q: float) -> str:
        lost = a.lost(y - t) or _near_an_end(y)
        return "" if lost else f"({a.put(y)} - {a.put(t)}) / ({a.put(y)} * (1 - {a.put(y)}))"

    term = Formula("t * ln(y) + (1 - t) * ln(1 - y)", r"t \odot \ln y + (1 - t) \odot \ln (1 - y)")
    slope = Formula("(y - t) / (y (1 - y))", r"\frac{y - t}{y (1 - y)}")
    return Terms(term, slope, numbers, slope_numbers, mean=False, negative=True)


# The others ----------------------------------------------------------------------------------------------------------------


def _gaussian(steps: Steps, a: Arithmetic) -> Iterator[Block]:
    T, n = steps.T, len(steps.T)
    M, S = np.hsplit(steps.A[-1], 2)
    dM, dS = np.hsplit(steps.backward.dA[-1], 2)
    yield VARIANCES
    if (S < LEAST_LOG_VARIANCE).any():
        yield AT_FLOOR
    yield Together((Quantity(_M, M), Quantity(_S, S)))
    fine = not a.lost(M - T) and np.abs(S).max() <= min(MOST_EXPONENT, -LEAST_LOG_VARIANCE)
    entries = [tuple(map(a.put, entry)) for entry in zip(M.flat, S.flat, T.flat, strict=True)]
    terms = [f"{s} + ({t} - {m})^2 * exp(-{s})" for m, s, t in entries]
    total = summed(Formula("s + (t - m)^2 * exp(-s)", r"s + (t - m)^2 \odot e^{-s}"), T.size)
    shown = a.line(terms, steps.loss, f"({{}}) / {2 * n}") if fine else ""
    yield Quantity(equation(_L, divided(total, 2 * n)), steps.loss, shown)
    m, s, t = entries[0]
    over = f" / {n}" if n > 1 else ""
    slope = divided(Formula("(m - t) * exp(-s)", r"(m - t) \odot e^{-s}"), n)
    shown = a.line([f"({m} - {t}) * exp(-{s}){over}"], dM[0, 0]) if fine else ""
    yield Quantity(equation(derivative(_M), slope), dM, shown)
    slope = divided(Formula("1 - (t - m)^2 * exp(-s)", r"1 - (t - m)^2 \odot e^{-s}"), 2 * n)
    shown = a.line([f"(1 - ({t} - {m})^2 * exp(-{s})) / {2 * n}"], dS[0, 0]) if fine and not a.lost(dS[0, 0]) else ""
    yield Quantity(equation(derivative(_S), slope), dS, shown)
    left, right = derivative(_M), derivative(_S)
    both = Formula(f"({left.text}, {right.text})", rf"\left( {left.latex}, {right.latex} \right)")
    yield Quantity(equation(derivative(_Y), both), np.hstack([dM, dS]))


def _registered(steps: Steps) -> Iterator[Block]:
    """A loss that a user registered: only its name is known."""
    n = len(steps.T)
    yield Prose(f"The loss is `{steps.network.plan.loss}`, which its user registered; here {{E}} stands for it, row by row.")
    value = Formula("E(y, t)", "E(y, t)")
    yield Quantity(equation(_L, divided(summed(value, n), n)), steps.loss)
    slope = Formula("dE/dy", r"\frac{\partial E}{\partial y}")
    yield Quantity(equation(derivative(_Y), divided(slope, n)), steps.backward.dA[-1])
