"""The disk cache: what a second process finds, what an edit makes stale, and where it goes when places cannot be written.

Each test runs a copy of the kernels in processes of their own; only small kernels are compiled there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from installation import SOURCES, Installation, files_under
from numba.core import config
from tileprop import kernels
from tileprop.kernels.compiler.cache import cache_folder
from tileprop.kernels.compiler.jit import STOCK

private_only = pytest.mark.skipif(STOCK, reason="about the private way of compiling; the stock way: test_stock_cache.py")
compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="about POSIX places and modes")

CALL_SIGMOID = """
import json, numpy as np, tileprop.kernels
from tileprop.kernels import sigmoid
from tileprop.kernels.compiler import cache
value = float(sigmoid(np.zeros(3))[1])
print(json.dumps({
    "from": tileprop.kernels.__file__,
    "value": value,
    "hits": sum(sigmoid.stats.cache_hits.values()),
    "misses": sum(sigmoid.stats.cache_misses.values()),
    "folder": str(cache.cache_folder()),
    "hash": cache.source_hash(),
}))
"""

SHOW_FOLDER = """
import json, tileprop.kernels.compiler.cache as cache
folder = cache.cache_folder()
print(json.dumps({"folder": folder and str(folder), "hash": cache.source_hash()}))
"""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


# A second process ------------------------------------------------------------------------------------------------------------


@private_only
def test_a_second_process_compiles_nothing_until_an_edit(installation):
    """And nothing is written into the installation."""
    before = files_under(installation.kernels)
    first, second = installation.run(CALL_SIGMOID), installation.run(CALL_SIGMOID)
    assert (first["value"], first["hits"], first["misses"]) == (0.5, 0, 1)
    assert (second["value"], second["hits"], second["misses"]) == (0.5, 1, 0)
    assert sorted(files_under(installation.kernels)) == sorted(before)
    installation.make_sigmoid_return_a_quarter()
    edited = installation.run(CALL_SIGMOID)
    assert (edited["value"], edited["misses"]) == (0.25, 1)
    assert edited["folder"] != first["folder"]


TRAIN = """
import json, numpy as np
from tileprop.kernels import make_plan, make_state, make_workspace, train_epoch
plan = make_plan([4, 3, 3, 2], "relu", "softmax", "log_loss")
state, work = make_state(plan, "adam"), make_workspace(plan, 8)
theta = np.full(plan.n_parameters, 0.1)
train_epoch(plan, theta, state, np.ones((9, 4)), np.full((9, 2), 0.5), np.ones(9), np.arange(9), work)
print(json.dumps({
    "hits": sum(train_epoch.stats.cache_hits.values()), "misses": sum(train_epoch.stats.cache_misses.values()),
    "finite": bool(np.isfinite(theta).all()),
}))
"""


@private_only
@pytest.mark.skipif(cache_folder() is None, reason="the cache is off")
def test_a_second_process_compiles_no_epoch_either(tmp_path):
    """Whatever this process trained: another network, rule and loss are the same compilation."""
    plan = kernels.make_plan([1, 1])
    arrays = np.zeros(2), kernels.make_state(plan), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(0), np.zeros(0, np.int64)
    kernels.train_epoch(plan, *arrays, kernels.make_workspace(plan, 1))
    output = subprocess.run([sys.executable, "-c", TRAIN], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == {"hits": 1, "misses": 0, "finite": True}


@private_only
def test_processes_that_start_cold_together_are_all_right(installation):
    """Two dtypes at once: neither may be handed the other's code."""
    code = """
import json, numpy as np, tileprop.kernels
from tileprop.kernels import sigmoid
results = [sigmoid(np.array([-1.0, 0.0, 2.0], dtype)) for dtype in {dtypes}]
misses = sum(sigmoid.stats.cache_misses.values())
print(json.dumps({{
    "from": tileprop.kernels.__file__, "misses": misses, **{{y.dtype.name: y.tolist() for y in results}}
}}))
"""
    dtypes = ["float32", "float64", "float32", "float64"]
    together = [installation.start(code.format(dtypes=[dtype])) for dtype in dtypes]
    results = [installation.finish(process) for process in together]
    x = np.array([-1.0, 0.0, 2.0])
    expected = 1 / (1 + np.exp(-x))
    for dtype, result in zip(dtypes, results, strict=True):
        eps = float(np.finfo(dtype).eps)
        np.testing.assert_allclose(result[dtype], expected, rtol=2 * eps)
    # What they left behind serves both dtypes.
    later = installation.run(code.format(dtypes=["float32", "float64"]))
    assert later["misses"] == 0
    np.testing.assert_allclose(later["float32"], expected, rtol=1e-6)
    np.testing.assert_allclose(later["float64"], expected, rtol=1e-15)


# Edits -----------------------------------------------------------------------------------------------------------------------


CALLER = """
from numba import njit
from tileprop.kernels import sigmoid

@njit(cache=True)
def twice(x):
    return 2 * sigmoid(x)
"""

CALLER_OF_CALLER = """
from numba import njit
from caller import twice

@njit(cache=True)
def four_times(x):
    return 2 * twice(x)
"""

CALL_THE_CALLERS = """
import json, numpy as np, tileprop.kernels
from caller import twice
from outer import four_times
x = np.zeros(3)
outer = float(four_times(x)[0])
inner = float(twice(x)[0])
print(json.dumps({
    "from": tileprop.kernels.__file__, "inner": inner, "outer": outer,
    "inner hits": sum(twice.stats.cache_hits.values()), "outer hits": sum(four_times.stats.cache_hits.values()),
}))
"""


@private_only
def test_an_edit_changes_what_a_users_cached_callers_return(installation):
    """Numba stamps a cached function with its own file alone; that it embeds a kernel is for the kernels to tell it.

    Both a function that calls nothing but `sigmoid`, and one that only calls that function.
    """
    (installation.work / "caller.py").write_text(CALLER)
    (installation.work / "outer.py").write_text(CALLER_OF_CALLER)
    first, second = installation.run(CALL_THE_CALLERS), installation.run(CALL_THE_CALLERS)
    assert (first["inner"], first["outer"]) == (1, 2)
    assert (second["inner"], second["outer"]) == (1, 2)
    assert (second["inner hits"], second["outer hits"]) == (1, 1)  # otherwise nothing is shown below
    installation.make_sigmoid_return_a_quarter()
    edited = installation.run(CALL_THE_CALLERS)
    assert (edited["inner"], edited["outer"]) == (0.5, 1)


CALLERS = """
import numpy as np
from numba import njit, prange
from tileprop.kernels import quantile, sigmoid

@njit(cache=True)
def alone(x):
    return sigmoid(x)[0] + sigmoid(2 * x)[0]

@njit(cache=True)
def again(x, Y, T, levels):
    return sigmoid(x)[0] + quantile(Y, T, levels)

@njit(cache=True, parallel=True)
def in_parallel(Y, X):
    for i in prange(len(X)):
        Y[i] = sigmoid(X[i])
    return Y
"""

CALL_CALLERS = """
import json, numpy as np, tileprop.kernels
from tileprop.kernels import quantile, sigmoid
BEFORE
import callers
x, Y, T, levels = np.zeros(3), np.ones((5, 2)), np.zeros((5, 2)), np.full(1, 0.5)
values = [callers.alone(x), callers.again(x, Y, T, levels), callers.in_parallel(np.ones((4, 3)), np.zeros((4, 3))).sum()]
try:
    callers.again(x, Y, T[:, :1].copy(), levels)
except ValueError as error:
    values += error.args
functions = callers.alone, callers.again, callers.in_parallel
print(json.dumps({
    "from": tileprop.kernels.__file__, "values": values,
    "hits": sum(sum(function.stats.cache_hits.values()) for function in functions),
    "misses": sum(sum(kernel.stats.cache_misses.values()) for kernel in (sigmoid, quantile)),
}))
"""


OTHERS_FIRST = "from tileprop.kernels import relu, tanh; tanh(np.zeros(3)), relu(np.zeros(3)), sigmoid(np.zeros(3, 'f'))"


@private_only
@pytest.mark.parametrize(
    "places",
    [{"other kernels first": 1, "emptied": 2}, pytest.param({"the same": 0, "moved": 2, "none": 2}, marks=pytest.mark.full)],
    ids=" ".join,
)
def test_cached_callers_find_their_kernels_wherever_these_are(installation, places):
    """Two functions that call one kernel, and one with prange, in their second process, and the kernels compiled there."""
    (installation.work / "callers.py").write_text(CALLERS)
    code = CALL_CALLERS.replace("BEFORE", "")
    first = installation.run(code)
    assert first["values"][:3] == [1.0, 1.0, 6.0]
    assert first["values"][4:] == [2, 1, 1]
    elsewhere = {"moved": str(installation.root / "elsewhere"), "none": "0"}
    for place, compiled in places.items():
        if place == "emptied":
            shutil.rmtree(installation.cache)
        before = OTHERS_FIRST if place == "other kernels first" else ""
        cache = elsewhere.get(place, str(installation.cache))
        run = installation.run(CALL_CALLERS.replace("BEFORE", before), TILEPROP_CACHE=cache)
        assert (run["values"], run["hits"], run["misses"]) == (first["values"], 3, compiled), place


def test_every_file_counts(installation):
    """A comment at the end of any source file, or a new file, makes another hash."""
    code = """
import json, pathlib, tileprop.kernels, tileprop.kernels.compiler.cache as cache
folder = pathlib.Path(tileprop.kernels.__file__).parent
def hash_now():
    cache.source_hash.cache_clear()
    return cache.source_hash()
unchanged = hash_now()
hashes = {}
for path in sorted(folder.rglob("*.py")):
    content = path.read_bytes()
    path.write_bytes(content + b"# a comment")
    hashes[path.relative_to(folder).as_posix()] = hash_now()
    path.write_bytes(content)
(folder / "another.py").write_text("")
hashes["another.py"] = hash_now()
(folder / "another.py").unlink()
print(json.dumps({"from": tileprop.kernels.__file__, "before": unchanged, "after": hash_now(), "hashes": hashes}))
"""
    result = installation.run(code)
    assert result["before"] == result["after"]
    assert set(result["hashes"]) == {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py")} | {"another.py"}
    assert len({*result["hashes"].values(), result["before"]}) == len(result["hashes"]) + 1


def test_the_vectors_in_use_count(installation):
    """Code for one width is never handed to a process that asks for another."""
    shown = [installation.run(SHOW_FOLDER, TILEPROP_SIMD=name) for name in ("sse2", "avx2", "neon")]
    assert len({result["hash"] for result in shown}) == len({result["folder"] for result in shown}) == 3


# Places ----------------------------------------------------------------------------------------------------------------------


@private_only
def test_the_cache_can_be_moved(installation):
    place = installation.root / "some" / "where"
    result = installation.run(CALL_SIGMOID, TILEPROP_CACHE=str(place))
    assert Path(result["folder"]) == place / f"kernels-{result['hash']}"
    assert {path.suffix for path in files_under(place)} == {".nbi", ".nbc"}
    assert not files_under(installation.home)
    assert not files_under(installation.temporary)


@private_only
def test_the_cache_can_be_switched_off(installation):
    result = installation.run(CALL_SIGMOID, TILEPROP_CACHE="0")
    assert (result["value"], result["hits"], result["folder"]) == (0.5, 0, "None")
    assert not files_under(installation.home)
    assert not files_under(installation.temporary)
    assert not installation.cache.exists()


def test_the_cache_is_the_users_own_by_default(installation):
    shown = installation.run(SHOW_FOLDER, TILEPROP_CACHE=None)
    assert Path(shown["folder"]).is_relative_to(installation.home)
    assert Path(shown["folder"]).parent.name == "tileprop"


@posix_only
def test_the_cache_follows_the_cache_homes_of_the_desktop_and_of_numba(installation):
    if sys.platform != "darwin":
        shown = installation.run(SHOW_FOLDER, TILEPROP_CACHE=None, XDG_CACHE_HOME=str(installation.root / "xdg"))
        assert Path(shown["folder"]).parent == installation.root / "xdg" / "tileprop"
    shown = installation.run(SHOW_FOLDER, TILEPROP_CACHE=None, NUMBA_CACHE_DIR=str(installation.root / "numba"))
    assert Path(shown["folder"]).parent == installation.root / "numba" / "tileprop"


@private_only
@posix_only
def test_a_home_that_cannot_be_written_sends_the_cache_to_the_temporary_folder(installation):
    """A file stands where a folder is needed; that stops the superuser as well."""
    blocked = installation.root / "blocked"
    blocked.write_text("")
    nowhere = {"TILEPROP_CACHE": None, "HOME": str(blocked), "XDG_CACHE_HOME": str(blocked)}
    result = installation.run(CALL_SIGMOID, **nowhere)
    private = installation.temporary / f"tileprop-{os.getuid()}"
    assert Path(result["folder"]).parent == private
    assert private.stat().st_mode & 0o077 == 0
    assert {path.suffix for path in files_under(private)} == {".nbi", ".nbc"}
    assert result["value"] == 0.5


@private_only
@posix_only
def test_a_chosen_place_that_cannot_be_written_is_done_without(installation):
    blocked = installation.root / "blocked"
    blocked.write_text("")
    result = installation.run(CALL_SIGMOID, TILEPROP_CACHE=str(blocked))
    assert (result["value"], result["hits"], result["folder"]) == (0.5, 0, "None")


@posix_only
@pytest.mark.parametrize("obstacle", ["file", "open to all", "link"])
def test_a_temporary_folder_that_is_not_private_is_not_used(installation, obstacle):
    """Cached code is executed, so it must not come from where another user can write."""
    blocked = installation.root / "blocked"
    blocked.write_text("")
    private = installation.temporary / f"tileprop-{os.getuid()}"
    if obstacle == "file":
        private.write_text("")
    elif obstacle == "link":
        private.symlink_to(installation.work)
    else:
        private.mkdir()
        private.chmod(0o777)
    shown = installation.run(SHOW_FOLDER, TILEPROP_CACHE=None, HOME=str(blocked), XDG_CACHE_HOME=str(blocked))
    assert shown["folder"] is None


@private_only
def test_a_damaged_cache_is_replaced(installation):
    """An empty file, as a crash or a full disk may leave it, costs one compilation."""
    installation.run(CALL_SIGMOID)
    for suffix in (".nbc", ".nbi"):
        (damaged,) = (path for path in files_under(installation.cache) if path.suffix == suffix)
        damaged.write_bytes(b"")
        assert installation.run(CALL_SIGMOID)["value"] == 0.5
    assert installation.run(CALL_SIGMOID)["hits"] == 1
