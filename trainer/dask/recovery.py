"""Waiting for results where workers may die: what the scheduler gives up is submitted again, up to a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from distributed import CancelledError, Client, Future, KilledWorker, wait
from distributed.comm.core import CommClosedError

from ..errors import ClusterError
from .answers import KEPT, PATIENCE, answered, ended, workers_of

# Limit for a cluster without a worker that takes tasks. A nanny starts a new worker within some seconds.
WITHOUT_WORKERS = 60.0  # seconds
# First limit for a result to arrive, doubled each time. After it, the task may have to run again, if its worker was lost.
ARRIVING = 60.0  # seconds
# The scheduler gives up a task whose worker has died four times (`distributed.scheduler.allowed-failures` is 3). The task may
# not be to blame, so it is submitted again, at most this often.
MOST_KILLED = 3
# Tasks are cancelled where their data cannot be made again, and where somebody restarts the workers.
MOST_CANCELLED = 20


class Recovery:
    """Waits for the results of tasks."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def result(
        self, held: Sequence[Future[Any]], submit: Callable[[], Sequence[Future[Any]]], renew: Callable[[], None]
    ) -> Any:
        """The result of the last future that `submit` gives; it is called again where tasks were given up.

        held: what the futures depend on. They are waited for first: the scheduler may take up a small graph before a larger one
        that was sent earlier. renew: called before `submit` is called again; it puts other futures into `held`. Raises
        ClusterError where that is no use.
        """
        killed = cancelled = 0
        while True:
            futures: Sequence[Future[Any]] = ()
            try:
                self._wait_for(held)
                futures = submit()
                return self.taken(futures[-1])
            except KilledWorker as error:
                killed += 1
                if killed > MOST_KILLED:
                    raise ClusterError(_about(error, killed)) from error
            except CancelledError as error:
                cancelled += 1
                if cancelled > MOST_CANCELLED:
                    raise ClusterError(f"the cluster has given up the same work {cancelled} times: {error}") from error
            except (OSError, RuntimeError) as error:  # of the connection, or of the work itself
                self._check_connection(error)
                raise
            except KeyboardInterrupt:
                if self._client.status == "running":
                    self._client.cancel(list(futures))
                raise
            renew()

    def gathered(self, tasks: Sequence[Any]) -> list[Any]:
        """The results of delayed tasks."""

        def submit() -> list[Future[Any]]:
            made = list(self._client.compute(list(tasks)))
            return [*made, self._client.submit(list, made, pure=False)]

        return list(self.result((), submit, lambda: None))

    def taken(self, future: Future[Any]) -> Any:
        """The result of a future. Raises what its task has raised, and ClusterError where the cluster is lost."""
        limit = ARRIVING
        while True:
            self._wait_for([future])
            try:
                return answered(self._client, future.result, limit)
            except CommClosedError as error:  # the client may not have noticed yet
                raise ended() from error
            except CancelledError as error:
                self._check_connection(error)
                raise
            except TimeoutError:
                self._check_connection(None)
            limit *= 2

    def _wait_for(self, futures: Sequence[Future[Any]]) -> None:
        """Until all are done. Raises what a task has raised, and ClusterError where there is nobody to do them."""
        if futures:
            self.done(futures)
            for future in futures:
                if future.status in ("error", "cancelled"):
                    future.result()

    def done(self, futures: Sequence[Future[Any]], first: bool = False) -> set[Future[Any]]:
        """Those that are done or cancelled, once all or the first are. Raises ClusterError where there is nobody to do them."""
        waits = 0  # in a row, without workers: counted and not timed, since a computer may sleep meanwhile
        while True:
            try:
                with self._client.as_current():  # which `wait` takes, and no other
                    wait(futures, timeout=PATIENCE, return_when="FIRST_COMPLETED" if first else "ALL_COMPLETED")
                return {future for future in futures if future.status != "pending"}
            except CancelledError as error:
                self._check_connection(error)
                return {future for future in futures if future.status != "pending"}
            except TimeoutError:
                self._check_connection(None)
            statuses = [worker["status"] for worker in workers_of(self._client).values()]
            waits = 0 if "running" in statuses or "init" in statuses else waits + 1
            if waits * PATIENCE > WITHOUT_WORKERS:
                raise ClusterError(_without_workers(statuses))

    def _check_connection(self, error: BaseException | None) -> None:
        """Raise ClusterError where the scheduler is gone, or is not the one that had the tasks."""
        reasons = [getattr(one, "reason", "") for one in (error, *getattr(error, "error_groups", ()))]
        if self._client.status != "running" or "scheduler-connection-lost" in reasons:
            raise ended() from error


def _about(error: KilledWorker, times: int) -> str:
    """What to do where workers die again and again."""
    died = times * (error.allowed_failures + 1)
    return (
        f"{died} workers died while they had the task {error.task!r}, the last one {error.last_worker.address}. Usually a "
        f"worker runs out of memory: give the workers more memory, or use more and smaller shards. {KEPT}"
    )


def _without_workers(statuses: Sequence[str]) -> str:
    """What to do where no worker takes tasks."""
    if statuses:
        return (
            f"no worker has taken a task for {WITHOUT_WORKERS:.0f} s: their status is {' or '.join(sorted(set(statuses)))}. "
            f"Workers pause when memory is short: give them more memory, or add workers. {KEPT}"
        )
    return (
        f"the cluster has had no workers for {WITHOUT_WORKERS:.0f} s; start some and train again. If the last ones ran out of "
        f"memory (see their logs), give them more, or use more and smaller shards. {KEPT}"
    )
