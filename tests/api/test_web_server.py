"""The web server: a refusal is heard although the body was not read, and a slow sender holds up nobody."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import transaction

from backend import serve
from tests import factories, owner, servers
from tests.conftest import SharedLive
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.records import change_counter

JSON = {"Content-Type": "application/json"}
NOBODY = "00000000-0000-4000-8000-000000000000"
PIECES = 48
LARGE = b" " * (PIECES * 64 * 1024)
TIMES = 10
LOGIN = "/_allauth/app/v1/auth/login"


def in_pieces() -> Iterator[bytes]:
    """As an app sends what it does not know the length of."""
    for _ in range(PIECES):
        yield b" " * 64 * 1024


@pytest.fixture
def live(shared_live: SharedLive) -> SharedLive:
    """One web process answers all tests here, as it does with all phones."""
    return shared_live


@pytest.fixture
def line(live: SharedLive) -> Iterator[httpx.Client]:
    """One connection to a real web process."""
    one = httpx.Limits(max_connections=1)
    with httpx.Client(base_url=f"{live.url}/api/v1/", trust_env=False, timeout=30, limits=one) as line:
        yield line


def test_a_large_body_that_nobody_reads_never_cuts_the_line(live, line):
    ada = Phone(live.world.ada.user).headers | JSON
    asked = [
        ("GET", "me", ada, 400),
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


def test_a_body_in_another_coding_than_pieces_is_refused_and_its_positive_answer_alerts(live, line):
    ada, at = Phone(live.world.ada.user), urlsplit(str(line.base_url))
    body = json.dumps(ada.batch(factories.phq9([0] * 8 + [1]))).encode()
    headers = "".join(f"{name}: {text}\r\n" for name, text in ada.headers.items())
    with socket.create_connection((at.hostname, at.port), 30) as phone:
        phone.sendall(
            f"POST /api/v1/sync/push HTTP/1.1\r\nHost: localhost\r\n{headers}".encode()
            + b"Transfer-Encoding: gzip, chunked\r\n\r\n"
            + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        )
        answer = b"".join(iter(lambda: phone.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"alerted":true' in answer


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


@pytest.fixture
def crowd(line) -> Iterator[Callable[..., list[Future[int]]]]:
    """Send requests at once, each on a connection of its own; return their statuses as these come."""
    limits = httpx.Limits(max_connections=None)
    with (
        httpx.Client(base_url=line.base_url, trust_env=False, timeout=60, limits=limits) as client,
        ThreadPoolExecutor(64) as pool,
    ):
        yield lambda *posts: [
            pool.submit(lambda path, more: client.post(path, **more).status_code, path, more)
            for path, more in posts
        ]


def answered(crowd: list[Future[int]]) -> list[int]:
    return [one.result() for one in crowd if one.done()]


def test_forty_pushes_of_one_patient_that_wait_hold_up_no_other_patient(live, line, crowd):
    ada, bea, world = Phone(live.world.ada.user), Phone(live.world.bea.user), live.world
    pushes = [("sync/push", {"headers": ada.headers, "json": ada.batch(factories.pain())}) for _ in range(40)]
    with transaction.atomic(), as_clinic(world.clinic.pk):
        change_counter.advance(world.clinic.pk, world.ada.pk, 0)
        sent = crowd(*pushes)
        # One waits for the lock, and eight for that one; nothing of the others was done.
        servers.wait_until(lambda: len(answered(sent)) >= 31, what="the refusals")
        assert set(answered(sent)) == {503}

        pushed = line.post("sync/push", headers=bea.headers, json=bea.batch(factories.pain()))
        read = line.get("me", headers=ada.headers)

    assert pushed.json()["results"][0]["status"] == "stored"
    assert read.status_code == 200, "her own reads do not wait for her writes"
    assert [one.result() for one in sent].count(200) >= 8


def test_sign_ins_that_wait_hold_up_no_push_and_no_sign_out(live, line, crowd):
    ada, bea = Phone(live.world.ada.user), Phone(live.world.bea.user)
    tries = [
        (LOGIN, {"json": {"email": f"{n}@example.org", "password": "wrong"}, "headers": {"X-Device": str(n)}})
        for n in range(40)
    ]
    with owner.locked_tables(live, "accounts_knowndevice"):
        sent = crowd(*((str(line.base_url.copy_with(path=path)), more) for path, more in tries))
        # Five wait for the lock and 32 for a thread.
        servers.wait_until(lambda: len(answered(sent)) >= 3, what="the refusals")
        assert set(answered(sent)) == {503}

        pushed = line.post("sync/push", headers=ada.headers, json=ada.batch(factories.pain()))
        assert len(answered(sent)) < 20, "it has waited for none of the others"
        session = line.base_url.copy_with(path="/_allauth/app/v1/auth/session")
        signed_out = line.delete(session, headers=bea.headers)

    assert pushed.json()["results"][0]["status"] == "stored"
    assert signed_out.status_code == 401, "allauth's answer to who is signed out"
    assert {one.result() for one in sent} <= {400, 503}


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
    second = subprocess.run(
        [sys.executable, "-m", "backend.serve", "--port", str(urlsplit(live.url).port)],
        cwd=servers.ROOT, env=os.environ | live.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert second.returncode == 1
    assert "cannot listen on port" in second.stderr


def test_a_web_server_on_a_port_that_was_taken_while_it_loaded_the_product_does_not_start(monkeypatch):
    """It shared the port: of two installations that started at once, each answered half of the other's requests."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))

        def take_port(*_: object) -> "subprocess.CompletedProcess[bytes]":
            other.listen()
            return subprocess.CompletedProcess([], 0)

        monkeypatch.setattr("backend.serve.subprocess.run", take_port)
        monkeypatch.setattr(serve, "Granian", None)
        monkeypatch.setattr(sys, "argv", ["serve", "--port", str(other.getsockname()[1])])
        with pytest.raises(SystemExit, match="cannot listen on port"):
            serve.main()


@pytest.mark.full
def test_a_web_server_that_is_told_to_stop_while_its_workers_start_stops(live, tmp_path):
    log = tmp_path / "log"
    environment = live.environment | {"TEST_LOG": str(log)}
    command = ("backend.serve", "--port", str(servers.free_port()))

    with servers.running(*command, environment=environment) as server:
        servers.wait_until(
            lambda: log.exists() and "Spawning worker-2" in log.read_text(), what="the workers' start"
        )
        server.terminate()

        assert server.wait(30) == 0
