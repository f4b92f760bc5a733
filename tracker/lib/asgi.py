"""
ASGI application that reads a request's body whole, under a deadline, and only then runs a WSGI application in a thread.

A WSGI server lends a thread to a request from its first byte on: twenty senders that stop in the middle of a body held
every thread, and nobody else was answered (decision 0010). Here a slow sender holds a connection, and what it has sent.
And whoever sends many requests at once has few of them in threads (``lib.admission``, decision 0011).
"""

import asyncio
import io
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tracker.lib.admission import Admission, Overloaded
from tracker.lib.answers import Answer, Send, UnsentAnswers

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]

# A body has ten seconds and another for each 500 bytes, but never more than a minute.
START_SECONDS = 10
MIN_BYTES_PER_SECOND = 500
BODY_SECONDS = 60
# Larger than any body that a view accepts. What comes after it is read and dropped: then the sender hears the answer.
MAX_KEPT_BYTES = 6 * 1024 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
# Of all bodies that this process has read and not yet answered.
MAX_BUFFERED_BYTES = 256 * 1024 * 1024
# Who waited longer for a thread is told to come back: after a stall, the living are served before the long gone.
QUEUE_SECONDS = 20
# Headers are taken apart before anything is known of the sender.
MAX_HEADER_BYTES = 32 * 1024
MAX_ONE_HEADER_BYTES = 8 * 1024
MAX_COOKIE_BYTES = 4 * 1024
MAX_MEDIA_TYPE = 200
# Type and parameters as RFC 9110 has them, few of them, none continued or encoded (RFC 2231).
_MEDIA_TYPE = re.compile(
    r"[\w.+*-]+/[\w.+*-]+(?:\s*;\s*[\w-]+=(?:\"[^\"\\;]*\"|[^\s\"\\;]*)){0,4}\s*;?\s*", re.ASCII
)
# Codecs whose time grows with the length, and whose names people send; a view that takes but UTF-8 says so.
_CHARSETS = frozenset(
    {"", "utf-8", "utf8", "us-ascii", "ascii", "latin-1", "latin1", "iso-8859-1", "windows-1252", "utf-16"}
)
# In the environ of a request of whose body a part is missing: dropped beyond MAX_KEPT_BYTES, or not come in time.
BODY_CUT = "tracker.body_cut"
# Of a request that is refused because its body breaks off, or is no HTTP.
BROKEN_BODY = "tracker.broken_body"
# Of a request whose headers are too long: it has those of ``_NEEDED`` that are short, and no others.
LONG_HEADERS = "tracker.long_headers"
# Of a request whose headers say in two ways where its body ends, or that it is coded otherwise than in pieces: a proxy
# may read it in another way than we (RFC 9112, 6.1 and 6.3). Of two granian shows the transfer coding alone, and goes
# by it.
AMBIGUOUS_LENGTH = "tracker.ambiguous_length"
# By these a request is refused, and what it holds is heard: whose it is, and what its body is.
_NEEDED = frozenset(
    {
        b"host",
        b"x-session-token",
        b"x-device",
        b"content-type",
        b"content-length",
        b"content-encoding",
        b"transfer-encoding",
    }
)
MAX_NEEDED_BYTES = 1024

# Of this process.
_unsent = UnsentAnswers()


class IncompleteBody(OSError):
    """The body did not come whole in time. Django makes an UnreadablePostError of it where a view asks for the body."""


class _UnreadBody:
    """The ``wsgi.input`` of a request whose body did not come whole; ``received`` is the part that came."""

    def __init__(self, received: bytes) -> None:
        self.received = received

    def read(self, size: int = -1) -> NoReturn:
        raise IncompleteBody("the body did not come in time")

    readline = read


@dataclass(eq=False, slots=True)
class _Body:
    """What was kept of one body, while it comes."""

    kept: bytearray = field(default_factory=bytearray)
    is_evicted: bool = False


class WSGIInThreads:
    """
    An ASGI application that runs a WSGI application in at most ``threads`` threads.

    Each has its own: one for health is served whatever the other's requests are waiting for. ``refuse`` is a WSGI
    application that answers without a database what is not taken: of a person whose limits in ``admission`` are
    reached, beyond ``most_queued`` requests that wait for a thread, after a wait of ``QUEUE_SECONDS``, or with a body
    that breaks off (``BROKEN_BODY``).
    ``reads_body=False``: the application never asks for a body. An answer is held in memory as a whole, and its slow
    reader holds no thread, and it for a while (``lib.answers``).
    """

    def __init__(
        self, application: WSGI, *, threads: int, refuse: WSGI, admission: Admission | None = None,
        most_queued: int | None = None, reads_body: bool = True,
    ) -> None:  # fmt: skip
        self.application, self.refuse, self.reads_body = application, refuse, reads_body
        self._admission = admission
        self._most_taken = None if most_queued is None else threads + most_queued
        self._taken = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="wsgi")
        self._buffered_bytes = 0
        self._incoming: set[_Body] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        environ, body = build_environ(scope), _Body()
        try:
            if self.reads_body and _has_body(environ):
                await self._read(receive, body, environ)
            # From the body's end on: a slow line has its own time limit.
            status, headers, answer = await self._admitted(environ, time.monotonic() + QUEUE_SECONDS)
        except _BrokenBody:
            status, headers, answer = _respond(self.refuse, environ | {BROKEN_BODY: True})
        except Overloaded:
            status, headers, answer = _respond(self.refuse, environ)
        finally:
            self._buffered_bytes -= len(body.kept)
        await _unsent.send(send, (status, headers, answer))

    async def _admitted(self, environ: dict[str, Any], start_before: float) -> Answer:
        """Run the request in a thread, once it is its person's turn."""
        if self._admission is None:
            return await self._in_thread(environ, start_before)
        async with self._admission.slot(environ, start_before - time.monotonic()):
            return await self._in_thread(environ, start_before)

    async def _in_thread(self, environ: dict[str, Any], start_before: float) -> Answer:
        if self._most_taken is not None and self._taken >= self._most_taken:
            raise Overloaded
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._run, environ, start_before
            )
        finally:
            self._taken -= 1

    def _run(self, environ: dict[str, Any], start_before: float) -> Answer:
        if time.monotonic() > start_before:
            raise Overloaded
        return _respond(self.application, environ)

    async def _read(self, receive: Receive, body: _Body, environ: dict[str, Any]) -> None:
        """Read into ``body``; say in ``environ`` how that ended."""
        loop = asyncio.get_running_loop()
        started_at, received, more = loop.time(), 0, True
        self._incoming.add(body)
        try:
            while more and received < MAX_BODY_BYTES and not body.is_evicted:
                seconds = min(START_SECONDS + received / MIN_BYTES_PER_SECOND, BODY_SECONDS)
                async with asyncio.timeout_at(started_at + seconds):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    raise _BrokenBody
                piece, more = message.get("body", b""), message.get("more_body", False)
                received += len(piece)
                self._keep(body, piece)
        except TimeoutError:
            environ["wsgi.input"] = _UnreadBody(bytes(body.kept))
            environ[BODY_CUT] = True
            return
        finally:
            self._incoming.discard(body)
        if body.is_evicted:
            raise Overloaded
        if received > len(body.kept):
            environ[BODY_CUT] = True
        environ["wsgi.input"] = io.BytesIO(body.kept)
        # Also of a body in pieces, whose sender did not know its length.
        environ["CONTENT_LENGTH"] = str(received)

    def _keep(self, body: _Body, piece: bytes) -> None:
        """
        Keep a piece. Where the memory of this process is full, the largest body that is still coming gives its up.

        So somebody who fills it with large bodies is in nobody's way: what a phone sends is small.
        """
        kept = piece[: MAX_KEPT_BYTES - len(body.kept)]
        while self._buffered_bytes + len(kept) > MAX_BUFFERED_BYTES and not body.is_evicted:
            largest = max(self._incoming, key=lambda each: len(each.kept))
            # Nothing that is still coming holds any of it: it is full of bodies that wait for their answers.
            largest = largest if largest.kept else body
            self._buffered_bytes -= len(largest.kept)
            largest.kept.clear()
            largest.is_evicted = True
        if not body.is_evicted:
            self._buffered_bytes += len(kept)
            body.kept += kept


def _respond(application: WSGI, environ: dict[str, Any]) -> Answer:
    """Return what a WSGI application answers."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = status, headers

    # One thread from the first to the last step: the database connection is the thread's.
    chunks = application(environ, start_response)
    try:
        answer = b"".join(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    status, headers = started
    encoded = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers]
    return int(status[:3]), encoded, answer


class _BrokenBody(Exception):
    """The client went away in the middle of its body, or what it sends there is no HTTP."""


def _has_body(environ: dict[str, Any]) -> bool:
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


def _has_long_headers(scope: Scope) -> bool:
    sizes = [(name, len(name) + len(text)) for name, text in _lower(scope)]
    cookies = sum(size for name, size in sizes if name == b"cookie")
    return (
        sum(size for _, size in sizes) > MAX_HEADER_BYTES
        or any(size > MAX_ONE_HEADER_BYTES for _, size in sizes)
        or cookies > MAX_COOKIE_BYTES
    )


def _lower(scope: Scope) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), text) for name, text in scope["headers"]]


def media_type(text: str) -> str:
    """
    Return a Content-Type that is cheap to take apart; for any other a type that no view takes.

    Its parameters are parsed, and form and query decoded by the ``charset`` in it, before any view is asked: many ``;``
    and the codec ``punycode`` take time that grows with the square.
    """
    if not text.strip():
        return ""
    match = _MEDIA_TYPE.fullmatch(text.strip()) if len(text) <= MAX_MEDIA_TYPE else None
    charsets = re.findall(r"charset=\"?([^\s;\"]*)", text.lower()) if match else []
    return text if match and _CHARSETS.issuperset(charsets) else "application/octet-stream"


def build_environ(scope: Scope) -> dict[str, Any]:
    """Return the WSGI environ (PEP 3333) of an ASGI scope, with an empty body."""
    host, port = scope.get("server") or ("localhost", 80)
    client, client_port = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    sent = scope["headers"]
    if _has_long_headers(scope):
        environ[LONG_HEADERS] = True
        # A repeated one counts once.
        sent = {
            name: text for name, text in _lower(scope) if name in _NEEDED and len(text) <= MAX_NEEDED_BYTES
        }.items()
    for raw_name, raw_text in sent:
        name, text = raw_name.decode("latin-1").upper(), raw_text.decode("latin-1")
        # X_DEVICE would be read as X-DEVICE, past a proxy that sets or removes that one.
        if "_" in name:
            continue
        key = name.replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None and (coding.strip().lower() != "chunked" or "CONTENT_LENGTH" in environ):
        environ[AMBIGUOUS_LENGTH] = True
    if "CONTENT_TYPE" in environ:
        environ["CONTENT_TYPE"] = media_type(environ["CONTENT_TYPE"])
    return environ
