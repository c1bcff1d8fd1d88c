"""The thread behind a page: the answers to its requests, in order, and the pace of its frames."""

import queue

import pytest
from tileprop.trainer.play.choices import Choices, Hidden, Request
from tileprop.trainer.play.runner import MOST_FRAMES, Runner
from tileprop.trainer.play.samples import Library

pytest.importorskip("sklearn")
LIBRARY = Library()
SMALL = Choices(hidden=(Hidden(3, "tanh"),))


class Page:
    """What a page would see of a runner."""

    def __init__(self):
        self.messages = queue.Queue()
        self.runner = Runner(LIBRARY, self.messages.put)
        self.runner.start()

    def ask(self, do, **more):
        self.runner.tell(Request(do, **more))

    def until(self, kind):
        """The next message of this kind, and how many frames came before it."""
        frames = 0
        while True:
            message = self.messages.get(timeout=60)
            if isinstance(message, bytes):
                frames += 1
            elif message["kind"] == kind:
                return message, frames


@pytest.fixture
def page():
    opened = Page()
    yield opened
    opened.runner.end()
    opened.runner._thread.join(30)
    assert not opened.runner._thread.is_alive()


def test_choose_step_and_reset(page):
    page.ask("choose", choices=SMALL)
    assert page.until("described")[0]["sizes"] == [2, 3, 1]
    assert page.until("paused") == ({"kind": "paused", "epoch": 0}, 1)
    page.ask("step")
    assert page.until("paused") == ({"kind": "paused", "epoch": 1}, 1)
    page.ask("reset")
    assert page.until("paused") == ({"kind": "paused", "epoch": 0}, 1)


def test_training_goes_on_while_the_page_draws_nothing(page):
    page.ask("choose", choices=SMALL)
    page.until("paused")
    page.ask("start")
    page.until("running")
    epochs = []
    for _ in range(2):
        page.ask("explain", row=1)
        message, frames = page.until("explained")
        epochs.append(message["epoch"])
        assert frames <= MOST_FRAMES
    assert epochs[1] > epochs[0]
    page.ask("pause")
    assert page.until("paused")[0]["epoch"] >= epochs[1]


def test_with_a_pace_training_waits_for_the_page(page):
    page.ask("choose", choices=Choices(hidden=SMALL.hidden, epochs_a_picture=10))
    page.until("paused")
    page.ask("start")
    page.until("running")
    page.ask("drawn")
    page.ask("drawn")
    page.ask("pause")
    assert page.until("paused")[0]["epoch"] in (0, 10, 20)


def test_errors_are_told_and_the_thread_goes_on(page):
    page.ask("start")
    assert "came before any choice" in page.until("error")[0]["message"]
    page.ask("choose", choices=Choices(data="table"))
    assert "data is 'table'; it must be one of" in page.until("error")[0]["message"]
    page.ask("choose", choices=Choices(data="hills", hidden=(Hidden(8, "relu"),) * 3, optimizer="sgd", learning_rate=100.0))
    page.until("paused")
    page.ask("start")
    assert "choose a smaller learning rate, and reset" in page.until("error")[0]["message"]
    page.ask("choose", choices=SMALL)
    assert page.until("described")[0]["name"] == "circles"
