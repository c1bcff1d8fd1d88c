"""The disk cache of the stock way, in processes of their own: what a second one finds, together and after damage."""

from __future__ import annotations

from pathlib import Path

import pytest
from installation import Installation, files_under
from numba import types
from numba.core import config
from tileprop.kernels.compiler import stock_cache

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")

CALL_DENSE = """
import json, numpy as np, tileprop.kernels
from tileprop.kernels import dense_forward
results = {}
for dtype in DTYPES:
    Z, X, W, b = np.empty((2, 2), dtype), np.ones((2, 3), dtype), np.full((3, 2), 0.25, dtype), np.zeros(2, dtype)
    dense_forward(Z, X, W, b)
    results[dtype] = Z.tolist()
counted = [compiled.stats for compiled in dense_forward.overloads.values()]
print(json.dumps({
    "from": tileprop.kernels.__file__, **results,
    "hits": sum(sum(stats.cache_hits.values()) for stats in counted),
    "misses": sum(sum(stats.cache_misses.values()) for stats in counted),
}))
"""
STOCK = {"TILEPROP_STOCK_JIT": "1"}
RIGHT = [[0.75, 0.75], [0.75, 0.75]]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def code(*dtypes: str) -> str:
    return CALL_DENSE.replace("DTYPES", repr(dtypes))


@pytest.mark.full
def test_processes_that_start_cold_together_and_one_after_them_an_edit_and_damage(installation):
    """One after the other, because each first process compiles for ten seconds."""
    dtypes = ["float32", "float64"]
    together = [installation.start(code(dtype), **STOCK) for dtype in dtypes]
    for process, dtype in zip(together, dtypes, strict=True):
        assert installation.finish(process)[dtype] == RIGHT
    later = installation.run(code(*dtypes), **STOCK)
    assert (later["hits"], later["misses"]) == (2, 0)
    assert later["float32"] == later["float64"] == RIGHT
    assert not files_under(installation.home)

    for path in files_under(installation.cache):
        if path.suffix == ".nbc":
            path.write_bytes(zeroed(path.read_bytes()))
    assert installation.run(code("float64"), **STOCK)["float64"] == RIGHT
    assert installation.run(code("float64"), **STOCK)["hits"] == 1

    installation.edit("dense.py", lambda source: source + "\n# a comment\n")
    assert installation.run(code("float64"), **STOCK)["misses"] == 1


def plus_one(x):
    return x + 1.0


def counts_of(dtype: types.Type = types.float64) -> tuple[int, int]:
    """How often a small function is found in the cache, and how often not; it computes what it should."""
    compiled = stock_cache.compiled_or_loaded(plus_one, {}, (dtype,), True)
    assert compiled(1.5) == 2.5
    stats = compiled.stats
    return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())


def zeroed(content: bytes) -> bytes:
    """A page in the middle is zero, as after a crash of the machine."""
    middle = len(content) // 2
    return content[:middle] + bytes(min(4096, len(content) - middle)) + content[middle + 4096 :]


def flipped(content: bytes) -> bytes:
    middle = 2 * len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("suffix", [".nbc", ".nbi", ".json"])
@pytest.mark.parametrize("spoil", [zeroed, flipped, lambda content: content[:-9], lambda content: b""])
def test_damaged_files_are_made_anew(tmp_path, monkeypatch, suffix, spoil):
    monkeypatch.setattr(stock_cache, "cache_folder", lambda: tmp_path)
    assert counts_of() == (0, 1)
    assert counts_of() == (1, 0)
    damaged = [path for path in files_under(tmp_path) if path.suffix == suffix]
    assert len(damaged) == 1
    damaged[0].write_bytes(spoil(damaged[0].read_bytes()))
    assert counts_of() == (0, 1)
    assert counts_of() == (1, 0)


def test_a_missing_file_and_one_that_is_not_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(stock_cache, "cache_folder", lambda: tmp_path)
    assert counts_of() == (0, 1)
    for change in (Path.unlink, lambda path: path.with_suffix(".nbc.nbc").write_bytes(path.read_bytes())):
        change(next(path for path in files_under(tmp_path) if path.suffix == ".nbc"))
        assert counts_of() == (0, 1)
    assert counts_of(types.float32) == (0, 1)
    assert counts_of() == (1, 0)


@pytest.mark.full
def test_without_a_cache(installation):
    result = installation.run(code("float64"), TILEPROP_CACHE="0", **STOCK)
    assert result["float64"] == RIGHT
    assert not [path for folder in (installation.root,) for path in files_under(folder) if path.suffix in (".nbi", ".nbc")]
