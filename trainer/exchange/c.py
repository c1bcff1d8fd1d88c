"""Networks as C: one header, C99 or C++, that needs nothing but the mathematics of the standard library.

Numbers are written with as many digits as tell them exactly, sums are added in the order of the kernels, and all is computed in
the network's dtype. Weights are rows of inputs, so that the loop over outputs inside vectorises without -ffast-math.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from os import PathLike

import numpy as np

from ..errors import InputError
from ..model import Model
from ..versions import tileprop_version
from ..writing import write_whole

# One element, z; @ stands for the f that float's functions and constants end with.
ELEMENTWISE = {
    "sigmoid": "1 / (1 + exp@(-z))",
    "tanh": "tanh@(z)",
    "relu": "z < 0 ? 0 : z",
    "exp": "exp@(z)",
    "leaky_relu": "z < 0 ? 0.01@ * z : z",
    "elu": "z < 0 ? expm1@(z) : z",
    "silu": "z / (1 + exp@(-z))",
    "gelu": "z / 2 * erfc@(-z * 0.70710678118654752@)",
    "softplus": "(z > 0 ? z : 0) + log1p@(exp@(-fabs@(z)))",
}
# Loops over all of y (n).
WHOLE = {
    "identity": "",
    **{name: f"for (i = 0; i < n; i++) {{ const real z = y[i]; y[i] = {formula}; }}" for name, formula in ELEMENTWISE.items()},
    "softmax": """\
real most = y[0], sum = 0;
    for (i = 1; i < n; i++) most = y[i] > most ? y[i] : most;
    for (i = 0; i < n; i++) { y[i] = exp@(y[i] - most); sum += y[i]; }
    for (i = 0; i < n; i++) y[i] /= sum;""",
}
HEADER = """\
/* A dense network, {sizes} ({activations}), written by tileprop {version}.

   {real} x[{n_in}], y[{n_out}];
   {prefix}_predict(x, y);

   x and y must not overlap. C99 or C++; link with -lm. Four times as fast where the compiler is told that there are fused
   multiply-adds, as by -march=native or -mfma. */
#ifndef {guard}_H
#define {guard}_H

#include <math.h>

enum {{ {guard}_N_INPUTS = {n_in}, {guard}_N_OUTPUTS = {n_out} }};
"""
# Rounded once, as in the kernels, also where no instruction does that: fmaf would be a slow function there.
PRODUCT = {
    "float": """
/* y + x w, rounded once: the product of two floats is exact in double */
static inline float PREFIX_add_product(float y, float x, float w)
{
#ifdef FP_FAST_FMAF
    return fmaf(x, w, y);
#else
    return (float)((double)x * (double)w + (double)y);
#endif
}
""",
    "double": """
static inline double PREFIX_add_product(double y, double x, double w)
{
    return x * w + y;
}
""",
}
DENSE = """
/* y (n_out) = x W + b, W (n_in, n_out) row by row */
static inline void PREFIX_dense(const real *x, const real *W, const real *b, real *y, int n_in, int n_out)
{
    int i, j;
    for (j = 0; j < n_out; j++) y[j] = 0;
    for (i = 0; i < n_in; i++, W += n_out)
        for (j = 0; j < n_out; j++) y[j] = PREFIX_add_product(y[j], x[i], W[j]);
    for (j = 0; b && j < n_out; j++) y[j] += b[j];
}
"""
ACTIVATION = """
static inline void PREFIX_NAME(real *y, int n)
{
    int i;
    LOOP
}
"""


def export_c(network: Model, path: str | PathLike[str], prefix: str = "tileprop") -> None:
    """Write a network as a C header: its weights and a function that predicts.

    The function is ``prefix_predict(const float *x, float *y)``, or double for a network in float64. The header is C99 and C++,
    needs `math.h` alone, and allocates nothing.

    Parameters
    ----------
    network : Network
        Network to write.
    path : str or path-like
        File to write.
    prefix : str, default="tileprop"
        Beginning of all names in the header, so that one program can include several networks.

    Raises
    ------
    InputError
        If `prefix` is not a name in C, or a layer has a registered activation.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from tileprop.trainer import Network, export_c
    >>> header = Path(tempfile.mkdtemp(), "small.h")
    >>> export_c(Network([2, 3, 1]), header, prefix="small")
    >>> "small_predict(const float *x, float *y)" in header.read_text()
    True
    """
    write_whole(path, "".join(_parts(network, prefix)).encode("ascii"))


def _parts(network: Model, prefix: str) -> Iterator[str]:
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", prefix):
        raise InputError(f"prefix is {prefix!r}; it must be a name in C: a letter, then letters, digits and _")
    sizes, names = network.plan.sizes, network.plan.activations
    for name in names:
        if name not in WHOLE:
            raise InputError(f"activation {name!r} cannot be written in C; these can: {', '.join(WHOLE)}")
    single = network.dtype == np.float32
    real, suffix = ("float", "f") if single else ("double", "")

    def filled(template: str, name: str = "") -> str:
        text = re.sub(r"\breal\b", real, template.replace("LOOP", WHOLE.get(name, "")).replace("@", suffix))
        return text.replace("NAME", name).replace("PREFIX", prefix)

    yield HEADER.format(
        sizes="-".join(map(str, sizes)),
        activations=", ".join(names),
        version=tileprop_version(),
        real=real,
        n_in=sizes[0],
        n_out=sizes[-1],
        prefix=prefix,
        guard=prefix.upper(),
    )
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        yield from _array(f"{prefix}_weights_{i}", W, real, suffix)
        if b.size:
            yield from _array(f"{prefix}_biases_{i}", b, real, suffix)
    yield filled(PRODUCT[real])
    yield filled(DENSE)
    for name in dict.fromkeys(names):
        if WHOLE[name]:
            yield filled(ACTIVATION, name)
    yield f"\nstatic inline void {prefix}_predict(const {real} *x, {real} *y)\n{{\n"
    if len(names) > 1:
        yield f"    {real} hidden[{min(2, len(names) - 1)}][{max(sizes[1:-1])}];\n"
    x, last = "x", len(names) - 1
    for i, name in enumerate(names):
        y = "y" if i == last else f"hidden[{i % 2}]"
        biases = f"{prefix}_biases_{i}" if network.plan.bias else "0"
        yield f"    {prefix}_dense({x}, {prefix}_weights_{i}, {biases}, {y}, {sizes[i]}, {sizes[i + 1]});\n"
        if WHOLE[name]:
            yield f"    {prefix}_{name}({y}, {sizes[i + 1]});\n"
        x = y
    yield f"}}\n\n#endif /* {prefix.upper()}_H */\n"


def _array(name: str, values: np.ndarray, real: str, suffix: str) -> Iterator[str]:
    """Its definition. 9 digits tell a float, 17 a double."""
    form = "%.8ef" if suffix else "%.16e"
    flat = values.ravel().tolist()
    yield f"\nstatic const {real} {name}[{len(flat)}] = {{"
    for start in range(0, len(flat), 8):
        yield "\n    " + ", ".join(form % value for value in flat[start : start + 8]) + ","
    yield "\n};\n"
