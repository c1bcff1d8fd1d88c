"""The arithmetic of one sample, in LLVM: forward, and the weights after the step.

All values are numbers, or vectors that hold a number for each of several networks; the operations and their order are the same.
`emitter.py` says where the weights and the rates stand in their lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from llvmlite import ir

from ..llvm.emit import DOUBLE, multiply_add


def sizes_of(inputs: int, hidden: int, outputs: int) -> tuple[int, int]:
    """How many weights and how many rates such a network has."""
    return (inputs + 1) * hidden + ((hidden or inputs) + 1) * outputs, inputs + hidden + 1


class Sample(NamedTuple):
    """Inputs and targets of one sample: numbers, or vectors with a number for each of several networks."""

    x: list[Any]
    targets: list[Any]


class Passed(NamedTuple):
    """What a sample leaves on its way forward: hidden units, or inputs; outputs; y - t; the sum of its squares, float64."""

    h: list[Any]
    y: list[Any]
    differences: list[Any]
    square: Any


class Formulas(NamedTuple):
    """codes: of the hidden activation and of the output's. activations, slopes: functions by their codes.

    chosen(builder, code, functions, values, otherwise): the values through the function that `code` names.
    """

    codes: tuple[Any, Any]
    activations: list[Any]
    slopes: list[Any]
    chosen: Callable[..., Any]

    def activated(self, builder: Any, layer: int, z: list[Any]) -> Any:
        return self.chosen(builder, self.codes[layer], self.activations, z, z)

    def slopes_at(self, builder: Any, layer: int, y: list[Any]) -> Any:
        return self.chosen(builder, self.codes[layer], self.slopes, y, [filled(y[0].type, 1.0)] * len(y))


def filled(kind: Any, value: float) -> Any:
    """A constant of this type; of a vector all elements."""
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)


def emit_forward(builder: Any, sizes: tuple[int, int, int], weights: list[Any], sample: Sample, formulas: Formulas) -> Passed:
    """The sample through the network."""
    _, hidden, outputs = sizes
    w1, b1, w2, b2 = _layers(sizes, weights)
    x = sample.x
    z = [builder.fadd(_emit_dot(builder, x, [w[j] for w in w1]), b1[j]) for j in range(hidden)]
    h = formulas.activated(builder, 0, z) if hidden else x
    last = [builder.fadd(_emit_dot(builder, h, [w[o] for w in w2]), b2[o]) for o in range(outputs)]
    y = formulas.activated(builder, 1, last)
    real = y[0].type
    double = ir.VectorType(DOUBLE, real.count) if isinstance(real, ir.VectorType) else DOUBLE
    differences, square = [], filled(double, 0.0)
    for output, target in zip(y, sample.targets, strict=True):
        differences.append(builder.fsub(output, target))
        wide = differences[-1] if real == double else builder.fpext(differences[-1], double)
        square = multiply_add(builder, wide, wide, square)
    return Passed(h, y, differences, square)


def emit_step(
    builder: Any,
    sizes: tuple[int, int, int],
    parameters: tuple[list[Any], list[Any]],
    x: list[Any],
    passed: Passed,
    factor: Any,
    formulas: Formulas,
) -> list[Any]:
    """The weights after a step. parameters: weights, and rates with a minus; x: the sample's inputs."""
    inputs, hidden, _ = sizes
    weights, rates = parameters
    h = passed.h
    w2 = _layers(sizes, weights)[2]
    output_slopes = formulas.slopes_at(builder, 1, passed.y)
    hidden_slopes = formulas.slopes_at(builder, 0, h) if hidden else []
    delta = [
        builder.fmul(builder.fmul(difference, factor), slope)
        for difference, slope in zip(passed.differences, output_slopes, strict=True)
    ]
    below = [builder.fmul(_emit_dot(builder, delta, w), slope) for w, slope in zip(w2, hidden_slopes, strict=False)]
    moves = [(rates[k], builder.fmul(x[k], d)) for k in range(inputs) for d in below]
    moves += [(rates[-1], d) for d in below]
    last_rates = rates[inputs:] if hidden else rates
    moves += [(last_rates[j], builder.fmul(unit, d)) for j, unit in enumerate(h) for d in delta]
    moves += [(rates[-1], d) for d in delta]
    return [multiply_add(builder, rate, g, w) for (rate, g), w in zip(moves, weights, strict=True)]


def _emit_dot(builder: Any, left: list[Any], right: list[Any]) -> Any:
    """Terms in order, as the register tile adds them."""
    total = builder.fmul(left[0], right[0])
    for a, b in zip(left[1:], right[1:], strict=True):
        total = multiply_add(builder, a, b, total)
    return total


def _layers(sizes: tuple[int, int, int], weights: list[Any]) -> tuple[Any, Any, Any, Any]:
    """w1[k][j], b1[j], w2[j][o], b2[o]."""
    inputs, hidden, outputs = sizes
    rest = iter(weights)
    w1, b1 = _rows(rest, inputs, hidden), _rows(rest, 1, hidden)[0]
    return w1, b1, _rows(rest, hidden or inputs, outputs), _rows(rest, 1, outputs)[0]


def _rows(values: Iterator[Any], rows: int, columns: int) -> list[list[Any]]:
    return [[next(values) for _ in range(columns)] for _ in range(rows)]
