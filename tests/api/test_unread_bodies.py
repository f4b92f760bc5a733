"""Who is refused before the body was read hears the refusal all the same, and may use the line again."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests import servers
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

            assert whole.status_code == expected
            # A body in pieces is none where it is read.
            assert pieces.status_code in {expected, 400}


def test_a_phone_that_goes_away_in_the_middle_of_its_body_harms_nobody(live, line):
    at = urlsplit(str(line.base_url))
    for _ in range(TIMES):
        with socket.create_connection((at.hostname, at.port)) as phone:
            phone.sendall(
                b"DELETE /api/v1/devices/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{"
            )

    assert line.get("me", headers=Phone(live.world.ada.user).headers).status_code == 200
