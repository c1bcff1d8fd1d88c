"""The page of `tileprop play` in headless Chromium: pictures that it draws a second, and training beside plain `fit`."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..trainer import InputError
from ..trainer.extras import require
from ..trainer.network import Network
from ..trainer.play.choices import Choices
from ..trainer.play.samples import Library
from ..trainer.play.session import Session
from .report import show

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What the page is to reach: pictures a second, and the speed of training as a part of that of `fit`.
LEAST_PICTURES, LEAST_SPEED = 20.0, 0.5
WARM_UP = 1.5  # seconds


class Measured(NamedTuple):
    """pictures: a second, drawn by the browser. streamed, plain: training rows a second, with the page and without."""

    pictures: float
    streamed: float
    plain: float

    @property
    def is_enough(self) -> bool:
        return self.pictures >= LEAST_PICTURES and self.streamed >= LEAST_SPEED * self.plain


def run_play(seconds: float) -> int:
    """Measure, and print both figures; the exit status."""
    measured = measure(seconds)
    rows = [
        ["pictures a second", f"{measured.pictures:.1f}", f"at least {LEAST_PICTURES:g}"],
        ["rows a second, streaming", f"{measured.streamed:,.0f}", ""],
        ["rows a second, plain fit", f"{measured.plain:,.0f}", ""],
        ["streaming / plain", f"{measured.streamed / measured.plain:.2f}", f"at least {LEAST_SPEED:g}"],
    ]
    print("the page on 2-8-8-1 and 500 points, of which 400 are trained on")
    show((["", "measured", "wanted"], rows))
    return 0 if measured.is_enough else 1


def measure(seconds: float) -> Measured:
    """Plain `fit` before and after the page, so that a change of the machine's speed falls on both."""
    library = Library()
    before = plain_speed(library, seconds / 2)
    pictures, streamed = page_speed(library, seconds)
    after = plain_speed(library, seconds / 2)
    return Measured(pictures, streamed, (before + after) / 2)


def plain_speed(library: Library, seconds: float) -> float:
    """Training rows a second of one call of `Network.fit`, with the page's network, rows, optimizer and batch size."""
    session = Session(Choices(), library)
    samples, network, choices = session.samples, session.network, session.choices
    X, T = samples.X[samples.training], samples.T[samples.training]
    options: dict[str, Any] = {"batch_size": choices.batch_size, "optimizer": session.optimizer(), "n_threads": 1}
    assert isinstance(network, Network)
    network.fit(X, T, epochs=50, progress=False, **options)
    started = time.perf_counter()
    history = network.fit(X, T, epochs=10**9, max_seconds=seconds, progress=False, **options)
    return history.epochs * len(X) / (time.perf_counter() - started)


def page_speed(library: Library, seconds: float) -> tuple[float, float]:
    """Pictures a second that the browser draws while the page trains, and training rows a second."""
    n_training = len(library.samples(Choices().data, 0).training)
    with served(library) as address, opened(address) as page:
        page.click("#start")
        page.wait_for_timeout(1000 * WARM_UP)
        look = "[tileprop.drawn, tileprop.epoch, performance.now() / 1000]"
        first = page.evaluate(look)
        page.wait_for_timeout(1000 * seconds)
        drawn, epochs, passed = (now - then for now, then in zip(page.evaluate(look), first, strict=True))
    return drawn / passed, epochs * n_training / passed


@contextlib.contextmanager
def served(library: Library) -> Iterator[str]:
    """The page's address, served in a thread of its own."""
    for module in ("starlette", "uvicorn", "websockets"):
        require(module, "tileprop play")
    from ..trainer.play.server import listen, make_server

    with listen(0) as sock:
        ready = threading.Event()
        server = make_server(library, sock, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        ready.wait(30.0)
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(10.0)


@contextlib.contextmanager
def opened(address: str) -> Iterator[Any]:
    """The page in a headless browser, ready to start."""
    sync_api = require("playwright.sync_api", "tileprop bench play")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise InputError("tileprop bench play needs Chromium or Chrome, and finds none; install it, as apt install chromium")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.wait_for_selector("#start:enabled", timeout=120_000)
        yield page
        browser.close()
