"""What the bits of a result depend on, besides data and settings, and a hash of it: see docs/determinism.md."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numba
import numpy as np

from ..kernels.compiler.jit import JIT_DISABLED, STOCK
from ..kernels.compiler.processor import SIMD, host_features, host_name, llvm_version
from ..kernels.compiler.stamp import source_hash
from .versions import CORE, versions

HASHED_AT_ONCE = 1 << 24  # bytes

# Numba's variables that decide about the machine code, by their names in `numba.config`.
_NUMBA_OPTIONS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "CPU_NAME", "CPU_FEATURES")


def environment() -> dict[str, str]:
    """Versions, processor and ways of computing, by name."""
    options = {name: getattr(numba.config, name, None) for name in _NUMBA_OPTIONS}
    installed = versions()
    return {
        "tileprop": str(installed["tileprop"]),
        "kernels": source_hash(),
        **{name: str(installed[name]) for name in CORE},
        "LLVM": llvm_version(),
        "processor": host_name(),
        "features": " ".join(sorted(host_features())),
        "vectors": f"{SIMD.name}, {SIMD.vector_bytes} bytes, {'fused' if SIMD.fused else 'separate'} multiply-adds",
        "numba options": ", ".join(
            f"{name} {int(value) if isinstance(value, int) else value}" for name, value in options.items()
        ),
        "compiled": "no, plain Python" if JIT_DISABLED else "the stock way" if STOCK else "the private way",
        "dtypes": "float32 or float64: the network's, for parameters, rows and steps; losses are summed more exactly",
    }


def fingerprint(content: Any) -> str:
    """SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def digest(*arrays: np.ndarray) -> str:
    """BLAKE2 hash of the numbers of some arrays."""
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        numbers = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        for start in range(0, numbers.size, HASHED_AT_ONCE):  # so that Ctrl-C is answered
            found.update(numbers[start : start + HASHED_AT_ONCE].data)
    return found.hexdigest()
