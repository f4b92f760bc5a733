"""The ASGI application: a body is read whole, under a deadline, before a thread is lent to its request."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tracker.lib import asgi

HEADERS = [(b"content-length", b"6"), (b"content-type", b"text/plain")]


def scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": "/a path", "query_string": b"x=1", "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 8000), "client": ("127.0.0.9", 4711), "headers": HEADERS,
    } | more  # fmt: skip


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A WSGI application that answers with what it was sent."""
    try:
        body = environ["wsgi.input"].read()
    except OSError:
        start_response("408 Request Timeout", [])
        return [b""]
    start_response(
        "200 OK",
        [
            ("X-Length", environ.get("CONTENT_LENGTH", "none")),
            ("X-Cut", str(environ.get(asgi.BODY_CUT, False))),
        ],
    )
    return [body, b"!"]


def refuse(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("400 Bad Request" if asgi.BROKEN_BODY in environ else "503 Service Unavailable", [])
    return [b""]


def in_threads(application: Any = echo, *, threads: int = 1, **more: Any) -> asgi.WSGIInThreads:
    return asgi.WSGIInThreads(application, threads=threads, refuse=refuse, **more)


def ask(
    application: Any, *pieces: bytes, last: bool = True, **more: Any
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send the pieces; without ``last`` the sender stops after them."""

    async def messages() -> AsyncIterator[dict[str, Any]]:
        for number, piece in enumerate(pieces, 1):
            yield {"type": "http.request", "body": piece, "more_body": not (last and number == len(pieces))}
        await asyncio.sleep(3600)

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(scope(**more), messages().__anext__, send))
    if not sent:
        return 0, {}, b""
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_a_body_in_pieces_is_read_whole_and_its_length_is_known():
    in_pieces = [(b"transfer-encoding", b"chunked")]

    status, headers, body = ask(in_threads(), b"abc", b"", b"def", headers=in_pieces)

    assert (status, headers[b"x-length"], body) == (200, b"6", b"abcdef!")


@pytest.mark.parametrize("pieces", [(), (b"a",)], ids=["nothing", "one byte"])
def test_a_sender_that_stops_in_its_body_is_told_so_when_its_time_is_over(monkeypatch, pieces):
    monkeypatch.setattr(asgi, "START_SECONDS", 0.05)

    assert ask(in_threads(), *pieces, last=False)[0] == 408


def test_a_body_has_more_time_the_more_of_it_has_come_but_a_minute_at_most(monkeypatch):
    monkeypatch.setattr(asgi, "START_SECONDS", 0)
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.05)

    assert ask(in_threads(), b"a" * 10_000, last=False)[0] == 408


def test_a_sender_that_stops_holds_no_thread(monkeypatch):
    monkeypatch.setattr(asgi, "START_SECONDS", 0.5)
    application = in_threads()

    async def both() -> list[int]:
        order: list[int] = []

        async def one(name: int, body: bytes, more: bool) -> None:
            waiting = [{"type": "http.request", "body": body, "more_body": more}]

            async def receive() -> dict[str, Any]:
                if not waiting:
                    await asyncio.sleep(3600)
                return waiting.pop()

            async def send(message: dict[str, Any]) -> None:
                if "status" in message:
                    order.append(message["status"])

            await application(scope(), receive, send)

        await asyncio.gather(one(1, b"a", True), one(2, b"abcdef", False))
        return order

    assert asyncio.run(both()) == [200, 408]


def test_a_sender_that_goes_away_in_its_body_reaches_no_application():
    application = in_threads(lambda *_: pytest.fail("it was asked"))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(application(scope(), receive, send))

    assert sent[0]["status"] == 400


def test_a_body_beyond_the_largest_is_dropped_and_its_announced_length_stays_visible(monkeypatch):
    monkeypatch.setattr(asgi, "MAX_KEPT_BYTES", 4)

    status, headers, body = ask(in_threads(), b"abc", b"def")

    assert (status, headers[b"x-length"], body) == (200, b"6", b"abcd!")
    assert headers[b"x-cut"] == b"True"


def test_a_body_beyond_the_memory_of_the_process_is_told_to_come_back(monkeypatch):
    monkeypatch.setattr(asgi, "MAX_BUFFERED_BYTES", 5)
    application = in_threads()

    assert ask(application, b"abc", b"def")[0] == 503
    # What was given up is given back.
    assert [ask(application, b"abc", b"de")[0] for _ in range(3)] == [200, 200, 200]


def test_large_bodies_that_fill_the_memory_give_way_to_a_small_one(monkeypatch):
    monkeypatch.setattr(asgi, "MAX_BUFFERED_BYTES", 100)
    monkeypatch.setattr(asgi, "START_SECONDS", 1)
    application = in_threads()
    answers: dict[str, int] = {}
    senders_that_stopped = asyncio.Semaphore(0)

    async def one(name: str, *pieces: bytes, last: bool) -> None:
        waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        waiting[-1]["more_body"] = not last

        async def receive() -> dict[str, Any]:
            if not waiting:
                senders_that_stopped.release()
                await asyncio.sleep(3600)
            return waiting.pop(0)

        async def send(message: dict[str, Any]) -> None:
            if "status" in message:
                answers[name] = message["status"]

        await application(scope(), receive, send)

    async def all_of_them() -> None:
        large = [asyncio.create_task(one(f"large {n}", b"x" * 49, last=False)) for n in range(2)]
        for _ in large:
            await senders_that_stopped.acquire()
        for number in range(3):
            await one(f"small {number}", b"y" * 40, last=True)
        await asyncio.gather(*large)

    asyncio.run(all_of_them())

    assert [answers[f"small {number}"] for number in range(3)] == [200, 200, 200]
    assert sorted(answers[f"large {number}"] for number in range(2)) == [408, 408]


def test_the_part_of_a_body_that_came_is_kept_for_the_safety_scan(monkeypatch):
    monkeypatch.setattr(asgi, "START_SECONDS", 0.05)
    seen: list[Any] = []

    def look(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        seen.append((environ[asgi.BODY_CUT], environ["wsgi.input"].received))
        start_response("200 OK", [])
        return [b""]

    ask(in_threads(look), b"ab", b"cd", last=False)

    assert seen == [(True, b"abcd")]


def test_a_request_that_waited_too_long_for_a_thread_is_told_to_come_back(monkeypatch):
    monkeypatch.setattr(asgi, "QUEUE_SECONDS", -1)

    assert ask(in_threads(), b"abcdef")[0] == 503


def test_a_body_that_was_long_on_its_way_has_the_whole_wait_for_a_thread(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(asgi, "time", SimpleNamespace(monotonic=lambda: clock.now))
    keep = asgi.WSGIInThreads._keep

    def slowly(self: Any, body: Any, piece: bytes) -> None:
        clock.now += asgi.QUEUE_SECONDS
        keep(self, body, piece)

    monkeypatch.setattr(asgi.WSGIInThreads, "_keep", slowly)

    assert ask(in_threads(), b"abc", b"def")[0] == 200


def test_health_never_reads_a_body_and_has_threads_of_its_own():
    release = threading.Event()

    def stuck(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        release.wait(10)
        start_response("200 OK", [])
        return [b""]

    busy, health = in_threads(stuck), in_threads(reads_body=False)
    holder = threading.Thread(target=ask, args=(busy, b"abcdef"))
    holder.start()

    assert ask(health, b"a", last=False)[0] == 200
    release.set()
    holder.join()


def test_the_environ_is_what_wsgi_asks_for():
    headers = [
        (b"host", b"localhost"), (b"x-device", b"1"), (b"cookie", b"a=1"), (b"cookie", b"b=2"),
        (b"accept", b"a"), (b"accept", b"b"),
    ]  # fmt: skip

    environ = asgi.build_environ(scope(path="/né", headers=headers))

    assert environ["PATH_INFO"] == "/n\xc3\xa9"
    assert (environ["QUERY_STRING"], environ["REMOTE_ADDR"]) == ("x=1", "127.0.0.9")
    assert (environ["HTTP_COOKIE"], environ["HTTP_ACCEPT"]) == ("a=1; b=2", "a,b")


def test_a_header_with_an_underscore_is_not_taken_for_one_with_a_dash():
    environ = asgi.build_environ(scope(headers=[(b"x_forwarded_for", b"1.2.3.4")]))

    assert not [name for name in environ if "FORWARDED" in name]


@pytest.mark.parametrize(
    "sent",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json; charset=latin-1",
        "application/fhir+json; fhirVersion=4.0",
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "application/x-www-form-urlencoded;",
        "text/plain; a=b; c=d",
    ],
)
def test_a_media_type_that_programs_send_reaches_the_application_as_it_is(sent):
    environ = asgi.build_environ(scope(headers=[(b"content-type", sent.encode())]))

    assert environ["CONTENT_TYPE"] == sent


@pytest.mark.parametrize(
    "sent",
    [
        'a; b="' + ";" * 5_000,
        "application/json; charset=punycode",
        'multipart/form-data; boundary=x; charset="Punycode"',
        "application/json; charset=utf-8; charset=idna",
        "application/json; b*=nonsense''a",
        "application/json; b*0=a; b*1=b",
        "text/plain" + "; a=b" * 5,
        "application/json, application/json",
        "json",
        "application/json; boundary=" + "x" * 300,
    ],
)
def test_a_media_type_that_is_dear_to_take_apart_becomes_one_that_no_view_takes(sent):
    environ = asgi.build_environ(scope(headers=[(b"content-type", sent.encode())]))

    assert environ["CONTENT_TYPE"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("headers", "is_ambiguous"),
    [
        ([(b"content-length", b"6")], False),
        ([(b"transfer-encoding", b"chunked")], False),
        ([(b"Transfer-Encoding", b"Chunked")], False),
        ([(b"transfer-encoding", b"chunked"), (b"content-length", b"6")], True),
        ([(b"transfer-encoding", b"gzip, chunked")], True),
        ([(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], True),
        ([(b"transfer-encoding", b"identity")], True),
        ([(b"transfer-encoding", b"")], True),
    ],
)
def test_a_body_has_one_length_and_no_other_coding_than_pieces(headers, is_ambiguous):
    assert (asgi.AMBIGUOUS_LENGTH in asgi.build_environ(scope(headers=headers))) is is_ambiguous


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"x" * 9_000)],
        [(b"cookie", b"a=" + b"\\" * 5_000)],
        [(b"cookie", b"a=" + b"b" * 1_000)] * 5,
        [(b"x-%d" % n, b"y" * 4_000) for n in range(9)],
    ],
)
def test_of_long_headers_an_application_gets_who_sends_them_and_what_the_body_is(headers):
    needed = [(b"x-session-token", b"t"), (b"X-Device", b"d"), (b"host", b"h"), (b"content-length", b"6")]

    environ = asgi.build_environ(scope(headers=[*headers, *needed, (b"x-device", b"e" * 2_000)]))

    assert environ[asgi.LONG_HEADERS]
    assert {name: text for name, text in environ.items() if name.startswith(("HTTP_", "CONTENT_"))} == {
        "HTTP_X_SESSION_TOKEN": "t", "HTTP_X_DEVICE": "d", "HTTP_HOST": "h", "CONTENT_LENGTH": "6",
    }  # fmt: skip
    assert asgi.LONG_HEADERS not in asgi.build_environ(scope(headers=needed))
