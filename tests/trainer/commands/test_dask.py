"""`tileprop train --dask` and `tileprop sweep --dask`: on a cluster of this process, the results of one machine."""

from __future__ import annotations

import json

import pytest
from tileprop.trainer.cli import main

TRAIN = ["train", "wine", "--hidden", "8", "--epochs", "4", "--no-report"]


def model(run):
    return (run / "model.safetensors").read_bytes()


def test_training_with_dask_is_that_over_the_same_shards_here(here, capsys):
    assert main([*TRAIN, "--dask", "--out", "there"]) == 0
    assert main([*TRAIN, "--shards", "4", "--out", "here"]) == 0
    assert model(here / "there") == model(here / "here")
    assert json.loads((here / "there/run.json").read_text())["settings"]["shards"] == 4
    assert "rounds over 4 shards" in capsys.readouterr().out


def test_a_training_goes_on_with_and_without_dask(here):
    assert main([*TRAIN, "--shards", "3", "--out", "whole"]) == 0
    assert main([*TRAIN, "--shards", "3", "--out", "cut", "--max-seconds", "0.000001", "--checkpoint-every", "1"]) == 0
    assert main(["train", "--resume", "cut", "--dask", "--no-report"]) == 0
    assert model(here / "whole") == model(here / "cut")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--ensemble", "2"], "ensemble cannot be combined with shards"),
        (["--shards", "1000"], "shards is 1000, and there are"),
        (["--shards", "0"], "shards"),
    ],
)
def test_what_does_not_go_with_it_is_refused(here, capsys, more, says):
    assert main([*TRAIN, "--dask", *more]) == 2
    assert says in capsys.readouterr().err
    assert not (here / "runs").exists()


def test_an_address_without_a_scheduler(here, capsys, monkeypatch):
    from tileprop.trainer.dask import cluster

    monkeypatch.setattr(cluster, "CONNECTING", 0.2)
    for command in (TRAIN, ["sweep", "wine", "--hidden", "4", "--epochs", "2", "--no-report"]):
        assert main([*command, "--dask", "tcp://127.0.0.1:1"]) == 2
        assert "no Dask scheduler answers" in capsys.readouterr().err


def test_a_sweep_with_dask_has_the_losses_of_one_machine(here, capsys):
    sweep = ["sweep", "wine", "--hidden", "none", "8", "--seeds", "2", "--epochs", "3", "--no-report"]
    assert main([*sweep, "--out", "here"]) == 0
    assert main([*sweep, "--dask", "--out", "there"]) == 0
    assert (here / "here/sweep.csv").read_bytes() == (here / "there/sweep.csv").read_bytes()
    assert model(here / "here") == model(here / "there")
