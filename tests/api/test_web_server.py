"""The web server: a refusal is heard although the body was not read, and a slow sender holds up nobody."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests import factories, servers
from tests.phone import Phone

JSON = {"Content-Type": "application/json"}
NOBODY = "00000000-0000-4000-8000-000000000000"
PIECES = 48
LARGE = b" " * (PIECES * 64 * 1024)
TIMES = 10


def in_pieces() -> Iterator[bytes]:
    """As an app sends what it does not know the length of."""
    for _ in range(PIECES):
        yield b" " * 64 * 1024


@pytest.fixture
def line(live) -> Iterator[httpx.Client]:
    """One connection to a real web process."""
    one = httpx.Limits(max_connections=1)
    with (
        servers.web(live.environment) as url,
        httpx.Client(base_url=f"{url}/api/v1/", trust_env=False, timeout=30, limits=one) as line,
    ):
        yield line


def test_a_large_body_that_nobody_reads_never_cuts_the_line(live, line):
    ada = Phone(live.world.ada.user).headers | JSON
    asked = [
        ("GET", "me", ada, 200),
        ("DELETE", f"devices/{NOBODY}", ada, 404),
        ("POST", "nowhere", ada, 404),
        ("POST", "sync/push", JSON, 401),
        ("POST", "sync/push", ada | {"Content-Type": "text/plain"}, 415),
        ("POST", "sync/push", ada | {"Content-Encoding": "br"}, 415),
        ("POST", "records", ada, 413),
    ]

    for _ in range(TIMES):
        for method, path, headers, expected in asked:
            whole = line.request(method, path, headers=headers, content=LARGE)
            pieces = line.request(method, path, headers=headers, content=in_pieces())

            assert (whole.status_code, pieces.status_code) == (expected, expected)


def test_a_phone_that_goes_away_in_the_middle_of_its_body_harms_nobody(live, line):
    at = urlsplit(str(line.base_url))
    for _ in range(TIMES):
        with socket.create_connection((at.hostname, at.port)) as phone:
            phone.sendall(
                b"DELETE /api/v1/devices/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{"
            )

    assert line.get("me", headers=Phone(live.world.ada.user).headers).status_code == 200


def test_a_body_that_is_no_http_is_the_senders_mistake(line):
    at = urlsplit(str(line.base_url))
    with socket.create_connection((at.hostname, at.port), 30) as phone:
        phone.sendall(
            b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"
        )

        assert phone.recv(65536).startswith(b"HTTP/1.1 400 ")


@pytest.fixture
def slow_senders() -> Iterator[Callable[[str, str, int], list[socket.socket]]]:
    """Open connections that ask with a body of ten bytes, send one, and wait."""
    lines: list[socket.socket] = []

    def send(url: str, request: str, count: int) -> list[socket.socket]:
        at = urlsplit(url)
        new = [socket.create_connection((at.hostname, at.port), 30) for _ in range(count)]
        for line in new:
            line.sendall(f"{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{{".encode())
        lines.extend(new)
        return new

    yield send
    for line in lines:
        line.close()


def test_two_hundred_slow_senders_hold_up_neither_health_nor_a_push(live, line, slow_senders):
    for request in ("POST /health/live", "POST /api/v1/sync/push", "POST /accounts/login/", "GET /api/v1/me"):
        slow_senders(str(line.base_url), request, 50)
    ada = Phone(live.world.ada.user)

    for path in ("live", "ready"):
        assert line.get(line.base_url.copy_with(path=f"/health/{path}")).status_code == 200
    pushed = line.post("sync/push", headers=ada.headers | JSON, json=ada.batch(factories.pain()))

    assert pushed.json()["results"][0]["status"] == "stored"


@pytest.mark.full
def test_a_body_that_does_not_come_is_answered_with_408_when_its_time_is_over(live, line, slow_senders):
    ada = Phone(live.world.ada.user).headers | JSON
    lines = "\r\n".join(f"{name}: {text}" for name, text in ada.items())
    at = urlsplit(str(line.base_url))
    with socket.create_connection((at.hostname, at.port), 30) as phone:
        phone.sendall(
            f"POST /api/v1/sync/push HTTP/1.1\r\nHost: localhost\r\n{lines}\r\nContent-Length: 10\r\n\r\n{{".encode()
        )
        answer = b"".join(iter(lambda: phone.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"incomplete_body"' in answer


def test_a_second_web_server_on_the_same_port_does_not_start(live):
    with servers.web(live.environment) as url:
        second = subprocess.run(
            [sys.executable, "-m", "backend.serve", "--port", str(urlsplit(url).port)],
            cwd=servers.ROOT, env=os.environ | live.environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert second.returncode == 1
    assert "cannot listen on port" in second.stderr
