"""Whether the scheduler still answers, while something is waited for: the connection to a frozen one stays open."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import dask
from dask.utils import parse_timedelta
from distributed import Client

from ..errors import ClusterError

# The scheduler is asked after this time of waiting, and again after this time from each answer.
PATIENCE = 5.0  # seconds
# Dask's own setting for a connection without an answer, 30 s unless changed.
SETTING = "distributed.comm.timeouts.tcp"
KEPT = "The network holds its parameters of the last whole round, epoch or fit"
# Newer versions of Dask leave workers out unless they are asked for all.
_ALL = {"n_workers": -1} if "n_workers" in inspect.signature(Client.scheduler_info).parameters else {}

Result = TypeVar("Result")


def lost(why: str) -> ClusterError:
    """The error where there is no scheduler that knows the tasks."""
    return ClusterError(
        f"the connection to the Dask scheduler was lost: {why}. {KEPT}. "
        "Connect to a scheduler and train again, with resume=True if there is a checkpoint"
    )


def ended() -> ClusterError:
    """The error where the connection has ended."""
    return lost("it has ended, or was restarted without what it held")


def seconds_to_answer() -> float:
    """How long the scheduler may take for an answer."""
    return float(parse_timedelta(dask.config.get(SETTING)))


def workers_of(client: Client) -> Mapping[str, Any]:
    """What the scheduler says about each worker, by address. Raises ClusterError where it does not answer."""
    workers: Mapping[str, Any] = _here(client, lambda: known_workers(client))
    return workers


def answered(client: Client, question: Callable[[], Awaitable[Result]], limit: float | None = None) -> Result:
    """What question() gives, a call of the client's: it gives an awaitable where it is called in the client's loop.

    It may take any time while the scheduler answers. Raises ClusterError where it no longer does, and TimeoutError after
    `limit` seconds.
    """

    async def watched() -> Result:
        answer, watch = asyncio.ensure_future(question()), asyncio.ensure_future(_watched(client))
        try:
            await asyncio.wait([answer, watch], timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if watch.done():
                watch.result()
            raise TimeoutError
        finally:
            answer.cancel()
            watch.cancel()

    result: Result = _here(client, watched)
    return result


def _here(client: Client, make: Callable[[], Awaitable[Any]]) -> Any:
    """The result of an awaitable, which runs in the client's loop."""
    if client.status != "running":
        raise ended()
    return client.sync(make)


async def _watched(client: Client) -> None:
    """Ends only by raising ClusterError, where the scheduler does not answer."""
    while True:
        await asyncio.sleep(PATIENCE)
        await known_workers(client)


def running(workers: Mapping[str, Any]) -> set[str]:
    """The addresses of those that can be asked and given work."""
    return {address for address, worker in workers.items() if worker["status"] == "running"}


async def known_workers(client: Client) -> Mapping[str, Any]:
    """As `workers_of`, for the client's loop."""
    limit = seconds_to_answer()
    part = min(PATIENCE, limit)
    question: asyncio.Future[Any] | None = None
    try:
        # Parts are counted, and not the time: a computer may sleep, and another thread may hold the interpreter's lock.
        for _ in range(math.ceil(limit / part)):
            scheduler = client.scheduler
            if client.status != "running" or scheduler is None:
                raise ended()
            if question is None:
                question = asyncio.ensure_future(scheduler.identity(**_ALL))
            await asyncio.wait([question], timeout=part)
            if question.done():
                try:
                    workers: Mapping[str, Any] = question.result()["workers"]
                    return workers
                except OSError:  # this question's connection has ended, perhaps not the client's: ask again
                    question = None
                    await asyncio.sleep(part)
    finally:
        if question is not None:
            question.cancel()
    raise lost(f"it has not answered for {limit:g} s ({SETTING} in Dask's configuration)")
