"""The processor's vector instructions, and the register tile that suits them. `TILEPROP_SIMD` names another set.

A tile of 8 rows x 3 vectors keeps 24 sums in registers where there are 32 of them, 4 x 3 keeps 12 where there are 16.
"""

from __future__ import annotations

import os
import platform
from typing import NamedTuple

import numba
from llvmlite import binding


class Simd(NamedTuple):
    """A set of vector instructions. fused: whether a multiply-add is one instruction, rounded once."""

    name: str
    vector_bytes: int
    tile_rows: int
    fused: bool


X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686", "x86")
ARM = platform.machine().lower() in ("aarch64", "arm64")

SIMDS = {
    simd.name: simd
    for simd in (Simd("avx512", 64, 8, True), Simd("avx2", 32, 4, True), Simd("sse2", 16, 4, False), Simd("neon", 16, 8, True))
}


def chosen_simd() -> Simd:
    """The set that `TILEPROP_SIMD` names, or the widest one that Numba compiles for. Raises ValueError for unknown names."""
    name = os.environ.get("TILEPROP_SIMD", "")
    if name and name not in SIMDS:
        raise ValueError(f"TILEPROP_SIMD is {name!r}; it must be one of {', '.join(SIMDS)}, or not set")
    return SIMDS[name or _widest(_features())]


def _widest(features: set[str]) -> str:
    if ARM:
        return "neon"
    if "avx512f" in features:
        return "avx512"
    return "avx2" if {"avx2", "fma"} <= features else "sse2"


def host_name() -> str:
    """The processor's kind, as LLVM names it: "znver4", "apple-m1"."""
    return str(binding.get_host_cpu_name())


def llvm_version() -> str:
    """The version of LLVM, which compiles the kernels: "20.1.8"."""
    return ".".join(map(str, binding.llvm_version_info))


def host_features() -> set[str]:
    """The names of the vector instructions, and others, that the processor has."""
    return {name for name, present in binding.get_host_cpu_features().items() if present}


def _features() -> set[str]:
    """The features that Numba compiles for: the processor's, unless its own variables say otherwise."""
    if numba.config.CPU_FEATURES is not None:
        return {feature[1:] for feature in numba.config.CPU_FEATURES.split(",") if feature.startswith("+")}
    if numba.config.CPU_NAME not in (None, "host"):
        return set()
    return host_features()


SIMD = chosen_simd()
