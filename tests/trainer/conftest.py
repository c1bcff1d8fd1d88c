"""A folder to work in, and runs of `tileprop train` to look at."""

import numpy as np
import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A new folder, which is the current one during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with a run of classes, one of values, one of labels and one of an array; not to be changed."""
    from tileprop.trainer.cli import main

    folder = tmp_path_factory.mktemp("runs")
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(80, 2))
    kinds = np.where(rows.sum(axis=1) > 0, "ja", "nein")
    (folder / "kinds.csv").write_text("a,b b,Kind\n" + "".join(f"{a},{b},{k}\n" for (a, b), k in zip(rows, kinds, strict=True)))
    (folder / "values.csv").write_text("a,b,v\n" + "".join(f"{a},{b},{100 * a + b + 50}\n" for a, b in rows))
    (folder / "labels.csv").write_text("a,b,p,q\n" + "".join(f"{a},{b},{int(a > 0)},{int(b > 0)}\n" for a, b in rows))
    np.savez(folder / "array.npz", X=rows, y=rows[:, 0] * 3)
    for source, *target in (("kinds.csv", "Kind"), ("values.csv", "v"), ("labels.csv", "p,q"), ("array.npz",)):
        name = source.partition(".")[0]
        options = ["--target", *target] if target else []
        arguments = ["train", str(folder / source), *options, "--out", str(folder / name), "--learning-rate", "0.01"]
        assert main([*arguments, "--epochs", "60", "--no-report"]) == 0
    return folder
