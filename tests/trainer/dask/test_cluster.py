"""Which cluster a call uses, and what it says where that cannot be."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys

import pytest
from distributed import Client, LocalCluster, get_client
from tileprop.trainer import InputError
from tileprop.trainer.dask import cluster
from tileprop.trainer.dask.cluster import client_of, threads_of


def test_a_client_and_an_address_stay_open(client):
    with client_of(client) as given:
        assert given is client
    with client_of(client.scheduler.address) as connected:
        assert connected.submit(sum, [1, 2]).result() == 3
        assert threads_of(connected) == 2
    assert connected.status == "closed"
    assert client.status == "running"


def test_the_current_client_is_used(client):
    with Client(client.scheduler.address, set_as_default=True) as current, client_of() as found:
        assert found is current


def test_without_a_cluster_the_call_has_its_own_and_closes_it(monkeypatch):
    def there_is_none():
        raise ValueError

    monkeypatch.setattr(cluster, "get_client", there_is_none)  # a task of another test may have left one of its worker's
    with client_of() as own:
        assert own.submit(sum, [1, 2]).result() == 3
    assert own.status == "closed"
    with contextlib.suppress(ValueError):
        assert get_client() is not own


def test_a_task_uses_the_cluster_that_runs_it(client):
    def address_inside() -> str:
        with client_of() as inner:
            return str(inner.scheduler.address)

    assert client.submit(address_inside, pure=False).result() == client.scheduler.address


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("nowhere", "which is no address"),
        ("ftp://host:1", "which is no address"),
        ("tcp://127.0.0.1:1", "no Dask scheduler answers"),
        (8786, "must be a dask.distributed.Client"),
    ],
)
def test_a_wrong_client_is_refused(monkeypatch, given, says):
    monkeypatch.setattr(cluster, "CONNECTING", 0.2)
    with pytest.raises(InputError, match=f"^client is {given!r}.*{says}"), client_of(given):
        pass


@pytest.mark.parametrize("given", ["nowhere", "tcp://127.0.0.1:1"])
def test_a_client_that_could_not_connect_is_closed_before_the_next_one_starts(monkeypatch, given):
    """Freed while the next one starts, it would wait for ever for a lock that the start holds."""
    made = []

    def remember(client, *arguments, **options):
        made.append(client)
        begin(client, *arguments, **options)

    begin = Client.__init__
    monkeypatch.setattr(Client, "__init__", remember)
    monkeypatch.setattr(cluster, "CONNECTING", 0.2)
    with pytest.raises(InputError), client_of(given):
        pass
    assert [client.status for client in made] == ["closed"]


def test_a_closed_client_is_refused(client):
    closed = Client(client.scheduler.address, set_as_default=False)
    closed.close()
    with pytest.raises(InputError, match="client is closed"), client_of(closed):
        pass


def test_other_code_on_a_worker_is_refused(client, monkeypatch):
    here = cluster.environment()
    monkeypatch.setattr(cluster, "environment", lambda: dict(here))
    found = {"tcp://other:1": {**here, "numba": "0.1"}}

    async def run(*_, **__):
        return found

    monkeypatch.setattr(client, "run", run)
    with pytest.raises(InputError, match=r"the worker tcp://other:1 has numba 0\.1, and this process"), client_of(client):
        pass
    found = {"a": {**here, "processor": "znver4"}, "b": {**here, "processor": "skylake"}}
    with pytest.warns(RuntimeWarning, match="the workers differ in their processor"), client_of(client):
        pass
    found = {"a": ModuleNotFoundError("No module named 'tileprop'")}
    with pytest.raises(InputError, match="the worker a cannot import tileprop"), client_of(client):
        pass


def test_a_worker_that_leaves_is_not_waited_for(monkeypatch):
    """Dask tries to reach it for 30 s."""
    asked = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as two,
        Client(two, set_as_default=False) as client,
    ):
        run = client.run

        async def leaves_when_asked(*args, workers, **options):
            asked.append(len(workers))
            if len(workers) == 2:
                await client.scheduler.retire_workers(workers=workers[:1])
                await asyncio.sleep(600)
            return await run(*args, workers=workers, **options)

        monkeypatch.setattr(client, "run", leaves_when_asked)
        monkeypatch.setattr(cluster, "LEAVING", 0.02)
        with client_of(client):
            pass
    assert asked == [2, 1]


@pytest.mark.full
def test_a_script_needs_no_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from tileprop.trainer.dask.cluster import client_of\nwith client_of() as c: print(c.submit(sum, [1, 2]).result())\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr
