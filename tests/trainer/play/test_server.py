"""The server: its page for its own origin on the loopback address, and nothing for anybody else."""

import contextlib
import http.client
import json
import socket

import pytest
from tileprop.trainer import InputError

exceptions = pytest.importorskip("websockets.exceptions")
client = pytest.importorskip("websockets.sync.client")
server = pytest.importorskip("tileprop.trainer.play.server", exc_type=ImportError)


def get(port, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_the_page_and_its_files(port):
    status, headers, body = get(port)
    assert status == 200
    assert b"<title>tileprop play</title>" in body
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    for name, kind in (("main.js", "text/javascript"), ("play.css", "text/css"), ("uPlot.LICENSE.txt", "text/plain")):
        status, headers, _ = get(port, f"/{name}")
        assert (status, headers.get_content_type()) == (200, kind)
    assert get(port, "/../session.py")[0] == 404
    assert get(port, "/%2e%2e/session.py")[0] == 404
    assert get(port, method="POST")[0] == 405


def test_it_listens_on_the_loopback_address_alone():
    with server.listen(0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
        with pytest.raises(InputError, match=r"--port is \d+, which cannot be used: .*; give another, or 0 for any"):
            server.listen(sock.getsockname()[1])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.2:{port}", ""])
def test_other_hosts_are_refused(port, host):
    status, _, body = get(port, Host=host.format(port=port))
    assert status == 403
    assert b"refused" in body


def test_localhost_is_the_same_host(port):
    assert get(port, Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "null"])
def test_other_origins_are_refused(port, origin):
    origin = origin.format(port=port)
    assert get(port, Origin=origin)[0] == 403
    with pytest.raises(exceptions.InvalidStatus) as refused:
        client.connect(f"ws://127.0.0.1:{port}/play", origin=origin)
    assert refused.value.response.status_code == 403


def test_a_websocket_without_an_origin_is_refused(port):
    with pytest.raises(exceptions.InvalidStatus):
        client.connect(f"ws://127.0.0.1:{port}/play")


def test_a_websocket_by_another_name_is_refused(port):
    with socket.create_connection(("127.0.0.1", port)) as sock, pytest.raises(exceptions.InvalidStatus):
        client.connect(f"ws://evil.example:{port}/play", sock=sock, origin=f"http://127.0.0.1:{port}")


def opened(port):
    return client.connect(f"ws://127.0.0.1:{port}/play", origin=f"http://127.0.0.1:{port}")


def test_a_page_is_told_what_it_may_choose_and_what_is_wrong(port):
    with opened(port) as page:
        options = json.loads(page.recv(10))
        assert options["kind"] == "options"
        page.send('{"do": "choose", "choices": {"data": "/etc/passwd"}}')
        assert "data is '/etc/passwd'; it must be one of xor" in json.loads(page.recv(10))["message"]
        page.send(json.dumps({"do": "choose", "choices": options["choices"]}))
        assert json.loads(page.recv(60))["kind"] == "described"
        assert isinstance(page.recv(60), bytes)
        page.send("x" * (1 << 17))
        with pytest.raises(exceptions.ConnectionClosed):
            read_on(page)


def read_on(page):
    while True:
        page.recv(10)


def test_only_a_few_pages_train_at_once(port):
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(opened(port)) for _ in range(server.MOST_PAGES)]
        assert all(json.loads(page.recv(10))["kind"] == "options" for page in pages)
        with opened(port) as further:
            assert json.loads(further.recv(10))["message"] == "4 pages are open; close one, and reload"
