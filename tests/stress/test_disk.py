"""Errors of the disk at every call of every checkpoint: one that loads is there at each moment, and no fit is lost."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from disks import Disk
from tileprop.trainer import Adam, EarlyStopping, Network
from tileprop.trainer.fit.checkpoints import previous
from tileprop.trainer.fit.resuming import read_checkpoint

RNG = np.random.default_rng(4)
X, T = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2))
EPOCHS, STOP = 4, 2
VALIDATION = {"validation_data": (X[:9], T[:9])}
OPTIONS = {"batch_size": 16, "optimizer": Adam(), **VALIDATION}
CODES = (errno.ENOSPC, errno.EIO, errno.EACCES)


class Interrupt:
    """A callback that interrupts a fit after `STOP` epochs."""

    def __call__(self, running):
        if running.history.epochs == STOP:
            raise KeyboardInterrupt


def callbacks():
    return [EarlyStopping(n_iter_no_change=50), lambda running: None]


def bits(model, history):
    return model.theta.tobytes(), history.loss, history.val_loss, model.generator.bit_generator.state


def whole():
    """What a fit ends with that nothing disturbs."""
    model = Network([3, 5, 2], "tanh", "identity", random_state=1)
    return bits(model, model.fit(X, T, epochs=EPOCHS, callbacks=callbacks(), **OPTIONS))


@pytest.fixture
def interrupted(tmp_path):
    """Two checkpoints of a fit, `fit` and `fit.previous`."""
    path = tmp_path / "fit"
    model = Network([3, 5, 2], "tanh", "identity", random_state=1)
    stopping = [EarlyStopping(n_iter_no_change=50), Interrupt()]
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, T, epochs=EPOCHS, callbacks=stopping, checkpoint=path, checkpoint_every=1, **OPTIONS)
    return path


def go_on(path):
    return bits(*Network.resume(path, X, T, callbacks=callbacks(), checkpoint_every=1, **VALIDATION))


def check(interrupted, folder, expected, fails, at_each_moment=True):
    """The fit goes on, on a disk that fails; afterwards, on one that does not, it ends at the same bits once more.

    at_each_moment: whether the checkpoints are read before each call.
    """
    shutil.copytree(interrupted.parent, folder)
    path = folder / interrupted.name
    disk = Disk(fails, (lambda: read_checkpoint(Network, path)) if at_each_moment else lambda: None)
    with disk.in_place(), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert go_on(path) == expected
    assert all("could not be written" in str(warning.message) for warning in warned)
    assert warned or not set(disk.failed) - {"stat"}, disk.failed  # of some files nobody minds whether they can be looked at
    assert disk.failed or not warned
    with Disk(lambda number, name: None).in_place():
        assert go_on(path) == expected
    assert not [place for place in folder.iterdir() if place not in (path, previous(path))] or "unlink" in disk.failed
    shutil.rmtree(folder)
    return disk


def test_each_call_fails_once(interrupted, tmp_path_factory):
    folder, expected = tmp_path_factory.mktemp("copies"), whole()
    calls = check(interrupted, folder / "none", expected, lambda number, name: None).calls
    assert {"create", "write", "flush", "fsync", "chmod", "replace", "unlink", "open"} <= set(calls)
    for k in range(len(calls)):
        code = CODES[k % len(CODES)]
        disk = check(
            interrupted, folder / str(k), expected, lambda number, name, k=k, code=code: code if number == k else None, False
        )
        assert len(disk.failed) == 1


@pytest.mark.full
@pytest.mark.parametrize("code", CODES)
def test_each_call_fails_with_each_error_once_and_from_then_on(interrupted, tmp_path_factory, code):
    folder, expected = tmp_path_factory.mktemp("copies"), whole()
    calls = check(interrupted, folder / "none", expected, lambda number, name: None).calls
    for k in range(len(calls)):
        check(interrupted, folder / f"once-{k}", expected, lambda number, name, k=k: code if number == k else None)
        check(interrupted, folder / f"on-{k}", expected, lambda number, name, k=k: code if number >= k else None)


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 2008), marks=pytest.mark.full)], ids=len)
def test_any_sequence_of_failures(interrupted, tmp_path_factory, seeds):
    folder, expected = tmp_path_factory.mktemp("copies"), whole()
    for seed in seeds:
        draw = random.Random(seed)
        share = draw.choice([0.02, 0.1, 0.3, 0.7])

        def fails(number, name, draw=draw, share=share):
            return draw.choice(CODES) if draw.random() < share else None

        check(interrupted, folder / str(seed), expected, fails)


def test_the_folder_is_gone_and_comes_back(interrupted, tmp_path):
    expected, elsewhere = whole(), tmp_path.with_name("elsewhere")

    def move(running):
        if running.history.epochs == STOP + 1:
            tmp_path.rename(elsewhere)

    with pytest.warns(UserWarning, match="could not be written: there is no folder"):
        resumed = Network.resume(
            interrupted, X, T, callbacks=[EarlyStopping(n_iter_no_change=50), move], checkpoint_every=1, **VALIDATION
        )
    assert bits(*resumed) == expected
    elsewhere.rename(tmp_path)
    assert go_on(interrupted) == expected


@contextmanager
def files_of_at_most(size):
    """By a limit of the process, so that the system itself ends writes at that byte."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@pytest.mark.full
@pytest.mark.skipif(os.name == "nt", reason="about POSIX limits")
@pytest.mark.parametrize("largest", [0, 1, 100, 2000])
def test_files_that_may_not_be_so_large(interrupted, largest):
    expected, content = whole(), interrupted.read_bytes()
    with pytest.warns(UserWarning, match="could not be written: File too large"), files_of_at_most(largest):
        assert go_on(interrupted) == expected
    assert interrupted.read_bytes() == content
    assert go_on(interrupted) == expected


@pytest.mark.full
@pytest.mark.parametrize("kib", [4, 8, 12])
def test_a_disk_that_is_full(interrupted, tmp_path_factory, kib):
    """A real one, of so many KiB."""
    expected, disk = whole(), tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            resumed = Network.resume(
                interrupted, X, T, callbacks=callbacks(), checkpoint=disk / "fit", checkpoint_every=1, **VALIDATION
            )
        assert bits(*resumed) == expected
        assert all("No space left on device" in str(warning.message) for warning in warned)
        assert bool(warned) == (kib < 12)
        if (disk / "fit").exists():
            assert go_on(disk / "fit") == expected
    finally:
        subprocess.run(["umount", str(disk)], check=True)
