"""Headers compile without a warning, as C99 and as C++, and give what the network gives."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from choosing import by_default
from draws import COUNTS, FORMULAS, assert_close, drawn_networks, layer_of
from tileprop.trainer import InputError, Network, export_c
from tileprop.trainer.exchange.c import WHOLE

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wdouble-promotion", "-Wshadow"]
# Where the processor has fused multiply-adds, the last takes them.
COMPILERS = [("gcc", "-std=c99"), ("g++", "-std=c++11"), ("gcc", "-std=gnu17", "-march=native")]
compiled = pytest.mark.parametrize(
    "compiler",
    [
        pytest.param(command, marks=pytest.mark.skipif(not shutil.which(command[0]), reason=f"there is no {command[0]}"))
        for command in COMPILERS
    ],
    ids=" ".join,
)
TOGETHER = 100
PROGRAM = """
#include <stdio.h>
{includes}
int main(void)
{{
    {calls}
    return 0;
}}
"""
CALL = """
    for (int i = 0; i < {rows}; i++) {{
        {real} x[{name}_N_INPUTS], y[{name}_N_OUTPUTS];
        if (fread(x, sizeof x, 1, stdin) != 1) return 1;
        {prefix}_predict(x, y);
        fwrite(y, sizeof y, 1, stdout);
    }}"""


def outputs(compiler, folder, cases):
    """The outputs of one program with the headers of all networks, for each one's X."""
    includes, calls = [], []
    for k, (network, X) in enumerate(cases):
        prefix, real = f"net{k}", {"float32": "float", "float64": "double"}[network.dtype.name]
        export_c(network, folder / f"{prefix}.h", prefix)
        includes.append(f'#include "{prefix}.h"')
        calls.append(CALL.format(rows=len(X), real=real, name=prefix.upper(), prefix=prefix))
    (folder / "main.c").write_text(PROGRAM.format(includes="\n".join(includes), calls="".join(calls)))
    source = ["-x", "c" if compiler[0] == "gcc" else "c++", "main.c"]
    subprocess.run([*compiler, "-O1", *STRICT, *source, "-o", "main", "-lm"], cwd=folder, check=True)
    given = b"".join(X.tobytes() for _, X in cases)
    printed = subprocess.run([folder / "main"], input=given, capture_output=True, check=True).stdout
    results, at = [], 0
    for network, X in cases:
        Y = np.frombuffer(printed, network.dtype, len(X) * network.plan.sizes[-1], at).reshape(len(X), -1)
        results.append(Y)
        at += Y.nbytes
    assert at == len(printed)
    return results


@compiled
@pytest.mark.parametrize("count", COUNTS)
def test_drawn_networks(tmp_path, compiler, count):
    cases = list(drawn_networks(count, seed=3, dtype="float32"))
    for start in range(0, count, TOGETHER):
        some = cases[start : start + TOGETHER]
        for (network, X), Y in zip(some, outputs(compiler, tmp_path, some), strict=True):
            assert_close(Y, network.predict(X), 1e-6)


@pytest.mark.parametrize("compiler", by_default(COMPILERS, COMPILERS[:1]), ids=" ".join)
def test_drawn_networks_of_double(tmp_path, compiler):
    if not shutil.which(compiler[0]):
        pytest.skip(f"there is no {compiler[0]}")
    cases = list(drawn_networks(5, seed=4, dtype="float64"))
    for (network, X), Y in zip(cases, outputs(compiler, tmp_path, cases), strict=True):
        assert_close(Y, network.predict(X), 1e-13)


@pytest.mark.plain
@compiled
def test_activations(tmp_path, compiler):
    """Of both dtypes, in one program."""
    layers = [layer_of(name, dtype) for dtype in ("float32", "float64") for name in FORMULAS]
    results = outputs(compiler, tmp_path, [(network, X) for network, X, _ in layers])
    for (network, _, expected), Y in zip(layers, results, strict=True):
        assert_close(Y, expected, 5e-7 if network.dtype == "float32" else 1e-15)


@pytest.mark.plain
def test_every_activation_is_tested():
    assert WHOLE.keys() == FORMULAS.keys()


@pytest.mark.plain
@compiled
def test_numbers_are_exact(tmp_path, compiler):
    """Networks that give their bias back, whatever bits that has."""
    networks = [network_of_odd_numbers(dtype) for dtype in ("float32", "float64")]
    given = [(network, np.zeros((1, 1), network.dtype)) for network in networks]
    for network, Y in zip(networks, outputs(compiler, tmp_path, given), strict=True):
        np.testing.assert_array_equal(Y[0], network.biases[0])


def network_of_odd_numbers(dtype):
    network = Network([1, 3000], output_activation="identity", dtype=dtype)
    bits = np.random.default_rng(0).integers(0, 256, network.biases[0].nbytes, np.uint8).view(dtype)
    small = np.array([0, -0.0, np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max], dtype)
    network.weights[0][:] = 0
    network.biases[0][:] = np.where(np.isfinite(bits), bits, 1)
    network.biases[0][:5] = small
    return network


@pytest.mark.plain
@compiled
def test_extreme_inputs(tmp_path, compiler):
    """Far away nothing becomes NaN."""
    layers = [layer_of(name, "float32")[0] for name in FORMULAS if name != "exp"]
    X = np.array([[1e30, 0], [-1e30, 0], [100, -100], [-100, 100]], np.float32)
    for Y in outputs(compiler, tmp_path, [(network, X) for network in layers]):
        assert np.isfinite(Y).all()


@pytest.mark.plain
@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
def test_the_documentations_program(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")
    program = page.partition("```c\n")[2].partition("```")[0]
    command = next(line for line in page.splitlines() if line.startswith("gcc "))
    (tmp_path / "main.c").write_text(program)
    network = Network([64, 30, 10], "relu", "softmax", random_state=3)
    export_c(network, tmp_path / "digits.h", prefix="digits")
    subprocess.run([*command.split(), *STRICT], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, check=True, text=True).stdout
    assert printed.split() == [f"{y:.3f}" for y in network.predict(np.zeros((1, 64)))[0]]


@pytest.mark.plain
def test_header(tmp_path):
    network = Network([3, 4, 4, 2], ["tanh", "tanh"], "identity", bias=False)
    export_c(network, tmp_path / "net.h", "my_PREFIX_NAME")
    text = (tmp_path / "net.h").read_text()
    assert "A dense network, 3-4-4-2 (tanh, tanh, identity)" in text
    assert text.count("static inline void my_PREFIX_NAME_tanh(float *y, int n)") == 1
    assert "static inline void my_PREFIX_NAME_predict(const float *x, float *y)" in text
    assert "malloc" not in text


@pytest.mark.plain
@pytest.mark.parametrize("prefix", ["", "1a", "a-b", "a b", "ä", "a;", "_a", "a\n"])
def test_prefixes_that_are_no_names(tmp_path, prefix):
    with pytest.raises(InputError, match="it must be a name in C"):
        export_c(Network([1, 1]), tmp_path / "net.h", prefix)
    assert not list(tmp_path.iterdir())


@pytest.mark.plain
def test_what_has_no_form(tmp_path, monkeypatch):
    monkeypatch.delitem(WHOLE, "gelu")
    with pytest.raises(InputError, match="activation 'gelu' cannot be written in C; these can: identity, sigmoid"):
        export_c(Network([1, 2, 3], "tanh", "gelu"), tmp_path / "net.h")
