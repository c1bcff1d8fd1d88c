"""One step of as many networks of one shape as a strip of vectors has lanes: one network a lane.

The arithmetic is that of `emitter.py`, on vectors. All memory of a strip is in slots of one number for each lane:

    weights and rates as in `emitter.py`, one slot each, the rates after the weights
    the sum of the squares so far, float64

A sample has a slot for each input, then one for each target.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from ..llvm.emit import (
    DOUBLE,
    INDEX,
    INT,
    LoopOptions,
    count_of,
    data_pointer,
    load,
    local_memory,
    loop,
    prefetch,
    splat,
    store,
    vector_type,
)
from .arithmetic import Formulas, Sample, emit_forward, emit_step, sizes_of
from .emitter import RATES_AT, Part, Samples, Table, make_trainer

# A cache line; narrower registers take several for a strip. Strips of two lines were as fast, and waste more on few networks.
STRIP_BYTES = 64
# Row numbers are fetched so far ahead: hundreds of networks have as many orders, too many for the processor to follow.
PREFETCHED = 16
_LINE_NUMBERS = 8


def make_lane_step(inputs: int, hidden: int, outputs: int, activations: Table, slopes: Table) -> Callable[..., Any]:
    """A function for a strip of networks of these sizes, see `make_trainer`:

        step(memory, at, sample, codes, factor)

    at, sample: where the strip's slots and those of its sample begin in the vector memory. The weights OUT, and the sum of
    squares OUT. A square that is not finite ends nothing: it stays in the sum.
    """
    if JIT_DISABLED:
        return _plain_step((inputs, hidden, outputs), make_trainer(inputs, hidden, outputs, activations, slopes))
    return intrinsic(_step_typer((inputs, hidden, outputs), activations, slopes))


def make_lane_samples(inputs: int, outputs: int) -> Callable[..., Any]:
    """A function that copies samples to one lane of their slots:

        copy_samples(memory, at, stride, samples, begin, count)

    at: the lane's number in the first slot; stride: from a sample to the next. samples: `Samples`, those from `begin` of the
    order on. Idle inputs are copies of the last one.
    """
    return _plain_samples(inputs, outputs) if JIT_DISABLED else intrinsic(_samples_typer(inputs, outputs))


def _plain_step(sizes: tuple[int, int, int], train: Callable[..., Any]) -> Callable[..., Any]:
    inputs, _, outputs = sizes
    n_weights, n_rates = sizes_of(*sizes)
    nobody = [SimpleNamespace(stop=0)]

    def step(memory: Any, at: int, sample: int, codes: tuple[int, int], factor: Any) -> None:
        lanes = STRIP_BYTES // memory.itemsize
        end = at + (n_weights + n_rates) * lanes
        slots, totals = memory[at:end].reshape(-1, lanes), memory[end:][: lanes * 8 // memory.itemsize].view(np.float64)
        given = memory[sample:][: (inputs + outputs) * lanes].reshape(-1, lanes)
        for lane in range(lanes):
            own = np.zeros(RATES_AT + n_rates, memory.dtype)
            own[:n_weights], own[RATES_AT:] = slots[:n_weights, lane], slots[n_weights:, lane]
            samples = Samples(given[:inputs, lane], inputs, given[inputs:, lane], np.empty(0, np.int64))
            totals[lane], _, _ = train(own, 0, samples, nobody, Part(0, 1, totals[lane]), codes, factor)
            slots[:n_weights, lane] = own[:n_weights]

    return step


def _plain_samples(inputs: int, outputs: int) -> Callable[..., Any]:
    def copy_samples(memory: Any, at: int, stride: int, samples: Samples, begin: int, count: int) -> None:
        X, n_in, T, order = samples
        lanes = STRIP_BYTES // memory.itemsize
        for number in range(begin, begin + count):
            row = order[number] if order.size else number
            here = memory[at + (number - begin) * stride :][: (inputs + outputs) * lanes : lanes]
            here[:inputs] = X[row * n_in + np.minimum(np.arange(inputs), n_in - 1)]
            here[inputs:] = T[row * outputs : (row + 1) * outputs]

    return copy_samples


def _step_typer(sizes: tuple[int, int, int], activations: Table, slopes: Table) -> Callable[..., Any]:
    def type_step(typing: Any, memory: Any, at: Any, sample: Any, codes: Any, factor: Any) -> Any:
        real, i = memory.dtype, types.intp
        tables = []
        for table in (activations, slopes):
            called = [(code, typeof(function)) for code, function in table]
            tables.append([(code, kind, typing.resolve_function_type(kind, (real,), {})) for code, kind in called])

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            functions = [[(code, context.get_function(kind, sig)) for code, kind, sig in table] for table in tables]
            array, at, sample, codes, factor = arguments
            s = data_pointer(context, builder, memory, array)
            hidden_code, output_code = (builder.extract_value(codes, k) for k in range(2))
            formulas = Formulas((hidden_code, output_code), functions[0], functions[1], _chosen)
            strip, given = builder.gep(s, [at]), builder.gep(s, [sample])
            _emit(builder, sizes, strip, given, _strip_type(memory), factor, formulas)
            return context.get_dummy_value()

        return types.void(memory, i, i, types.UniTuple(types.int64, 2), real), build

    return type_step


def _strip_type(array: Any) -> ir.VectorType:
    element = vector_type(array).element
    return ir.VectorType(element, STRIP_BYTES // (array.dtype.bitwidth // 8))


def _emit(
    builder: Any, sizes: tuple[int, int, int], strip: Any, given: Any, vector: ir.VectorType, factor: Any, formulas: Formulas
) -> None:
    inputs, _, outputs = sizes
    n_weights, n_rates = sizes_of(*sizes)

    def slot(begin: Any, number: int) -> Any:
        return builder.gep(begin, [INDEX(number * vector.count)])

    weights = [load(builder, slot(strip, k), vector) for k in range(n_weights)]
    rates = [builder.fneg(load(builder, slot(strip, n_weights + k), vector)) for k in range(n_rates)]
    values = [load(builder, slot(given, k), vector) for k in range(inputs + outputs)]
    x, targets = values[:inputs], values[inputs:]
    passed = emit_forward(builder, sizes, weights, Sample(x, targets), formulas)
    total = slot(strip, n_weights + n_rates)
    reached = builder.fadd(load(builder, total, ir.VectorType(DOUBLE, vector.count)), passed.square)
    moved = emit_step(builder, sizes, (weights, rates), x, passed, splat(builder, factor, vector), formulas)
    store(builder, reached, total)
    for number, value in enumerate(moved):
        store(builder, value, slot(strip, number))


def _chosen(builder: Any, code: Any, functions: list[tuple[int, Any]], values: list[Any], otherwise: list[Any]) -> list[Any]:
    """The values through the function that `code` names.

    It takes one number. The vectorizer makes it a vector's, in a loop of one turn; the memory that this goes through is
    optimised away.
    """
    vector = values[0].type
    memory = [local_memory(builder, vector.element, vector.count) for _ in values]
    other, end = builder.append_basic_block("other"), builder.append_basic_block("end")
    switch = builder.switch(code, other)
    for number, function in functions:
        block = builder.append_basic_block("code")
        switch.add_case(INDEX(number), block)
        builder.position_at_end(block)
        for value, place in zip(values, memory, strict=True):
            store(builder, value, place)
            with loop(builder, INDEX(vector.count), _as_one_vector(builder.module, vector.count)) as lane:
                pointer = builder.gep(place, [lane])
                builder.store(function(builder, (builder.load(pointer),)), pointer)
        builder.branch(end)
    builder.position_at_end(other)
    for value, place in zip(otherwise, memory, strict=True):
        store(builder, value, place)
    builder.branch(end)
    builder.position_at_end(end)
    return [load(builder, place, vector) for place in memory]


def _as_one_vector(module: ir.Module, count: int) -> LoopOptions:
    """Left to itself, LLVM unrolls such a short loop into as many numbers, and takes narrower vectors."""
    return LoopOptions(
        module,
        ("llvm.loop.unroll.disable",),
        ("llvm.loop.vectorize.enable", ir.IntType(1)(1)),
        ("llvm.loop.vectorize.width", INT(count)),
        ("llvm.loop.interleave.count", INT(1)),
    )


def _samples_typer(inputs: int, outputs: int) -> Callable[..., Any]:
    def type_samples(typing: Any, memory: Any, at: Any, stride: Any, samples: Any, begin: Any, count: Any) -> Any:
        i = types.intp
        X_type, _, T_type, order_type = samples.types

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array, at, stride, rows, begin, count = arguments
            X, n_in, T, order = (builder.extract_value(rows, k) for k in range(4))
            to = builder.gep(data_pointer(context, builder, memory, array), [at])
            X_data, T_data = data_pointer(context, builder, X_type, X), data_pointer(context, builder, T_type, T)
            numbers = builder.gep(data_pointer(context, builder, order_type, order), [begin])
            ordered = builder.icmp_signed("!=", count_of(context, builder, order_type, order), INDEX(0))
            last = builder.sub(n_in, INDEX(1))
            columns = [builder.select(builder.icmp_signed("<", INDEX(k), n_in), INDEX(k), last) for k in range(inputs)]
            for ahead in range(PREFETCHED, 2 * PREFETCHED, _LINE_NUMBERS):
                prefetch(builder, builder.gep(numbers, [INDEX(ahead)]))
            # Vectors would gather and scatter, which takes five times as long.
            with loop(builder, count, _scalar(builder.module)) as turn:
                place = local_memory(builder, INDEX, 1)
                builder.store(builder.add(begin, turn), place)
                with builder.if_then(ordered):
                    builder.store(builder.load(builder.gep(numbers, [turn])), place)
                row = builder.load(place)
                x_at, t_at = builder.mul(row, n_in), builder.mul(row, INDEX(outputs))
                sources = [builder.gep(X_data, [builder.add(x_at, column)]) for column in columns]
                sources += [builder.gep(T_data, [builder.add(t_at, INDEX(o))]) for o in range(outputs)]
                here = builder.gep(to, [builder.mul(turn, stride)])
                for number, source in enumerate(sources):
                    builder.store(builder.load(source), builder.gep(here, [INDEX(number * _strip_type(memory).count)]))
            return context.get_dummy_value()

        return types.void(memory, i, i, samples, i, i), build

    return type_samples


def _scalar(module: ir.Module) -> LoopOptions:
    return LoopOptions(module, ("llvm.loop.unroll.disable",), ("llvm.loop.vectorize.enable", ir.IntType(1)(0)))
