"""Many fits on a cluster: groups of networks, each of which one task trains as `fit_many` does."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import cloudpickle
import dask
from distributed import CancelledError, Client, Future, KilledWorker

from ...kernels import State
from ..errors import ClusterError
from ..fit.history import History
from ..fit.progress import shown
from ..many.arguments import Asked
from ..many.preparation import Given, prepared_fits
from ..many.running import Call
from ..many.standings import Standings, interrupted
from ..network import Network
from .cluster import threads_of
from .recovery import MOST_KILLED, Recovery
from .shards import LARGE_GRAPHS
from .warm import warm_for

# So many groups for each thread of the workers: whoever is done early takes another one.
GROUPS_PER_THREAD = 4

# Called with a network's number and its history, once its fit has ended.
Look = Callable[[int, History], None]


class Trained(NamedTuple):
    """What a task gives back: the networks, their histories, the states that were given as optimizers, and messages."""

    networks: list[Network]
    histories: list[History]
    states: list[State | None]
    messages: list[str]


def train_group(given: Given, group: bytes) -> Trained:
    """The task. group: numbers of the networks, what is asked for them, and the number of threads, pickled.

    Pickled here, since within one process Dask passes the very objects on, and a repeated task must find them unchanged.
    """
    numbers, asked, n_threads = cloudpickle.loads(group)
    messages: list[str] = []
    call = Call(False, n_threads, None, None, False, None, numbers, messages.append)
    histories = call.run(prepared_fits(asked, given))
    states = [one if isinstance(one, State) else None for one in asked.each["optimizer"]]
    return Trained(asked.networks, histories, states, messages)


def trained_in_groups(
    client: Client, asked: Asked, given: Given, n_threads: int, progress: bool | None, look: Look | None = None
) -> list[History]:
    """Train the networks on the cluster, in place. After Ctrl-C those whose group is not done are as they were.

    n_threads: of each task. look: called for each network when its fit has ended.
    """
    fits = prepared_fits(asked, given)  # raises for what does not fit, and changes nothing
    warm_for(client, asked.networks)
    standings = Standings(fits)
    numbers = groups_of(standings, asked.networks, GROUPS_PER_THREAD * threads_of(client))
    groups = {i: cloudpickle.dumps((part, asked.part(part), n_threads)) for i, part in enumerate(numbers)}
    try:
        with shown(progress) as show:
            for i, result in _results(client, given, groups):
                for message in result.messages:
                    warnings.warn(message, RuntimeWarning, stacklevel=4)
                for place, number in enumerate(numbers[i]):
                    put_back(asked, number, result, place)
                    standings.report(number, result.histories[place])
                    if look is not None:
                        look(number, result.histories[place])
                show(standings.now)
    except KeyboardInterrupt:
        histories = standings.histories()
        warnings.warn(interrupted(histories, "are as they were"), RuntimeWarning, stacklevel=4)
        return histories
    return standings.histories()


def groups_of(standings: Standings, networks: Sequence[Network], count: int) -> list[list[int]]:
    """About `count` groups of networks that take about as long, the longest first. Networks of one shape stand together."""
    kinds: dict[Any, list[int]] = {}
    for number, network in enumerate(networks):
        kinds.setdefault((network.plan.key, network.dtype), []).append(number)
    order = [number for kind in kinds.values() for number in kind]
    most = standings.expected(order) / count
    groups: list[list[int]] = [[]]
    spent = 0.0
    for number in order:
        seconds = standings.expected([number])
        if groups[-1] and spent + seconds > most:
            groups.append([])
            spent = 0.0
        groups[-1].append(number)
        spent += seconds
    return sorted(groups, key=standings.expected, reverse=True)


def put_back(asked: Asked, number: int, result: Trained, place: int) -> None:
    """Change the caller's network as the task has changed its copy."""
    network, done, state = asked.networks[number], result.networks[place], result.states[place]
    network.theta = done.theta
    network.classes = done.classes
    if asked.each["seeds"][number] is None:  # the generator may be held by others
        network.generator.bit_generator.state = done.generator.bit_generator.state
    else:
        network.generator = done.generator
    if state is not None:
        for ours, theirs in zip(asked.each["optimizer"][number], state, strict=True):
            ours[:] = theirs


def _results(client: Client, given: Given, groups: dict[int, bytes]) -> Iterator[tuple[int, Trained]]:
    """Each group's number and result, once it is done. What the cluster has given up is submitted again."""
    waiting, recovery, times = dict(groups), Recovery(client), 0
    while waiting:
        times += 1
        futures, data = _submitted(client, given, waiting)
        failed: BaseException | None = None
        try:
            while futures:
                for future in recovery.done(list(futures), first=True):
                    i = futures.pop(future)
                    try:
                        result = recovery.taken(future)
                    except (KilledWorker, CancelledError) as error:
                        failed = error
                        continue
                    del waiting[i]
                    yield i, result
        except BaseException as error:
            if client.status == "running" and not isinstance(error, ClusterError):  # else nobody may answer
                client.cancel([*futures, data])
            raise
        if failed is not None and times > MOST_KILLED:
            raise ClusterError(
                f"workers were lost again and again while they trained the networks ({failed}). Usually a worker runs out of "
                "memory: give the workers more memory, or fewer threads. The networks that were done are trained"
            ) from failed


def _submitted(client: Client, given: Given, groups: dict[int, bytes]) -> tuple[dict[Future[Any], int], Future[Any]]:
    with dask.config.set(LARGE_GRAPHS):
        data = client.submit(_itself, given, pure=False)
        return {client.submit(train_group, data, group, pure=False): i for i, group in groups.items()}, data


def _itself(given: Given) -> Given:
    return given
