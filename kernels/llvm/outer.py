"""The outer product of two vectors: the weights' gradient of a single row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..compiler.jit import JIT_DISABLED
from .emit import INDEX, check_one_dtype, data_pointer, load, splat, store, vector_type


def _plain_outer(out: Any, at: int, A: Any, a_at: int, n_in: int, memory: Any, d_at: int, n_out: int) -> None:
    out[at : at + n_in * n_out] = np.outer(A[a_at : a_at + n_in], memory[d_at : d_at + n_out]).ravel()


@intrinsic
def _compiled_outer(typing: Any, out: Any, at: Any, A: Any, a_at: Any, n_in: Any, memory: Any, d_at: Any, n_out: Any) -> Any:
    i = types.intp
    check_one_dtype(out, A, memory)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out_, at, A_, a_at, n_in, S_, d_at, n_out = arguments
        o = builder.gep(data_pointer(context, builder, out, out_), [at])
        a = builder.gep(data_pointer(context, builder, A, A_), [a_at])
        d = builder.gep(data_pointer(context, builder, memory, S_), [d_at])
        vector = vector_type(memory)
        lanes = INDEX(vector.count)
        with builder.if_else(builder.icmp_signed("==", n_out, INDEX(1))) as (single, several):
            with single:
                _emit_multiple(builder, vector, o, a, n_in, builder.load(d))
            with several:
                # A row's last vector reaches into the rows after it, which are written later; the last rows have none to spare.
                vectors = builder.sdiv(builder.add(n_out, INDEX(vector.count - 1)), lanes)
                reach = builder.sub(builder.mul(vectors, lanes), n_out)
                last = builder.sub(builder.mul(n_in, n_out), reach)
                enough = builder.icmp_signed(">", last, INDEX(0))
                whole = builder.select(enough, builder.sdiv(last, n_out), INDEX(0))
                with cgutils.for_range(builder, whole) as row:
                    here = builder.gep(o, [builder.mul(row.index, n_out)])
                    factor = splat(builder, builder.load(builder.gep(a, [row.index])), vector)
                    with cgutils.for_range(builder, vectors) as part:
                        column = builder.mul(part.index, lanes)
                        product = builder.fmul(factor, load(builder, builder.gep(d, [column]), vector))
                        store(builder, product, builder.gep(here, [column]))
                with cgutils.for_range(builder, builder.sub(n_in, whole)) as row:
                    k = builder.add(row.index, whole)
                    here = builder.gep(o, [builder.mul(k, n_out)])
                    _emit_multiple(builder, vector, here, d, n_out, builder.load(builder.gep(a, [k])))
        return context.get_dummy_value()

    return types.void(out, i, A, i, i, memory, i, i), build


def _emit_multiple(builder: Any, vector: Any, to: Any, source: Any, count: Any, factor: Any) -> None:
    """to[j] = factor * source[j] for j below `count`."""
    lanes = INDEX(vector.count)
    vectors = builder.sdiv(count, lanes)
    factors = splat(builder, factor, vector)
    with cgutils.for_range(builder, vectors) as part:
        at = builder.mul(part.index, lanes)
        store(builder, builder.fmul(factors, load(builder, builder.gep(source, [at]), vector)), builder.gep(to, [at]))
    done = builder.mul(vectors, lanes)
    with cgutils.for_range(builder, builder.sub(count, done)) as rest:
        at = builder.add(done, rest.index)
        builder.store(builder.fmul(factor, builder.load(builder.gep(source, [at]))), builder.gep(to, [at]))


# outer(out, at, A, a_at, n_in, memory, d_at, n_out): out[at + k n_out + j] = A[a_at + k] memory[d_at + j] for k below n_in and
# j below n_out. memory goes on for a vector beyond these.
outer = _plain_outer if JIT_DISABLED else _compiled_outer
