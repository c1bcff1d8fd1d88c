"""A network of two small layers trained one sample at a time, all weights in registers.

There the limit is the latency of the chain from one sample's input to the next one's: no loop, no call and no store on the
way. Sizes are fixed in the code; a smaller network leaves some of them idle.

Where the weights lie in a vector w, and rates of the step beside them:

    w1[k, j] at k hidden + j,  b1[j] after them,  w2[j, o] at j outputs + o after them,  b2[o] last
    rates of rows k of w1, then of rows j of w2, then of the biases; 0 where idle

Without hidden units there is one layer, and rows k of w2 are those of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from ..llvm.emit import DOUBLE, INDEX, count_of, data_pointer
from .arithmetic import Formulas, Sample, emit_forward, emit_step, sizes_of

Table = tuple[tuple[int, Any], ...]
# Where the rates lie, from the begin of the weights on: these take at most (2 + 1) 8 + (8 + 1) numbers.
RATES_AT = 64


class Samples(NamedTuple):
    """X (n n_in) and T (n outputs), vectors; order: row numbers, or empty for 0, 1, ..."""

    X: Any
    n_in: int
    T: Any
    order: Any


class Part(NamedTuple):
    """Samples begin to end - 1 of an epoch; total: the sum of squares of those before."""

    begin: Any
    end: Any
    total: Any


def make_trainer(inputs: int, hidden: int, outputs: int, activations: Table, slopes: Table) -> Callable[..., Any]:
    """A function for networks of up to `inputs` inputs and `hidden` hidden units, and just `outputs` outputs:

        train(memory, w, samples, control, part, codes, factor)

    w: where the weights lie in the vector memory, laid out as above, and the rates `RATES_AT` numbers later.
    samples: `Samples`; part: `Part`, which of them are trained on, at least one. Delta at the output is factor (y - t) times
    the slope. codes: of the activations, the hidden one and that of the output. Returns the sum of (y - t)^2, how many
    samples of the epoch are done, and whether all was finite. A non-zero stop in `control` ends it after a step; a sample whose
    square is not finite does before its step.

    activations, slopes: leaves of one number for each code; all other codes stand for the identity.
    """
    if JIT_DISABLED:
        return _plain(inputs, hidden, outputs, dict(activations), dict(slopes))
    return intrinsic(_typer(inputs, hidden, outputs, activations, slopes))


def _plain(inputs: int, hidden: int, outputs: int, activations: dict[int, Any], slopes: dict[int, Any]) -> Callable[..., Any]:
    def train(
        memory: Any, w: int, samples: Samples, control: Any, part: Part, codes: tuple[int, int], factor: Any
    ) -> tuple[float, int, bool]:
        X, n_in, T, order = samples
        rates, (hidden_code, output_code) = w + RATES_AT, codes
        n_weights, n_rates = sizes_of(inputs, hidden, outputs)
        bounds = np.cumsum([inputs * hidden, hidden, (hidden or inputs) * outputs])
        first, b1, second, b2 = np.split(memory[w : w + n_weights], bounds)
        w1, w2 = first.reshape(inputs, hidden), second.reshape(hidden or inputs, outputs)
        input_rates, hidden_rates, bias_rate = np.split(memory[rates : rates + n_rates], [inputs, inputs + hidden])
        last_rates = hidden_rates if hidden else input_rates

        def chosen(table: dict[int, Any], code: int, values: Any, otherwise: Any) -> Any:
            return np.array([table[code](value) for value in values], memory.dtype) if code in table else otherwise

        total = part.total
        for done in range(part.begin, part.end):
            row = order[done] if order.size else done
            x = X[row * n_in + np.minimum(np.arange(inputs), n_in - 1)]
            h = chosen(activations, hidden_code, *[_dot(x, w1) + b1] * 2) if hidden else x
            y = chosen(activations, output_code, *[_dot(h, w2) + b2] * 2)
            difference = y - T[row * outputs : (row + 1) * outputs]
            square = float(np.sum(difference.astype(np.float64) ** 2))
            if not square < np.inf:
                return total + square, done, False
            total += square
            delta = difference * factor * chosen(slopes, output_code, y, np.ones_like(y))
            if hidden:
                below = _dot(delta, w2.T) * chosen(slopes, hidden_code, h, np.ones_like(h))
                w1 -= input_rates[:, None] * (x[:, None] * below)
                b1 -= bias_rate * below
            w2 -= last_rates[:, None] * (h[:, None] * delta)
            b2 -= bias_rate * delta
            if control[0].stop != 0:
                return total, done + 1, True
        return total, part.end, True

    return train


def _dot(vector: Any, matrix: Any) -> Any:
    """Terms in order, as the register tile adds them."""
    total = vector[0] * matrix[0]
    for entry, row in zip(vector[1:], matrix[1:], strict=True):
        total = entry * row + total
    return total


def _typer(inputs: int, hidden: int, outputs: int, activations: Table, slopes: Table) -> Callable[..., Any]:
    def type_train(typing: Any, memory: Any, w: Any, samples: Any, control: Any, part: Any, codes: Any, factor: Any) -> Any:
        real, i = memory.dtype, types.intp
        tables = []
        for table in (activations, slopes):
            called = [(code, typeof(function)) for code, function in table]
            tables.append([(code, kind, typing.resolve_function_type(kind, (real,), {})) for code, kind in called])
        result = types.Tuple((types.float64, types.intp, types.boolean))
        two_codes = types.UniTuple(types.int64, 2)
        signature = result(memory, i, samples, control, part, two_codes, real)

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            functions = [[(code, context.get_function(kind, sig)) for code, kind, sig in table] for table in tables]
            vector, w, rows, control_, part_, codes, factor = arguments
            X, n_in, T, order = (builder.extract_value(rows, k) for k in range(4))
            X_type, _, T_type, order_type = samples.types
            values = {"w": w, "n_in": n_in, "factor": factor}
            values["begin"], values["end"], values["total"] = (builder.extract_value(part_, k) for k in range(3))
            values["hidden_code"], values["output_code"] = (builder.extract_value(codes, k) for k in range(2))
            values["n_order"] = count_of(context, builder, order_type, order)
            values["S_data"], values["X_data"] = (
                data_pointer(context, builder, memory, vector),
                data_pointer(context, builder, X_type, X),
            )
            values["T_data"], values["order_data"] = (
                data_pointer(context, builder, T_type, T),
                data_pointer(context, builder, order_type, order),
            )
            values["stop"] = builder.bitcast(data_pointer(context, builder, control, control_), INDEX.as_pointer())
            results = _emit(builder, (inputs, hidden, outputs), functions[0], functions[1], values)
            return context.make_tuple(builder, result, results)

        return signature, build

    return type_train


def _chosen(builder: Any, code: Any, functions: list[tuple[int, Any]], values: list[Any], otherwise: list[Any]) -> list[Any]:
    """The values through the function that `code` names: one branch for all of them, every function inlined."""
    other, end = builder.append_basic_block("other"), builder.append_basic_block("end")
    switch = builder.switch(code, other)
    results = [(other, otherwise)]
    for number, function in functions:
        block = builder.append_basic_block("code")
        switch.add_case(INDEX(number), block)
        builder.position_at_end(block)
        computed = [function(builder, (value,)) for value in values]
        results.append((builder.basic_block, computed))
        builder.branch(end)
    builder.position_at_end(other)
    builder.branch(end)
    builder.position_at_end(end)
    joined = []
    for number, value in enumerate(values):
        phi = builder.phi(value.type)
        for block, computed in results:
            phi.add_incoming(computed[number], block)
        joined.append(phi)
    return joined


def _emit(
    builder: Any, sizes: tuple[int, int, int], activations: list[Any], slopes: list[Any], given: dict[str, Any]
) -> tuple[Any, Any, Any]:
    inputs, hidden, outputs = sizes
    s = given["S_data"]
    n_weights, n_rates = sizes_of(inputs, hidden, outputs)

    def numbers(at: Any, count: int) -> list[Any]:
        return [builder.load(builder.gep(s, [builder.add(at, INDEX(k))])) for k in range(count)]

    start, rates = (
        numbers(given["w"], n_weights),
        [builder.fneg(rate) for rate in numbers(builder.add(given["w"], INDEX(RATES_AT)), n_rates)],
    )
    real = start[0].type
    columns = [
        builder.select(builder.icmp_signed("<", INDEX(k), given["n_in"]), INDEX(k), builder.sub(given["n_in"], INDEX(1)))
        for k in range(inputs)
    ]
    ordered = builder.icmp_signed("!=", given["n_order"], INDEX(0))

    before, loop, after = builder.basic_block, builder.append_basic_block("sample"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    done, total = builder.phi(INDEX), builder.phi(DOUBLE)
    done.add_incoming(given["begin"], before)
    total.add_incoming(given["total"], before)
    weights = [builder.phi(real) for _ in start]
    for phi, value in zip(weights, start, strict=True):
        phi.add_incoming(value, before)

    with builder.if_else(ordered) as (by_order, as_they_stand):
        with by_order:
            named, named_block = builder.load(builder.gep(given["order_data"], [done])), builder.basic_block
        with as_they_stand:
            plain_block = builder.basic_block
    row = builder.phi(INDEX)
    row.add_incoming(named, named_block)
    row.add_incoming(done, plain_block)
    x_at, t_at = builder.mul(row, given["n_in"]), builder.mul(row, INDEX(outputs))
    x = [builder.load(builder.gep(given["X_data"], [builder.add(x_at, column)])) for column in columns]
    targets = [builder.load(builder.gep(given["T_data"], [builder.add(t_at, INDEX(o))])) for o in range(outputs)]
    formulas = Formulas((given["hidden_code"], given["output_code"]), activations, slopes, _chosen)
    passed = emit_forward(builder, sizes, weights, Sample(x, targets), formulas)
    reached = builder.fadd(total, passed.square)
    stepping, diverged = builder.append_basic_block("step"), builder.basic_block
    builder.cbranch(builder.fcmp_ordered("<", passed.square, DOUBLE(float("inf"))), stepping, after)

    builder.position_at_end(stepping)
    moved = emit_step(builder, sizes, (weights, rates), x, passed, given["factor"], formulas)
    following = builder.add(done, INDEX(1))
    stepped = builder.basic_block
    stop = builder.icmp_signed("!=", builder.load_atomic(given["stop"], "monotonic", 8), INDEX(0))
    more = builder.and_(builder.icmp_signed("<", following, given["end"]), builder.not_(stop))
    builder.cbranch(more, loop, after)
    for phi, value in zip((done, total, *weights), (following, reached, *moved), strict=True):
        phi.add_incoming(value, stepped)

    builder.position_at_end(after)
    results = []
    for old, new in zip((done, reached, *weights), (following, reached, *moved), strict=True):
        phi = builder.phi(old.type)
        phi.add_incoming(old, diverged)
        phi.add_incoming(new, stepped)
        results.append(phi)
    finite = builder.phi(ir.IntType(1))
    finite.add_incoming(ir.Constant(ir.IntType(1), 0), diverged)
    finite.add_incoming(ir.Constant(ir.IntType(1), 1), stepped)
    for k, value in enumerate(results[2:]):
        builder.store(value, builder.gep(s, [builder.add(given["w"], INDEX(k))]))
    return results[1], results[0], finite
