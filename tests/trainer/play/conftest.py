"""The page, served in a thread of the tests' own process."""

import threading

import pytest


@pytest.fixture(scope="module")
def port():
    """Where the server listens."""
    pytest.importorskip("sklearn")
    for module in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(module)
    from tileprop.trainer.play.samples import Library
    from tileprop.trainer.play.server import listen, make_server

    with listen(0) as sock:
        ready = threading.Event()
        server = make_server(Library(), sock, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        assert ready.wait(30)
        yield sock.getsockname()[1]
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
