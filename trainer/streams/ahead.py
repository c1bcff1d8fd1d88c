"""Windows that are read ahead, by a thread of their own, while one is trained on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import NamedTuple

from .filling import Filler, Key, Memory, Window

# Some systems answer Ctrl-C only between two waits.
PATIENCE = 0.1  # seconds


class _Request(NamedTuple):
    key: Key
    memory: Memory
    window: Future[Window]


class _Held(NamedTuple):
    key: Key
    memory: Memory
    window: Window


class Ahead:
    """The windows of a fit, one after the other. Use in a `with` statement, which ends the thread.

    prefetch: windows that are read ahead; with 0 the caller's own thread reads. when_read: called by the thread each time it
    has read a window, or has failed.
    """

    def __init__(self, filler: Filler, prefetch: int) -> None:
        self.filler, self.prefetch = filler, prefetch
        self.when_read: Callable[[], None] = lambda: None
        self._free: list[Memory] = []
        self._memories = 0  # made so far, at most one more than are read ahead
        self._requests: deque[_Request] = deque()
        self._held: _Held | None = None  # the window that was given last
        self._thread = ThreadPoolExecutor(1, "tileprop-reader") if prefetch else None

    def __enter__(self) -> Ahead:
        self.filler.stopping = False
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.filler.stopping = True
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        self.filler.close()

    @property
    def reading(self) -> bool:
        """Whether the thread is at work."""
        return any(not request.window.done() for request in self._requests)

    def comes(self, keys: Sequence[Key], goes_on: Callable[[], bool]) -> bool:
        """Wait for the first of these windows for as long as `goes_on` is true; the others are read ahead. Whether it is there.

        Memory of a window that was given before is used again, unless it is the same one. Raises what reading raises.
        """
        if self._held is not None and self._held.key != keys[0]:
            self._free.append(self._held.memory)
            self._held = None
        if self._held is None:
            if self._thread is None:
                memory = self._some_memory()
                self._held = _Held(keys[0], memory, self.filler.fill(keys[0], memory))
            else:
                self._request(keys)
                key, memory, window = self._requests[0]
                while not wait([window], PATIENCE).done:
                    if not goes_on():
                        return False
                self._held = _Held(key, memory, window.result())
                self._requests.popleft()
        if self._thread is not None:
            self._request(keys[1:])
        return True

    def window(self, keys: Sequence[Key]) -> Window:
        """The first of these windows, as `comes`."""
        self.comes(keys, lambda: True)
        assert self._held is not None
        return self._held.window

    def _request(self, keys: Sequence[Key]) -> None:
        """Have these windows read, as many as there is room for, and no others."""
        assert self._thread is not None
        same = 0
        while same < min(len(keys), len(self._requests)) and self._requests[same].key == keys[same]:
            same += 1
        if same < len(self._requests) and same < len(keys):  # others were expected
            self._forget(same)
        for key in keys[len(self._requests) :]:
            if not self._free and self._memories > self.prefetch:
                break
            memory = self._some_memory()
            window = self._thread.submit(self.filler.fill, key, memory)
            self._requests.append(_Request(key, memory, window))
            window.add_done_callback(lambda _: self.when_read())

    def _forget(self, first: int) -> None:
        """Give up the requests from number `first` on."""
        given_up = [self._requests.pop() for _ in range(len(self._requests) - first)]
        self.filler.stopping = first == 0  # or else the one under way is wanted
        wait([request.window for request in given_up if not request.window.cancel()])
        self.filler.stopping = False
        self._free += [request.memory for request in given_up]

    def _some_memory(self) -> Memory:
        if self._free:
            return self._free.pop()
        self._memories += 1
        return self.filler.memory()
