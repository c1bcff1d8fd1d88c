"""The thread that trains: it takes requests from the page, and hands over messages and frames."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from ..errors import DivergenceError, InputError, MissingExtraError
from ..explanation.chain_rule import StepsDisagreeError
from .choices import Choices, Request
from .samples import Library
from .session import Session

# A message for the page: an object to be sent as JSON, or a frame's bytes.
Message = dict[str, Any] | bytes
# Seconds of training between two looks at the requests and the page: some 25 pictures a second, at 3/4 of the speed of `fit`.
TURN = 0.03
# Frames on their way: one is drawn while the next is made.
MOST_FRAMES = 2


class Runner:
    """Trains what one page chose, in a thread of its own. deliver: takes each message for the page, in that thread.

    Training does not wait for the page, unless the page asks for so many epochs a picture: frames are made as the page draws.
    """

    def __init__(self, library: Library, deliver: Callable[[Message], None]) -> None:
        self._library, self._deliver = library, deliver
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        # No daemon: the interpreter waits for it to leave the kernels.
        self._thread = threading.Thread(target=self._serve, name="tileprop play")
        self._session: Session | None = None
        self._runs, self._frames = False, 0

    def start(self) -> None:
        self._thread.start()

    def tell(self, request: Request) -> None:
        """Hand over a request, from any thread."""
        self._requests.put(request)

    def end(self) -> None:
        """The thread ends after what it is at."""
        self._requests.put(None)

    def _serve(self) -> None:
        try:
            while self._answers():
                if self._runs and self._session is not None:
                    self._train(lambda session: session.train_for(TURN))
                    if self._frames < MOST_FRAMES:
                        self._show()
        except Exception:
            self._deliver({"kind": "error", "message": "the page's training broke down; the terminal shows why"})
            raise

    def _answers(self) -> bool:
        """Answer the requests that are there, or wait for one; whether to go on."""
        while True:
            try:
                request = self._requests.get(block=self._waits())
            except queue.Empty:
                return True
            if request is None:
                return False
            try:
                self._answer(request)
            except (InputError, MissingExtraError, StepsDisagreeError) as error:
                self._fail(str(error))

    def _waits(self) -> bool:
        """Whether there is nothing to do before the next request: where each picture is to be seen, the page comes first."""
        paced = self._session is not None and self._session.choices.epochs_a_picture > 0
        return not self._runs or (paced and self._frames >= MOST_FRAMES)

    def _answer(self, request: Request) -> None:
        if request.do == "drawn":
            self._frames = max(self._frames - 1, 0)
        elif request.choices is not None:
            self._choose(request.choices)
        elif self._session is None:
            raise InputError(f"{request.do} came before any choice; reload the page")
        elif request.do == "explain":
            page = self._session.explanation(request.row)
            parts = [{"title": title, "level": level, "text": text} for title, level, text in page.parts()]
            self._deliver({"kind": "explained", "title": page.title, "epoch": self._session.epoch, "parts": parts})
        elif request.do == "reset":
            self._renew(self._session.choices)
        elif request.do == "step":
            self._train(lambda session: session.train(1))
            self._set_running(False)
        else:
            self._set_running(request.do == "start")

    def _choose(self, choices: Choices) -> None:
        session = self._session
        if session is not None and choices.keep_network_of(session.choices):
            session.adjust(choices)
        else:
            self._renew(choices)

    def _renew(self, choices: Choices) -> None:
        self._session = Session(choices, self._library)
        self._deliver(self._session.description())
        self._set_running(False)

    def _train(self, train: Callable[[Session], None]) -> None:
        assert self._session is not None
        try:
            train(self._session)
        except DivergenceError as error:
            self._set_running(False)
            self._fail(f"{error}; choose a smaller learning rate, and reset")

    def _set_running(self, runs: bool) -> None:
        self._runs = runs
        if self._session is not None:
            self._session.rest()
        self._show()
        self._deliver({"kind": "running" if runs else "paused", "epoch": self._session.epoch if self._session else 0})

    def _show(self) -> None:
        """Hand over a frame."""
        if self._session is not None:
            self._frames += 1
            self._deliver(self._session.frame().encoded())

    def _fail(self, message: str) -> None:
        self._deliver({"kind": "error", "message": message})
