"""The figures of the page: what is enough, what is printed, and that plain `fit` trains what the page trains."""

import pytest
from tileprop.bench import play
from tileprop.bench.play import Measured

pytest.importorskip("sklearn")


@pytest.mark.parametrize(
    ("measured", "status"),
    [(Measured(20.0, 5e5, 1e6), 0), (Measured(19.9, 9e5, 1e6), 1), (Measured(60.0, 4.9e5, 1e6), 1)],
)
def test_status(measured, status, monkeypatch, capsys):
    monkeypatch.setattr(play, "measure", lambda seconds: measured)
    assert play.run_play(1.0) == status
    printed = capsys.readouterr().out
    assert f"{measured.pictures:.1f}" in printed
    assert f"{measured.streamed / measured.plain:.2f}" in printed


def test_plain_speed():
    assert play.plain_speed(play.Library(), 0.05) > 1000
