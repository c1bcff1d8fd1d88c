"""The cluster that a call uses: the one that is given, the current one, or one of its own for as long as the call takes."""

from __future__ import annotations

import asyncio
import contextlib
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, LocalCluster, get_client

from ..errors import ClusterError, InputError
from ..fingerprint import environment
from ..threads.number import most_threads
from .answers import answered, ended, known_workers, running, workers_of

# For a scheduler to answer, and for its first worker.
CONNECTING = 10.0  # seconds
FIRST_WORKER = 60.0  # seconds
# Between two questions whether there is a worker.
ASKING = 0.1  # seconds
# After this time without an answer: whether all that were asked are still there.
LEAVING = 0.5  # seconds
# Where a worker differs from the caller in one of these, it runs other code than the caller has.
SAME_CODE = ("tileprop", "kernels", "numpy", "numba", "llvmlite")


@contextmanager
def client_of(client: Client | str | None = None) -> Iterator[Client]:
    """A client with at least one worker, which is the current one meanwhile.

    client: a client, the address of a scheduler, or None for the current client. Where there is none, the call gets a cluster
    of threads in this process, which ends with it. Threads serve: kernels hold no interpreter lock, no data are copied, and a
    script needs no `if __name__ == "__main__"`.

    Raises InputError where there is no scheduler, where there are no workers, and where their code differs from the caller's,
    and ClusterError where the scheduler of a client no longer answers.
    """
    if isinstance(client, str):
        with _connected(client) as connected, _checked(connected).as_current():
            yield connected
        return
    if client is not None and not isinstance(client, Client):
        raise InputError(f"client is {client!r}; it must be a dask.distributed.Client, or the address of a scheduler")
    current = _current() if client is None else client
    if current is not None:
        with _checked(current).as_current():
            yield current
        return
    with _of_this_process() as cluster, Client(cluster, set_as_default=False) as own, own.as_current():
        yield own


def threads_of(client: Client) -> int:
    """How many tasks the workers run at once. Raises ClusterError where the scheduler is lost."""
    try:
        return max(1, sum(answered(client, client.nthreads).values()))
    except ClusterError:
        raise
    except (OSError, RuntimeError) as error:
        raise ended() from error


def _current() -> Client | None:
    try:
        return get_client()
    except ValueError:  # there is none
        return None


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    client = Client.__new__(Client)  # so that it is at hand where it does not connect
    try:
        Client.__init__(client, address, timeout=CONNECTING, set_as_default=False)
    except ValueError as error:
        _close(client)
        raise InputError(f"client is {address!r}, which is no address: {error}; give one such as 'tcp://host:8786'") from error
    except OSError as error:  # TimeoutError among them
        _close(client)
        raise InputError(
            f"client is {address!r}, where no Dask scheduler answers within {CONNECTING:.0f} s; check the address, "
            "or start a scheduler with `dask scheduler` and workers with `dask worker ADDRESS`"
        ) from error
    with client:
        yield client


def _close(failed: Client) -> None:
    """End a client that could not connect.

    Left to itself, it closes itself when it is freed. Where the start of the next client frees it, that never ends: closing
    waits for a lock of Dask's that the start holds.
    """
    with contextlib.suppress(OSError):
        failed.close()


def _of_this_process() -> LocalCluster:
    return LocalCluster(
        n_workers=1,
        threads_per_worker=most_threads(None),
        processes=False,
        dashboard_address=":0",  # any free port, so that no other cluster is in the way
        # Its worker shares the memory of the caller, whose own arrays would count.
        memory_limit=0,
    )


def _checked(client: Client) -> Client:
    if client.asynchronous:
        raise InputError("client is asynchronous; give a client that is made without asynchronous=True")
    if client.status != "running":
        raise InputError(f"client is {client.status}, so its cluster cannot be reached; give a client that is connected")
    ends = time.monotonic() + FIRST_WORKER
    while not running(workers_of(client)):
        if time.monotonic() > ends:
            raise InputError(
                f"client has no workers after {FIRST_WORKER:.0f} s; start some with `dask worker ADDRESS`, or scale the cluster"
            )
        time.sleep(ASKING)
    _check_code(client)
    return client


async def _environments(client: Client) -> dict[str, Any]:
    """Each running worker's environment, or the error on asking it.

    One that leaves meanwhile, as when a cluster is scaled down, is not waited for: Dask would try to reach it for 30 s.
    """
    asked: set[str] = set()
    question: asyncio.Future[dict[str, Any]] | None = None
    try:
        while question is None or not question.done():
            there = running(await known_workers(client))
            if question is None or asked - there:
                if question is not None:
                    question.cancel()
                asked = there
                question = asyncio.ensure_future(client.run(environment, workers=sorted(asked), on_error="return"))
            await asyncio.wait([question], timeout=LEAVING)
        return question.result()
    finally:
        if question is not None:
            question.cancel()


def _check_code(client: Client) -> None:
    """Raise InputError where a worker has other code, and warn where the workers' bits may differ."""
    here = environment()
    try:
        found = answered(client, lambda: _environments(client))
    except OSError:  # a worker that ends at this moment; whoever takes its place has the same code
        return
    there = {address: given for address, given in found.items() if isinstance(given, dict)}
    for address, given in found.items():
        if isinstance(given, ModuleNotFoundError):
            raise InputError(
                f"the worker {address} cannot import tileprop ({given}); install the same version of tileprop on all workers"
            ) from given
    for address, given in there.items():
        for name in SAME_CODE:
            if given[name] != here[name]:
                raise InputError(
                    f"the worker {address} has {name} {given[name]}, and this process {here[name]}; "
                    "install the same versions on all workers"
                )
    for name in here:
        if len({given[name] for given in there.values()}) > 1:
            warnings.warn(
                f"the workers differ in their {name}, so the last digits of a result may depend on which worker computed it",
                RuntimeWarning,
                stacklevel=5,
            )
            return
