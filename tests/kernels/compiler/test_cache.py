"""The disk cache: what a second process finds, what an edit makes stale, and where it goes when places cannot be written.

What is compiled is compiled by a copy of the kernels, in processes of their own; only small kernels are. Which place is chosen,
and what the stamp is, this process finds out for itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from installation import Installation, files_under
from numba.core import config
from tileprop import kernels
from tileprop.kernels.compiler import cache
from tileprop.kernels.compiler.cache import cache_folder
from tileprop.kernels.compiler.jit import STOCK
from tileprop.kernels.compiler.stamp import source_hash

private_only = pytest.mark.skipif(STOCK, reason="about the private way of compiling; the stock way: test_stock_cache.py")
compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="about compiled code")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="about POSIX places and modes")

CALL = """
import json, numpy as np, tileprop.kernels
from tileprop.kernels import identity, sigmoid
from tileprop.kernels.compiler import cache, stamp
values = [float(sigmoid(np.zeros(3))[1]), float(identity(np.ones(3))[1])]
print(json.dumps({
    "from": tileprop.kernels.__file__,
    "values": values,
    "hits": sum(sum(kernel.stats.cache_hits.values()) for kernel in (sigmoid, identity)),
    "misses": sum(sum(kernel.stats.cache_misses.values()) for kernel in (sigmoid, identity)),
    "folder": str(cache.cache_folder()),
    "hash": stamp.source_hash(),
}))
"""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


# A second process ------------------------------------------------------------------------------------------------------------


@private_only
def test_a_second_process_compiles_nothing_until_damage_or_an_edit(installation):
    """An empty file, as a crash or a full disk may leave it, costs one compilation; an edit costs all.

    And nothing is written but the files of the cache, into its folder, which is made where it is missing."""
    before = files_under(installation.kernels)
    first, second = installation.run(CALL), installation.run(CALL)
    assert (first["values"], first["hits"], first["misses"]) == ([0.5, 1], 0, 2)
    assert (second["values"], second["hits"], second["misses"]) == ([0.5, 1], 2, 0)
    assert Path(first["folder"]) == installation.cache / f"kernels-{first['hash']}"
    kept = files_under(installation.cache)
    assert {(path.suffix, path.is_relative_to(first["folder"])) for path in kept} == {(".nbi", True), (".nbc", True)}

    for kernel, suffix in (("sigmoid", ".nbc"), ("identity", ".nbi")):
        (damaged,) = (path for path in kept if path.suffix == suffix and re.search(rf"\b{kernel}\b", path.name))
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 1  # in the machine code, which would run all the same
        damaged.write_bytes(content if suffix == ".nbc" else b"")
    third, fourth = installation.run(CALL), installation.run(CALL)
    assert (third["values"], third["hits"], third["misses"]) == ([0.5, 1], 0, 2)
    assert (fourth["values"], fourth["hits"], fourth["misses"]) == ([0.5, 1], 2, 0)
    assert sorted(files_under(installation.kernels)) == sorted(before)
    assert not files_under(installation.home)
    assert not files_under(installation.temporary)

    installation.make_sigmoid_return_a_quarter()
    edited = installation.run(CALL)
    assert (edited["values"], edited["misses"]) == ([0.25, 1], 2)
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


@pytest.mark.full
@private_only
def test_processes_that_start_cold_together_are_all_right(installation):
    """Two dtypes at once, and one of them twice: neither may be handed the other's code."""
    code = """
import json, numpy as np, tileprop.kernels
from tileprop.kernels import sigmoid
results = [sigmoid(np.array([-1.0, 0.0, 2.0], dtype)) for dtype in {dtypes}]
misses = sum(sigmoid.stats.cache_misses.values())
print(json.dumps({{
    "from": tileprop.kernels.__file__, "misses": misses, **{{y.dtype.name: y.tolist() for y in results}}
}}))
"""
    dtypes = ["float32", "float64", "float64"]
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

CALLER_OF_CALLER = """
from numba import njit
from callers import alone

@njit(cache=True)
def outer(x):
    return 2 * alone(x)
"""

CALL_CALLERS = """
import json, numpy as np, tileprop.kernels
from tileprop.kernels import quantile, sigmoid
BEFORE
import callers
from outer import outer
x, Y, T, levels = np.zeros(3), np.ones((5, 2)), np.zeros((5, 2)), np.full(1, 0.5)
values = [outer(x), callers.alone(x)]
if EVERY:
    values += [callers.again(x, Y, T, levels), callers.in_parallel(np.ones((4, 3)), np.zeros((4, 3))).sum()]
    try:
        callers.again(x, Y, T[:, :1].copy(), levels)
    except ValueError as error:
        values += error.args
functions = outer, callers.alone, callers.again, callers.in_parallel
print(json.dumps({
    "from": tileprop.kernels.__file__, "values": values,
    "hits": sum(sum(function.stats.cache_hits.values()) for function in functions),
    "misses": sum(sum(kernel.stats.cache_misses.values()) for kernel in (sigmoid, quantile)),
}))
"""


OTHERS_FIRST = "from tileprop.kernels import relu, tanh; tanh(np.zeros(3)), relu(np.zeros(3)), sigmoid(np.zeros(3, 'f'))"


@pytest.mark.full
@private_only
@pytest.mark.parametrize(
    "places",
    [{"other kernels first": 1, "emptied": 2}, {"the same": 0, "moved": 2, "none": 2}],
    ids=" ".join,
)
def test_cached_callers_find_their_kernels_wherever_these_are_until_an_edit(installation, places):
    """Two functions that call one kernel, one with prange, and one that calls only another of them, in their second process.

    Numba stamps a cached function with its own file alone; that it embeds a kernel is for the kernels to tell it.
    """
    (installation.work / "callers.py").write_text(CALLERS)
    (installation.work / "outer.py").write_text(CALLER_OF_CALLER)

    def run(before: str = "", cache: Path | str = installation.cache, every: bool = True) -> dict[str, Any]:
        return installation.run(CALL_CALLERS.replace("BEFORE", before).replace("EVERY", str(every)), TILEPROP_CACHE=str(cache))

    first = run()
    assert first["values"][:4] == [2.0, 1.0, 1.0, 6.0]
    assert first["values"][5:] == [2, 1, 1]
    elsewhere = {"moved": installation.root / "elsewhere", "none": "0"}
    for place, compiled in places.items():
        if place == "emptied":
            shutil.rmtree(installation.cache)
        again = run(OTHERS_FIRST if place == "other kernels first" else "", elsewhere.get(place, installation.cache))
        assert (again["values"], again["hits"], again["misses"]) == (first["values"], 4, compiled), place
    installation.make_sigmoid_return_a_quarter()
    assert run(every=False)["values"] == [1.0, 0.5]


@pytest.mark.full
@private_only
def test_callers_that_were_cached_in_one_way_of_compiling_are_right_in_the_other(installation):
    (installation.work / "callers.py").write_text(CALLERS)
    (installation.work / "outer.py").write_text(CALLER_OF_CALLER)
    code = CALL_CALLERS.replace("BEFORE", "").replace("EVERY", "False")
    code = code.replace("kernel.stats.cache_misses.values()", "[]")  # which kernels of the stock way do not have
    for environment in ({}, {"TILEPROP_STOCK_JIT": "1"}, {}, {"TILEPROP_STOCK_JIT": "1"}):
        assert installation.run(code, **environment)["values"] == [2.0, 1.0]


# Places ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def user(tmp_path, monkeypatch) -> Path:
    """A folder with a user's `home`, `temporary` folder, and a file `blocked`, where nothing else says where the cache goes."""
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir()
    (tmp_path / "blocked").write_text("")
    for name in ("TILEPROP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "CACHE_DIR", "")
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def place_now() -> Path | None:
    """What a process that starts now would choose; in it is the folder that the stamp names."""
    folder = cache_folder.__wrapped__()
    assert folder is None or (folder.is_dir() and folder.name == f"kernels-{source_hash()}")
    return folder and folder.parent


def test_the_cache_can_be_moved(user, monkeypatch):
    monkeypatch.setenv("TILEPROP_CACHE", str(user / "some" / "where"))
    assert place_now() == user / "some" / "where"
    assert not list((user / "home").iterdir())
    assert not list((user / "temporary").iterdir())


@private_only
def test_the_cache_can_be_switched_off(installation):
    result = installation.run(CALL, TILEPROP_CACHE="0")
    assert (result["values"], result["hits"], result["folder"]) == ([0.5, 1], 0, "None")
    assert not files_under(installation.home)
    assert not files_under(installation.temporary)
    assert not installation.cache.exists()


def test_the_cache_is_the_users_own_by_default(user):
    place = place_now()
    assert place.is_relative_to(user / "home")
    assert place.name == "tileprop"


@posix_only
def test_the_cache_follows_the_cache_homes_of_the_desktop_and_of_numba(user, monkeypatch):
    if sys.platform != "darwin":
        monkeypatch.setenv("XDG_CACHE_HOME", str(user / "xdg"))
        assert place_now() == user / "xdg" / "tileprop"
    monkeypatch.setattr(config, "CACHE_DIR", str(user / "numba"))
    assert place_now() == user / "numba" / "tileprop"


@pytest.mark.full
@private_only
@posix_only
def test_a_home_that_cannot_be_written_sends_the_cache_to_the_temporary_folder(installation):
    """A file stands where a folder is needed; that stops the superuser as well."""
    blocked = installation.root / "blocked"
    blocked.write_text("")
    nowhere = {"TILEPROP_CACHE": None, "HOME": str(blocked), "XDG_CACHE_HOME": str(blocked)}
    result = installation.run(CALL, **nowhere)
    private = installation.temporary / f"tileprop-{os.getuid()}"
    assert Path(result["folder"]).parent == private
    assert private.stat().st_mode & 0o077 == 0
    assert {path.suffix for path in files_under(private)} == {".nbi", ".nbc"}
    assert result["values"] == [0.5, 1]


@posix_only
def test_a_chosen_place_that_cannot_be_written_is_done_without(user, monkeypatch):
    monkeypatch.setenv("TILEPROP_CACHE", str(user / "blocked"))
    with pytest.warns(UserWarning, match="no folder for compiled kernels"):
        assert place_now() is None


@posix_only
@pytest.mark.parametrize("obstacle", ["file", "open to all", "link"])
def test_a_temporary_folder_that_is_not_private_is_not_used(user, monkeypatch, obstacle):
    """Cached code is executed, so it must not come from where another user can write."""
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(user / "blocked"))
    private = user / "temporary" / f"tileprop-{os.getuid()}"
    assert place_now() == private  # otherwise nothing is shown below
    shutil.rmtree(private)
    if obstacle == "file":
        private.write_text("")
    elif obstacle == "link":
        private.symlink_to(user / "home")
    else:
        private.mkdir()
        private.chmod(0o777)
    with pytest.warns(UserWarning, match="no folder for compiled kernels"):
        assert place_now() is None


@pytest.mark.filterwarnings("error")
def test_a_cache_that_is_switched_off_warns_of_nothing(user, monkeypatch):
    monkeypatch.setenv("TILEPROP_CACHE", "0")
    assert cache_folder.__wrapped__() is None


def test_folders_that_nothing_has_used_for_long_are_removed(user, monkeypatch):
    place = user / "cache"
    monkeypatch.setenv("TILEPROP_CACHE", str(place))
    for name in ("kernels-old", "kernels-recent", "another"):
        (place / name / "files").mkdir(parents=True)
    long_ago = time.time() - cache.UNUSED - 3600
    for name in ("kernels-old", "another"):
        os.utime(place / name, (long_ago, long_ago))
    own = cache_folder.__wrapped__()
    assert sorted(path.name for path in place.iterdir()) == sorted(["another", "kernels-recent", own.name])
    # Its own counts as used whenever a process starts.
    os.utime(own, (long_ago, long_ago))
    assert cache_folder.__wrapped__().stat().st_mtime > long_ago + 60
